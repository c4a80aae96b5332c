//! A message as those see it who receive it or look at it, before its body is read.

use waystation_storage::{BodyRef, Lsn};

use super::Queue;
use crate::command::Leased;
use crate::extra::Extra;
use crate::ids::{MessageIdentity, Receipt};

impl Queue {
    /// What is known of a message that exists; its page must be in memory.
    pub(crate) fn show(&self, sequence: u64) -> Option<Leased> {
        let entry = self.entry(sequence)?;
        let extra = self.extra(sequence);
        let origin = extra.and_then(Extra::origin);
        let own = MessageIdentity {
            queue: self.id,
            sequence,
        };
        Some(Leased {
            sequence,
            identity: origin.map_or(own, |origin| origin.identity),
            owner: origin.map_or(own, |origin| origin.owner),
            body: BodyRef {
                lsn: Lsn(entry.body_lsn()),
                bytes: entry.body_bytes(),
            },
            receive_count: u32::from(entry.receive_count()),
            sent_ms: entry.sent_ms(),
            first_received_ms: extra.map_or(0, |extra| extra.first_received_ms),
            receipt: Receipt {
                sequence,
                tag: extra.map_or(0, |extra| extra.tag),
            },
            moved_from: origin
                .map(|origin| origin.from)
                .filter(|from| *from != self.id),
            label: origin.and_then(|origin| origin.label),
        })
    }
}
