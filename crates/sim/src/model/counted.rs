//! Checks answers to counts: between what is there for sure and what may be.

use waystation_engine::{QueueCounts, QueueId};

use super::message::Message;
use super::{Checked, Model, Window};

/// Least and greatest number of messages.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    least: u64,
    most: u64,
}

impl Bounds {
    fn count(&mut self, sure: bool, possible: bool) {
        self.least += u64::from(sure);
        self.most += u64::from(possible);
    }

    fn holds(&self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }
}

impl Model {
    pub(super) fn counted(&self, queue: QueueId, counts: &QueueCounts, window: &Window) -> Checked {
        let Some(known) = self.queues.get(&queue) else {
            return Ok(());
        };
        let meddled = known.has_other_receives(window.operation, window.start, window.end);
        let (mut all, mut delayed, mut in_flight) = (Bounds::default(), Bounds::default(), Bounds::default());
        for index in self.around(queue, window.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if message.gone_before(window.start) || message.sent.start > window.end {
                continue;
            }
            let sure = self.is_counted(message, queue, window);
            all.count(sure, true);
            let (from_ms, surely_ms) = message.shown(window.start);
            let hidden = from_ms > window.to_ms;
            let may_hide = surely_ms > window.from_ms;
            let ghosts = meddled || known.ghosts_until_ms > window.from_ms;
            if message.place == queue && message.is_untouched() {
                delayed.count(sure && hidden, may_hide);
                in_flight.count(false, ghosts);
            } else {
                delayed.count(false, false);
                in_flight.count(sure && hidden && !meddled, may_hide || ghosts);
            }
        }
        let total = counts.visible + counts.in_flight + counts.delayed;
        if !all.holds(total) || !delayed.holds(counts.delayed) || !in_flight.holds(counts.in_flight) {
            let around = self.around(queue, window.operation);
            let stories = around.into_iter().map(|index| format!("\n  {index}: {}", self.describe(index)));
            return Err(format!(
                "{counts:?} in {queue:?} within {window:?}, but {all:?} in all, {delayed:?} delayed, {in_flight:?} in flight{}",
                stories.collect::<String>()
            ));
        }
        Ok(())
    }

    fn is_counted(&self, message: &Message, queue: QueueId, window: &Window) -> bool {
        message.place == queue
            && message.stays(window.start, window.end)
            && self.rests(message, window.operation)
            && !self.may_be_expired(message, window.end, window.to_ms)
    }
}
