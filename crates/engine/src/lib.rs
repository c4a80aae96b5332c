//! Durable primitives, deterministic: what must survive, and nothing about AWS.
//!
//! Read in this order: `ids` and `config` name things; `page` and `queue` are the state of a queue, `log` that of a log;
//! `record` is what the journal keeps and `shard` applies it; `plan` turns commands into records;
//! `worker` runs shards; `effect` and `outbox` carry effects between them; `checkpoint` and `restore` make
//! restarts short; `engine` is the handle that services hold, `threads` runs it all.
//!
//! Invariants: only `Shard::apply` changes state; neither planning nor applying does I/O; nothing
//! here reads a clock or a random number.

mod ids;
mod config;
mod limits;
mod codec;
mod kept;
mod page;
mod extra;
mod queue;
mod log;
mod index;
mod effect;
mod outbox;
mod publication;
mod delivery;
mod table;
mod record;
mod shard;
mod time;
mod arrival;
mod forgetting;
mod command;
mod log_command;
mod peek;
mod survey;
mod need;
mod plan;
mod parked;
mod worker;
mod station;
mod shared;
mod mailbox;
mod catalog;
mod row_key;
mod checkpoint;
mod checkpointer;
mod packing;
mod restore;
mod clock;
mod reply;
mod engine;
mod log_handle;
mod moves;
mod open;
mod threads;
mod manual;
#[cfg(feature = "planted-bugs")]
pub mod plant;

pub use catalog::{Catalog, Row};
pub use clock::Clock;
pub use command::{
    CatalogChange, CatalogEffect, Delivered, Expect, Outgoing, ReceiveRequest, Sent,
};
pub use config::{EngineError, LogConfig, QueueConfig, QueueKind, ReceiptError, Redrive};
pub use engine::{Engine, QueueHandle};
pub use ids::{LogId, MessageIdentity, QueueId, Receipt, SHARDS, Scope, ShardId};
pub use index::{Gauge, Usage};
pub use limits::{
    BODIES_PER_PUBLICATION_MAX, Budgets, LOG_ENTRY_BYTES_MAX, PUBLISHED_BODY_BYTES_MAX,
    TARGETS_PER_PUBLICATION_MAX,
};
pub use log::Cursor;
pub use log_handle::{
    Appended, LogBatch, LogEntry, LogHandle, LogPoint, LogRead, LogSpot, LogState,
};
pub use manual::{Advance, Manual};
pub use moves::{MoveOutcome, MoveProgress, MoveReport, MoveRequest};
pub use open::{Opened, Parts, Room, open};
pub use peek::{MessageState, PeekPage, PeekRequest, Peeked, States};
pub use publication::{AtEnd, CursorMove, Label, Logging, Publication, Published, Target};
pub use queue::{QueueCounts, QuietCounts};
pub use reply::{Promise, Reply, promise};
pub use survey::{QueueSurvey, SIZE_BOUNDS_BYTES, Sizes, Tally};
pub use threads::Running;
