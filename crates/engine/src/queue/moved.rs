//! Messages leave for another queue, or come from one.

use super::{NewMessage, Queue, slot};
use crate::effect::MovedMessage;
use crate::extra::Origin;
use crate::ids::{MessageIdentity, QueueId};
use crate::index::ShardIndex;
use crate::page::EntryState;

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
        let own = MessageIdentity {
            queue: self.id,
            sequence,
        };
        Some(MovedMessage {
            queue: target,
            from: self.id,
            before: extra.origin().map(|origin| origin.from),
            identity: extra.origin().map_or(own, |origin| origin.identity),
            owner: extra.origin().map_or(own, |origin| origin.owner),
            label: extra.origin().and_then(|origin| origin.label),
            body_lsn: entry.body_lsn(),
            body_bytes: entry.body_bytes(),
            chunks: if extra.chunks().is_empty() {
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
        self.attempts.void(sequence, &index.usage);
        self.transition(sequence, EntryState::Gone, 0, index);
        Some(message)
    }

    /// Takes a message over from another queue. One that was moved keeps who it is, its counts and, in a standard
    /// queue, its age (`SQS-318`, `SQS-320`, `SQS-321`); a new one has nothing but its body and group (`SQS-355`,
    /// `SQS-356`).
    pub(crate) fn take_over(
        &mut self,
        message: &MovedMessage,
        arrival: Arrival,
        now_ms: u64,
        index: &mut ShardIndex,
    ) -> u64 {
        let occupies = message.occupied(index.segment_bytes);
        let own = MessageIdentity {
            queue: self.id,
            sequence: self.next_sequence,
        };
        let new = arrival == Arrival::New;
        let new = NewMessage {
            body_lsn: message.body_lsn,
            body_bytes: message.body_bytes,
            occupies: &occupies,
            chunked: !message.chunks.is_empty(),
            sent_ms: match new || self.is_fifo() {
                true => now_ms,
                false => message.sent_ms,
            },
            group: message.group,
            available_ms: 0,
            receive_count: if new { 0 } else { message.receive_count },
            first_received_ms: if new { 0 } else { message.first_received_ms },
            origin: Some(Origin {
                identity: if new { own } else { message.identity },
                owner: message.owner,
                label: message.label,
                from: match arrival {
                    Arrival::Moved(from) => from,
                    Arrival::Unmoved | Arrival::New => self.id,
                },
                moved_ms: match arrival {
                    Arrival::Moved(_) => now_ms,
                    Arrival::Unmoved | Arrival::New => 0,
                },
                receives_before: match arrival {
                    Arrival::Moved(_) => message.receive_count,
                    Arrival::Unmoved | Arrival::New => 0,
                },
            }),
        };
        self.enter(&new, now_ms, index)
    }
}

/// What a message is in the queue it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The same, moved here from that queue.
    Moved(QueueId),
    /// The same, home again where it was sent to.
    Unmoved,
    /// A new one.
    New,
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
