//! Buckets as a checkpoint writes them: in rows, and closed ones in order of id with a filter.
//!
//! The shard hands out entries by reference. Sorting them and building filters takes milliseconds, so the
//! checkpointer does it, one bucket at a time.

use std::sync::Arc;

use bytes::Bytes;
use waystation_storage::{StorageError, View, ViewWrite};

use super::bucket::{Order, Written};
use super::filter::Filter;
use super::packed::Packed;
use super::resident::Blocks;
use super::rows::encode_entries;
use crate::ids::{QueueId, ShardId};
use crate::limits::{CHECKPOINT_BATCH_BYTES, DEDUPLICATION_ROW_ENTRIES};
use crate::row_key::RowKey;

/// Filters that were built: queue, bucket, filter.
pub(crate) type Filters = Vec<(QueueId, u64, Arc<Filter>)>;

/// One bucket as it was captured.
#[derive(Debug)]
pub(crate) struct Image {
    bucket: u64,
    written: Written,
    blocks: Blocks,
}

impl Image {
    pub(super) fn new(bucket: u64, written: Written, blocks: Blocks) -> Image {
        Image {
            bucket,
            written,
            blocks,
        }
    }

    /// Its entries in the order of the rows.
    fn entries(&self) -> Vec<Packed> {
        let mut entries = self.blocks.iter().map(|block| block.as_slice());
        let mut all = entries.next().unwrap_or_default().to_vec();
        all.reserve_exact(self.written.count as usize - all.len());
        entries.for_each(|block| all.extend_from_slice(block));
        assert_eq!(all.len(), self.written.count as usize);
        if self.written.order == Order::Id {
            all.sort_unstable();
        }
        all
    }
}

/// Buckets of one shard on their way into the view.
#[derive(Debug)]
pub(crate) struct Images {
    shard: ShardId,
    images: Vec<(QueueId, Image)>,
    /// First image that is not written, and how many of its rows are.
    next: usize,
    rows: usize,
    /// Entries of that image, once they are in order.
    entries: Option<Vec<Packed>>,
    filters: Filters,
}

impl Images {
    /// Nothing of this shard yet.
    pub(crate) fn of(shard: ShardId) -> Images {
        Images {
            shard,
            images: Vec::new(),
            next: 0,
            rows: 0,
            entries: None,
            filters: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, queue: QueueId, image: Image) {
        self.images.push((queue, image));
    }

    /// Keys of all their rows.
    pub(crate) fn keys(&self) -> Vec<RowKey> {
        let images = self.images.iter();
        let keys = images.map(|(queue, i)| i.written.keys(self.shard, *queue, i.bucket));
        keys.flatten().collect()
    }

    /// What the shard gets when the checkpoint is sealed.
    pub(crate) fn take_filters(&mut self) -> Filters {
        std::mem::take(&mut self.filters)
    }

    /// Writes a batch of rows; false when there is nothing left to write.
    pub(crate) fn write(&mut self, view: &dyn View) -> Result<bool, StorageError> {
        let mut batch: Vec<ViewWrite> = Vec::new();
        let mut bytes = 0;
        let (mut next, mut rows) = (self.next, self.rows);
        let mut entries = self.entries.take();
        let mut filters = Vec::new();
        while bytes < CHECKPOINT_BATCH_BYTES
            && let Some((queue, image)) = self.images.get(next)
        {
            let all = entries.get_or_insert_with(|| image.entries());
            let written = &image.written;
            let (key, value) = match all.chunks(DEDUPLICATION_ROW_ENTRIES).nth(rows) {
                Some(row) => {
                    let key = written.entries_key(self.shard, *queue, image.bucket, rows as u32);
                    rows += 1;
                    (key, encode_entries(row.iter()))
                }
                None => {
                    let sorted = entries.take().unwrap_or_default();
                    (next, rows) = (next + 1, 0);
                    if written.order == Order::Arrival {
                        continue;
                    }
                    let filter = Filter::build(&sorted);
                    let value = filter.encode();
                    filters.push((*queue, image.bucket, Arc::new(filter)));
                    let key = written.filter_key(self.shard, *queue, image.bucket);
                    (key, value)
                }
            };
            bytes += value.len();
            batch.push((key.bytes(), Some(Bytes::from(value))));
        }
        if batch.is_empty() {
            return Ok(false);
        }
        view.write(&batch)?;
        for (_, image) in self.images.iter_mut().take(next).skip(self.next) {
            image.blocks = Blocks::new();
        }
        (self.next, self.rows, self.entries) = (next, rows, entries);
        self.filters.extend(filters);
        Ok(true)
    }
}
