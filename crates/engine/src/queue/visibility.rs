//! Deadlines change, by the wish of a consumer or of the queue's owner.

use super::Queue;
use crate::index::ShardIndex;
use crate::page::EntryState;

impl Queue {
    /// Applies new deadlines: (sequence, until); one that is not in the future makes the message
    /// ready at once (`SQS-223`).
    pub(crate) fn change_visibility(
        &mut self,
        changes: &[(u64, u64)],
        now_ms: u64,
        index: &mut ShardIndex,
    ) {
        for (sequence, until_ms) in changes {
            self.attempts.void(*sequence, &index.usage);
            self.postpone(*sequence, *until_ms, now_ms, index);
        }
    }

    /// Answers a receive again: the deadline starts anew, nothing else changes (`SQS-303`).
    pub(crate) fn renew(
        &mut self,
        sequences: &[u64],
        until_ms: u64,
        now_ms: u64,
        index: &mut ShardIndex,
    ) {
        for sequence in sequences {
            self.postpone(*sequence, until_ms, now_ms, index);
        }
    }

    fn postpone(&mut self, sequence: u64, until_ms: u64, now_ms: u64, index: &mut ShardIndex) {
        let to = if until_ms > now_ms {
            EntryState::Leased
        } else {
            EntryState::Ready
        };
        self.transition(sequence, to, until_ms, index);
    }

    /// The queue's delay changed: messages of a FIFO queue that still wait for it wait for the new
    /// one (`SQS-259`). All pages with delayed messages are in memory.
    pub(crate) fn change_delay(&mut self, now_ms: u64, index: &mut ShardIndex) {
        for sequence in self.delayed() {
            let Some(entry) = self.entry(sequence) else {
                continue;
            };
            let available_ms = entry.sent_ms() + self.config.delay_ms;
            let to = if available_ms > now_ms {
                EntryState::Delayed
            } else {
                EntryState::Ready
            };
            self.transition(sequence, to, available_ms, index);
        }
    }
}
