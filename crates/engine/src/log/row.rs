//! A log as rows of the view: one for itself, one per block of its directory, one per page.

use std::sync::Arc;

use super::{Log, LogPage};
use crate::codec::{Malformed, Reader, Writer};
use crate::config::LogConfig;
use crate::ids::{LogId, ShardId};
use crate::row_key::{RowKey, RowKind};

/// Version 1 had no cursors.
const LOG_ROW_VERSION: u8 = 2;

/// What a checkpoint takes of a log that changed.
#[derive(Debug, Default)]
pub(crate) struct LogCapture {
    pub(crate) pages: Vec<(RowKey, Arc<LogPage>)>,
    /// The log's own row, and those of blocks.
    pub(crate) rows: Vec<(RowKey, Vec<u8>)>,
    /// Rows that these replace.
    pub(crate) replaced: Vec<RowKey>,
}

impl Log {
    /// The key of a log's own row.
    pub(crate) fn row_key(shard: ShardId, id: LogId, generation: u64) -> RowKey {
        RowKey {
            shard,
            kind: RowKind::Log,
            id: id.0,
            number: 0,
            generation,
        }
    }

    fn key(&self, shard: ShardId, kind: RowKind, number: u64, generation: u64) -> RowKey {
        RowKey {
            shard,
            kind,
            id: self.id.0,
            number,
            generation,
        }
    }

    /// The key of a page's row; `None` when there is no such page.
    pub(crate) fn page_row(&self, shard: ShardId, first: u64) -> Option<RowKey> {
        let generation = self.slot_of(first)?.kept.rows.generation();
        Some(self.key(shard, RowKind::LogPage, first, generation))
    }

    /// The page exists but is not in memory.
    pub(crate) fn is_spilled(&self, first: u64) -> bool {
        self.slot_of(first)
            .is_some_and(|slot| slot.kept.is_spilled())
    }

    /// The page is in the view only, in this generation.
    pub(crate) fn is_stored(&self, first: u64, generation: u64) -> bool {
        self.slot_of(first)
            .is_some_and(|slot| slot.kept.is_stored(generation))
    }

    /// The row this log has in the view now.
    pub(crate) fn own_row(&self, shard: ShardId) -> Option<RowKey> {
        (self.stored != 0).then(|| Log::row_key(shard, self.id, self.stored))
    }

    /// Rows of dropped pages and blocks, to be removed.
    pub(crate) fn take_dropped_rows(&mut self, shard: ShardId) -> Vec<RowKey> {
        let pages = std::mem::take(&mut self.dropped_pages);
        let blocks = std::mem::take(&mut self.dropped_blocks);
        let row = |kind| move |(number, generation)| (kind, number, generation);
        let pages = pages.into_iter().map(row(RowKind::LogPage));
        let blocks = blocks.into_iter().map(row(RowKind::LogBlock));
        pages
            .chain(blocks)
            .map(|(kind, number, generation)| self.key(shard, kind, number, generation))
            .collect()
    }

    /// Everything that changed since the last checkpoint, now held by the one under `generation`.
    pub(crate) fn capture(&mut self, shard: ShardId, generation: u64) -> LogCapture {
        let mut capture = LogCapture::default();
        let own = self.encode(generation);
        for number in 0..self.blocks.len() {
            if self.blocks.get(number).is_some_and(|b| b.rows.is_dirty()) {
                self.capture_block(number, shard, generation, &mut capture);
            }
        }
        capture.replaced.extend(self.take_dropped_rows(shard));
        capture.replaced.extend(self.own_row(shard));
        self.stored = generation;
        self.dirty = false;
        let key = Log::row_key(shard, self.id, generation);
        capture.rows.push((key, own));
        capture
    }

    fn capture_block(
        &mut self,
        number: usize,
        shard: ShardId,
        generation: u64,
        capture: &mut LogCapture,
    ) {
        let id = self.id.0;
        let key = |kind, number, generation| RowKey {
            shard,
            kind,
            id,
            number,
            generation,
        };
        // The block's row names its pages' rows: it is encoded while dirty pages are still marked.
        let row = self.encode_block(number, generation);
        let places = self.places(number);
        let Some(block) = self.blocks.get_mut(number) else {
            return;
        };
        let replaced = block.rows.capture(generation);
        let replaced = replaced.map(|g| key(RowKind::LogBlock, block.first, g));
        capture.replaced.extend(replaced);
        capture
            .rows
            .push((key(RowKind::LogBlock, block.first, generation), row));
        for slot in self.pages.range_mut(places) {
            if let Some((page, replaced)) = slot.kept.capture(generation) {
                let row = |generation| key(RowKind::LogPage, slot.first, generation);
                capture.pages.push((row(generation), page));
                capture.replaced.extend(replaced.into_iter().map(row));
            }
        }
    }

    /// The checkpoint under `generation` failed: what it held is changed again.
    pub(crate) fn abandoned(&mut self, generation: u64) {
        if self.stored == generation {
            self.stored = 0;
            self.dirty = true;
        }
        for number in 0..self.blocks.len() {
            let places = self.places(number);
            let block = self.blocks.get_mut(number);
            if block.is_some_and(|block| block.rows.abandoned(generation)) {
                for slot in self.pages.range_mut(places) {
                    slot.kept.rows.abandoned(generation);
                }
            }
        }
    }

    /// The checkpoint that held this under `generation` is sealed.
    pub(crate) fn sealed(&mut self, generation: u64) {
        for number in 0..self.blocks.len() {
            let places = self.places(number);
            let Some(block) = self.blocks.get_mut(number) else {
                continue;
            };
            if block.rows.is_held_by(generation) {
                block.rows.sealed(generation);
                for slot in self.pages.range_mut(places) {
                    slot.kept.rows.sealed(generation);
                }
            }
        }
    }

    /// The log's own row: everything but the contents of blocks and pages.
    fn encode(&self, generation: u64) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(LOG_ROW_VERSION).u64(self.version);
        self.config.encode(&mut out);
        out.u8(u8::from(self.sealed))
            .u64(self.floor_ms)
            .u64(self.first)
            .u64(self.next)
            .u64(self.newest_ms);
        out.u32(self.blocks.len() as u32);
        for block in &self.blocks {
            out.u64(block.first).u64(block.rows.row(generation));
        }
        self.encode_cursors(&mut out);
        out.bytes
    }

    /// Reads a log's own row; returns it without pages, and the blocks of its directory, to be read in this order:
    /// (number, generation).
    pub(crate) fn decode(
        id: LogId,
        stored: u64,
        bytes: &[u8],
    ) -> Result<(Log, Vec<(u64, u64)>), Malformed> {
        let mut input = Reader::new(bytes, "log row");
        let layout = input.u8()?;
        if !(1..=LOG_ROW_VERSION).contains(&layout) {
            return Err(input.malformed());
        }
        let version = input.u64()?;
        let mut log = Log::new(id, version, LogConfig::decode(&mut input)?);
        log.sealed = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(input.malformed()),
        };
        log.floor_ms = input.u64()?;
        log.first = input.u64()?;
        log.next = input.u64()?;
        log.newest_ms = input.u64()?;
        let blocks = input.list(|input| Ok((input.u64()?, input.u64()?)))?;
        if layout > 1 {
            log.decode_cursors(&mut input)?;
        }
        input.finish()?;
        #[cfg(feature = "planted-bugs")]
        let blocks = match crate::plant::is(crate::plant::Plant::LogBlock) {
            true => blocks.into_iter().skip(1).collect(),
            false => blocks,
        };
        log.stored = stored;
        log.dirty = false;
        Ok((log, blocks))
    }

    /// The key of a block's row.
    pub(crate) fn block_key(&self, shard: ShardId, first: u64, generation: u64) -> RowKey {
        self.key(shard, RowKind::LogBlock, first, generation)
    }
}
