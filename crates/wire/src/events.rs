//! Streams of events: what an operation answers with when one output is not enough.
//!
//! A stream is a state and an async function from a state to an event and the next state. It is pulled: nothing is made
//! before the connection takes it, so a slow client holds back its producer, and one event at most waits for it. When the
//! client goes away the stream is dropped at the place where it waits, and with it whatever the state holds.
//!
//! ```text
//! pub async fn subscribe_to_shard(kinesis: &Kinesis, caller: &Caller, input: SubscribeToShardInput)
//!     -> Result<EventStream<SubscribeToShardEventStream>, ApiError>
//! {
//!     let subscription = Subscription::open(kinesis, caller, input)?;     // errors here are ordinary answers
//!     Ok(EventStream::unfold(subscription, async |mut subscription| {
//!         let event = subscription.next_event().await?;                   // errors here end the stream
//!         Ok(event.map(|event| (event, subscription)))                    // None ends it well
//!     }))
//! }
//! ```

use crate::error::{ApiError, ErrorKind};
use crate::service::BoxFuture;
use crate::value::Structure;
use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};

/// One of the events that a stream may hold: a generated enum of the model's event shapes.
pub trait Event: Send + 'static {
    /// Name of the event's member in the model, which is its type on the wire.
    fn name(&self) -> &'static str;
    /// What it says.
    fn payload(&self) -> &dyn Structure;
    /// The errors that the model lets such a stream end with.
    fn exceptions() -> &'static [&'static ErrorKind]
    where
        Self: Sized;
}

/// The next event and what follows it, the end, or the error that ends the stream.
pub type Next<E> = Result<Option<(E, EventStream<E>)>, ApiError>;

/// Events that are made one after another as the client takes them.
pub struct EventStream<E> {
    next: BoxFuture<'static, Next<E>>,
}

impl<E: Send + 'static> EventStream<E> {
    /// The stream of what `step` makes of one state after another, until it answers `None` or an error.
    pub fn unfold<S, I, F, W>(state: S, mut step: F) -> EventStream<E>
    where
        S: Send + 'static,
        I: Into<E> + Send,
        F: FnMut(S) -> W + Send + 'static,
        W: Future<Output = Result<Option<(I, S)>, ApiError>> + Send,
    {
        EventStream {
            next: Box::pin(async move {
                let made = step(state).await?;
                Ok(made.map(|(event, state)| (event.into(), EventStream::unfold(state, step))))
            }),
        }
    }

    /// Waits for the next event.
    pub async fn next(self) -> Next<E> {
        self.next.await
    }

    /// Whether the next event is there.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next<E>> {
        self.next.as_mut().poll(cx)
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

/// A stream whose events have forgotten their type, as the bindings write it.
#[derive(Debug)]
pub struct Events {
    pub(crate) stream: EventStream<Box<dyn Event>>,
    pub(crate) exceptions: &'static [&'static ErrorKind],
}

impl<E: Event> From<EventStream<E>> for Events {
    fn from(stream: EventStream<E>) -> Events {
        Events {
            stream: EventStream::unfold(stream, |stream: EventStream<E>| async {
                let next = stream.next().await?;
                Ok(next.map(|(event, rest)| (Box::new(event) as Box<dyn Event>, rest)))
            }),
            exceptions: E::exceptions(),
        }
    }
}
