//! Names of things inside the engine: queues, logs, shards, scopes, messages, receipts.
//!
//! An id carries its shard in the top byte, so that a command finds its shard without a table and
//! moving a shard to another core or node renames nothing.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{Malformed, Reader, Writer};

/// Index of a virtual shard, `0..=255`; there are always 256, on one core as on many.
pub type ShardId = u8;

/// Number of virtual shards.
pub const SHARDS: usize = 256;

/// A queue: its top byte is the shard it lives on, the rest is random and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

impl QueueId {
    /// The shard that owns this queue.
    pub fn shard(self) -> ShardId {
        (self.0 >> 56) as ShardId
    }
}

/// A log: its top byte is the shard it lives on, the rest comes from the same counter as queues' ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u64);

impl LogId {
    /// The shard that owns this log.
    pub fn shard(self) -> ShardId {
        (self.0 >> 56) as ShardId
    }
}

/// What callers wait on, what has pages, and what retention looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Resource {
    Queue(QueueId),
    Log(LogId),
}

impl Resource {
    /// The shard it lives on.
    pub(crate) fn shard(self) -> ShardId {
        match self {
            Resource::Queue(queue) => queue.shard(),
            Resource::Log(log) => log.shard(),
        }
    }
}

/// Identity of a message: the queue it was first sent to and its sequence there. Dead-letter moves do
/// not change it; after a move task the message is a new one (`SQS-355`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageIdentity {
    /// Queue of the original send.
    pub queue: QueueId,
    /// Sequence in that queue.
    pub sequence: u64,
}

impl MessageIdentity {
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.queue.0).u64(self.sequence);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<MessageIdentity, Malformed> {
        Ok(MessageIdentity {
            queue: QueueId(input.u64()?),
            sequence: input.u64()?,
        })
    }
}

/// Proof of one receive of one message. `tag` carries the boot epoch in its upper half, so a
/// receive that a crash forgot never shares a receipt with a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Sequence of the message in the queue it was received from.
    pub sequence: u64,
    /// Epoch (upper 32 bits) and counter (lower 32 bits).
    pub tag: u64,
}

/// An account and region: what lies in one scope is never seen from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    text: Arc<str>,
}

impl Scope {
    /// The scope of an account and a region.
    pub fn new(account: &str, region: &str) -> Scope {
        Scope {
            text: format!("{account}/{region}").into(),
        }
    }

    /// The scope of a key made by `key`; `None` for any other.
    pub(crate) fn of_key(key: &[u8]) -> Option<Scope> {
        let text = key.split(|byte| *byte == 0).next()?;
        let (account, region) = std::str::from_utf8(text).ok()?.split_once('/')?;
        Some(Scope::new(account, region))
    }

    /// The account.
    pub fn account(&self) -> &str {
        self.text.split('/').next().unwrap_or_default()
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.text.split_once('/').map_or("", |(_, region)| region)
    }

    /// The shard that holds the catalog of this scope.
    pub fn shard(&self) -> ShardId {
        (xxh3_64(self.text.as_bytes()) & 0xff) as ShardId
    }

    /// The key of `path` in the shard's table: scope text, a zero byte, path.
    pub(crate) fn key(&self, path: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.text.len() + 1 + path.len());
        key.extend_from_slice(self.text.as_bytes());
        key.push(0);
        key.extend_from_slice(path);
        key
    }
}
