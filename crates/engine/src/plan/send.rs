//! Sending: deduplicate, give sequences, store.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::{Command, Outgoing, Sent};
use crate::config::{EngineError, QueueKind};
use crate::ids::{MessageIdentity, QueueId};
use crate::limits::DEDUPLICATION_BEHIND_BYTES_MAX;
use crate::need::Need;
use crate::queue::Lookup;
use crate::record::Record;

impl Turn<'_> {
    pub(super) fn send(&mut self, command: Command) -> Outcome {
        let Command::Send {
            queue,
            messages,
            mut results,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        if !self.shard.queues.contains_key(&queue) {
            promise.fill(Err(EngineError::QueueMissing));
            return Outcome::Done;
        }
        let tail = self.shard.tail_page(queue);
        let mut needed = tail.filter(|tail| self.shard.is_missing(*tail));
        results.reserve_exact(messages.len() - results.len());
        while needed.is_none()
            && let Some(message) = messages.get(results.len())
        {
            match self.send_one(queue, message) {
                Ok(result) => results.push(result),
                Err(need) => needed = Some(need),
            }
        }
        if let Some(need) = needed {
            let again = Command::Send {
                queue,
                messages,
                results,
                promise,
            };
            return Outcome::Fetch(again, vec![need]);
        }
        let after = self
            .shard
            .queues
            .get(&queue)
            .map_or(0, |queue| queue.last_sync_lsn);
        self.reply(promise, Ok(results), after);
        Outcome::Done
    }

    /// Stores a message or finds that it is there; an error says what must be read to know.
    fn send_one(
        &mut self,
        id: QueueId,
        message: &Outgoing,
    ) -> Result<Result<Sent, EngineError>, Need> {
        let Some(queue) = self.shard.queues.get(&id) else {
            return Ok(Err(EngineError::QueueMissing));
        };
        if let Some(seen) = message.dedup {
            let cache = &self.shard.index.deduplication_rows;
            match queue.deduplication.find(seen, self.shard.time_ms, cache) {
                Lookup::New => {}
                Lookup::Seen { sequence, at_ms } => {
                    self.tally(id, |tally| tally.deduplicated += 1);
                    return Ok(Ok(sent(id, sequence, at_ms, true)));
                }
                Lookup::Unread { bucket, row } => {
                    return Err(Need::Deduplication {
                        queue: id,
                        bucket,
                        row,
                    });
                }
            }
        }
        Ok(self.store(id, message))
    }

    /// No more ids can be remembered: there are too many, or checkpoints are far behind in spilling them.
    pub(super) fn memory_is_full(&self) -> bool {
        let usage = &self.shard.index.usage;
        let bytes_max = self.budgets.deduplication_bytes_max + DEDUPLICATION_BEHIND_BYTES_MAX;
        usage.deduplication_entries.get() >= self.budgets.deduplication_entries_max
            || usage.deduplication_bytes.get() >= bytes_max
    }

    /// Stores a message that is not there.
    fn store(&mut self, id: QueueId, message: &Outgoing) -> Result<Sent, EngineError> {
        if message.dedup.is_some() && self.memory_is_full() {
            return Err(EngineError::Overloaded);
        }
        let now_ms = self.shard.time_ms;
        let usage = self.shard.index.usage.clone();
        let queue = self
            .shard
            .queues
            .get(&id)
            .ok_or(EngineError::QueueMissing)?;
        // A FIFO queue knows only its own delay (SQS-258).
        let delay_ms = match (queue.config.kind, message.delay_ms) {
            (QueueKind::Standard, Some(own_ms)) => own_ms,
            _ => queue.config.delay_ms,
        };
        if delay_ms > 0 && usage.waiting_messages.get() >= self.budgets.waiting_messages_max {
            return Err(EngineError::Overloaded);
        }
        let sequence = queue.next_sequence;
        let record = Record::Sent {
            queue: id,
            sequence,
            available_ms: if delay_ms > 0 { now_ms + delay_ms } else { 0 },
            group: message.group.unwrap_or(0),
            deduplication: message.dedup,
        };
        let body = Some((id.0, sequence, message.body.as_ref()));
        self.commit(&record, body, Urgency::Sync, Funding::Producer)?;
        self.tally(id, |tally| tally.note_sent(message.size_bytes));
        Ok(sent(id, sequence, now_ms, false))
    }
}

fn sent(queue: QueueId, sequence: u64, sent_ms: u64, duplicate: bool) -> Sent {
    Sent {
        sequence,
        identity: MessageIdentity { queue, sequence },
        sent_ms,
        duplicate,
    }
}
