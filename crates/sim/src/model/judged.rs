//! How often each check had something to judge: a check that never bites proves nothing.

use std::cell::Cell;

/// A counter that a check may raise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Cell<u64>);

impl Count {
    pub(crate) fn raise(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// Answers whose truth was fully known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// Receives that could not have missed a message unnoticed.
    pub(crate) complete_receives: Count,
    /// Looks at whole queues.
    pub(crate) looks: Count,
    /// Receives that returned messages of a noisy tenant and had to leave no quiet ones.
    pub(crate) fair_receives: Count,
    /// Messages that had an earlier one of their group before them.
    pub(crate) followers: Count,
    /// Receives that had to repeat an earlier one.
    pub(crate) repetitions: Count,
    /// Receipts that had to be accepted, and that had to be refused.
    pub(crate) receipts_held: Count,
    pub(crate) receipts_lost: Count,
    /// Sends that had to be duplicates.
    pub(crate) duplicates: Count,
    /// Messages that came out of a dead-letter queue, and that came home from one that is gone.
    pub(crate) moves: Count,
    pub(crate) returns: Count,
    /// Messages that a receive of none had to send to their dead-letter queue.
    pub(crate) exhausted: Count,
    /// Messages that a move task made new ones, and slices of tasks that moved some.
    pub(crate) renames: Count,
    pub(crate) slices: Count,
    /// Shares of publications that were received where they were published to.
    pub(crate) shares: Count,
    /// Messages that outlived their retention.
    pub(crate) expiries: Count,
    /// Batches of log entries.
    pub(crate) log_reads: Count,
    /// Entries that outlived the retention of their log.
    pub(crate) outlived: Count,
}
