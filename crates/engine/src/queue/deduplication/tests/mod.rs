//! Deduplication from the outside of its module: what is found, what is read for it, what a checkpoint writes.

mod buckets;
mod filters;
mod places;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use waystation_storage::{StorageError, View, ViewWrite};

use super::{Deduplication, Images, Lookup, decode_entries};
use crate::ids::QueueId;
use crate::index::{ShardIndex, Usage};

pub(super) const QUEUE: QueueId = QueueId(7 << 56 | 1);
pub(super) const WINDOW_MS: u64 = 300_000;

/// Random numbers from `WAYSTATION_SEED`, or from a fresh seed; printed either way.
#[expect(clippy::disallowed_methods, reason = "a failing seed is given by hand")]
pub(super) fn seeded(test: &str) -> fastrand::Rng {
    let given = std::env::var("WAYSTATION_SEED").ok();
    let given = given.and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{test}: WAYSTATION_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Rows in memory.
#[derive(Default)]
pub(super) struct Rows(Mutex<BTreeMap<Vec<u8>, Bytes>>);

impl View for Rows {
    fn write(&self, batch: &[ViewWrite]) -> Result<(), StorageError> {
        let mut rows = self.0.lock().unwrap();
        for (key, value) in batch {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn scan(
        &self,
        _: &[u8],
        _: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        unreachable!("nothing here scans")
    }

    fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The memory of one queue on one shard, with a view beneath it.
pub(super) struct Bench {
    pub(super) index: ShardIndex,
    pub(super) memory: Deduplication,
    pub(super) rows: Rows,
    pub(super) generation: u64,
    pub(super) reads: u64,
}

impl Bench {
    pub(super) fn new(bucket_entries_max: u32) -> Bench {
        let mut index = ShardIndex::new(Arc::new(Usage::default()), 1 << 26);
        index.bucket_entries_max = bucket_entries_max;
        Bench {
            index,
            memory: Deduplication::new(QUEUE),
            rows: Rows::default(),
            generation: 0,
            reads: 0,
        }
    }

    pub(super) fn remember(&mut self, id: u128, sequence: u64, now_ms: u64) {
        self.memory.pass_time(now_ms, &mut self.index);
        self.memory.remember(id, sequence, now_ms, &self.index);
    }

    /// Writes what changed; nothing counts before `seal`.
    pub(super) fn capture(&mut self) -> Images {
        self.generation += 1;
        let mut images = Images::of(QUEUE.shard());
        let generation = self.generation;
        for key in self.memory.capture(QUEUE.shard(), generation, &mut images) {
            self.rows.write(&[(key.bytes(), None)]).unwrap();
        }
        while images.write(&self.rows).unwrap() {}
        images
    }

    pub(super) fn seal(&mut self, mut images: Images) {
        let usage = self.index.usage.clone();
        for (_, bucket, filter) in images.take_filters() {
            self.memory.install_filter(bucket, filter, &usage);
        }
        self.memory.sealed(self.generation);
    }

    /// A whole checkpoint, after which nothing stays in memory that need not.
    pub(super) fn spill(&mut self) {
        let images = self.capture();
        self.seal(images);
        self.memory.evict(0, &self.index.usage);
    }

    /// Looks for an id and reads whatever that needs.
    pub(super) fn find(&mut self, id: u128, now_ms: u64) -> Lookup {
        loop {
            let cache = &self.index.deduplication_rows;
            let Lookup::Unread { bucket, row } = self.memory.find(id, now_ms, cache) else {
                return self.memory.find(id, now_ms, cache);
            };
            self.reads += 1;
            let key = self.memory.row_key(QUEUE.shard(), bucket, row).unwrap();
            let bytes = self.rows.get(&key.bytes()).unwrap().unwrap();
            let entries = Arc::new(decode_entries(&bytes).unwrap());
            let (place, usage) = ((QUEUE, bucket, row), self.index.usage.clone());
            self.index.deduplication_rows.insert(place, entries, &usage);
        }
    }

    /// (remembered ids, bytes of memory)
    pub(super) fn usage(&self) -> (u64, u64) {
        let usage = &self.index.usage;
        (
            usage.deduplication_entries.get(),
            usage.deduplication_bytes.get(),
        )
    }
}
