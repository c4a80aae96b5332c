//! Everything in the queue is thrown away (`SQS-374`).

use super::Queue;
use crate::index::ShardIndex;

impl Queue {
    /// Drops all messages, deduplication ids (`SQS-276`) and attempts; sequences go on.
    pub(crate) fn purge(&mut self, index: &mut ShardIndex) {
        self.forget_deadlines(index);
        self.fair = None;
        let numbers: Vec<u64> = self.pages.keys().copied().collect();
        for number in numbers {
            self.drop_page(number, index);
        }
        self.counts = Default::default();
        self.deduplication.clear(&index.usage);
        self.attempts.clear();
        let next = self.next_sequence;
        if let Some(window) = &mut self.window {
            window.restart(next);
        }
        self.dirty = true;
    }

    /// Takes every message in flight or delayed out of the shard's index.
    fn forget_deadlines(&mut self, index: &mut ShardIndex) {
        for (number, slot) in &self.pages {
            let Some(page) = slot.page.as_ref().filter(|_| slot.waiting > 0) else {
                continue;
            };
            for position in 0..page.len() {
                let sequence = number * crate::limits::PAGE_ENTRIES + u64::from(position);
                if let Some(extra) = page.extra(position) {
                    index.deadlines.remove(&(extra.until_ms, self.id, sequence));
                }
            }
        }
        index
            .usage
            .waiting_messages
            .sub(self.counts.in_flight + self.counts.delayed);
    }
}
