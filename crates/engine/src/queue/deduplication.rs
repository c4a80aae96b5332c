//! Which deduplication ids a FIFO queue has seen in the last five minutes (`SQS-268`..`SQS-279`).
//!
//! Entries are kept in order of time, in chunks that are written to the view once and then only
//! dropped, with a map over them for the question itself. Purging forgets them (`SQS-276`).

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::codec::{Malformed, Reader, Writer};
use crate::index::Usage;
use crate::limits::{DEDUPLICATION_CHUNK_ENTRIES, DEDUPLICATION_WINDOW_MS};

/// One remembered id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: u128,
    pub(crate) sequence: u64,
    pub(crate) at_ms: u64,
}

/// Entries that are stored together.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) number: u64,
    pub(crate) entries: Arc<Vec<Seen>>,
    /// Generation of its row; 0 when it has changed since.
    pub(crate) stored: u64,
}

/// The memory of one queue.
#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    by_id: FxHashMap<u128, (u64, u64)>,
    pub(crate) chunks: VecDeque<Chunk>,
    next_chunk: u64,
    /// Rows to remove at the next checkpoint: (chunk, generation).
    pub(crate) dropped_rows: Vec<(u64, u64)>,
}

impl Deduplication {
    /// Sequence and time of the original send, if `id` was seen within the window.
    pub(crate) fn find(&self, id: u128, now_ms: u64) -> Option<(u64, u64)> {
        let (sequence, at_ms) = *self.by_id.get(&id)?;
        (at_ms + DEDUPLICATION_WINDOW_MS > now_ms).then_some((sequence, at_ms))
    }

    /// Remembers `id` from `now_ms` on and forgets what is too old.
    pub(crate) fn remember(&mut self, id: u128, sequence: u64, now_ms: u64, usage: &Usage) {
        self.forget_old(now_ms, usage);
        if self
            .chunks
            .back()
            .is_none_or(|chunk| chunk.entries.len() >= DEDUPLICATION_CHUNK_ENTRIES)
        {
            self.chunks.push_back(Chunk {
                number: self.next_chunk,
                ..Chunk::default()
            });
            self.next_chunk += 1;
        }
        if let Some(chunk) = self.chunks.back_mut() {
            if chunk.stored != 0 {
                self.dropped_rows.push((chunk.number, chunk.stored));
                chunk.stored = 0;
            }
            Arc::make_mut(&mut chunk.entries).push(Seen {
                id,
                sequence,
                at_ms: now_ms,
            });
        }
        if self.by_id.insert(id, (sequence, now_ms)).is_none() {
            usage.deduplication_entries.add(1);
        }
    }

    /// Drops whole chunks that are out of the window.
    pub(crate) fn forget_old(&mut self, now_ms: u64, usage: &Usage) {
        while self.chunks.front().is_some_and(|chunk| {
            chunk
                .entries
                .last()
                .is_some_and(|seen| seen.at_ms + DEDUPLICATION_WINDOW_MS <= now_ms)
        }) {
            self.drop_front(usage);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, usage: &Usage) {
        while !self.chunks.is_empty() {
            self.drop_front(usage);
        }
    }

    fn drop_front(&mut self, usage: &Usage) {
        let Some(chunk) = self.chunks.pop_front() else {
            return;
        };
        if chunk.stored != 0 {
            self.dropped_rows.push((chunk.number, chunk.stored));
        }
        for seen in chunk.entries.iter() {
            if self.by_id.get(&seen.id) == Some(&(seen.sequence, seen.at_ms)) {
                self.by_id.remove(&seen.id);
                usage.deduplication_entries.sub(1);
            }
        }
    }

    /// Puts a chunk read from the view at the end.
    pub(crate) fn restore(
        &mut self,
        number: u64,
        generation: u64,
        entries: Vec<Seen>,
        usage: &Usage,
    ) {
        for seen in &entries {
            if self
                .by_id
                .insert(seen.id, (seen.sequence, seen.at_ms))
                .is_none()
            {
                usage.deduplication_entries.add(1);
            }
        }
        self.next_chunk = number + 1;
        self.chunks.push_back(Chunk {
            number,
            entries: Arc::new(entries),
            stored: generation,
        });
    }
}

/// A chunk as a row of the view.
pub(crate) fn encode_chunk(entries: &[Seen]) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(1);
    out.list(entries, |out, seen| {
        out.u128(seen.id).u64(seen.sequence).u64(seen.at_ms);
    });
    out.bytes
}

/// Reads what `encode_chunk` wrote.
pub(crate) fn decode_chunk(bytes: &[u8]) -> Result<Vec<Seen>, Malformed> {
    let mut input = Reader::new(bytes, "deduplication chunk");
    if input.u8()? != 1 {
        return Err(input.malformed());
    }
    let entries = input.list(|input| {
        Ok(Seen {
            id: input.u128()?,
            sequence: input.u64()?,
            at_ms: input.u64()?,
        })
    })?;
    input.finish()?;
    Ok(entries)
}
