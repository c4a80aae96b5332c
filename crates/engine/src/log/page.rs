//! The index page of a log: up to 1,024 entries of 16 bytes, by position.

use crate::codec::{Malformed, Reader, Writer};
use crate::kept::Weighed;
use crate::limits::LOG_PAGE_ENTRIES;

/// Layout version of an encoded page.
const LOG_PAGE_VERSION: u8 = 1;

/// One entry: where its body is and when it came. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    lsn: u64,
    bytes: u32,
    /// Milliseconds after the page's first entry.
    after_ms: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

/// An entry as the page's users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// Address of the body section.
    pub(crate) lsn: u64,
    /// Length of the body's content.
    pub(crate) bytes: u32,
    /// Engine time of the append.
    pub(crate) time_ms: u64,
}

/// A page of entries whose positions follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogPage {
    first_ms: u64,
    entries: Vec<Entry>,
}

impl LogPage {
    /// An empty page for entries from this time on.
    pub(crate) fn new(first_ms: u64) -> LogPage {
        LogPage {
            first_ms,
            entries: Vec::new(),
        }
    }

    /// Entries in it.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Appends an entry; its time is at most 2^32 milliseconds after the page's first.
    pub(crate) fn push(&mut self, entry: Indexed) {
        assert!(self.entries.len() < LOG_PAGE_ENTRIES, "page is full");
        let after_ms = entry.time_ms.checked_sub(self.first_ms);
        let after_ms = after_ms.and_then(|after_ms| u32::try_from(after_ms).ok());
        let Some(after_ms) = after_ms else {
            panic!("an entry's time is near that of its page");
        };
        self.entries.push(Entry {
            lsn: entry.lsn,
            bytes: entry.bytes,
            after_ms,
        });
    }

    /// The entries from the one at `index` on.
    pub(crate) fn from(&self, index: usize) -> impl Iterator<Item = Indexed> + '_ {
        let entries = self.entries.get(index..).unwrap_or_default().iter();
        entries.map(|entry| Indexed {
            lsn: entry.lsn,
            bytes: entry.bytes,
            time_ms: self.first_ms + u64::from(entry.after_ms),
        })
    }

    /// How many entries came before a time.
    pub(crate) fn before(&self, time_ms: u64) -> usize {
        let earlier = |entry: &Entry| self.first_ms + u64::from(entry.after_ms) < time_ms;
        self.entries.partition_point(earlier)
    }

    /// The page as a row of the view.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes.reserve(13 + self.entries.len() * 16);
        out.u8(LOG_PAGE_VERSION).u64(self.first_ms);
        out.list(&self.entries, |out, entry| {
            out.u64(entry.lsn).u32(entry.bytes).u32(entry.after_ms);
        });
        out.bytes
    }

    /// Reads a row written by `encode`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<LogPage, Malformed> {
        let mut input = Reader::new(bytes, "log page");
        if input.u8()? != LOG_PAGE_VERSION {
            return Err(input.malformed());
        }
        let first_ms = input.u64()?;
        let entries = input.list(|input| {
            Ok(Entry {
                lsn: input.u64()?,
                bytes: input.u32()?,
                after_ms: input.u32()?,
            })
        })?;
        let sorted = entries.is_sorted_by_key(|entry| entry.after_ms);
        let possible = first_ms.checked_add(u64::from(u32::MAX)).is_some();
        if entries.len() > LOG_PAGE_ENTRIES || !sorted || !possible {
            return Err(input.malformed());
        }
        input.finish()?;
        Ok(LogPage { first_ms, entries })
    }
}

impl Weighed for LogPage {
    fn memory_bytes(&self) -> u64 {
        (self.entries.capacity() * size_of::<Entry>() + 64) as u64
    }
}
