//! Ends of leases and delays. The shard keeps one of them per page, not one per message: no deadline
//! of the page is earlier. So millions of waiting messages cost next to nothing beside their pages,
//! and a page whose deadlines are far may leave memory as any other; its slot keeps the earliest.
//!
//! That time alone made messages ready is not written into rows: before `Slot::until_min_ms` every
//! deadline in the row has passed, from it on none has. A page read back is brought there first.

use std::sync::Arc;

use super::{Change, Queue, Slot, Window};
use crate::config::QueueConfig;
use crate::ids::QueueId;
use crate::index::ShardIndex;
use crate::limits::{HEAD_PAGES_RESIDENT, PAGE_ENTRIES};
use crate::page::{EntryState, Page};

/// A message that time made ready, where somebody wants to hear of it: the window of a FIFO queue, and who
/// counts what tenants hold in flight. They hear in the order of deadlines, whichever page was at hand first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Passed {
    until_ms: u64,
    pub(crate) queue: QueueId,
    sequence: u64,
    group: u64,
    sent_ms: u64,
}

impl ShardIndex {
    /// Keeps the earliest deadline of a page.
    fn expect(&mut self, queue: QueueId, number: u64, slot: &Slot) {
        if slot.until_min_ms != u64::MAX {
            let key = (slot.until_min_ms, queue, number);
            match slot.kept.is_spilled() {
                true => self.far.insert(key),
                false => self.deadlines.insert(key),
            };
        }
    }

    /// Forgets the earliest deadline of a page.
    pub(super) fn forget(&mut self, queue: QueueId, number: u64, slot: &Slot) {
        if slot.until_min_ms != u64::MAX {
            let key = (slot.until_min_ms, queue, number);
            let known = match slot.kept.is_spilled() {
                true => self.far.remove(&key),
                false => self.deadlines.remove(&key),
            };
            assert!(known, "every page with a deadline is in the shard's index");
        }
    }
}

impl Queue {
    /// A message of the page began or ended to wait; `until_ms` is its new deadline.
    pub(super) fn deadline_changed(
        &mut self,
        number: u64,
        to: EntryState,
        until_ms: u64,
        index: &mut ShardIndex,
    ) {
        let id = self.id;
        let Some(slot) = self.pages.get_mut(&number) else {
            return;
        };
        let earliest_ms = match (slot.waiting(), to.is_waiting()) {
            (0, _) => u64::MAX,
            (_, true) => slot.until_min_ms.min(until_ms),
            (_, false) => slot.until_min_ms,
        };
        if earliest_ms != slot.until_min_ms {
            index.forget(id, number, slot);
            slot.until_min_ms = earliest_ms;
            index.expect(id, number, slot);
        }
    }

    /// Messages of the page whose deadlines have come at `now_ms` are ready. The page is in memory.
    pub(crate) fn pass_deadlines(
        &mut self,
        number: u64,
        now_ms: u64,
        index: &mut ShardIndex,
        told: &mut Vec<Passed>,
    ) {
        // Both are bounded: the window, and what may be in flight of one queue.
        let window_end = self.window.as_ref().map_or(0, Window::end);
        let (id, fair) = (self.id, self.fair.is_some());
        let mut available = Vec::new();
        let Some(slot) = self.pages.get_mut(&number) else {
            return;
        };
        index.forget(id, number, slot);
        let found = slot.kept.page().map(|page| page.deadlines(now_ms));
        slot.until_min_ms = found.as_ref().map_or(u64::MAX, |found| found.next_ms);
        index.expect(id, number, slot);
        for position in found.into_iter().flat_map(|found| found.passed) {
            let Some(page) = slot.kept.page_as_stored() else {
                return;
            };
            let sequence = number * PAGE_ENTRIES + u64::from(position);
            let (Some(entry), Some(extra)) = (page.entry(position), page.extra(position)) else {
                continue;
            };
            let from = entry.state();
            let passed = Passed {
                until_ms: extra.until_ms,
                queue: id,
                sequence,
                group: entry.group(),
                sent_ms: entry.sent_ms(),
            };
            if sequence < window_end || fair && from == EntryState::Leased {
                told.push(passed);
            } else if fair {
                available.push(passed);
            }
            page.set_state(position, EntryState::Ready);
            slot.moved(from, EntryState::Ready);
            self.counts.moved(from, EntryState::Ready, &index.usage);
            self.ready_pages.insert(number);
            self.dirty = true;
        }
        for passed in available {
            self.note_passed(&passed, EntryState::Delayed);
        }
    }

    /// Tells the window, or who counts tenants, of a message that `pass_deadlines` told of.
    pub(crate) fn show_passed(&mut self, passed: &Passed) {
        if let Some(window) = &mut self.window {
            window.changed(passed.sequence, passed.group, EntryState::Ready);
        } else {
            self.tell_time(passed.until_ms);
            self.note_passed(passed, EntryState::Leased);
        }
    }

    fn note_passed(&mut self, passed: &Passed, from: EntryState) {
        self.note_tenant(Change {
            sequence: passed.sequence,
            group: passed.group,
            sent_ms: passed.sent_ms,
            from,
            to: EntryState::Ready,
        });
    }

    /// Puts a page read from the view back into memory, unless it changed meanwhile.
    pub(crate) fn install(
        &mut self,
        number: u64,
        generation: u64,
        page: Arc<Page>,
        index: &mut ShardIndex,
    ) {
        let id = self.id;
        let Some(slot) = self.pages.get_mut(&number) else {
            return;
        };
        if !slot.kept.is_stored(generation) {
            return;
        }
        index.forget(id, number, slot);
        let page = ripened(page, slot.until_min_ms);
        let known = (slot.ready, slot.leased, slot.delayed);
        let uncounted = slot.is_uncounted();
        assert!(
            uncounted || page.count() == known,
            "a page read back is as it was when it left memory"
        );
        slot.kept.install(generation, page);
        index.expect(id, number, slot);
        self.resident.insert(number);
        if uncounted {
            self.recount(number);
        }
    }

    /// A page just read, as it was when it left memory.
    pub(super) fn ripened(&self, number: u64, page: Arc<Page>) -> Arc<Page> {
        let slot = self.pages.get(&number);
        ripened(page, slot.map_or(0, |slot| slot.until_min_ms))
    }

    /// Lets clean pages leave memory that no receive will need soon: not the first ready ones, not the
    /// tail, none with a deadline before `horizon_ms`.
    pub(crate) fn evict(&mut self, horizon_ms: u64, index: &mut ShardIndex) {
        let resident: Vec<u64> = self.resident.iter().copied().collect();
        for number in resident {
            self.evict_page(number, horizon_ms, index);
        }
    }

    /// The same for one page.
    pub(crate) fn evict_page(&mut self, number: u64, horizon_ms: u64, index: &mut ShardIndex) {
        let mut head = self.ready_pages.iter().take(HEAD_PAGES_RESIDENT);
        let tail = super::page_of(self.next_sequence);
        if number == tail || head.any(|page| *page == number) {
            return;
        }
        let id = self.id;
        if let Some(slot) = self.pages.get_mut(&number) {
            // A page with a deadline stands in the other index once it is out of memory.
            let key = (slot.until_min_ms, id, number);
            if slot.evict(horizon_ms) {
                self.resident.remove(&number);
                if index.deadlines.remove(&key) {
                    index.far.insert(key);
                }
            }
        }
    }

    /// Sequences of delayed messages in memory.
    pub(super) fn delayed(&self) -> Vec<u64> {
        let pages = self.pages.iter().filter(|(_, slot)| slot.delayed > 0);
        let pages = pages.filter_map(|(number, slot)| Some((number, slot.kept.page()?)));
        let mut found = Vec::new();
        for (number, page) in pages {
            for position in 0..page.len() {
                let entry = page.entry(position);
                if entry.is_some_and(|entry| entry.state() == EntryState::Delayed) {
                    found.push(number * PAGE_ENTRIES + u64::from(position));
                }
            }
        }
        found
    }

    /// These settings change the deadlines of delayed messages: those of a FIFO queue wait for its own delay
    /// (`SQS-259`).
    pub(crate) fn changes_delay(&self, version: u64, config: &QueueConfig) -> bool {
        self.is_fifo() && version > self.version && config.delay_ms != self.config.delay_ms
    }

    /// Pages that are not in memory and have delayed messages.
    pub(crate) fn spilled_delayed(&self) -> impl Iterator<Item = u64> {
        let pages = self.pages.iter();
        let spilled = pages.filter(|(_, slot)| slot.kept.is_spilled() && slot.delayed > 0);
        spilled.map(|(number, _)| *number)
    }

    /// Enters a slot read at restart.
    pub(super) fn expect_stored(&mut self, number: u64, slot: &Slot, index: &mut ShardIndex) {
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::FarDeadline) {
            return;
        }
        index.expect(self.id, number, slot);
    }
}

/// The page as it was when it left memory: deadlines before `until_min_ms` have passed.
fn ripened(mut page: Arc<Page>, until_min_ms: u64) -> Arc<Page> {
    let before_ms = until_min_ms.saturating_sub(1);
    let passed = page.deadlines(before_ms).passed;
    if !passed.is_empty() {
        let page = Arc::make_mut(&mut page);
        for position in passed {
            page.set_state(position, EntryState::Ready);
        }
    }
    page
}
