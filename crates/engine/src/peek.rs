//! Looking at messages without receiving them: what is asked, and what is shown.
//!
//! Peeking changes nothing, not even what a crash could tell. A queue is read from the oldest message on, page by page,
//! so that one question costs the same at any backlog.

use crate::command::{Command, Delivered, Leased};
use crate::config::EngineError;
use crate::engine::QueueHandle;

/// What a message is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// Ready to be received, or blocked by its group alone.
    Visible,
    /// In flight.
    InFlight,
    /// Not yet available.
    Delayed,
}

/// Which messages to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// Those ready to be received.
    pub visible: bool,
    /// Those in flight.
    pub in_flight: bool,
    /// Those not yet available.
    pub delayed: bool,
}

impl States {
    /// Whatever they are doing.
    pub const ALL: States = States {
        visible: true,
        in_flight: true,
        delayed: true,
    };

    /// Whether messages in this state are wanted.
    pub fn wants(&self, state: MessageState) -> bool {
        match state {
            MessageState::Visible => self.visible,
            MessageState::InFlight => self.in_flight,
            MessageState::Delayed => self.delayed,
        }
    }
}

/// What to show, and how much of it at once.
#[derive(Clone, Debug)]
pub struct PeekRequest {
    /// First sequence to look at; 0, or where an earlier answer says to go on.
    pub from: u64,
    /// At most so many messages, at least one.
    pub max: usize,
    /// No further message once the bodies have so many bytes together.
    pub bytes_max: u64,
    /// Which ones.
    pub states: States,
}

/// A message that nobody received by looking at it.
#[derive(Clone, Debug)]
pub struct Peeked {
    /// As a receive would return it. Its receipt is that of the latest receive, with tag 0 before the first; so is the
    /// time of the first receive.
    pub message: Delivered,
    /// What it is doing.
    pub state: MessageState,
}

/// A part of a queue, oldest first.
#[derive(Clone, Debug)]
pub struct PeekPage {
    /// Messages as they were at one moment, but for those deleted since whose bodies are gone.
    pub messages: Vec<Peeked>,
    /// Where to go on; `None` at the end of the queue. An answer may be empty and yet not the end.
    pub next: Option<u64>,
}

/// The same before the bodies are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Glimpse {
    pub(crate) messages: Vec<(Leased, MessageState)>,
    pub(crate) next: Option<u64>,
}

impl Glimpse {
    /// Puts states to the messages whose bodies were found.
    fn with(states: Vec<(u64, MessageState)>, delivered: Vec<Delivered>) -> Vec<Peeked> {
        let mut states = states.into_iter();
        let peeked = delivered.into_iter().filter_map(|message| {
            let (_, state) = states.find(|(sequence, _)| *sequence == message.sequence)?;
            Some(Peeked { message, state })
        });
        peeked.collect()
    }
}

impl QueueHandle {
    /// Shows messages without receiving them; nothing changes by it.
    pub async fn peek(&self, request: PeekRequest) -> Result<PeekPage, EngineError> {
        let queue = self.id;
        let asked = self.engine.ask(|promise| Command::Peek {
            queue,
            request,
            promise,
        });
        let Glimpse { messages, next } = asked.await.unwrap_or(Err(EngineError::Stopping))?;
        let states = messages.iter().map(|(m, state)| (m.sequence, *state));
        let states = states.collect();
        let leased = messages.into_iter().map(|(message, _)| message).collect();
        let delivered = self.engine.with_bodies(leased).await?;
        Ok(PeekPage {
            messages: Glimpse::with(states, delivered),
            next,
        })
    }
}
