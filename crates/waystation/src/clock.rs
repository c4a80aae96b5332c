//! The engine's clock: monotonic, never earlier than anything the journal has seen, and movable by
//! tests. Signatures are not checked against it but against the wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use waystation_engine::Clock;

/// Milliseconds since the Unix epoch by the wall clock.
pub(crate) fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

/// Engine time.
#[derive(Debug)]
pub(crate) struct EngineClock {
    started: Instant,
    base_ms: i64,
    /// By how much a test moved it since the start.
    moved_ms: AtomicI64,
}

impl EngineClock {
    /// Starts at wall time plus the kept offset, or at `latest_ms` if that is later: a wall clock
    /// set back does not take the engine with it.
    pub(crate) fn start(latest_ms: u64, offset_ms: i64) -> EngineClock {
        let latest_ms = i64::try_from(latest_ms).unwrap_or(i64::MAX);
        EngineClock {
            started: Instant::now(),
            base_ms: latest_ms.max(wall_ms().saturating_add(offset_ms)),
            moved_ms: AtomicI64::new(0),
        }
    }

    fn signed_now_ms(&self) -> i64 {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.base_ms
            .saturating_add(elapsed_ms)
            .saturating_add(self.moved_ms.load(Ordering::Relaxed))
    }

    /// Moves time forward and returns its new distance from the wall clock, in milliseconds.
    pub(crate) fn advance(&self, by_ms: u64) -> i64 {
        let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
        self.moved_ms.fetch_add(by_ms, Ordering::Relaxed);
        self.signed_now_ms().saturating_sub(wall_ms())
    }
}

impl Clock for EngineClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.signed_now_ms()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_set_back_does_not_take_engine_time_with_it() {
        let later_ms = u64::try_from(wall_ms()).unwrap_or(0) + 3_600_000;
        let clock = EngineClock::start(later_ms, 0);
        assert!(clock.now_ms() >= later_ms);
        assert!(clock.now_ms() < later_ms + 60_000);
    }

    #[test]
    fn the_kept_offset_survives_a_restart() {
        let clock = EngineClock::start(0, 0);
        let offset_ms = clock.advance(14 * 86_400_000);
        let restarted = EngineClock::start(0, offset_ms);
        assert!(restarted.now_ms().abs_diff(clock.now_ms()) < 1_000);
    }
}
