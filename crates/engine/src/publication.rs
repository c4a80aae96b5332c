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
use crate::ids::{LogId, QueueId};
use crate::limits::{BODIES_PER_PUBLICATION_MAX, TARGETS_PER_PUBLICATION_MAX};

/// Sixteen bytes of the publisher's that come with a message wherever it goes: what tells the copies of one body apart,
/// for instance the id of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Who it is for: as long as the log that the publication goes to has a cursor of this name, the queue gets nothing
    /// here, because the cursor will bring it. Only asked when the publish is decided; no record keeps it.
    pub reader: Option<Label>,
}

/// What a publication has to do with a log of its topic's shard, in the same record (`Engine::new_log_id_beside`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// The first body becomes an entry of this log too, and belongs to it.
    Append(LogId),
    /// It passes on what a reader found in the log, and the reader's cursor moves past it.
    Forward(CursorMove),
}

/// A cursor of a log moves from one position to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The log.
    pub log: LogId,
    /// The cursor.
    pub name: Label,
    /// Under which number it was opened; a cursor of another number is somebody else's.
    pub number: u64,
    /// Where it must stand.
    pub from: u64,
    /// Where it stands afterwards.
    pub to: u64,
    /// What happens when no entry is left behind it.
    pub at_end: AtEnd,
}

/// What becomes of a cursor that reached the end of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// It stays.
    Stays,
    /// It is closed: what is published from then on reaches its reader directly, and nothing is missed or brought twice.
    Closes,
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
    /// What it does to a log.
    pub log: Option<Logging>,
}

/// A message was published, durably: every target that exists will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Grows with every publish on the node that leaves a record; of the original for a duplicate.
    pub sequence: u64,
    /// Engine time of the publish.
    pub at_ms: u64,
    /// Nothing was stored and nobody gets it: this is the answer to the original publish.
    pub duplicate: bool,
    /// Where it stands in the log that it went to.
    pub position: Option<u64>,
    /// The cursor that it moved reached the end of its log and is closed.
    pub cursor_closed: bool,
}

/// What a publication did to a log, as its record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    /// The first body is the entry at this position.
    Entry { log: LogId, position: u64 },
    /// A cursor moved there, or was closed.
    Cursor {
        log: LogId,
        name: Label,
        position: u64,
        closed: bool,
    },
}

pub(crate) type PublishReply = Result<Vec<Result<Published, EngineError>>, EngineError>;

impl Engine {
    /// Publishes in this order; the outer error means none was. Publishes of one topic reach each queue in the order in
    /// which they were made. `topic` decides the shard; it need not exist unless ids are given. `TooLarge` says which
    /// publications exceed a limit, `Overloaded` that too much waits to be delivered, `NoSuchLog` and `LogSealed` that
    /// the log takes nothing, `NoSuchCursor` that the cursor is not where it should be.
    ///
    /// # Panics
    /// When a target or a log's entry names a body that there is not, or a log is on another shard than the topic.
    pub async fn publish(&self, topic: QueueId, publications: Vec<Publication>) -> PublishReply {
        for publication in &publications {
            let bodies = publication.bodies.len();
            let mut targets = publication.targets.iter();
            assert!(
                targets.all(|target| usize::from(target.body) < bodies),
                "a target names one of the bodies"
            );
            let log = publication.log.map(Logging::log);
            assert!(
                log.is_none_or(|log| log.shard() == topic.shard()),
                "a record is of one shard"
            );
            let is_entry = matches!(publication.log, Some(Logging::Append(_)));
            assert!(bodies > 0 || !is_entry, "an entry is the first body");
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

impl Logging {
    pub(crate) fn log(self) -> LogId {
        match self {
            Logging::Append(log) => log,
            Logging::Forward(cursor) => cursor.log,
        }
    }
}

impl Logged {
    pub(crate) fn encode(&self, out: &mut Writer) {
        match *self {
            Logged::Entry { log, position } => {
                out.u8(1).u64(log.0).u64(position);
            }
            Logged::Cursor {
                log,
                name,
                position,
                closed,
            } => {
                out.u8(if closed { 3 } else { 2 }).u64(log.0).u64(position);
                name.encode(out);
            }
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Logged, Malformed> {
        let kind = input.u8()?;
        let (log, position) = (LogId(input.u64()?), input.u64()?);
        Ok(match kind {
            1 => Logged::Entry { log, position },
            2 | 3 => Logged::Cursor {
                log,
                name: Label::decode(input)?,
                position,
                closed: kind == 3,
            },
            _ => return Err(input.malformed()),
        })
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
            reader: None,
        })
    }
}
