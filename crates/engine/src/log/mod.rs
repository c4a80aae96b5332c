//! The log primitive: entries by position, in pages; where a time is, what is readable, what may go.
//!
//! Bodies stay where the journal put them. A log keeps 16 bytes of index for each, in pages that leave memory and come
//! back as those of queues do, and one line per page. Entries come at the end and go at the front, so pages stand in a
//! deque that is searched by halves, by position and by time alike. A page is opened by an entry that the last one
//! does not take: it is full, or would hold entries of too different age, which only go together (decision 15).

mod applied;
mod block;
mod cursor;
mod find;
mod page;
mod row;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use block::Block;
pub use cursor::Cursor;
pub(crate) use find::{Found, Spilled, Spot};
pub(crate) use page::{Indexed, LogPage};
pub(crate) use row::LogCapture;
pub(crate) use slot::LogSlot;

use crate::config::LogConfig;
use crate::ids::LogId;
use crate::index::ShardIndex;
use crate::limits::{LOG_PAGE_SPAN_FRACTION, LOG_PAGE_SPAN_MS_MIN};
use crate::publication::Label;

/// One log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) id: LogId,
    pub(crate) version: u64,
    pub(crate) config: LogConfig,
    pub(crate) sealed: bool,
    /// Nothing older is readable, however long the retention is by now (`KIN-165`).
    floor_ms: u64,
    /// Entries before this position were trimmed.
    pub(crate) first: u64,
    /// Position of the next entry.
    pub(crate) next: u64,
    /// Time of the newest entry there ever was; 0 before the first.
    newest_ms: u64,
    /// Bytes of the contents in all pages.
    pub(crate) body_bytes: u64,
    /// By position.
    pub(crate) pages: VecDeque<LogSlot>,
    blocks: VecDeque<Block>,
    /// How far readers got that have not caught up, by name.
    pub(crate) cursors: BTreeMap<Label, Cursor>,
    /// First positions of pages in memory.
    resident: BTreeSet<u64>,
    /// Record address of the last change.
    pub(crate) last_lsn: u64,
    /// The same, of changes other than appends.
    pub(crate) changed_lsn: u64,
    /// Something changed since the last checkpoint.
    pub(crate) dirty: bool,
    /// Generation of this log's row in the view; 0 before its first checkpoint.
    pub(crate) stored: u64,
    /// Rows of dropped pages that the next checkpoint removes: (page, generation).
    dropped_pages: Vec<(u64, u64)>,
    /// The same of blocks.
    dropped_blocks: Vec<(u64, u64)>,
    /// When retention looks at it again, as registered with the shard.
    pub(crate) retention_due_ms: Option<u64>,
}

impl Log {
    pub(crate) fn new(id: LogId, version: u64, config: LogConfig) -> Log {
        Log {
            id,
            version,
            config,
            sealed: false,
            floor_ms: 0,
            first: 0,
            next: 0,
            newest_ms: 0,
            body_bytes: 0,
            pages: VecDeque::new(),
            blocks: VecDeque::new(),
            cursors: BTreeMap::new(),
            resident: BTreeSet::new(),
            last_lsn: 0,
            changed_lsn: 0,
            dirty: true,
            stored: 0,
            dropped_pages: Vec::new(),
            dropped_blocks: Vec::new(),
            retention_due_ms: None,
        }
    }

    /// Time of the newest entry there ever was.
    pub(crate) fn newest_ms(&self) -> Option<u64> {
        (self.next > 0).then_some(self.newest_ms)
    }

    /// Entries older than this are not readable at `now_ms`.
    fn horizon_ms(&self, now_ms: u64) -> u64 {
        let oldest_ms = now_ms.saturating_sub(self.config.retention_ms);
        oldest_ms.max(self.floor_ms)
    }

    /// Longest time between the first and the last entry of a page: they go together.
    fn page_span_ms(&self) -> u64 {
        let span_ms = self.config.retention_ms / LOG_PAGE_SPAN_FRACTION;
        span_ms.clamp(LOG_PAGE_SPAN_MS_MIN, u64::from(u32::MAX))
    }

    /// The page that the next entry goes to unless it comes late.
    fn open_page(&self, entries_max: usize) -> Option<&LogSlot> {
        let last = self.pages.back();
        last.filter(|slot| slot.is_open(entries_max))
    }

    /// The page that an append needs and that is not in memory.
    pub(crate) fn spilled_tail(&self, index: &ShardIndex) -> Option<u64> {
        let open = self.open_page(index.log_page_entries);
        let open = open.filter(|slot| slot.kept.is_spilled());
        open.map(|slot| slot.first)
    }

    /// Takes an entry under the next position and returns that.
    fn append(&mut self, entry: Indexed, occupies: &[(u32, u32)], index: &mut ShardIndex) -> u64 {
        let (position, span_ms) = (self.next, self.page_span_ms());
        let fits = self.open_page(index.log_page_entries).is_some_and(|slot| {
            let age_ms = entry.time_ms.saturating_sub(slot.first_ms);
            age_ms <= span_ms
        });
        if !fits {
            let slot = LogSlot::new(&index.usage, position, entry.time_ms);
            self.resident.insert(position);
            self.push_page(slot, index);
        }
        if let (Some(slot), Some(block)) = (self.pages.back_mut(), self.blocks.back_mut()) {
            slot.push(entry, occupies);
            block.rows.touch();
        }
        index.live.add(occupies);
        index.usage.log_entries.add(1);
        index.usage.log_bytes.add(u64::from(entry.bytes));
        self.body_bytes += u64::from(entry.bytes);
        self.next += 1;
        self.newest_ms = entry.time_ms;
        position
    }

    /// Entries before a position are gone, and with them the pages that hold no others.
    fn trim(&mut self, before: u64, index: &mut ShardIndex) {
        self.first = self.first.max(before.min(self.next));
        while let Some(slot) = self.pages.front()
            && slot.end() <= self.first
        {
            self.drop_first_page(index);
        }
    }

    fn drop_first_page(&mut self, index: &mut ShardIndex) {
        let Some(slot) = self.pages.pop_front() else {
            return;
        };
        index.live.sub(&slot.segments);
        index.usage.log_entries.sub(u64::from(slot.count));
        index.usage.log_bytes.sub(slot.body_bytes);
        self.body_bytes -= slot.body_bytes;
        self.resident.remove(&slot.first);
        let rows = slot.kept.rows.all();
        self.dropped_pages
            .extend(rows.map(|generation| (slot.first, generation)));
        self.drop_empty_block();
    }

    /// New settings at `now_ms`. What has outlived the old retention by now stays unreadable.
    fn configure(&mut self, version: u64, config: LogConfig, now_ms: u64) {
        if version > self.version {
            let floor_ms = self.horizon_ms(now_ms);
            #[cfg(feature = "planted-bugs")]
            let floor_ms = match crate::plant::is(crate::plant::Plant::LogFloor) {
                true => 0,
                false => floor_ms,
            };
            self.floor_ms = floor_ms;
            self.version = version;
            self.config = config;
        }
    }

    /// Entries before this position outlived the retention, all of them in pages without any other.
    pub(crate) fn outlived(&self, now_ms: u64) -> Option<u64> {
        let horizon_ms = self.horizon_ms(now_ms);
        let pages = self.pages.partition_point(|slot| slot.last_ms < horizon_ms);
        let last = self.pages.get(pages.checked_sub(1)?)?;
        Some(last.end())
    }

    /// When the oldest page may have outlived the retention.
    pub(crate) fn retention_due(&self) -> Option<u64> {
        let oldest = self.pages.front()?;
        Some((oldest.last_ms + 1).saturating_add(self.config.retention_ms))
    }

    /// Pages with bodies in a journal segment. Later entries lie further on in the journal, so these are neighbours.
    pub(crate) fn pages_in(&self, segment: u32) -> impl Iterator<Item = &LogSlot> {
        let before = |slot: &LogSlot| slot.segments.iter().all(|(s, _)| *s < segment);
        let place = self.pages.partition_point(before);
        let behind = move |slot: &LogSlot| slot.segments.iter().all(|(s, _)| *s > segment);
        let near = self
            .pages
            .range(place..)
            .take_while(move |slot| !behind(slot));
        near.filter(move |slot| slot.segments.iter().any(|(s, _)| *s == segment))
    }

    fn slot_of(&self, first: u64) -> Option<&LogSlot> {
        let place = self.pages.partition_point(|slot| slot.first < first);
        self.pages.get(place).filter(|slot| slot.first == first)
    }

    fn slot_of_mut(&mut self, first: u64) -> Option<&mut LogSlot> {
        let place = self.pages.partition_point(|slot| slot.first < first);
        let slot = self.pages.get_mut(place);
        slot.filter(|slot| slot.first == first)
    }
}
