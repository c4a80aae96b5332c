//! Time as the seed has it: it stands still until the scheduler moves it.

use std::sync::atomic::{AtomicU64, Ordering};

use waystation_engine::Clock;

/// Engine time at the start of every run: some day in 2023.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// The one clock of a run; it outlives every crash, as the wall outside does.
#[derive(Debug)]
pub(crate) struct SimClock(AtomicU64);

impl SimClock {
    /// A clock that shows the start of every run.
    pub(crate) fn new() -> SimClock {
        SimClock(AtomicU64::new(START_MS))
    }

    /// Moves on.
    pub(crate) fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
