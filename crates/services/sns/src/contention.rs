//! Turns for requests that change one topic and met each other.
//!
//! A change is written on the condition that its rows are as they were read. Whoever loses reads again, and where many always
//! come at once, some would lose for ever: so who has lost once waits for its turn.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};
use waystation_engine::Scope;

/// Topics that share a turn are few among so many.
const TURNS: usize = 64;

/// Turns by topic, taken in the order of asking.
#[derive(Debug)]
pub(crate) struct Contention {
    turns: [Mutex<()>; TURNS],
}

impl Contention {
    pub(crate) fn new() -> Contention {
        Contention {
            turns: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    /// Waits until it is this request's turn on a topic, until it drops what it is given.
    pub(crate) async fn turn(&self, scope: &Scope, topic: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        (scope.account(), scope.region(), topic).hash(&mut hasher);
        let place = hasher.finish() as usize % TURNS;
        Some(self.turns.get(place)?.lock().await)
    }
}
