//! Everything in the queue is thrown away (`SQS-374`).

use super::Queue;
use crate::index::ShardIndex;

impl Queue {
    /// Drops all messages, deduplication ids (`SQS-276`) and attempts; sequences go on.
    pub(crate) fn purge(&mut self, index: &mut ShardIndex) {
        self.fair = None;
        let numbers: Vec<u64> = self.pages.keys().copied().collect();
        for number in numbers {
            self.drop_page(number, index);
        }
        self.counts = Default::default();
        self.deduplication.clear(index);
        self.attempts.clear(&index.usage);
        let next = self.next_sequence;
        if let Some(window) = &mut self.window {
            window.restart(next);
        }
        self.dirty = true;
    }
}
