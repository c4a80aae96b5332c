//! Keys of rows in the view: (shard, kind, internal id, number, generation), big-endian, so that
//! everything of one shard is one range. A row is never overwritten: every checkpoint writes under
//! a new generation, and a manifest names the generation that counts.

use std::ops::ControlFlow;

use waystation_storage::{StorageError, View};

use crate::ids::ShardId;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// Which rows of this shard count.
    Root = 1,
    /// A queue: settings, counters, its pages.
    Queue = 2,
    /// An index page.
    Page = 3,
    /// Deduplication entries as format 1 kept them.
    Deduplication = 4,
    /// Part of the catalog.
    Catalog = 5,
    /// Effects that wait in the outbox.
    OutboxChunk = 6,
    /// Entries of a deduplication bucket.
    DeduplicationRow = 7,
    /// The filter of a deduplication bucket.
    DeduplicationFilter = 8,
    /// An index page of a log.
    LogPage = 9,
    /// Part of a log's directory.
    LogBlock = 10,
    /// A log: settings, where it begins and ends, its directory.
    Log = 11,
}

/// The key of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowKey {
    pub(crate) shard: ShardId,
    pub(crate) kind: RowKind,
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) generation: u64,
}

/// First byte of keys that belong to a shard.
const SHARD_SPACE: u8 = 2;
/// First byte of manifests; one per shard, overwritten in place.
const MANIFEST_SPACE: u8 = 1;
/// First byte of intents: the generation a checkpoint under way writes.
const INTENT_SPACE: u8 = 0;

impl RowKey {
    /// The key as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(27);
        key.extend_from_slice(&[SHARD_SPACE, self.shard, self.kind as u8]);
        key.extend_from_slice(&self.id.to_be_bytes());
        key.extend_from_slice(&self.number.to_be_bytes());
        key.extend_from_slice(&self.generation.to_be_bytes());
        key
    }
}

/// Key of a shard's manifest.
pub(crate) fn manifest_key(shard: ShardId) -> Vec<u8> {
    vec![MANIFEST_SPACE, shard]
}

/// Key of a shard's intent.
pub(crate) fn intent_key(shard: ShardId) -> Vec<u8> {
    vec![INTENT_SPACE, shard]
}

/// All manifests: (shard, value).
pub(crate) fn manifests(view: &dyn View) -> Result<Vec<(ShardId, Vec<u8>)>, StorageError> {
    by_shard(view, MANIFEST_SPACE)
}

/// All intents: (shard, value).
pub(crate) fn intents(view: &dyn View) -> Result<Vec<(ShardId, Vec<u8>)>, StorageError> {
    by_shard(view, INTENT_SPACE)
}

fn by_shard(view: &dyn View, space: u8) -> Result<Vec<(ShardId, Vec<u8>)>, StorageError> {
    let mut found = Vec::new();
    view.scan(&[space], &mut |key, value| {
        if let [_, shard] = key {
            found.push((*shard, value.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Keys of a shard's rows that are younger than `generation`.
pub(crate) fn rows_after(
    view: &dyn View,
    shard: ShardId,
    generation: u64,
) -> Result<Vec<Vec<u8>>, StorageError> {
    let mut found = Vec::new();
    view.scan(&[SHARD_SPACE, shard], &mut |key, _| {
        let of = key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        if of.is_some_and(|of| of > generation) {
            found.push(key.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
