//! Ids that were seen within some seconds: an open hash index, later rows of the view behind a filter.
//!
//! A bucket takes entries while it is open. Closed, it is written in order of id by the next checkpoint, which also
//! makes its filter; from then on its entries may leave memory, and never change again.

use std::sync::Arc;

use super::cache::{RowCache, find_in};
use super::filter::Filter;
use super::image::Image;
use super::packed::Packed;
use super::resident::Resident;
use crate::ids::{QueueId, ShardId};
use crate::index::Usage;
use crate::limits::{
    DEDUPLICATION_BUCKET_MS, DEDUPLICATION_BUCKET_SPARSE_MS, DEDUPLICATION_ROW_ENTRIES,
};
use crate::row_key::{RowKey, RowKind};

/// How the entries of a bucket stand in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they came, while it is open: a restart reads all of them.
    Arrival,
    /// By id, with a filter: a restart reads the filter.
    Id,
}

/// Rows of a bucket under one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) generation: u64,
    pub(super) order: Order,
    /// Entries in the rows.
    pub(super) count: u32,
}

/// Bits of a row's key number that say which row of the bucket it is.
const ROW_BITS: u32 = 16;

impl Written {
    /// The key of one row of entries.
    pub(super) fn entries_key(
        &self,
        shard: ShardId,
        queue: QueueId,
        bucket: u64,
        row: u32,
    ) -> RowKey {
        RowKey {
            shard,
            kind: RowKind::DeduplicationRow,
            id: queue.0,
            number: bucket << ROW_BITS | u64::from(row),
            generation: self.generation,
        }
    }

    /// The key of the filter's row.
    pub(super) fn filter_key(&self, shard: ShardId, queue: QueueId, bucket: u64) -> RowKey {
        RowKey {
            kind: RowKind::DeduplicationFilter,
            ..self.entries_key(shard, queue, bucket, 0)
        }
    }

    /// Keys of the rows of entries.
    pub(super) fn entries_keys(
        self,
        shard: ShardId,
        queue: QueueId,
        bucket: u64,
    ) -> impl Iterator<Item = RowKey> {
        let rows = (self.count as usize).div_ceil(DEDUPLICATION_ROW_ENTRIES) as u32;
        (0..rows).map(move |row| self.entries_key(shard, queue, bucket, row))
    }

    /// Keys of all rows.
    pub(super) fn keys(self, shard: ShardId, queue: QueueId, bucket: u64) -> Vec<RowKey> {
        let filter = (self.order == Order::Id).then(|| self.filter_key(shard, queue, bucket));
        let entries = self.entries_keys(shard, queue, bucket);
        entries.chain(filter).collect()
    }
}

/// What a bucket knows of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Absent,
    /// Sequence and time of the send.
    Seen(u64, u64),
    /// This row must be read to know.
    Unread(u32),
}

/// Entries of neighbouring times.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) number: u64,
    pub(super) first_sequence: u64,
    pub(super) start_ms: u64,
    /// Time of the youngest entry.
    pub(super) last_ms: u64,
    pub(super) count: u32,
    pub(super) resident: Option<Resident>,
    pub(super) filter: Option<Arc<Filter>>,
    /// Rows that a sealed checkpoint names.
    pub(super) stored: Option<Written>,
    /// Rows of a checkpoint under way.
    pub(super) captured: Option<Written>,
    /// Other than in the latest of these rows.
    pub(super) changed: bool,
    pub(super) closed: bool,
    /// Share of the node's gauge.
    counted_bytes: u64,
}

impl Bucket {
    /// An open bucket whose first entry will have this sequence and time.
    pub(super) fn open(number: u64, first_sequence: u64, start_ms: u64) -> Bucket {
        Bucket {
            number,
            first_sequence,
            start_ms,
            last_ms: start_ms,
            count: 0,
            resident: Some(Resident::default()),
            filter: None,
            stored: None,
            captured: None,
            changed: true,
            closed: false,
            counted_bytes: 0,
        }
    }

    /// When it closes if nothing more comes: a sparse one stays open longer, because a bucket has its own price.
    pub(super) fn closes_ms(&self) -> u64 {
        self.start_ms
            + match self.count as usize >= DEDUPLICATION_ROW_ENTRIES {
                true => DEDUPLICATION_BUCKET_MS,
                false => DEDUPLICATION_BUCKET_SPARSE_MS,
            }
    }

    /// An entry of that sequence and time may come in.
    pub(super) fn takes(&self, sequence: u64, now_ms: u64) -> bool {
        let near = sequence - self.first_sequence <= u64::from(u32::MAX);
        !self.closed && near && now_ms < self.closes_ms()
    }

    /// Adds an entry that it takes.
    pub(super) fn push(&mut self, id: u128, sequence: u64, now_ms: u64) {
        assert!(self.takes(sequence, now_ms), "the bucket is closed");
        let entry = Packed::new(
            id,
            (sequence - self.first_sequence) as u32,
            (now_ms - self.start_ms) as u32,
        );
        if let Some(resident) = &mut self.resident {
            resident.push(entry);
        }
        self.count += 1;
        self.last_ms = now_ms;
        self.changed = true;
    }

    /// Takes nothing more; the next checkpoint writes it in order of id.
    pub(super) fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.changed = true;
        }
    }

    fn seen(&self, entry: &Packed) -> Look {
        Look::Seen(
            self.first_sequence + u64::from(entry.sequence()),
            self.start_ms + u64::from(entry.at_ms()),
        )
    }

    /// Looks for an id.
    pub(super) fn look(&self, id: u128, queue: QueueId, cache: &RowCache) -> Look {
        if let Some(resident) = &self.resident {
            let found = resident.find(id);
            return found.map_or(Look::Absent, |entry| self.seen(entry));
        }
        let Some(filter) = &self.filter else {
            return Look::Absent;
        };
        for position in filter.candidates(id) {
            let row = (position / DEDUPLICATION_ROW_ENTRIES) as u32;
            let Some(entries) = cache.get((queue, self.number, row)) else {
                return Look::Unread(row);
            };
            if let Some(entry) = find_in(entries, id) {
                return self.seen(entry);
            }
        }
        Look::Absent
    }

    /// The row of entries in the view, while they are only there.
    pub(super) fn row_key(&self, shard: ShardId, queue: QueueId, row: u32) -> Option<RowKey> {
        let stored = self.stored.filter(|_| self.resident.is_none())?;
        Some(stored.entries_key(shard, queue, self.number, row))
    }

    /// The rows that hold it as it was last captured.
    pub(super) fn written(&self) -> Option<Written> {
        self.captured.or(self.stored)
    }

    /// Gives a checkpoint what changed, with the rows that this replaces.
    pub(super) fn capture(&mut self, generation: u64) -> Option<(Image, Vec<Written>)> {
        let resident = self.resident.as_ref().filter(|_| self.changed)?;
        let written = Written {
            generation,
            order: match self.closed {
                true => Order::Id,
                false => Order::Arrival,
            },
            count: self.count,
        };
        let image = Image::new(self.number, written, resident.blocks());
        let replaced = self.stored.into_iter().chain(self.captured).collect();
        self.captured = Some(written);
        self.changed = false;
        Some((image, replaced))
    }

    /// The checkpoint of this generation is sealed.
    pub(super) fn sealed(&mut self, generation: u64) {
        if self.captured.is_some_and(|w| w.generation == generation) {
            self.stored = self.captured.take();
        }
    }

    /// The checkpoint of this generation failed.
    pub(super) fn abandoned(&mut self, generation: u64) {
        if self.captured.is_some_and(|w| w.generation == generation) {
            self.captured = None;
            self.changed = true;
        }
    }

    /// Lets the entries leave memory if the view has them behind a filter.
    pub(super) fn evict(&mut self) {
        let written = self.stored.is_some_and(|w| w.order == Order::Id);
        if written && !self.changed && self.captured.is_none() && self.filter.is_some() {
            self.resident = None;
        }
    }

    /// Brings the node's gauge up to what it takes now.
    pub(super) fn recount(&mut self, usage: &Usage) {
        let resident = self.resident.as_ref().map_or(0, Resident::bytes);
        let filter = self.filter.as_ref().map_or(0, |filter| filter.bytes());
        let bytes = (resident + filter) as u64;
        usage.deduplication_bytes.add(bytes);
        usage.deduplication_bytes.sub(self.counted_bytes);
        self.counted_bytes = bytes;
    }

    /// Takes its share out of the node's gauges: it is dropped.
    pub(super) fn uncount(&self, usage: &Usage) {
        usage.deduplication_bytes.sub(self.counted_bytes);
        usage.deduplication_entries.sub(u64::from(self.count));
    }
}
