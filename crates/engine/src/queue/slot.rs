//! What a queue always knows of a page, in memory or not.

use std::sync::Arc;

use crate::extra::Extra;
use crate::index::{Usage, add_occupied};
use crate::kept::Kept;
use crate::page::{Entry, EntryState, Page};

/// Bytes of a body section before its content; fixed by the journal's format.
pub(crate) const BODY_HEADER_BYTES: u32 = 24;

/// A page's place: counters that stay in memory, and the page itself while it does.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) kept: Kept<Page>,
    pub(crate) live: u16,
    pub(crate) ready: u16,
    pub(crate) leased: u16,
    pub(crate) delayed: u16,
    /// No message in flight or delayed has an earlier deadline, and no deadline before this one counts any
    /// more; `u64::MAX` when none waits. With it, a row tells which of its messages are ready by now.
    pub(crate) until_min_ms: u64,
    /// No send in it is older.
    pub(crate) sent_min_ms: u64,
    /// No send in it is younger.
    pub(crate) sent_max_ms: u64,
    /// Live bytes by journal segment.
    pub(crate) segments: Vec<(u32, u32)>,
}

/// Where the body of an entry lies.
pub(crate) fn occupied(entry: &Entry, extra: &Extra, segment_bytes: u64) -> Vec<(u32, u32)> {
    if extra.chunks().is_empty() {
        vec![(
            (entry.body_lsn() / segment_bytes) as u32,
            entry.body_bytes() + BODY_HEADER_BYTES,
        )]
    } else {
        extra.chunks().to_vec()
    }
}

impl Slot {
    pub(crate) fn new(usage: &Arc<Usage>) -> Slot {
        Slot::of(Kept::new(usage, Page::default()))
    }

    /// A slot whose page is in the view only.
    pub(crate) fn stored(usage: &Arc<Usage>, generation: u64) -> Slot {
        Slot::of(Kept::stored(usage, generation))
    }

    fn of(kept: Kept<Page>) -> Slot {
        Slot {
            kept,
            live: 0,
            ready: 0,
            leased: 0,
            delayed: 0,
            until_min_ms: u64::MAX,
            sent_min_ms: u64::MAX,
            sent_max_ms: 0,
            segments: Vec::new(),
        }
    }

    /// Counts a new ready entry.
    pub(crate) fn appended(&mut self, entry: &Entry, occupies: &[(u32, u32)]) {
        self.live += 1;
        self.ready += 1;
        self.sent_min_ms = self.sent_min_ms.min(entry.sent_ms());
        self.sent_max_ms = self.sent_max_ms.max(entry.sent_ms());
        add_occupied(&mut self.segments, occupies);
        self.kept.weigh();
    }

    /// Counts a change of state.
    pub(crate) fn moved(&mut self, from: EntryState, to: EntryState) {
        match from {
            EntryState::Ready => self.ready -= 1,
            EntryState::Leased => self.leased -= 1,
            EntryState::Delayed => self.delayed -= 1,
            EntryState::Gone => {}
        }
        match to {
            EntryState::Ready => self.ready += 1,
            EntryState::Leased => self.leased += 1,
            EntryState::Delayed => self.delayed += 1,
            EntryState::Gone => self.live -= 1,
        }
        self.kept.weigh();
    }

    /// Messages in flight or delayed.
    pub(crate) fn waiting(&self) -> u16 {
        self.leased + self.delayed
    }

    /// Its row was of a version that did not say when its messages are due: the page must be read to know.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.until_min_ms == 0
    }

    /// Gives back bytes of a message that is gone.
    pub(crate) fn released(&mut self, occupied: &[(u32, u32)]) {
        for (segment, bytes) in occupied {
            if let Some((_, total)) = self.segments.iter_mut().find(|(s, _)| s == segment) {
                *total -= bytes;
            }
        }
        self.segments.retain(|(_, bytes)| *bytes > 0);
    }

    /// Drops the page from memory if the view has it and no deadline in it comes before `horizon_ms`; true when it did.
    /// What only time changed since it was stored follows from `until_min_ms`.
    pub(crate) fn evict(&mut self, horizon_ms: u64) -> bool {
        self.until_min_ms > horizon_ms && self.kept.evict()
    }
}
