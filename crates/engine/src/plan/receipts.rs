//! What consumers do with a receipt: delete, change visibility.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::{Command, ReceiptsReply};
use crate::config::{EngineError, ReceiptError};
use crate::ids::{QueueId, Receipt};
use crate::limits::VISIBILITY_MS_MAX;
use crate::need::Need;
use crate::page::EntryState;
use crate::queue::{Queue, page_of};
use crate::record::Record;
use crate::reply::Promise;

impl Turn<'_> {
    pub(super) fn delete(&mut self, command: Command) -> Outcome {
        let Command::Delete {
            queue,
            receipts,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        let spilled = self.spilled_pages(queue, receipts.iter());
        if !spilled.is_empty() {
            let again = Command::Delete {
                queue,
                receipts,
                promise,
            };
            return Outcome::Fetch(again, spilled);
        }
        let Some(state) = self.shard.queues.get(&queue) else {
            promise.fill(Err(EngineError::QueueMissing));
            return Outcome::Done;
        };
        let results: Vec<_> = receipts.iter().map(|r| deletable(state, r)).collect();
        let mut sequences: Vec<u64> = receipts
            .iter()
            .zip(&results)
            .filter(|(receipt, result)| result.is_ok() && state.entry(receipt.sequence).is_some())
            .map(|(receipt, _)| receipt.sequence)
            .collect();
        sequences.sort_unstable();
        sequences.dedup();
        let record = (!sequences.is_empty()).then_some(Record::Deleted { queue, sequences });
        let valid = results.iter().filter(|result| result.is_ok()).count();
        if self.conclude(queue, record, promise, results) {
            self.tally(queue, |tally| tally.deleted += valid as u64);
        }
        Outcome::Done
    }

    pub(super) fn change_visibility(&mut self, command: Command) -> Outcome {
        let Command::ChangeVisibility {
            queue,
            changes,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        let spilled = self.spilled_pages(queue, changes.iter().map(|(receipt, _)| receipt));
        if !spilled.is_empty() {
            let again = Command::ChangeVisibility {
                queue,
                changes,
                promise,
            };
            return Outcome::Fetch(again, spilled);
        }
        let now_ms = self.shard.time_ms;
        let Some(state) = self.shard.queues.get(&queue) else {
            promise.fill(Err(EngineError::QueueMissing));
            return Outcome::Done;
        };
        let results: Vec<_> = changes
            .iter()
            .map(|(receipt, visibility_ms)| changeable(state, receipt, *visibility_ms, now_ms))
            .collect();
        let accepted: Vec<(u64, u64)> = changes
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_ok())
            .map(|((receipt, visibility_ms), _)| (receipt.sequence, now_ms + visibility_ms))
            .collect();
        let record = (!accepted.is_empty()).then_some(Record::VisibilityChanged {
            queue,
            changes: accepted,
        });
        self.conclude(queue, record, promise, results);
        Outcome::Done
    }

    /// Commits the record if there is one and answers; whether it is committed.
    fn conclude(
        &mut self,
        queue: QueueId,
        record: Option<Record>,
        promise: Promise<ReceiptsReply>,
        results: Vec<Result<(), ReceiptError>>,
    ) -> bool {
        let committed = match &record {
            Some(record) => self.commit(record, None, Urgency::Sync, Funding::Consumer),
            // Nothing to change: the answer may still rest on an earlier change.
            None => Ok(self
                .shard
                .queues
                .get(&queue)
                .map_or(0, |queue| queue.last_sync_lsn)),
        };
        match committed {
            Ok(after) => {
                self.reply(promise, Ok(results), after);
                true
            }
            Err(error) => {
                promise.fill(Err(error));
                false
            }
        }
    }

    fn spilled_pages<'r>(
        &self,
        queue: QueueId,
        receipts: impl Iterator<Item = &'r Receipt>,
    ) -> Vec<Need> {
        let mut pages: Vec<Need> = receipts
            .map(|receipt| Need::Page {
                queue,
                number: page_of(receipt.sequence),
            })
            .filter(|need| self.shard.is_missing(*need))
            .collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }
}

/// A FIFO receipt is good while its own receive is in flight; a standard one for ever, and
/// deleting what is gone is no error (`SQS-237`..`SQS-241`).
fn deletable(queue: &Queue, receipt: &Receipt) -> Result<(), ReceiptError> {
    if !queue.is_fifo() || queue.entry(receipt.sequence).is_none() {
        return Ok(());
    }
    match holds_lease(queue, receipt) {
        true => Ok(()),
        false => Err(ReceiptError::Expired),
    }
}

fn changeable(
    queue: &Queue,
    receipt: &Receipt,
    visibility_ms: u64,
    now_ms: u64,
) -> Result<(), ReceiptError> {
    let entry = queue.entry(receipt.sequence).ok_or(ReceiptError::Missing)?;
    let extra = queue.extra(receipt.sequence).ok_or(ReceiptError::Missing)?;
    if entry.state() == EntryState::Delayed || queue.is_fifo() && !holds_lease(queue, receipt) {
        return Err(ReceiptError::Missing);
    }
    if now_ms + visibility_ms > extra.received_ms + VISIBILITY_MS_MAX && visibility_ms > 0 {
        return Err(ReceiptError::BeyondLimit);
    }
    Ok(())
}

fn holds_lease(queue: &Queue, receipt: &Receipt) -> bool {
    let leased = queue
        .entry(receipt.sequence)
        .is_some_and(|entry| entry.state() == EntryState::Leased);
    leased
        && queue
            .extra(receipt.sequence)
            .is_some_and(|extra| extra.tag == receipt.tag)
}
