//! What a queue always knows of a page, in memory or not.

use std::sync::Arc;

use crate::extra::Extra;
use crate::index::{Usage, UsageGuard};
use crate::page::{Entry, EntryState, Page};

/// Bytes of a body section before its content; fixed by the journal's format.
pub(crate) const BODY_HEADER_BYTES: u32 = 24;

/// A page's place: counters that stay in memory, and the page itself while it does.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) page: Option<Arc<Page>>,
    /// Generation of its row in the view that a sealed checkpoint names; 0 for none.
    pub(crate) stored: u64,
    /// Generation of a checkpoint under way that holds the page; 0 for none.
    pub(crate) captured: u64,
    /// Changed since it was last captured.
    pub(crate) dirty: bool,
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
    memory: UsageGuard,
}

/// Whether a page left memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evicted {
    Yes,
    No,
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
        Slot {
            page: Some(Arc::new(Page::default())),
            stored: 0,
            captured: 0,
            dirty: true,
            live: 0,
            ready: 0,
            leased: 0,
            delayed: 0,
            until_min_ms: u64::MAX,
            sent_min_ms: u64::MAX,
            sent_max_ms: 0,
            segments: Vec::new(),
            memory: UsageGuard::new(usage),
        }
    }

    /// A slot whose page is in the view only.
    pub(crate) fn stored(usage: &Arc<Usage>, generation: u64) -> Slot {
        Slot {
            page: None,
            stored: generation,
            dirty: false,
            ..Slot::new(usage)
        }
    }

    /// Counts a new ready entry.
    pub(crate) fn appended(&mut self, entry: &Entry, occupies: &[(u32, u32)]) {
        self.live += 1;
        self.ready += 1;
        self.sent_min_ms = self.sent_min_ms.min(entry.sent_ms());
        self.sent_max_ms = self.sent_max_ms.max(entry.sent_ms());
        for (segment, bytes) in occupies {
            match self.segments.iter_mut().find(|(s, _)| s == segment) {
                Some((_, total)) => *total += bytes,
                None => self.segments.push((*segment, *bytes)),
            }
        }
        self.weigh();
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
        self.weigh();
    }

    /// Messages in flight or delayed.
    pub(crate) fn waiting(&self) -> u16 {
        self.leased + self.delayed
    }

    /// Its row was of a version that did not say when its messages are due: the page must be read to know.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.until_min_ms == 0
    }

    /// Renews what the page counts for in the node's memory.
    fn weigh(&mut self) {
        let bytes = self.page.as_ref().map_or(0, |page| page.memory_bytes());
        self.memory.set(bytes);
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

    /// Generation of the row that holds the page as it was last captured.
    pub(crate) fn row(&self) -> u64 {
        if self.captured != 0 {
            self.captured
        } else {
            self.stored
        }
    }

    /// Generations of rows in the view that this slot owns.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u64> + use<> {
        let (stored, captured) = (self.stored, self.captured);
        [stored, captured].into_iter().filter(|g| *g != 0)
    }

    /// Takes a page read from the view.
    pub(crate) fn install(&mut self, page: Arc<Page>) {
        self.page = Some(page);
        self.weigh();
    }

    /// Drops the page from memory if the view has it and no deadline in it comes before `horizon_ms`. What
    /// only time changed since it was stored follows from `until_min_ms`.
    pub(crate) fn evict(&mut self, horizon_ms: u64) -> Evicted {
        let dirty = self.dirty;
        #[cfg(feature = "planted-bugs")]
        let dirty = dirty && !crate::plant::is(crate::plant::Plant::DirtyPage);
        let stored = !dirty && self.captured == 0 && self.stored != 0;
        if self.page.is_none() || !stored || self.until_min_ms <= horizon_ms {
            return Evicted::No;
        }
        self.page = None;
        self.weigh();
        Evicted::Yes
    }
}
