//! A log as services hold it: append, read from a position, find a place, trim.
//!
//! Creating, configuring, sealing and removing a log are effects of a catalog write (`CatalogEffect`), so a name and
//! its logs change together.

use bytes::Bytes;
use waystation_storage::StorageError;

use crate::command::Command;
use crate::config::EngineError;
use crate::engine::{Engine, answer};
use crate::ids::{LogId, QueueId};
use crate::log::{Cursor, Found, Spot};
use crate::log_command::LogCommand;
use crate::publication::Label;
use crate::reply::{Promise, Reply};

/// An entry was appended, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number in the log, from 0, without gaps.
    pub position: u64,
    /// Engine time of the append; never less than that of the entry before it.
    pub time_ms: u64,
}

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRead {
    /// Position to start at; one that is no longer readable starts at the oldest that is.
    pub from: u64,
    /// At most so many entries, at least one.
    pub entries_max: usize,
    /// At most so many bytes of bodies; the first entry comes even if it is larger.
    pub bytes_max: u64,
    /// How long to wait at the end of the log for an entry; 0 answers at once.
    pub wait_ms: u64,
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number in the log.
    pub position: u64,
    /// Engine time of the append.
    pub time_ms: u64,
    /// What the writer gave.
    pub body: Bytes,
}

/// A part of a log, in order. It may have fewer entries than asked for and yet not reach the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// Entries whose positions follow each other.
    pub entries: Vec<LogEntry>,
    /// Position to go on at.
    pub next: u64,
    /// There was no entry at `next` at that moment.
    pub at_tip: bool,
    /// The log is sealed and has no entry at `next`: nothing more will come.
    pub ended: bool,
    /// Time of the newest entry the log ever got, which a crash may still take back; it says how far behind a reader is.
    pub newest_ms: Option<u64>,
}

/// A place in a log that is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSpot {
    /// The oldest readable entry.
    Horizon,
    /// After the newest entry.
    Tip,
    /// The first readable entry that was appended at this engine time or later.
    Time(u64),
    /// The entry at this position, or the first readable one after it.
    Position(u64),
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPoint {
    /// Where to read from.
    pub position: u64,
    /// Time of the entry there; `None` at the end of the log.
    pub time_ms: Option<u64>,
}

/// How a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Position of the oldest readable entry; `next` when there is none.
    pub first: u64,
    /// Position the next entry gets.
    pub next: u64,
    /// It takes no more entries.
    pub sealed: bool,
    /// Time of the newest entry it ever got.
    pub newest_ms: Option<u64>,
    /// Bytes of bodies it keeps, those of a part of the oldest page that is no longer readable included.
    pub bytes: u64,
}

/// One log of an engine.
#[derive(Clone, Debug)]
pub struct LogHandle {
    engine: Engine,
    id: LogId,
}

impl Engine {
    /// A log by its id; whether it exists shows when it is used.
    pub fn log(&self, id: LogId) -> LogHandle {
        LogHandle {
            engine: self.clone(),
            id,
        }
    }

    /// A log id that was never used and never will be again.
    pub fn new_log_id(&self) -> LogId {
        LogId(self.new_queue_id().0)
    }

    /// The same, of a log that lives on the shard of a topic, so that a publish and an entry are one record.
    pub fn new_log_id_beside(&self, topic: QueueId) -> LogId {
        let low = self.new_queue_id().0 & (u64::MAX >> 8);
        LogId(u64::from(topic.shard()) << 56 | low)
    }
}

impl LogHandle {
    fn ask<T>(&self, make: impl FnOnce(Promise<T>) -> LogCommand) -> Reply<T> {
        let log = self.id;
        self.engine.ask(|promise| Command::Log {
            log,
            ask: make(promise),
        })
    }

    /// Appends entries, which get positions that follow each other; durable when it resolves. An answer shorter than
    /// what was given says that the disk filled up in between: the rest is not in the log.
    ///
    /// Errors, by which nothing was appended: `NoSuchLog`, `LogSealed`, `TooLarge` for an entry beyond 16 MiB,
    /// `StorageFull`, `Stopping`.
    pub async fn append(&self, bodies: Vec<Bytes>) -> Result<Vec<Appended>, EngineError> {
        answer(self.ask(|promise| LogCommand::Append { bodies, promise })).await
    }

    /// Reads entries in order; at the end of the log it waits if told to. A wait ends with an empty batch when its
    /// time is up or the log is sealed, and with `NoSuchLog` when the log is removed.
    ///
    /// Entries that went between finding and reading them are left out. An entry that cannot be read back ends the batch
    /// before it; when it is the first, the answer is `Unreadable`.
    pub async fn read(&self, read: LogRead) -> Result<LogBatch, EngineError> {
        let found = self.ask(|promise| LogCommand::Read {
            read,
            deadline_ms: None,
            promise,
        });
        let found = answer(found).await?;
        let (log, located) = (self.id.0, found.entries.iter());
        let bodies = located.map(|entry| (entry.body, log, entry.position));
        let bodies = self.engine.bodies(bodies.collect()).await?;
        batch(found, bodies)
    }

    /// Finds a place.
    pub async fn locate(&self, spot: LogSpot) -> Result<LogPoint, EngineError> {
        let Spot { position, time_ms } =
            answer(self.ask(|promise| LogCommand::Locate { spot, promise })).await?;
        Ok(LogPoint { position, time_ms })
    }

    /// How the log stands.
    pub async fn state(&self) -> Result<LogState, EngineError> {
        answer(self.ask(|promise| LogCommand::State { promise })).await
    }

    /// The cursor of this name, unless it is closed or was never opened.
    pub async fn cursor(&self, name: Label) -> Result<Option<Cursor>, EngineError> {
        answer(self.ask(|promise| LogCommand::Cursor { name, promise })).await
    }

    /// Removes the entries before a position, durably.
    pub async fn trim(&self, before: u64) -> Result<(), EngineError> {
        answer(self.ask(|promise| LogCommand::Trim { before, promise })).await
    }
}

/// Puts bodies to what was found.
fn batch(found: Found, bodies: Vec<Result<Bytes, StorageError>>) -> Result<LogBatch, EngineError> {
    let mut batch = LogBatch {
        entries: Vec::with_capacity(bodies.len()),
        next: found.next,
        at_tip: found.at_tip,
        ended: found.ended,
        newest_ms: found.newest_ms,
    };
    for (entry, body) in found.entries.into_iter().zip(bodies) {
        match body {
            Ok(body) => batch.entries.push(LogEntry {
                position: entry.position,
                time_ms: entry.time_ms,
                body,
            }),
            // Trimmed since, and its segment is gone already: so is everything before it.
            Err(StorageError::BodyMissing { .. }) => batch.entries.clear(),
            Err(error) if batch.entries.is_empty() => {
                return Err(EngineError::Unreadable(error.to_string()));
            }
            Err(_) => {
                batch.next = entry.position;
                batch.at_tip = false;
                batch.ended = false;
                break;
            }
        }
    }
    Ok(batch)
}
