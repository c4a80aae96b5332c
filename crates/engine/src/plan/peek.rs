//! Peeking: reads index pages in order, and needs only those that hold what is wanted.

use super::{Outcome, Turn};
use crate::command::Command;
use crate::config::EngineError;
use crate::limits::{PAGE_ENTRIES, PEEK_PAGES_MAX};
use crate::need::Need;
use crate::page::EntryState;
use crate::peek::{Glimpse, MessageState, PeekRequest, States};
use crate::queue::{Queue, Slot, page_of};

/// What a look at a queue came to.
enum Seen {
    Glimpse(Glimpse),
    Spilled(u64),
}

impl Turn<'_> {
    pub(super) fn peek(&mut self, command: Command) -> Outcome {
        let Command::Peek {
            queue,
            request,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        let Some(state) = self.shard.queues.get(&queue) else {
            promise.fill(Err(EngineError::QueueMissing));
            return Outcome::Done;
        };
        match look(state, &request, self.shard.time_ms) {
            Seen::Glimpse(glimpse) => {
                let after = state.last_sync_lsn;
                self.reply(promise, Ok(glimpse), after);
                Outcome::Done
            }
            Seen::Spilled(number) => {
                let again = Command::Peek {
                    queue,
                    request,
                    promise,
                };
                Outcome::Fetch(again, vec![Need::Page { queue, number }])
            }
        }
    }
}

fn look(queue: &Queue, request: &PeekRequest, now_ms: u64) -> Seen {
    let mut glimpse = Glimpse::default();
    let (mut pages, mut bytes) = (0, 0);
    for (number, slot) in queue.pages.range(page_of(request.from)..) {
        if !may_hold(slot, &request.states) {
            continue;
        }
        let start = number * PAGE_ENTRIES;
        if pages == PEEK_PAGES_MAX {
            glimpse.next = Some(start);
            break;
        }
        pages += 1;
        let Some(page) = slot.kept.page() else {
            if glimpse.messages.is_empty() {
                return Seen::Spilled(*number);
            }
            glimpse.next = Some(start);
            break;
        };
        for sequence in start.max(request.from)..start + u64::from(page.len()) {
            let Some(state) = wanted(queue, sequence, &request.states, now_ms) else {
                continue;
            };
            if glimpse.messages.len() >= request.max || bytes >= request.bytes_max {
                glimpse.next = Some(sequence);
                return Seen::Glimpse(glimpse);
            }
            if let Some(message) = queue.show(sequence) {
                bytes += u64::from(message.body.bytes);
                glimpse.messages.push((message, state));
            }
        }
    }
    Seen::Glimpse(glimpse)
}

/// Counters that stay in memory say which pages hold nothing of interest.
fn may_hold(slot: &Slot, states: &States) -> bool {
    states.visible && slot.ready > 0
        || states.in_flight && slot.leased > 0
        || states.delayed && slot.delayed > 0
}

/// The state of a message that exists, is not older than the retention and wanted.
fn wanted(queue: &Queue, sequence: u64, states: &States, now_ms: u64) -> Option<MessageState> {
    let entry = queue.entry(sequence)?;
    let state = match entry.state() {
        EntryState::Gone => return None,
        EntryState::Ready => MessageState::Visible,
        EntryState::Leased => MessageState::InFlight,
        EntryState::Delayed => MessageState::Delayed,
    };
    let expired = entry.sent_ms().saturating_add(queue.config.retention_ms) <= now_ms;
    (!expired && states.wants(state)).then_some(state)
}
