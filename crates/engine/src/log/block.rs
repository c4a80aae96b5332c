//! A log's directory in the view: lines of pages in blocks, a row each, so that a checkpoint writes the block of
//! the newest pages however many there are. What goes at the front is only told by the log's own row.

use std::sync::Arc;

use super::{Log, LogPage, LogSlot};
use crate::codec::{Malformed, Reader, Writer};
use crate::index::ShardIndex;
use crate::kept::{Kept, Rows};
use crate::page::{decode_chunks, encode_chunks};

const LOG_BLOCK_VERSION: u8 = 1;

/// Some pages of a log that follow each other.
#[derive(Debug)]
pub(crate) struct Block {
    /// Position of the first entry of its first page; never changes and names the block.
    pub(super) first: u64,
    /// Pages it got, those that are gone by now included.
    pub(super) pages: usize,
    /// A block with a changed page has changed.
    pub(super) rows: Rows,
}

impl Log {
    /// A new page at the end of the directory.
    pub(super) fn push_page(&mut self, slot: LogSlot, index: &ShardIndex) {
        let full = |block: &Block| block.pages >= index.log_block_pages;
        if self.blocks.back().is_none_or(full) {
            self.blocks.push_back(Block {
                first: slot.first,
                pages: 0,
                rows: Rows::none(),
            });
        }
        if let Some(block) = self.blocks.back_mut() {
            block.pages += 1;
        }
        self.pages.push_back(slot);
    }

    /// Forgets the first block if it has no page any more.
    pub(super) fn drop_empty_block(&mut self) {
        let second = self.blocks.get(1).map(|block| block.first);
        let oldest = self.pages.front().map(|slot| slot.first);
        let empty = match (oldest, second) {
            (None, _) => true,
            (Some(oldest), Some(second)) => oldest >= second,
            (Some(_), None) => false,
        };
        if empty && let Some(block) = self.blocks.pop_front() {
            let rows = block.rows.all();
            self.dropped_blocks
                .extend(rows.map(|generation| (block.first, generation)));
        }
    }

    /// Places of the pages of a block among all pages.
    pub(super) fn places(&self, block: usize) -> std::ops::Range<usize> {
        let place = |block: usize| match self.blocks.get(block) {
            Some(block) => self.pages.partition_point(|slot| slot.first < block.first),
            None => self.pages.len(),
        };
        place(block)..place(block + 1)
    }

    /// The block's row: lines of its pages, whose rows will be under `generation` if they are dirty.
    pub(super) fn encode_block(&self, block: usize, generation: u64) -> Vec<u8> {
        let places = self.places(block);
        let mut out = Writer::default();
        out.u8(LOG_BLOCK_VERSION).u32(places.len() as u32);
        for slot in self.pages.range(places) {
            out.u64(slot.first)
                .u64(slot.kept.rows.row(generation))
                .u32(slot.count)
                .u64(slot.first_ms)
                .u64(slot.last_ms)
                .u64(slot.body_bytes);
            encode_chunks(&mut out, &slot.segments);
        }
        out.bytes
    }

    /// Takes in a block's row; pages that went since it was written are skipped.
    pub(crate) fn restore_block(
        &mut self,
        first: u64,
        generation: u64,
        bytes: &[u8],
        index: &mut ShardIndex,
    ) -> Result<(), Malformed> {
        let mut input = Reader::new(bytes, "directory of a log");
        if input.u8()? != LOG_BLOCK_VERSION {
            return Err(input.malformed());
        }
        let usage = index.usage.clone();
        let slots = input.list(|input| {
            Ok(LogSlot {
                first: input.u64()?,
                kept: Kept::stored(&usage, input.u64()?),
                count: input.u32()?,
                first_ms: input.u64()?,
                last_ms: input.u64()?,
                body_bytes: input.u64()?,
                segments: decode_chunks(input)?,
            })
        })?;
        self.blocks.push_back(Block {
            first,
            pages: slots.len(),
            rows: Rows::stored(generation),
        });
        for slot in slots {
            let end = slot.first.checked_add(u64::from(slot.count));
            let fits = end.is_some_and(|end| slot.first < end && end <= self.next);
            let last = self.pages.back().map(LogSlot::end);
            if !fits || last.is_some_and(|last| last != slot.first) {
                return Err(input.malformed());
            }
            if slot.end() > self.first {
                index.live.add(&slot.segments);
                index.usage.log_entries.add(u64::from(slot.count));
                index.usage.log_bytes.add(slot.body_bytes);
                self.body_bytes += slot.body_bytes;
                self.pages.push_back(slot);
            }
        }
        input.finish()
    }

    /// Puts a page read from the view back into memory, unless it changed meanwhile.
    pub(crate) fn install(&mut self, first: u64, generation: u64, page: Arc<LogPage>) {
        let Some(slot) = self.slot_of_mut(first) else {
            return;
        };
        let count = page.len();
        if slot.kept.install(generation, page) {
            assert_eq!(count, slot.count as usize, "a page read back is as it was");
            self.resident.insert(first);
        }
    }

    /// Lets pages leave memory that the view has as they are.
    pub(crate) fn evict(&mut self) {
        let resident: Vec<u64> = self.resident.iter().copied().collect();
        for first in resident {
            let slot = self.slot_of_mut(first);
            if slot.is_none_or(|slot| slot.kept.evict()) {
                self.resident.remove(&first);
            }
        }
    }
}
