//! The end of a run: every message that was acknowledged and never removed must have come out of some queue.

use super::message::UNENDED;
use super::{Checked, Model};

impl Model {
    /// Called when all consumers drained all queues and nothing is left.
    pub(crate) fn check_drained(&self, step: u64, now_ms: u64) -> Checked {
        for (index, message) in self.messages.iter().enumerate() {
            let kept = message.stays(step, step) && !self.may_be_expired_anywhere(index, now_ms);
            if kept {
                return Err(format!(
                    "message {index} was lost: {}",
                    self.describe(index)
                ));
            }
        }
        Ok(())
    }

    fn may_be_expired_anywhere(&self, index: usize, now_ms: u64) -> bool {
        let Some(message) = self.messages.get(index) else {
            return true;
        };
        let mut places = self.reach(message, 0);
        places.push(message.place);
        places.iter().any(|place| {
            self.queues.get(place).is_none_or(|queue| {
                let (least_ms, _) = queue.retentions_ms(message.sent.start, UNENDED);
                message.age_from_ms.0.saturating_add(least_ms) <= now_ms
            })
        })
    }

    /// Messages that somebody was told are stored.
    pub(crate) fn acknowledged(&self) -> usize {
        let stored = self.messages.iter();
        stored
            .filter(|message| message.sent.certain && !message.refused)
            .count()
    }

    /// Receives of messages that were answered.
    pub(crate) fn deliveries(&self) -> usize {
        self.messages
            .iter()
            .map(|message| message.receives.len())
            .sum()
    }
}
