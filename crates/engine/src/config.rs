//! What a queue or a log promises, as far as the engine must know it, and the errors of its callers.

use crate::codec::{Malformed, Reader, Writer};
use crate::ids::QueueId;

/// Order and deduplication of a queue; fixed for its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// At least once, best-effort order.
    Standard,
    /// In order per group, deduplicated.
    Fifo,
}

/// Where messages go that were received too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue.
    pub target: QueueId,
    /// A receive that would exceed this count moves the message instead (`SQS-315`).
    pub receives_max: u16,
}

/// Settings of a queue that decide what happens to its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Standard or FIFO.
    pub kind: QueueKind,
    /// Age at which a message is removed, in milliseconds since its send.
    pub retention_ms: u64,
    /// Delay of messages that bring none of their own, in milliseconds.
    pub delay_ms: u64,
    /// Dead-letter rule.
    pub redrive: Option<Redrive>,
}

impl QueueConfig {
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u8(match self.kind {
            QueueKind::Standard => 0,
            QueueKind::Fifo => 1,
        });
        out.u64(self.retention_ms).u64(self.delay_ms);
        out.option(self.redrive.as_ref(), |out, redrive| {
            out.u64(redrive.target.0).u16(redrive.receives_max);
        });
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<QueueConfig, Malformed> {
        let kind = match input.u8()? {
            0 => QueueKind::Standard,
            1 => QueueKind::Fifo,
            _ => return Err(input.malformed()),
        };
        Ok(QueueConfig {
            kind,
            retention_ms: input.u64()?,
            delay_ms: input.u64()?,
            redrive: input.option(|input| {
                Ok(Redrive {
                    target: QueueId(input.u64()?),
                    receives_max: input.u16()?,
                })
            })?,
        })
    }
}

/// Settings of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Age beyond which an entry is no longer readable, in milliseconds since it was appended.
    pub retention_ms: u64,
}

impl LogConfig {
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.retention_ms);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<LogConfig, Malformed> {
        Ok(LogConfig {
            retention_ms: input.u64()?,
        })
    }
}

/// Why the engine did not do what it was asked; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineError {
    /// No such queue, or it was deleted while the command waited.
    QueueMissing,
    /// No such log, or it was removed while the command waited.
    NoSuchLog,
    /// The log takes no more entries.
    LogSealed,
    /// The log has no such cursor, or it stands elsewhere.
    NoSuchCursor,
    /// A catalog row was not in the expected state.
    Conflict {
        /// Path of the row within its scope.
        path: Vec<u8>,
    },
    /// The disk is full; room for consuming is kept, producing may be tried again later.
    StorageFull,
    /// A node-wide budget is used up; try again later.
    Overloaded,
    /// The queue has as many messages in flight as it may have.
    InFlightLimit,
    /// The message is larger than the journal takes.
    TooLarge,
    /// The engine is shutting down.
    Stopping,
    /// The message's body could not be read back; the message of the storage error.
    Unreadable(String),
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EngineError::QueueMissing => f.write_str("the queue does not exist"),
            EngineError::NoSuchLog => f.write_str("the log does not exist"),
            EngineError::LogSealed => f.write_str("the log is sealed"),
            EngineError::NoSuchCursor => f.write_str("the cursor stands elsewhere"),
            EngineError::Conflict { .. } => f.write_str("the resource was changed meanwhile"),
            EngineError::StorageFull => f.write_str("the disk is full"),
            EngineError::Overloaded => f.write_str("a limit of this node is reached"),
            EngineError::InFlightLimit => f.write_str("too many messages are in flight"),
            EngineError::TooLarge => f.write_str("the message is too large to be stored"),
            EngineError::Stopping => f.write_str("the server is shutting down"),
            EngineError::Unreadable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EngineError {}

/// Why one receipt could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// FIFO: the visibility timeout of that receive is over (`SQS-241`).
    Expired,
    /// The message does not exist any more (`SQS-230`).
    Missing,
    /// The message would stay invisible for more than twelve hours (`SQS-225`).
    BeyondLimit,
}
