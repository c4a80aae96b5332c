//! Checks answers to deletes and changes of visibility, receipt by receipt (`SQS-222`..`SQS-242`).

use waystation_engine::{EngineError, QueueId, Receipt, ReceiptError};

use super::message::{Cause, Message};
use super::{Checked, Model, Window};

/// Longest time a message may stay invisible, from its receive (`SQS-225`).
const VISIBILITY_MS_MAX: u64 = 43_200_000;

/// Whether the receipt's receive still holds the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Surely,
    SurelyNot,
    Perhaps,
}

impl Model {
    pub(super) fn deleted(
        &mut self,
        queue: QueueId,
        receipts: &[Receipt],
        result: Result<Vec<Result<(), ReceiptError>>, EngineError>,
        window: &Window,
    ) -> Checked {
        let results = match result {
            Ok(results) if results.len() == receipts.len() => results,
            Ok(_) => return Err("a delete answered another number of receipts".into()),
            Err(_) => {
                self.forget_removals(receipts, window);
                return Ok(());
            }
        };
        let held: Vec<Held> = receipts
            .iter()
            .map(|receipt| self.held(queue, receipt, window))
            .collect();
        let mut gone = Vec::new();
        for ((receipt, result), held) in receipts.iter().zip(&results).zip(held) {
            let fifo = self.queues.get(&queue).is_some_and(|known| known.is_fifo());
            let wrong = match (result, fifo, held) {
                (Ok(()), true, Held::SurelyNot) => true,
                (Ok(()), ..) => false,
                (Err(ReceiptError::Expired), true, held) => held == Held::Surely,
                (Err(_), ..) => true,
            };
            if wrong {
                return Err(self.receipt_story("a delete", receipt, result, held));
            }
            if result.is_ok() {
                gone.push(receipt.tag);
            }
        }
        for receipt in receipts {
            let Some(index) = self.tags.get(&receipt.tag).copied() else {
                continue;
            };
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            let sure = message.place == queue
                && message.sequence == Some(receipt.sequence)
                && self.rests(message, window.operation);
            let result_ok = gone.contains(&receipt.tag);
            if let Some(message) = self.messages.get_mut(index) {
                message
                    .removals
                    .retain(|r| r.deed.operation != window.operation || result_ok);
                for removal in &mut message.removals {
                    if removal.deed.operation == window.operation {
                        removal.deed.end = window.end;
                        removal.deed.certain |= sure;
                        removal.whole = false;
                    }
                }
            }
        }
        Ok(())
    }

    fn forget_removals(&mut self, receipts: &[Receipt], window: &Window) {
        for receipt in receipts {
            let index = self.tags.get(&receipt.tag).copied();
            if let Some(message) = index.and_then(|index| self.messages.get_mut(index)) {
                message
                    .removals
                    .retain(|r| r.deed.operation != window.operation);
            }
        }
    }

    pub(super) fn changed(
        &mut self,
        queue: QueueId,
        changes: &[(Receipt, u64)],
        result: Result<Vec<Result<(), ReceiptError>>, EngineError>,
        window: &Window,
    ) -> Checked {
        let results = match result {
            Ok(results) if results.len() == changes.len() => results,
            Ok(_) => return Err("a change answered another number of receipts".into()),
            Err(_) => Vec::new(),
        };
        for ((receipt, visibility_ms), result) in changes.iter().zip(&results) {
            let held = self.held(queue, receipt, window);
            let fifo = self.queues.get(&queue).is_some_and(|known| known.is_fifo());
            let alone = changes
                .iter()
                .filter(|(other, _)| other.sequence == receipt.sequence)
                .count()
                == 1;
            let wrong = match result {
                Ok(()) => fifo && held == Held::SurelyNot || *visibility_ms > VISIBILITY_MS_MAX,
                Err(ReceiptError::Missing) => held == Held::Surely && alone,
                Err(ReceiptError::BeyondLimit) => *visibility_ms == 0,
                Err(ReceiptError::Expired) => true,
            };
            if wrong {
                return Err(self.receipt_story("a change", receipt, result, held));
            }
        }
        for (place, (receipt, visibility_ms)) in changes.iter().enumerate() {
            let accepted = results.get(place).is_some_and(|result| result.is_ok());
            let index = self.tags.get(&receipt.tag).copied();
            let Some(message) = index.and_then(|index| self.messages.get_mut(index)) else {
                continue;
            };
            message
                .showings
                .retain(|s| accepted || s.deed.operation != window.operation);
            for showing in &mut message.showings {
                if showing.deed.operation == window.operation {
                    showing.deed.end = window.end;
                    showing.deed.certain = true;
                    showing.from_ms = window.from_ms + visibility_ms;
                    showing.surely_ms = window.to_ms + visibility_ms;
                }
            }
        }
        Ok(())
    }

    fn held(&self, queue: QueueId, receipt: &Receipt, window: &Window) -> Held {
        let index = self.tags.get(&receipt.tag).copied();
        let Some(message) = index.and_then(|index| self.messages.get(index)) else {
            return Held::Perhaps;
        };
        let own = window.operation;
        let mut without = Message {
            body: bytes::Bytes::new(),
            ..message.clone()
        };
        without
            .removals
            .retain(|removal| removal.deed.operation != own);
        without
            .showings
            .retain(|showing| showing.deed.operation != own);
        let there = without.stays(window.start, window.end)
            && message.place == queue
            && message.sequence == Some(receipt.sequence)
            && self.rests(message, own)
            && !self.may_be_expired(message, window.end, window.to_ms);
        let known = self.queues.get(&queue);
        let alone = known.is_some_and(|known| {
            !known.has_other_receives(own, window.start, window.end)
                && !known.may_be_purged(window.start, window.end)
        });
        if !there {
            return Held::Perhaps;
        }
        if !message.fifo {
            // A standard queue takes any receipt of a message that is there (SQS-228, SQS-229).
            let first = message
                .receives
                .iter()
                .any(|r| r.tag == receipt.tag && !r.forgotten);
            return if first { Held::Surely } else { Held::Perhaps };
        }
        let (from_ms, surely_ms) = without.shown(window.start);
        let is_latest = message.latest_tag() == Some(receipt.tag);
        let later = message.receives.iter().any(|later| {
            later.queue == queue && later.tag > receipt.tag && later.end < window.start
        });
        if later || surely_ms <= window.from_ms {
            self.judged.receipts_lost.raise();
            return Held::SurelyNot;
        }
        let steady = without
            .showings
            .iter()
            .all(|s| s.deed.certain || s.cause == Cause::Sent);
        if !(is_latest && alone && steady && from_ms > window.to_ms) {
            return Held::Perhaps;
        }
        self.judged.receipts_held.raise();
        Held::Surely
    }

    fn receipt_story(
        &self,
        what: &str,
        receipt: &Receipt,
        result: &Result<(), ReceiptError>,
        held: Held,
    ) -> String {
        let index = self.tags.get(&receipt.tag).copied().unwrap_or(usize::MAX);
        let story = self.describe(index);
        format!(
            "{what} with {receipt:?} answered {result:?}, held {held:?}, message {index}: {story}"
        )
    }
}
