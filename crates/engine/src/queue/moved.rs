//! Messages leave for another queue, or come from one.

use super::{NewMessage, Queue, slot};
use crate::effect::MovedMessage;
use crate::ids::{MessageIdentity, QueueId};
use crate::index::ShardIndex;
use crate::page::{EntryState, Origin};

impl Queue {
    /// What the destination needs to take the message over.
    pub(crate) fn describe(
        &self,
        sequence: u64,
        target: QueueId,
        segment_bytes: u64,
    ) -> Option<MovedMessage> {
        let entry = self.entry(sequence)?;
        let extra = self.extra(sequence).cloned().unwrap_or_default();
        let identity = extra.origin.map_or(
            MessageIdentity {
                queue: self.id,
                sequence,
            },
            |origin| origin.identity,
        );
        Some(MovedMessage {
            queue: target,
            from: self.id,
            before: extra.origin.map(|origin| origin.from),
            identity,
            body_lsn: entry.body_lsn(),
            body_bytes: entry.body_bytes(),
            chunks: if extra.chunks.is_empty() {
                Vec::new()
            } else {
                slot::occupied(entry, &extra, segment_bytes)
            },
            sent_ms: entry.sent_ms(),
            group: entry.group(),
            receive_count: entry.receive_count(),
            first_received_ms: extra.first_received_ms,
        })
    }

    /// Removes a message that goes to the outbox.
    pub(crate) fn hand_over(
        &mut self,
        sequence: u64,
        target: QueueId,
        index: &mut ShardIndex,
    ) -> Option<MovedMessage> {
        let message = self.describe(sequence, target, index.segment_bytes)?;
        self.attempts.void(sequence);
        self.transition(sequence, EntryState::Gone, 0, index);
        Some(message)
    }

    /// Takes a message over that came `from` another queue; `None` for one that comes home and never was
    /// moved before. A FIFO queue counts its age from now (`SQS-321`), a standard one from the original
    /// send (`SQS-320`).
    pub(crate) fn take_over(
        &mut self,
        message: &MovedMessage,
        from: Option<QueueId>,
        now_ms: u64,
        index: &mut ShardIndex,
    ) -> u64 {
        let occupies = message.occupied(index.segment_bytes);
        let new = NewMessage {
            body_lsn: message.body_lsn,
            body_bytes: message.body_bytes,
            occupies: &occupies,
            chunked: !message.chunks.is_empty(),
            sent_ms: if self.is_fifo() {
                now_ms
            } else {
                message.sent_ms
            },
            group: message.group,
            available_ms: 0,
            receive_count: message.receive_count,
            first_received_ms: message.first_received_ms,
            origin: Some(Origin {
                identity: message.identity,
                from: from.unwrap_or(self.id),
            }),
        };
        self.enter(&new, now_ms, index)
    }
}

impl MovedMessage {
    /// Where the body lies.
    pub(crate) fn occupied(&self, segment_bytes: u64) -> Vec<(u32, u32)> {
        if self.chunks.is_empty() {
            vec![(
                (self.body_lsn / segment_bytes) as u32,
                self.body_bytes + slot::BODY_HEADER_BYTES,
            )]
        } else {
            self.chunks.clone()
        }
    }
}
