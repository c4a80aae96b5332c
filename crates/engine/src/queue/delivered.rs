//! A published message enters the queue.

use super::{NewMessage, Queue};
use crate::delivery::Delivery;
use crate::extra::Origin;
use crate::ids::MessageIdentity;
use crate::index::ShardIndex;

impl Queue {
    /// Takes the message under the next sequence and returns it: it is a message of this queue like any other, only that
    /// its body belongs to the publication.
    pub(crate) fn deliver(
        &mut self,
        delivery: &Delivery,
        available_ms: u64,
        now_ms: u64,
        index: &mut ShardIndex,
    ) -> u64 {
        let occupies = delivery.body.occupied(index.segment_bytes);
        let identity = MessageIdentity {
            queue: self.id,
            sequence: self.next_sequence,
        };
        let message = NewMessage {
            body_lsn: delivery.body.lsn,
            body_bytes: delivery.body.bytes,
            occupies: &occupies,
            chunked: !delivery.body.chunks.is_empty(),
            sent_ms: delivery.sent_ms,
            group: delivery.group,
            available_ms,
            receive_count: 0,
            first_received_ms: 0,
            origin: Some(Origin {
                identity,
                owner: delivery.owner,
                from: self.id,
                moved_ms: 0,
                receives_before: 0,
                label: delivery.label,
            }),
        };
        self.enter(&message, now_ms, index)
    }
}
