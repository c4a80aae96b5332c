//! Sending: deduplicate, give sequences, store.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::{Command, Outgoing, Sent};
use crate::config::{EngineError, QueueKind};
use crate::ids::{MessageIdentity, QueueId};
use crate::record::Record;

impl Turn<'_> {
    pub(super) fn send(&mut self, command: Command) -> Outcome {
        let Command::Send {
            queue,
            messages,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        if !self.shard.queues.contains_key(&queue) {
            promise.fill(Err(EngineError::QueueMissing));
            return Outcome::Done;
        }
        if let Some(tail) = self.shard.tail_page(queue)
            && self.shard.is_missing(tail)
        {
            let again = Command::Send {
                queue,
                messages,
                promise,
            };
            return Outcome::Fetch(again, vec![tail]);
        }
        let mut results = Vec::with_capacity(messages.len());
        for message in &messages {
            results.push(self.send_one(queue, message));
        }
        let after = self
            .shard
            .queues
            .get(&queue)
            .map_or(0, |queue| queue.last_sync_lsn);
        self.reply(promise, Ok(results), after);
        Outcome::Done
    }

    fn send_one(&mut self, id: QueueId, message: &Outgoing) -> Result<Sent, EngineError> {
        let now_ms = self.shard.time_ms;
        let usage = self.shard.index.usage.clone();
        let queue = self
            .shard
            .queues
            .get(&id)
            .ok_or(EngineError::QueueMissing)?;
        if let Some(seen) = message.dedup {
            if let Some((sequence, sent_ms)) = queue.deduplication.find(seen, now_ms) {
                return Ok(sent(id, sequence, sent_ms, true));
            }
            if usage.deduplication_entries.get() >= self.budgets.deduplication_entries_max {
                return Err(EngineError::Overloaded);
            }
        }
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
        let body = Some((id, sequence, message.body.as_ref()));
        self.commit(&record, body, Urgency::Sync, Funding::Producer)?;
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
