//! The queue primitive: messages by sequence, in pages; what is ready, in flight, delayed.
//!
//! The state of a message lives in its page and nowhere else; everything beside the pages is an
//! index over them that can be rebuilt. Every change goes through `transition`, or `pass_deadlines` when
//! time makes it, so counters, deadlines, live bytes and the FIFO window cannot disagree. One file per
//! mutation.
//!
//! A page that a mutation touches must be in memory; `Record::pages` says which ones those are.

mod deadlines;
mod attempts;
mod deduplication;
mod deleted;
mod delivered;
mod expired;
mod fair;
mod fifo;
mod leased;
mod moved;
mod moving;
mod purged;
pub(crate) mod row;
mod shown;
mod sent;
mod slot;
mod tenants;
mod visibility;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use attempts::{Attempt, Attempts};
pub(crate) use deadlines::Passed;
pub(crate) use deduplication::{
    Deduplication, Filters, Images, Listed, Lookup, Row, RowCache, decode_entries,
};
pub(crate) use expired::Expiry;
pub use fair::QuietCounts;
use fair::{Change, Fair};
pub(crate) use fifo::Window;
pub(crate) use leased::Pick;
pub(crate) use moved::Arrival;
pub(crate) use moving::Home;
pub(crate) use sent::NewMessage;
pub(crate) use slot::{BODY_HEADER_BYTES, Slot};

use crate::config::{QueueConfig, QueueKind};
use crate::ids::QueueId;
use crate::index::{ShardIndex, Usage};
use crate::limits::PAGE_ENTRIES;
use crate::moves::MoveProgress;
use crate::page::{Entry, EntryState, Page};
use crate::survey::Tally;

/// The page of a sequence.
pub(crate) fn page_of(sequence: u64) -> u64 {
    sequence / PAGE_ENTRIES
}

fn index_of(sequence: u64) -> u16 {
    (sequence % PAGE_ENTRIES) as u16
}

/// How many messages a queue holds, by what they are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Ready to be received (in FIFO queues also those whose group is blocked, `SQS-114`).
    pub visible: u64,
    /// In flight.
    pub in_flight: u64,
    /// Delayed.
    pub delayed: u64,
    /// How far the last move task out of it is.
    pub moving: Option<MoveProgress>,
    /// Engine time of the oldest send still here, at most one page too early.
    pub oldest_sent_ms: Option<u64>,
    /// Groups of a FIFO queue with messages in flight; after a restart known once somebody receives.
    pub groups_in_flight: u64,
    /// The same without noisy tenants, once a message with a group was received from a standard queue.
    pub quiet: Option<QuietCounts>,
}

impl QueueCounts {
    /// Counts a change of state, here and for the node.
    fn moved(&mut self, from: EntryState, to: EntryState, usage: &Usage) {
        match from {
            EntryState::Ready => {
                self.visible -= 1;
                usage.visible_messages.sub(1);
            }
            EntryState::Leased => self.in_flight -= 1,
            EntryState::Delayed => self.delayed -= 1,
            EntryState::Gone => {}
        }
        match to {
            EntryState::Ready => {
                self.visible += 1;
                usage.visible_messages.add(1);
            }
            EntryState::Leased => self.in_flight += 1,
            EntryState::Delayed => self.delayed += 1,
            EntryState::Gone => {}
        }
        match (from.is_waiting(), to.is_waiting()) {
            (false, true) => usage.waiting_messages.add(1),
            (true, false) => usage.waiting_messages.sub(1),
            _ => {}
        }
    }

    /// Takes out what a page counted.
    fn without(&mut self, slot: &Slot, usage: &Usage) {
        self.visible -= u64::from(slot.ready);
        self.in_flight -= u64::from(slot.leased);
        self.delayed -= u64::from(slot.delayed);
        usage.visible_messages.sub(u64::from(slot.ready));
        usage.waiting_messages.sub(u64::from(slot.waiting()));
    }
}

/// One queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) version: u64,
    pub(crate) config: QueueConfig,
    pub(crate) next_sequence: u64,
    pub(crate) pages: BTreeMap<u64, Slot>,
    /// Pages in memory.
    resident: BTreeSet<u64>,
    /// Pages with at least one ready message.
    ready_pages: BTreeSet<u64>,
    /// Pages by the oldest send they may hold.
    by_age: BTreeSet<(u64, u64)>,
    pub(crate) counts: QueueCounts,
    pub(crate) window: Option<Window>,
    /// Tenants of a standard queue, once a message with a group was received.
    fair: Option<Box<Fair>>,
    /// There were tenants when the queue's row was written: they are to be found among messages in flight.
    had_tenants: bool,
    /// Engine time, as far as the queue was told.
    now_ms: u64,
    pub(crate) deduplication: Deduplication,
    pub(crate) attempts: Attempts,
    /// A dead-letter move came back: stop moving until the settings change.
    pub(crate) redrive_suspended: bool,
    /// The last move task out of this queue.
    pub(crate) moving: Option<MoveProgress>,
    /// Record address of the last change whose loss a reply must not outlive.
    pub(crate) last_sync_lsn: u64,
    /// Something changed since the last checkpoint.
    pub(crate) dirty: bool,
    /// Generation of this queue's row in the view; 0 before its first checkpoint.
    pub(crate) stored: u64,
    /// Rows of dropped pages that the next checkpoint removes: (page, generation).
    pub(crate) dropped_rows: Vec<(u64, u64)>,
    /// What was done with it since the process started; no state.
    pub(crate) tally: Tally,
    /// The deadline of retention registered in the shard's index.
    pub(crate) retention_due_ms: Option<u64>,
    /// When what it remembers changes by time, as registered with the shard.
    pub(crate) memory_due_ms: Option<u64>,
}

impl Queue {
    pub(crate) fn new(id: QueueId, version: u64, config: QueueConfig) -> Queue {
        Queue {
            id,
            version,
            config,
            next_sequence: 0,
            pages: BTreeMap::new(),
            resident: BTreeSet::new(),
            ready_pages: BTreeSet::new(),
            by_age: BTreeSet::new(),
            counts: QueueCounts::default(),
            window: (config.kind == QueueKind::Fifo).then(Window::default),
            fair: None,
            had_tenants: false,
            now_ms: 0,
            deduplication: Deduplication::new(id),
            attempts: Attempts::default(),
            redrive_suspended: false,
            moving: None,
            last_sync_lsn: 0,
            dirty: true,
            stored: 0,
            dropped_rows: Vec::new(),
            tally: Tally::default(),
            retention_due_ms: None,
            memory_due_ms: None,
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.window.is_some()
    }

    /// Counts as a caller sees them.
    pub(crate) fn counts(&self) -> QueueCounts {
        let counts = self.counts;
        // The last page outlives its messages, because the next one goes there.
        let any = counts.visible + counts.in_flight + counts.delayed > 0;
        let oldest = self.by_age.first().filter(|_| any);
        QueueCounts {
            oldest_sent_ms: oldest.map(|(sent_ms, _)| *sent_ms),
            groups_in_flight: self.window.as_ref().map_or(0, Window::groups_in_flight),
            quiet: self.quiet_counts(),
            moving: self.moving,
            ..counts
        }
    }

    /// Pages by a bound of the age of what they hold: (no send in it is older, page), oldest first.
    pub(crate) fn ages(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by_age.iter().copied()
    }

    /// The page in memory, if it is.
    pub(crate) fn page(&self, number: u64) -> Option<&Arc<Page>> {
        self.pages.get(&number)?.kept.page()
    }

    /// The page exists but is not in memory.
    pub(crate) fn is_spilled(&self, number: u64) -> bool {
        self.pages
            .get(&number)
            .is_some_and(|slot| slot.kept.is_spilled())
    }

    /// The entry of a message that still exists; its page must be in memory.
    pub(crate) fn entry(&self, sequence: u64) -> Option<&Entry> {
        self.page(page_of(sequence))?
            .entry(index_of(sequence))
            .filter(|entry| entry.state() != EntryState::Gone)
    }

    /// What is known of the message beyond its entry.
    pub(crate) fn extra(&self, sequence: u64) -> Option<&crate::extra::Extra> {
        self.page(page_of(sequence))?.extra(index_of(sequence))
    }

    /// The page for changing: copied first when a checkpoint or a reader still holds it.
    pub(crate) fn page_mut(&mut self, number: u64) -> Option<&mut Page> {
        self.dirty = true;
        self.pages.get_mut(&number)?.kept.page_mut()
    }

    /// Appends an entry under the next sequence and counts it; the caller has set extras.
    fn append(&mut self, entry: Entry, occupies: &[(u32, u32)], index: &mut ShardIndex) -> u64 {
        let sequence = self.next_sequence;
        let number = page_of(sequence);
        self.next_sequence += 1;
        let slot = self.pages.entry(number).or_insert_with(|| {
            self.resident.insert(number);
            Slot::new(&index.usage)
        });
        if slot.sent_min_ms > entry.sent_ms() {
            self.by_age.remove(&(slot.sent_min_ms, number));
            self.by_age.insert((entry.sent_ms(), number));
        }
        slot.appended(&entry, occupies);
        index.live.add(occupies);
        let position = self.page_mut(number).map(|page| page.push(entry));
        assert_eq!(
            position,
            Some(index_of(sequence)),
            "sequences of a page are dense"
        );
        self.counts.visible += 1;
        index.usage.visible_messages.add(1);
        self.ready_pages.insert(number);
        if let Some(window) = &mut self.window {
            window.appended(sequence, entry.group());
        } else if let Some(fair) = &mut self.fair {
            fair.appended(sequence, entry.group());
        }
        sequence
    }

    /// Moves a message to another state and keeps every index in step. `until_ms` is the end of a
    /// delay or lease. False when the message does not exist.
    pub(crate) fn transition(
        &mut self,
        sequence: u64,
        to: EntryState,
        until_ms: u64,
        index: &mut ShardIndex,
    ) -> bool {
        let (number, position) = (page_of(sequence), index_of(sequence));
        let Some(entry) = self.entry(sequence).copied() else {
            return false;
        };
        let extra = self.extra(sequence).cloned().unwrap_or_default();
        let from = entry.state();
        if let Some(page) = self.page_mut(number) {
            if to.is_waiting() {
                page.extra_mut(position).until_ms = until_ms;
            }
            page.set_state(position, to);
        }
        self.counts.moved(from, to, &index.usage);
        self.update_slot(number, from, to);
        self.deadline_changed(number, to, until_ms, index);
        if to == EntryState::Gone {
            let occupied = slot::occupied(&entry, &extra, index.segment_bytes);
            self.release(number, &occupied, index);
        }
        if let Some(window) = &mut self.window {
            window.changed(sequence, entry.group(), to);
        } else {
            self.note_tenant(Change {
                sequence,
                group: entry.group(),
                sent_ms: entry.sent_ms(),
                from,
                to,
            });
        }
        true
    }

    fn update_slot(&mut self, number: u64, from: EntryState, to: EntryState) {
        let Some(slot) = self.pages.get_mut(&number) else {
            return;
        };
        slot.moved(from, to);
        if slot.ready > 0 {
            self.ready_pages.insert(number);
        } else {
            self.ready_pages.remove(&number);
        }
    }

    /// Gives back the bytes of a message that is gone, and its page when it was the last one.
    fn release(&mut self, number: u64, occupied: &[(u32, u32)], index: &mut ShardIndex) {
        index.live.sub(occupied);
        let full = (number + 1) * PAGE_ENTRIES <= self.next_sequence;
        if let Some(slot) = self.pages.get_mut(&number) {
            slot.released(occupied);
            if slot.live == 0 && full {
                self.drop_page(number, index);
            }
        }
    }

    /// Forgets a page with everything in it, whether or not it is in memory.
    fn drop_page(&mut self, number: u64, index: &mut ShardIndex) {
        let Some(slot) = self.pages.remove(&number) else {
            return;
        };
        self.dirty = true;
        index.live.sub(&slot.segments);
        index.forget(self.id, number, &slot);
        self.counts.without(&slot, &index.usage);
        self.resident.remove(&number);
        self.by_age.remove(&(slot.sent_min_ms, number));
        self.ready_pages.remove(&number);
        if let Some(fair) = &mut self.fair {
            fair.dropped_page(number);
        }
        self.dropped_rows
            .extend(slot.kept.rows.all().map(|generation| (number, generation)));
        self.next_sequence = self
            .next_sequence
            .max((number + 1) * PAGE_ENTRIES)
            .min(self.next_sequence.next_multiple_of(PAGE_ENTRIES));
    }

    /// The page is in the view only, in this generation.
    pub(crate) fn is_stored(&self, number: u64, generation: u64) -> bool {
        self.pages
            .get(&number)
            .is_some_and(|slot| slot.kept.is_stored(generation))
    }

    /// When the oldest message may have outlived the retention.
    pub(crate) fn retention_due(&self) -> Option<u64> {
        let (sent_ms, _) = self.by_age.first()?;
        Some(sent_ms.saturating_add(self.config.retention_ms))
    }
}
