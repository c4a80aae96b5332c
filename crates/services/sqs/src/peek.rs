//! Looking into a queue without receiving, for tests: no operation of AWS, and so without a row in the table.

use waystation_engine::{MessageState, PeekRequest, States};
use waystation_wire::{ApiError, Str};

use crate::errors::{from_engine, invalid_value};
use crate::receive::View;
use crate::selection::{Selection, SystemSelection};
use crate::{Sqs, addressing, api, limits};

/// What a peeked message has in the place of a receipt handle: nothing can be done with it.
const NO_HANDLE: Str = Str::from_static("peeked-not-received");

/// What to show of a queue.
#[derive(Clone, Debug)]
pub struct Peek<'a> {
    /// Account of the queue.
    pub account: &'a str,
    /// Region of the queue.
    pub region: &'a str,
    /// Name of the queue.
    pub name: &'a str,
    /// Which messages.
    pub states: States,
    /// At most so many; the greatest number that one answer may have when absent.
    pub limit: Option<usize>,
    /// Where an earlier answer says to go on.
    pub marker: Option<u64>,
}

/// A message as it stands in its queue.
#[derive(Clone, Debug)]
pub struct PeekedMessage {
    /// With all attributes, as a receive would return it but for the receipt handle.
    pub message: api::Message,
    /// What it is doing.
    pub state: MessageState,
}

/// Messages in the order in which they came into the queue.
#[derive(Clone, Debug, Default)]
pub struct PeekedMessages {
    /// The messages.
    pub messages: Vec<PeekedMessage>,
    /// The marker of the next part; `None` when this is the last.
    pub next: Option<u64>,
}

impl Sqs {
    /// Shows messages; no count, no time and no state changes by it. An answer is bounded in number and bytes, whatever
    /// the queue holds: a longer queue is read part by part.
    pub async fn peek(&self, peek: Peek<'_>) -> Result<PeekedMessages, ApiError> {
        let limit = peek.limit.unwrap_or(limits::PEEK_MESSAGES_MAX);
        if !(1..=limits::PEEK_MESSAGES_MAX).contains(&limit) {
            let reason = format!("Must be between 1 and {}.", limits::PEEK_MESSAGES_MAX);
            return Err(invalid_value(limit, "Limit", &reason));
        }
        let located = addressing::locate_name(self, peek.account, peek.region, peek.name)?;
        let view = View {
            sqs: self,
            located: &located,
            system: SystemSelection::ALL,
            attributes: Selection::All,
        };
        let queue = self.engine.queue(located.id());
        let mut shown = PeekedMessages::default();
        let (mut from, mut bytes) = (peek.marker.or(Some(0)), 0);
        while let Some(start) = from
            && shown.messages.len() < limit
            && bytes < limits::PEEK_BYTES_MAX
        {
            let request = PeekRequest {
                from: start,
                max: limit - shown.messages.len(),
                bytes_max: limits::PEEK_BYTES_MAX - bytes,
                states: peek.states,
            };
            let page = queue.peek(request).await.map_err(from_engine)?;
            let (states, stored): (Vec<_>, Vec<_>) = page
                .messages
                .into_iter()
                .map(|peeked| (peeked.state, peeked.message))
                .unzip();
            bytes += stored
                .iter()
                .map(|message| message.body.len() as u64)
                .sum::<u64>();
            for (state, mut message) in states.into_iter().zip(view.messages(stored).await?) {
                message.receipt_handle = Some(NO_HANDLE);
                shown.messages.push(PeekedMessage { message, state });
            }
            from = page.next;
        }
        shown.next = from;
        Ok(shown)
    }
}
