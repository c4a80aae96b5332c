//! Which deduplication ids a FIFO queue has seen in the last five minutes (`SQS-268`..`SQS-279`).
//!
//! Entries lie in buckets in order of time; only the youngest is open. A closed bucket spills: its entries are in
//! rows of the view (`image`), in memory stays a filter that names the row (`filter`), and rows that were read lately
//! (`cache`). An id that nobody sent before is known as new without reading anything. Purging forgets everything
//! (`SQS-276`).

mod bucket;
mod cache;
mod filter;
mod image;
mod packed;
mod resident;
mod restored;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use bucket::{Bucket, Look, Written};
pub(crate) use cache::{Row, RowCache};
pub(crate) use filter::Filter;
pub(crate) use image::{Filters, Images};
pub(crate) use restored::Listed;
pub(crate) use rows::decode_entries;

use crate::ids::{QueueId, ShardId};
use crate::index::{ShardIndex, Usage};
use crate::limits::DEDUPLICATION_WINDOW_MS;
use crate::row_key::{RowKey, RowKind};

/// Rows that nothing names any more.
#[derive(Debug)]
enum Dropped {
    Bucket(u64, Written),
    /// A chunk of format 1: number and generation.
    Chunk(u64, u64),
}

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Nobody sent it within the window.
    New,
    /// Somebody did.
    Seen { sequence: u64, at_ms: u64 },
    /// This row of this bucket must be read to know.
    Unread { bucket: u64, row: u32 },
}

/// The memory of one queue.
#[derive(Debug)]
pub(crate) struct Deduplication {
    queue: QueueId,
    /// Oldest first.
    buckets: VecDeque<Bucket>,
    next_bucket: u64,
    /// Rows to remove at the next checkpoint.
    dropped: Vec<Dropped>,
}

impl Deduplication {
    /// A queue that has seen nothing.
    pub(crate) fn new(queue: QueueId) -> Deduplication {
        Deduplication {
            queue,
            buckets: VecDeque::new(),
            next_bucket: 0,
            dropped: Vec::new(),
        }
    }

    /// Whether `id` was seen within the window, youngest buckets first.
    ///
    /// A fresh id passes a filter by mistake once in thousands of sends, and ids are keyed hashes, so that nobody can
    /// make one that needs more rows at once than the cache holds.
    pub(crate) fn find(&self, id: u128, now_ms: u64, cache: &RowCache) -> Lookup {
        let spilled = self
            .buckets
            .iter()
            .filter(|bucket| bucket.resident.is_none());
        let filters = spilled.filter_map(|bucket| bucket.filter.as_ref());
        let touched = filters.fold(0, |touched, filter| touched ^ filter.touch(id));
        std::hint::black_box(touched);
        for bucket in self.buckets.iter().rev() {
            if bucket.last_ms + DEDUPLICATION_WINDOW_MS <= now_ms {
                break;
            }
            match bucket.look(id, self.queue, cache) {
                Look::Absent => {}
                Look::Seen(sequence, at_ms) if at_ms + DEDUPLICATION_WINDOW_MS > now_ms => {
                    return Lookup::Seen { sequence, at_ms };
                }
                // Every older one is older still.
                Look::Seen(..) => break,
                Look::Unread(row) => {
                    return Lookup::Unread {
                        bucket: bucket.number,
                        row,
                    };
                }
            }
        }
        Lookup::New
    }

    /// Remembers `id` from `now_ms` on.
    pub(crate) fn remember(&mut self, id: u128, sequence: u64, now_ms: u64, index: &ShardIndex) {
        let last = self.buckets.back_mut();
        if last.is_none_or(|bucket| !bucket.takes(sequence, now_ms)) {
            if let Some(last) = self.buckets.back_mut() {
                last.close();
            }
            let bucket = Bucket::open(self.next_bucket, sequence, now_ms);
            self.buckets.push_back(bucket);
            self.next_bucket += 1;
        }
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.push(id, sequence, now_ms);
            if bucket.count >= index.bucket_entries_max || bucket.closes_ms() <= now_ms {
                bucket.close();
            }
            bucket.recount(&index.usage);
        }
        index.usage.deduplication_entries.add(1);
    }

    /// When time changes something here next: a bucket closes or is out of the window.
    pub(crate) fn due(&self) -> Option<u64> {
        let open = self.buckets.back().filter(|bucket| !bucket.closed);
        let oldest = self.buckets.front();
        let ends_ms = oldest.map(|bucket| bucket.last_ms + DEDUPLICATION_WINDOW_MS);
        open.map(Bucket::closes_ms).into_iter().chain(ends_ms).min()
    }

    /// Drops whole buckets that are out of the window, closes the open one when its time has come.
    pub(crate) fn pass_time(&mut self, now_ms: u64, index: &mut ShardIndex) {
        while let Some(bucket) = self.buckets.front()
            && bucket.last_ms + DEDUPLICATION_WINDOW_MS <= now_ms
        {
            self.drop_front(index);
        }
        if let Some(bucket) = self.buckets.back_mut()
            && bucket.closes_ms() <= now_ms
        {
            bucket.close();
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, index: &mut ShardIndex) {
        while !self.buckets.is_empty() {
            self.drop_front(index);
        }
    }

    fn drop_front(&mut self, index: &mut ShardIndex) {
        let Some(bucket) = self.buckets.pop_front() else {
            return;
        };
        bucket.uncount(&index.usage);
        let number = bucket.number;
        index
            .deduplication_rows
            .forget(self.queue, number, &index.usage);
        let written = bucket.stored.into_iter().chain(bucket.captured);
        self.dropped
            .extend(written.map(|written| Dropped::Bucket(number, written)));
    }

    /// Gives a checkpoint the buckets that changed; returns the rows that those replace.
    pub(crate) fn capture(
        &mut self,
        shard: ShardId,
        generation: u64,
        images: &mut Images,
    ) -> Vec<RowKey> {
        let mut obsolete = Vec::new();
        for bucket in &mut self.buckets {
            if let Some((image, replaced)) = bucket.capture(generation) {
                images.add(self.queue, image);
                let number = bucket.number;
                let keys = replaced
                    .iter()
                    .flat_map(|w| w.keys(shard, self.queue, number));
                obsolete.extend(keys);
            }
        }
        obsolete
    }

    /// Rows of dropped buckets, to be removed.
    pub(crate) fn take_dropped_rows(&mut self, shard: ShardId) -> Vec<RowKey> {
        let queue = self.queue;
        let dropped = std::mem::take(&mut self.dropped).into_iter();
        dropped
            .flat_map(|dropped| match dropped {
                Dropped::Bucket(bucket, written) => written.keys(shard, queue, bucket),
                Dropped::Chunk(number, generation) => vec![RowKey {
                    shard,
                    kind: RowKind::Deduplication,
                    id: queue.0,
                    number,
                    generation,
                }],
            })
            .collect()
    }

    /// The checkpoint of this generation is sealed.
    pub(crate) fn sealed(&mut self, generation: u64) {
        for bucket in &mut self.buckets {
            bucket.sealed(generation);
        }
    }

    /// The checkpoint of this generation failed.
    pub(crate) fn abandoned(&mut self, generation: u64) {
        for bucket in &mut self.buckets {
            bucket.abandoned(generation);
        }
    }

    fn bucket(&self, number: u64) -> Option<&Bucket> {
        let place = self.buckets.binary_search_by_key(&number, |b| b.number);
        self.buckets.get(place.ok()?)
    }

    /// Takes the filter that a sealed checkpoint made of a bucket, unless it was dropped meanwhile.
    pub(crate) fn install_filter(&mut self, number: u64, filter: Arc<Filter>, usage: &Usage) {
        let place = self.buckets.binary_search_by_key(&number, |b| b.number);
        if let Some(bucket) = place.ok().and_then(|place| self.buckets.get_mut(place)) {
            assert_eq!(filter.len(), bucket.count as usize, "a closed bucket grew");
            bucket.filter = Some(filter);
            bucket.recount(usage);
        }
    }

    /// Lets entries of spilled buckets leave memory, oldest first, until the node takes no more than `bytes_max`.
    pub(crate) fn evict(&mut self, bytes_max: u64, usage: &Usage) {
        for bucket in &mut self.buckets {
            if usage.deduplication_bytes.get() <= bytes_max {
                return;
            }
            bucket.evict();
            bucket.recount(usage);
        }
    }

    /// The row in the view that holds these entries; `None` when they are in memory or gone.
    pub(crate) fn row_key(&self, shard: ShardId, bucket: u64, row: u32) -> Option<RowKey> {
        self.bucket(bucket)?.row_key(shard, self.queue, row)
    }
}
