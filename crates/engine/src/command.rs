//! What callers ask of a shard, and what they get. Shapes only; `plan` decides.

use bytes::Bytes;
use waystation_storage::BodyRef;

use crate::config::{EngineError, LogConfig, QueueConfig, ReceiptError};
use crate::ids::{LogId, MessageIdentity, QueueId, Receipt, Resource, ShardId};
use crate::log::Cursor;
use crate::log_command::LogCommand;
use crate::moves::{MoveReport, MoveRequest};
use crate::peek::{Glimpse, PeekRequest};
use crate::publication::{Label, Publication, PublishReply, Published};
use crate::queue::QueueCounts;
use crate::reply::Promise;
use crate::survey::QueueSurvey;

/// A message to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The caller's own encoding of everything it wants back; opaque to the engine.
    pub body: Bytes,
    /// Own delay in milliseconds; otherwise the queue's.
    pub delay_ms: Option<u64>,
    /// 48-bit hash of the message group; `None` on standard queues without one.
    pub group: Option<u64>,
    /// 128-bit hash of scope and deduplication id.
    pub dedup: Option<u128>,
    /// Size as the sender counts it; only tallied.
    pub size_bytes: u32,
}

/// A message was accepted, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its sequence in the queue; grows with every message of the queue.
    pub sequence: u64,
    /// Its identity for life.
    pub identity: MessageIdentity,
    /// Engine time of the send.
    pub sent_ms: u64,
    /// Nothing was stored: this is the answer to the original send (`SQS-269`).
    pub duplicate: bool,
}

/// What to receive.
#[derive(Clone, Debug)]
pub struct ReceiveRequest {
    /// At most so many messages, 1 to 10. With 0 nothing is received, at once: what was received too often goes to the
    /// dead-letter queue, without waiting for a receive to meet it.
    pub max: usize,
    /// How long they stay invisible; 0 shows them without hiding.
    pub visibility_ms: u64,
    /// How long to wait for a first message; 0 answers at once.
    pub wait_ms: u64,
    /// 128-bit hash of the receive request attempt id.
    pub attempt: Option<u128>,
}

/// A message of a receive before its body is read.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    pub(crate) sequence: u64,
    pub(crate) identity: MessageIdentity,
    /// Who the journal knows the body by.
    pub(crate) owner: MessageIdentity,
    pub(crate) body: BodyRef,
    pub(crate) receive_count: u32,
    pub(crate) sent_ms: u64,
    pub(crate) first_received_ms: u64,
    pub(crate) receipt: Receipt,
    pub(crate) moved_from: Option<QueueId>,
    pub(crate) label: Option<Label>,
}

/// A message as a receive returns it.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its sequence in this queue.
    pub sequence: u64,
    /// Its identity; unchanged by dead-letter moves, new after a move task.
    pub identity: MessageIdentity,
    /// What the sender gave.
    pub body: Bytes,
    /// Receives so far, this one included.
    pub receive_count: u32,
    /// Engine time of the send.
    pub sent_ms: u64,
    /// Engine time of the first receive.
    pub first_received_ms: u64,
    /// Proof of this receive.
    pub receipt: Receipt,
    /// The queue a dead-letter move brought it from.
    pub moved_from: Option<QueueId>,
    /// What a publisher labelled it with.
    pub label: Option<Label>,
}

/// What must hold of a catalog row before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is none.
    Absent,
    /// It has this version.
    Version(u64),
    /// Anything.
    Any,
}

/// What a catalog write does to queues and logs, exactly once.
#[derive(Clone, Debug)]
pub enum CatalogEffect {
    /// Create the queue, or change its settings.
    Configure(QueueId, QueueConfig),
    /// Delete it with everything in it.
    Remove(QueueId),
    /// Create the log, or change its settings.
    ConfigureLog(LogId, LogConfig),
    /// The log takes no more entries; it keeps those it has.
    SealLog(LogId),
    /// Delete it with everything in it.
    RemoveLog(LogId),
    /// Open a cursor of the log, unless one of this name is as new; its reader then gets what the log gets from the
    /// cursor alone.
    OpenCursor(LogId, Label, Cursor),
    /// The log has no such cursor any more.
    CloseCursor(LogId, Label),
}

/// One row of a catalog write.
#[derive(Clone, Debug)]
pub struct CatalogChange {
    /// The row, within its scope.
    pub path: Vec<u8>,
    /// What must hold of it.
    pub expect: Expect,
    /// New value; `None` deletes.
    pub value: Option<Bytes>,
    /// What it means for queues and logs, in this order.
    pub effects: Vec<CatalogEffect>,
}

/// Effects to await: (destination, number on the lane from the shard that answers).
pub(crate) type Awaited = Vec<(ShardId, u64)>;

pub(crate) type SendReply = Result<Vec<Result<Sent, EngineError>>, EngineError>;
pub(crate) type ReceiptsReply = Result<Vec<Result<(), ReceiptError>>, EngineError>;

/// A command in a shard's inbox, with the promise of its answer.
#[derive(Debug)]
pub(crate) enum Command {
    Send {
        queue: QueueId,
        messages: Vec<Outgoing>,
        /// Of the first messages, when the command was planned before and something had to be read.
        results: Vec<Result<Sent, EngineError>>,
        promise: Promise<SendReply>,
    },
    Publish {
        topic: QueueId,
        publications: Vec<Publication>,
        /// Of those that are done already.
        results: Vec<Result<Published, EngineError>>,
        promise: Promise<PublishReply>,
    },
    Receive {
        queue: QueueId,
        request: ReceiveRequest,
        /// Engine time at which an empty answer is due; set when the command is first planned.
        deadline_ms: Option<u64>,
        promise: Promise<Result<Vec<Leased>, EngineError>>,
    },
    Delete {
        queue: QueueId,
        receipts: Vec<Receipt>,
        promise: Promise<ReceiptsReply>,
    },
    ChangeVisibility {
        queue: QueueId,
        changes: Vec<(Receipt, u64)>,
        promise: Promise<ReceiptsReply>,
    },
    Purge {
        queue: QueueId,
        promise: Promise<Result<(), EngineError>>,
    },
    Peek {
        queue: QueueId,
        request: PeekRequest,
        promise: Promise<Result<Glimpse, EngineError>>,
    },
    Counts {
        queue: QueueId,
        promise: Promise<Result<QueueCounts, EngineError>>,
    },
    Log {
        log: LogId,
        ask: LogCommand,
    },
    Move {
        queue: QueueId,
        request: MoveRequest,
        promise: Promise<Result<(MoveReport, Awaited), EngineError>>,
    },
    Survey {
        shard: ShardId,
        promise: Promise<Result<Vec<QueueSurvey>, EngineError>>,
    },
    WriteCatalog {
        /// Full keys.
        changes: Vec<CatalogChange>,
        shard: ShardId,
        promise: Promise<Result<(u64, Awaited), EngineError>>,
    },
    /// Answered with the number of the last effect that waits here for `source` in turn.
    AwaitEffect {
        shard: ShardId,
        source: ShardId,
        through: u64,
        promise: Promise<Result<u64, EngineError>>,
    },
    MoveClock {
        offset_ms: i64,
        promise: Promise<Result<(), EngineError>>,
    },
}

impl Command {
    /// The shard that must plan it.
    pub(crate) fn shard(&self) -> ShardId {
        match self {
            Command::Send { queue, .. }
            | Command::Receive { queue, .. }
            | Command::Delete { queue, .. }
            | Command::ChangeVisibility { queue, .. }
            | Command::Purge { queue, .. }
            | Command::Peek { queue, .. }
            | Command::Move { queue, .. }
            | Command::Publish { topic: queue, .. }
            | Command::Counts { queue, .. } => queue.shard(),
            Command::Log { log, .. } => log.shard(),
            Command::Survey { shard, .. }
            | Command::WriteCatalog { shard, .. }
            | Command::AwaitEffect { shard, .. } => *shard,
            Command::MoveClock { .. } => 0,
        }
    }

    /// The wait of a receive or a read begins, unless it has begun.
    pub(crate) fn begin_waiting(&mut self, now_ms: u64) {
        match self {
            Command::Receive {
                request,
                deadline_ms,
                ..
            } => {
                deadline_ms.get_or_insert(now_ms + request.wait_ms);
            }
            Command::Log { ask, .. } => ask.begin_waiting(now_ms),
            _ => {}
        }
    }

    /// What a receive or a read waits on, and until when.
    pub(crate) fn waits(&self) -> Option<(Resource, u64)> {
        match self {
            Command::Receive {
                queue, deadline_ms, ..
            } => Some((Resource::Queue(*queue), deadline_ms.unwrap_or(0))),
            Command::Log { log, ask } => Some((Resource::Log(*log), ask.deadline_ms()?)),
            _ => None,
        }
    }

    /// Answers a receive or a read as if its time were up.
    pub(crate) fn answer_empty(self) {
        match self {
            Command::Receive { promise, .. } => promise.fill(Ok(Vec::new())),
            Command::Log { ask, .. } => ask.answer_empty(),
            _ => {}
        }
    }

    /// Answers that the engine stops.
    pub(crate) fn refuse(self, error: EngineError) {
        match self {
            Command::Send { promise, .. } => promise.fill(Err(error)),
            Command::Publish { promise, .. } => promise.fill(Err(error)),
            Command::Receive { promise, .. } => promise.fill(Err(error)),
            Command::Delete { promise, .. } | Command::ChangeVisibility { promise, .. } => {
                promise.fill(Err(error));
            }
            Command::Purge { promise, .. } | Command::MoveClock { promise, .. } => {
                promise.fill(Err(error));
            }
            Command::Peek { promise, .. } => promise.fill(Err(error)),
            Command::Counts { promise, .. } => promise.fill(Err(error)),
            Command::Log { ask, .. } => ask.refuse(error),
            Command::Survey { promise, .. } => promise.fill(Err(error)),
            Command::WriteCatalog { promise, .. } => promise.fill(Err(error)),
            Command::Move { promise, .. } => promise.fill(Err(error)),
            Command::AwaitEffect { promise, .. } => promise.fill(Err(error)),
        }
    }
}
