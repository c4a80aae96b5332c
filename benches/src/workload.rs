//! What the connections of one generator thread do, in closed loops.
//!
//! Every connection has at most one request under way, so offered load follows the server's speed; latencies are those
//! of a client that waits, not of an arrival schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Decides the requests of a thread's connections.
pub(crate) trait Workload: Send {
    /// Names of the operations whose indexes the other functions use. Messages of the last one are the cell's rate.
    fn operations(&self) -> &'static [&'static str];

    /// Writes the next request of `connection` to the empty `out`, and says which operation it is; `None` when this
    /// connection has nothing more to do.
    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize>;

    /// Takes the body of a 200 answer and says how many messages it moved; an error fails the cell.
    fn answered(&mut self, connection: usize, operation: usize, body: &[u8])
    -> Result<u64, String>;
}

/// A number of messages that the threads of a cell share out among themselves.
#[derive(Clone)]
pub(crate) struct Budget(Arc<AtomicI64>);

impl Budget {
    /// A budget of `messages`.
    pub(crate) fn of(messages: u64) -> Self {
        Self(Arc::new(AtomicI64::new(
            i64::try_from(messages).unwrap_or(i64::MAX),
        )))
    }

    /// A budget that no cell uses up.
    pub(crate) fn unlimited() -> Self {
        Self::of(u64::MAX)
    }

    /// Whether anything is left.
    pub(crate) fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Takes up to `messages`, also below zero; false when nothing was left before.
    pub(crate) fn take(&self, messages: u64) -> bool {
        self.0.fetch_sub(messages as i64, Ordering::Relaxed) > 0
    }
}
