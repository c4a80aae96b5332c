//! Publishing: one message for many queues, its bodies stored once.
//!
//! The record of the topic's shard is the whole of it: it keeps every body once and lists the queues. Each of them
//! gets an entry of its own that refers to its body, through the outbox: exactly once, and in the order of the topic's
//! publishes. The publisher's answer needs that record only and waits for no queue.

use bytes::Bytes;

use crate::codec::{Malformed, Reader, Writer};
use crate::command::Command;
use crate::config::EngineError;
use crate::engine::{Engine, answer};
use crate::ids::QueueId;
use crate::limits::{BODIES_PER_PUBLICATION_MAX, TARGETS_PER_PUBLICATION_MAX};

/// Sixteen bytes of the publisher's that come with a message wherever it goes: what tells the copies of one body apart,
/// for instance the id of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(pub [u8; 16]);

/// A queue that shall have the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The queue; its own delay applies. When it does not exist, the message is lost to it and counted.
    pub queue: QueueId,
    /// Which of the publication's bodies it gets.
    pub body: u16,
    /// 48-bit hash of the message group; `None` on standard queues without one.
    pub group: Option<u64>,
    /// 128-bit hash of scope and deduplication id, for FIFO queues: a duplicate is not delivered.
    pub dedup: Option<u128>,
    /// Comes back with the message.
    pub label: Option<Label>,
}

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// 128-bit hash of scope and deduplication id by which the topic itself knows duplicates; the topic must then exist
    /// as a FIFO queue, which remembers them.
    pub dedup: Option<u128>,
    /// What queues may get, each stored once. At most `BODIES_PER_PUBLICATION_MAX`.
    pub bodies: Vec<Bytes>,
    /// Who gets what, at most `TARGETS_PER_PUBLICATION_MAX`; a topic with more subscribers publishes several times.
    pub targets: Vec<Target>,
}

/// A message was published, durably: every target that exists will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Grows with every publish on the node that has a target or an id; of the original for a duplicate.
    pub sequence: u64,
    /// Engine time of the publish.
    pub at_ms: u64,
    /// Nothing was stored and nobody gets it: this is the answer to the original publish.
    pub duplicate: bool,
}

pub(crate) type PublishReply = Result<Vec<Result<Published, EngineError>>, EngineError>;

impl Engine {
    /// Publishes in this order; the outer error means none was. Publishes of one topic reach each queue in the order in
    /// which they were made. `topic` decides the shard; it need not exist unless ids are given. `TooLarge` says which
    /// publications exceed a limit, `Overloaded` that too much waits to be delivered.
    ///
    /// # Panics
    /// When a target names a body that there is not.
    pub async fn publish(&self, topic: QueueId, publications: Vec<Publication>) -> PublishReply {
        for publication in &publications {
            let bodies = publication.bodies.len();
            let mut targets = publication.targets.iter();
            assert!(
                targets.all(|target| usize::from(target.body) < bodies),
                "a target names one of the bodies"
            );
        }
        let results = Vec::with_capacity(publications.len());
        answer(self.ask(|promise| Command::Publish {
            topic,
            publications,
            results,
            promise,
        }))
        .await
    }
}

impl Publication {
    /// It has no more of anything than a record holds.
    pub(crate) fn fits(&self) -> bool {
        self.bodies.len() <= BODIES_PER_PUBLICATION_MAX
            && self.targets.len() <= TARGETS_PER_PUBLICATION_MAX
    }
}

impl Label {
    pub(crate) fn encode(self, out: &mut Writer) {
        out.u128(u128::from_le_bytes(self.0));
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Label, Malformed> {
        Ok(Label(input.u128()?.to_le_bytes()))
    }
}

impl Target {
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.queue.0).u16(self.body);
        out.u64(self.group.unwrap_or(0));
        out.option(self.dedup.as_ref(), |out, id| {
            out.u128(*id);
        });
        out.option(self.label.as_ref(), |out, label| label.encode(out));
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Target, Malformed> {
        Ok(Target {
            queue: QueueId(input.u64()?),
            body: input.u16()?,
            group: Some(input.u64()?).filter(|group| *group != 0),
            dedup: input.option(Reader::u128)?,
            label: input.option(Label::decode)?,
        })
    }
}
