//! A consumer deletes messages.

use super::Queue;
use crate::index::ShardIndex;
use crate::page::EntryState;

impl Queue {
    /// Removes the messages; those that are gone already are no error (`SQS-239`).
    pub(crate) fn delete(&mut self, sequences: &[u64], index: &mut ShardIndex) {
        for sequence in sequences {
            #[cfg(feature = "planted-bugs")]
            if crate::plant::is(crate::plant::Plant::Deduplication) {
                self.deduplication.clear(index);
            }
            self.attempts.void(*sequence, &index.usage);
            self.transition(*sequence, EntryState::Gone, 0, index);
        }
    }
}
