//! A message enters the queue.

use super::Queue;
use crate::extra::Origin;
use crate::index::ShardIndex;
use crate::page::{Entry, EntryState};

/// A message as the queue takes it, from a send or from another queue.
#[derive(Debug)]
pub(crate) struct NewMessage<'a> {
    pub(crate) body_lsn: u64,
    pub(crate) body_bytes: u32,
    /// Where the body lies, by segment.
    pub(crate) occupies: &'a [(u32, u32)],
    pub(crate) chunked: bool,
    pub(crate) sent_ms: u64,
    pub(crate) group: u64,
    /// Available from then on.
    pub(crate) available_ms: u64,
    pub(crate) receive_count: u16,
    pub(crate) first_received_ms: u64,
    pub(crate) origin: Option<Origin>,
}

impl Queue {
    /// Takes the message under the next sequence and returns it.
    pub(crate) fn enter(
        &mut self,
        message: &NewMessage<'_>,
        now_ms: u64,
        index: &mut ShardIndex,
    ) -> u64 {
        let entry = Entry::new(
            message.body_lsn,
            message.body_bytes,
            message.sent_ms,
            message.group,
        );
        let sequence = self.append(entry, message.occupies, index);
        let needs_extra =
            message.chunked || message.origin.is_some() || message.first_received_ms != 0;
        let position = super::index_of(sequence);
        if let Some(page) = self.page_mut(super::page_of(sequence)) {
            page.set_receive_count(position, message.receive_count);
            if needs_extra {
                let extra = page.extra_mut(position);
                extra.first_received_ms = message.first_received_ms;
                let chunks = match message.chunked {
                    true => message.occupies.to_vec(),
                    false => Vec::new(),
                };
                page.set_body(position, message.origin, chunks);
            }
        }
        if message.available_ms > now_ms {
            self.transition(sequence, EntryState::Delayed, message.available_ms, index);
        }
        sequence
    }
}
