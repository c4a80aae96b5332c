//! The index page of a queue: up to 512 hand-laid entries of 24 bytes, by sequence.
//!
//! Only messages that were received, delayed, moved or chunked need more than an entry; what they
//! need lies beside it in `Extra`. A page is the unit of copy-on-write, spilling and checkpointing.

use crate::codec::{Malformed, Reader, Writer};
use crate::extra::{Extra, Extras, Origin};
use crate::kept::Weighed;
use crate::limits::PAGE_ENTRIES;

/// Layout version of an encoded page; 1 had no owners of bodies beside the identities
/// of messages, 2 no labels, 3 nothing of the moves.
pub(crate) const PAGE_VERSION: u8 = 4;
const STATE_MASK: u8 = 0b11;
const WORDS: usize = (PAGE_ENTRIES / 64) as usize;

/// What a message is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// Deleted, expired, purged or moved away.
    Gone,
    /// Waiting for a receiver.
    Ready,
    /// Not yet available.
    Delayed,
    /// In flight.
    Leased,
}

impl EntryState {
    /// It has a deadline.
    pub(crate) fn is_waiting(self) -> bool {
        matches!(self, EntryState::Delayed | EntryState::Leased)
    }
}

/// One message: where its body is and what it is doing. 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    lsn: [u8; 6],
    sent_ms: [u8; 6],
    group: [u8; 6],
    bytes: [u8; 3],
    state: u8,
    receive_count: u16,
}

const _: () = assert!(size_of::<Entry>() == 24);

fn low6(value: u64) -> [u8; 6] {
    assert!(value < 1 << 48, "value does not fit in 48 bits");
    let b = value.to_le_bytes();
    [b[0], b[1], b[2], b[3], b[4], b[5]]
}

fn wide6(b: [u8; 6]) -> u64 {
    u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], 0, 0])
}

impl Entry {
    /// A ready entry; `body_lsn`, `sent_ms` and `group` are below 2^48, `body_bytes` below 2^24.
    pub(crate) fn new(body_lsn: u64, body_bytes: u32, sent_ms: u64, group: u64) -> Entry {
        assert!(body_bytes < 1 << 24, "body length does not fit in 24 bits");
        let b = body_bytes.to_le_bytes();
        Entry {
            lsn: low6(body_lsn),
            sent_ms: low6(sent_ms),
            group: low6(group),
            bytes: [b[0], b[1], b[2]],
            state: 1,
            receive_count: 0,
        }
    }
    /// Address of the body section.
    pub(crate) fn body_lsn(&self) -> u64 {
        wide6(self.lsn)
    }
    /// Length of the body's content.
    pub(crate) fn body_bytes(&self) -> u32 {
        u32::from_le_bytes([self.bytes[0], self.bytes[1], self.bytes[2], 0])
    }
    /// Engine time of the send (or of what counts as it after a move).
    pub(crate) fn sent_ms(&self) -> u64 {
        wide6(self.sent_ms)
    }
    /// Group hash, 48 bits; 0 for none.
    pub(crate) fn group(&self) -> u64 {
        wide6(self.group)
    }
    /// Receives so far; stops at 65,535.
    pub(crate) fn receive_count(&self) -> u16 {
        self.receive_count
    }
    /// What the message is doing.
    pub(crate) fn state(&self) -> EntryState {
        match self.state & STATE_MASK {
            0 => EntryState::Gone,
            1 => EntryState::Ready,
            2 => EntryState::Delayed,
            _ => EntryState::Leased,
        }
    }
}

/// What `Page::deadlines` finds.
#[derive(Debug)]
pub(crate) struct Deadlines {
    /// Entries whose delay or lease is over.
    pub(crate) passed: Vec<u16>,
    /// The earliest end of the others; `u64::MAX` when there are none.
    pub(crate) next_ms: u64,
}

/// A page of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    entries: Vec<Entry>,
    ready: [u64; WORDS],
    extras: Extras,
}

impl Page {
    /// Entry at `index`, if it was ever written.
    pub(crate) fn entry(&self, index: u16) -> Option<&Entry> {
        self.entries.get(index as usize)
    }
    /// Entries written so far.
    pub(crate) fn len(&self) -> u16 {
        self.entries.len() as u16
    }
    /// What is known about the entry beyond its 24 bytes.
    pub(crate) fn extra(&self, index: u16) -> Option<&Extra> {
        self.extras.get(index)
    }
    /// The extra of `index`, made if absent.
    pub(crate) fn extra_mut(&mut self, index: u16) -> &mut Extra {
        self.extras.get_mut(index)
    }
    /// Says of the message at `index` what it was elsewhere and where its body lies.
    pub(crate) fn set_body(&mut self, index: u16, origin: Option<Origin>, chunks: Vec<(u32, u32)>) {
        self.extras.set_body(index, origin, chunks);
    }
    /// From when the age of the message at `index` counts for whoever watches the queue: its send, or the dead-letter
    /// move that brought it (`SQS-322`).
    pub(crate) fn aged_from_ms(&self, index: u16) -> Option<u64> {
        let sent_ms = self.entry(index)?.sent_ms();
        let origin = self.extra(index).and_then(Extra::origin);
        Some(origin.map_or(sent_ms, |origin| origin.moved_ms.max(sent_ms)))
    }
    /// Receives of the message at `index` in this queue: a dead-letter move keeps the count of the queue before.
    pub(crate) fn receives_here(&self, index: u16) -> u16 {
        let count = self.entry(index).map_or(0, Entry::receive_count);
        let origin = self.extra(index).and_then(Extra::origin);
        count.saturating_sub(origin.map_or(0, |origin| origin.receives_before))
    }
    /// Appends an entry; sequences are dense, so its index is the page's length.
    pub(crate) fn push(&mut self, entry: Entry) -> u16 {
        let index = self.len();
        assert!(u64::from(index) < PAGE_ENTRIES, "page is full");
        self.entries.push(entry);
        self.mark(index, entry.state() == EntryState::Ready);
        index
    }
    /// Changes the state of an entry; a gone one loses its extra.
    pub(crate) fn set_state(&mut self, index: u16, state: EntryState) {
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return;
        };
        entry.state = match state {
            EntryState::Gone => 0,
            EntryState::Ready => 1,
            EntryState::Delayed => 2,
            EntryState::Leased => 3,
        };
        if state == EntryState::Gone {
            self.extras.remove(index);
        }
        self.mark(index, state == EntryState::Ready);
    }
    /// Sets the receive count.
    pub(crate) fn set_receive_count(&mut self, index: u16, count: u16) {
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.receive_count = count;
        }
    }
    fn mark(&mut self, index: u16, ready: bool) {
        let (word, bit) = (index as usize / 64, index % 64);
        if let Some(word) = self.ready.get_mut(word) {
            if ready {
                *word |= 1 << bit;
            } else {
                *word &= !(1 << bit);
            }
        }
    }
    /// The first ready entry at or after `from`.
    pub(crate) fn next_ready(&self, from: u16) -> Option<u16> {
        let mut word = from as usize / 64;
        let mut bits = self.ready.get(word)? & (u64::MAX << (from % 64));
        loop {
            if bits != 0 {
                return Some((word * 64) as u16 + bits.trailing_zeros() as u16);
            }
            word += 1;
            bits = *self.ready.get(word)?;
        }
    }
    /// The page's deadlines at `now_ms`: whose have come, and the earliest that have not.
    pub(crate) fn deadlines(&self, now_ms: u64) -> Deadlines {
        let mut found = Deadlines {
            passed: Vec::new(),
            next_ms: u64::MAX,
        };
        for (index, extra) in self.extras.iter() {
            let waits = self
                .entry(index)
                .is_some_and(|entry| entry.state().is_waiting());
            if waits && extra.until_ms <= now_ms {
                found.passed.push(index);
            } else if waits {
                found.next_ms = found.next_ms.min(extra.until_ms);
            }
        }
        found
    }
    /// Entries that are ready, in flight, delayed.
    pub(crate) fn count(&self) -> (u16, u16, u16) {
        let (mut ready, mut leased, mut delayed) = (0, 0, 0);
        for entry in &self.entries {
            match entry.state() {
                EntryState::Ready => ready += 1,
                EntryState::Leased => leased += 1,
                EntryState::Delayed => delayed += 1,
                EntryState::Gone => {}
            }
        }
        (ready, leased, delayed)
    }
    /// The page as a row of the view.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes.reserve(8 + self.entries.len() * 24);
        out.u8(PAGE_VERSION);
        out.list(&self.entries, |out, entry| {
            out.bytes.extend_from_slice(&entry.lsn);
            out.bytes.extend_from_slice(&entry.sent_ms);
            out.bytes.extend_from_slice(&entry.group);
            out.bytes.extend_from_slice(&entry.bytes);
            out.u8(entry.state).u16(entry.receive_count);
        });
        self.extras.encode(&mut out);
        out.bytes
    }

    /// Reads a row written by `encode`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Page, Malformed> {
        let mut input = Reader::new(bytes, "index page");
        let version = input.u8()?;
        if !(1..=PAGE_VERSION).contains(&version) {
            return Err(input.malformed());
        }
        let entries = input.list(decode_entry)?;
        if entries.len() as u64 > PAGE_ENTRIES {
            return Err(input.malformed());
        }
        let mut page = Page::default();
        for entry in entries {
            page.push(entry);
        }
        page.extras = Extras::decode(&mut input, page.len(), version)?;
        input.finish()?;
        Ok(page)
    }
}

impl Weighed for Page {
    fn memory_bytes(&self) -> u64 {
        (self.entries.capacity() * size_of::<Entry>() + 160) as u64 + self.extras.memory_bytes()
    }
}

fn decode_entry(input: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let mut six = || -> Result<[u8; 6], Malformed> {
        Ok([
            input.u8()?,
            input.u8()?,
            input.u8()?,
            input.u8()?,
            input.u8()?,
            input.u8()?,
        ])
    };
    let (lsn, sent_ms, group) = (six()?, six()?, six()?);
    Ok(Entry {
        lsn,
        sent_ms,
        group,
        bytes: [input.u8()?, input.u8()?, input.u8()?],
        state: input.u8()?,
        receive_count: input.u16()?,
    })
}

/// Writes where a chunked body lies.
pub(crate) fn encode_chunks(out: &mut Writer, chunks: &[(u32, u32)]) {
    out.list(chunks, |out, (segment, bytes)| {
        out.u32(*segment).u32(*bytes);
    });
}

/// Reads what `encode_chunks` wrote.
pub(crate) fn decode_chunks(input: &mut Reader<'_>) -> Result<Vec<(u32, u32)>, Malformed> {
    input.list(|input| Ok((input.u32()?, input.u32()?)))
}
