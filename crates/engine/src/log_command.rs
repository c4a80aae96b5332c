//! What callers ask of a log, on its way to the shard. Shapes only; `plan` decides.

use bytes::Bytes;

use crate::config::EngineError;
use crate::log::{Cursor, Found, Spot};
use crate::log_handle::{Appended, LogRead, LogSpot, LogState};
use crate::publication::Label;
use crate::reply::Promise;

/// A question to a log, with the promise of its answer.
#[derive(Debug)]
pub(crate) enum LogCommand {
    Append {
        bodies: Vec<Bytes>,
        promise: Promise<Result<Vec<Appended>, EngineError>>,
    },
    Read {
        read: LogRead,
        /// Engine time at which an empty answer is due; set when the command is first planned.
        deadline_ms: Option<u64>,
        promise: Promise<Result<Found, EngineError>>,
    },
    Locate {
        spot: LogSpot,
        promise: Promise<Result<Spot, EngineError>>,
    },
    State {
        promise: Promise<Result<LogState, EngineError>>,
    },
    Cursor {
        name: Label,
        promise: Promise<Result<Option<Cursor>, EngineError>>,
    },
    Trim {
        before: u64,
        promise: Promise<Result<(), EngineError>>,
    },
}

impl LogCommand {
    /// A read's wait begins, unless it has begun.
    pub(crate) fn begin_waiting(&mut self, now_ms: u64) {
        if let LogCommand::Read {
            read, deadline_ms, ..
        } = self
        {
            deadline_ms.get_or_insert(now_ms.saturating_add(read.wait_ms));
        }
    }

    /// Until when a read waits.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match self {
            LogCommand::Read { deadline_ms, .. } => *deadline_ms,
            _ => None,
        }
    }

    /// Answers a read as if its time were up.
    pub(crate) fn answer_empty(self) {
        if let LogCommand::Read { read, promise, .. } = self {
            promise.fill(Ok(Found {
                next: read.from,
                at_tip: true,
                ..Found::default()
            }));
        }
    }

    /// Answers that nothing was done.
    pub(crate) fn refuse(self, error: EngineError) {
        match self {
            LogCommand::Append { promise, .. } => promise.fill(Err(error)),
            LogCommand::Read { promise, .. } => promise.fill(Err(error)),
            LogCommand::Locate { promise, .. } => promise.fill(Err(error)),
            LogCommand::State { promise } => promise.fill(Err(error)),
            LogCommand::Cursor { promise, .. } => promise.fill(Err(error)),
            LogCommand::Trim { promise, .. } => promise.fill(Err(error)),
        }
    }
}
