//! Who waits for the flush: completions run after the flush that covers them, never before, never after a failure.

use std::sync::atomic::Ordering;

use super::append::Phase;
use super::frame::HEADER_BYTES;
use super::{Journal, Position, lock};
use crate::Lsn;

/// Runs on the committer's thread: short, and never an append, which could wait for the committer itself.
pub(super) type Completion = Box<dyn FnOnce() + Send>;

impl Journal {
    /// Where the journal stands.
    #[must_use]
    pub fn position(&self) -> Position {
        let open = lock(&self.open);
        Position {
            frame: open.start,
            end: open.end(),
        }
    }

    /// Everything below is as durable as the `Durability` promises.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Runs `run` once everything below `lsn` is durable: at once if it is, otherwise on the committer's thread.
    /// After a failed write or flush it never runs.
    pub fn when_durable(&self, lsn: Lsn, run: Box<dyn FnOnce() + Send>) {
        if lsn <= self.durable() {
            run();
            return;
        }
        let mut open = lock(&self.open);
        assert!(lsn <= open.end(), "{lsn} was never appended");
        if open.phase == Phase::Failed {
            return;
        }
        if lsn <= self.durable() {
            drop(open);
            run();
        } else if lsn.0 <= open.start.0 + HEADER_BYTES as u64 {
            open.completions_in_flight.push(run);
        } else {
            open.completions.push(run);
        }
    }

    /// Publishes that everything below the frame at `next` is durable, and runs what waited for that.
    pub(super) fn publish_durable(&self, next: Lsn) {
        let mut open = lock(&self.open);
        // The first record of the next frame stands behind that frame's header; nothing else does.
        self.durable
            .store(next.0 + HEADER_BYTES as u64, Ordering::Release);
        let mut completions = std::mem::take(&mut open.completions_in_flight);
        drop(open);
        for run in completions.drain(..) {
            run();
        }
    }
}
