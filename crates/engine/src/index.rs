//! What a shard keeps beside its queues, and what all shards of a node share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::QueueId;
use crate::limits::Budgets;
use crate::limits::{EFFECTS_PER_PULL_MAX, LOG_BLOCK_PAGES, LOG_PAGE_ENTRIES};
use crate::queue::RowCache;

/// A node-wide count of something that has a budget.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
    pub(crate) fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
    /// The count now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Node-wide use of what `Budgets` bounds.
#[derive(Debug, Default)]
pub struct Usage {
    /// Memory of index pages.
    pub page_bytes: Gauge,
    /// Messages in flight or delayed.
    pub waiting_messages: Gauge,
    /// Remembered deduplication ids, in memory or not.
    pub deduplication_entries: Gauge,
    /// Memory of deduplication ids and their filters.
    pub deduplication_bytes: Gauge,
    /// Messages that receives with an attempt id got within five minutes.
    pub attempt_messages: Gauge,
    /// Parked receives and reads.
    pub parked_receives: Gauge,
    /// Messages ready to be received.
    pub visible_messages: Gauge,
    /// Queues.
    pub queues: Gauge,
    /// Logs.
    pub logs: Gauge,
    /// Entries of logs, those included that only retention has not removed yet.
    pub log_entries: Gauge,
    /// Bytes of their contents.
    pub log_bytes: Gauge,
    /// Published messages that found no queue where they arrived, since the start.
    pub deliveries_lost: Gauge,
    /// Effects that wait in outboxes, in memory or not, in bytes.
    pub outbox_bytes: Gauge,
    /// Those of them that are in memory.
    pub outbox_memory_bytes: Gauge,
}

/// One page's share of `Usage::page_bytes`, given back when dropped.
#[derive(Debug)]
pub(crate) struct UsageGuard {
    usage: Arc<Usage>,
    bytes: u64,
}

impl UsageGuard {
    pub(crate) fn new(usage: &Arc<Usage>) -> UsageGuard {
        UsageGuard {
            usage: usage.clone(),
            bytes: 0,
        }
    }
    pub(crate) fn set(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.usage.page_bytes.add(bytes - self.bytes);
        } else if bytes < self.bytes {
            self.usage.page_bytes.sub(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for UsageGuard {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Adds where a body lies to where others do, by segment.
pub(crate) fn add_occupied(total: &mut Vec<(u32, u32)>, occupies: &[(u32, u32)]) {
    for (segment, bytes) in occupies {
        // The last one is the likeliest by far.
        match total.iter_mut().rev().find(|(s, _)| s == segment) {
            Some((_, total)) => *total += bytes,
            None => total.push((*segment, *bytes)),
        }
    }
}

/// Bytes of bodies that something still refers to, by journal segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LiveBytes(pub(crate) BTreeMap<u32, u64>);

impl LiveBytes {
    pub(crate) fn add(&mut self, occupied: &[(u32, u32)]) {
        for (segment, bytes) in occupied {
            *self.0.entry(*segment).or_default() += u64::from(*bytes);
        }
    }

    pub(crate) fn sub(&mut self, occupied: &[(u32, u32)]) {
        for (segment, bytes) in occupied {
            self.release(*segment, u64::from(*bytes));
        }
    }

    /// Everything of `other` too.
    pub(crate) fn add_all(&mut self, other: &LiveBytes) {
        for (segment, bytes) in &other.0 {
            *self.0.entry(*segment).or_default() += bytes;
        }
    }

    /// Nothing of `other` any more.
    pub(crate) fn sub_all(&mut self, other: &LiveBytes) {
        for (segment, bytes) in &other.0 {
            self.release(*segment, *bytes);
        }
    }

    fn release(&mut self, segment: u32, bytes: u64) {
        let left = self.0.get_mut(&segment).and_then(|total| {
            *total = total.checked_sub(bytes)?;
            Some(*total)
        });
        assert!(left.is_some(), "more bytes released than were live");
        if left == Some(0) {
            self.0.remove(&segment);
        }
    }
}

/// Indexes over all queues of one shard.
#[derive(Debug)]
pub(crate) struct ShardIndex {
    /// Pages in memory with messages in flight or delayed: (earliest deadline, queue, page).
    pub(crate) deadlines: BTreeSet<(u64, QueueId, u64)>,
    /// The same for pages that are not in memory.
    pub(crate) far: BTreeSet<(u64, QueueId, u64)>,
    pub(crate) live: LiveBytes,
    pub(crate) usage: Arc<Usage>,
    /// Rows of spilled deduplication buckets.
    pub(crate) deduplication_rows: RowCache,
    /// Entries at which a deduplication bucket closes.
    pub(crate) bucket_entries_max: u32,
    /// Size of a journal segment, to find the segment of an address.
    pub(crate) segment_bytes: u64,
    /// Effects of one chunk of the outbox.
    pub(crate) outbox_chunk_effects: usize,
    /// Entries of one page of a log.
    pub(crate) log_page_entries: usize,
    /// Pages of one block of a log's directory.
    pub(crate) log_block_pages: usize,
}

impl ShardIndex {
    pub(crate) fn new(usage: Arc<Usage>, segment_bytes: u64) -> ShardIndex {
        ShardIndex {
            deadlines: BTreeSet::new(),
            far: BTreeSet::new(),
            live: LiveBytes::default(),
            usage,
            deduplication_rows: RowCache::default(),
            bucket_entries_max: Budgets::default().deduplication_bucket_entries_max,
            segment_bytes,
            outbox_chunk_effects: EFFECTS_PER_PULL_MAX,
            log_page_entries: LOG_PAGE_ENTRIES,
            log_block_pages: LOG_BLOCK_PAGES,
        }
    }
}
