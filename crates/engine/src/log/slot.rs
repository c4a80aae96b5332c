//! What a log always knows of a page, in memory or not.

use std::sync::Arc;

use super::page::{Indexed, LogPage};
use crate::index::{Usage, add_occupied};
use crate::kept::Kept;
use crate::limits::LOG_PAGE_BODY_BYTES;

/// A page's line in the directory of its log.
#[derive(Debug)]
pub(crate) struct LogSlot {
    pub(crate) kept: Kept<LogPage>,
    /// Position of its first entry; never changes and names the page.
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Time of its first entry.
    pub(crate) first_ms: u64,
    /// Time of its last entry.
    pub(crate) last_ms: u64,
    /// Bytes of the bodies' contents.
    pub(crate) body_bytes: u64,
    /// Where the bodies lie, by journal segment.
    pub(crate) segments: Vec<(u32, u32)>,
}

impl LogSlot {
    /// An empty page for entries from a position and a time on.
    pub(crate) fn new(usage: &Arc<Usage>, first: u64, first_ms: u64) -> LogSlot {
        LogSlot {
            kept: Kept::new(usage, LogPage::new(first_ms)),
            first,
            count: 0,
            first_ms,
            last_ms: first_ms,
            body_bytes: 0,
            segments: Vec::new(),
        }
    }

    /// Position after its last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// Further entries may go in, of at most so many.
    pub(crate) fn is_open(&self, entries_max: usize) -> bool {
        (self.count as usize) < entries_max && self.body_bytes < LOG_PAGE_BODY_BYTES
    }

    /// Takes an entry; the page is in memory.
    pub(crate) fn push(&mut self, entry: Indexed, occupies: &[(u32, u32)]) {
        self.count += 1;
        self.last_ms = entry.time_ms;
        self.body_bytes += u64::from(entry.bytes);
        add_occupied(&mut self.segments, occupies);
        let page = self.kept.page_mut();
        assert!(page.is_some(), "an entry goes to a page in memory");
        if let Some(page) = page {
            page.push(entry);
        }
        self.kept.weigh();
    }
}
