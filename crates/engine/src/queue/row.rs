//! A queue as rows of the view: one row for itself, its page directory and the list of what it
//! remembers; one per page. Rows of deduplication entries are made where those are.

use std::sync::Arc;

use super::{Attempt, Listed, Queue, Slot};
use crate::codec::{Malformed, Reader, Writer};
use crate::config::QueueConfig;
use crate::ids::{QueueId, ShardId};
use crate::index::ShardIndex;
use crate::moves::MoveProgress;
use crate::page::{decode_chunks, encode_chunks};
use crate::row_key::{RowKey, RowKind};

/// Version 4 lists deduplication entries in buckets; earlier ones list them in chunks.
const QUEUE_ROW_VERSION: u8 = 4;
/// Version 3 knows how far the last move task got.
const QUEUE_ROW_VERSION_3: u8 = 3;
/// Version 2 tells messages in flight from delayed ones and knows the earliest deadline of every page, and
/// whether tenants hold some.
const QUEUE_ROW_VERSION_2: u8 = 2;
/// Version 1 only counted what waits, so that such pages must be read to know.
const QUEUE_ROW_VERSION_1: u8 = 1;

impl Queue {
    pub(crate) fn page_key(&self, shard: ShardId, number: u64, generation: u64) -> RowKey {
        RowKey {
            shard,
            kind: RowKind::Page,
            id: self.id.0,
            number,
            generation,
        }
    }

    /// The key of this queue's own row.
    pub(crate) fn row_key(&self, shard: ShardId, generation: u64) -> RowKey {
        RowKey {
            shard,
            kind: RowKind::Queue,
            id: self.id.0,
            number: 0,
            generation,
        }
    }

    /// The row this queue has in the view now.
    pub(crate) fn own_row(&self, shard: ShardId) -> Option<RowKey> {
        (self.stored != 0).then(|| self.row_key(shard, self.stored))
    }

    /// Rows of dropped pages and buckets, to be removed.
    pub(crate) fn take_dropped_rows(&mut self, shard: ShardId) -> Vec<RowKey> {
        let pages = std::mem::take(&mut self.dropped_rows);
        let remembered = self.deduplication.take_dropped_rows(shard);
        let pages = pages.iter().map(|(n, g)| self.page_key(shard, *n, *g));
        pages.chain(remembered).collect()
    }

    /// The queue's own row: everything but the contents of pages and deduplication buckets. Dirty
    /// pages are written under `generation` by the same checkpoint; buckets were captured before.
    pub(crate) fn encode(&self, generation: u64) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(QUEUE_ROW_VERSION).u64(self.version);
        self.config.encode(&mut out);
        out.u64(self.next_sequence)
            .u8(u8::from(self.redrive_suspended));
        out.u8(u8::from(self.fair.is_some()));
        out.u32(self.pages.len() as u32);
        for (number, slot) in &self.pages {
            out.u64(*number).u64(slot.kept.rows.row(generation));
            out.u16(slot.live).u16(slot.ready);
            out.u16(slot.leased).u16(slot.delayed);
            out.u64(slot.until_min_ms);
            out.u64(slot.sent_min_ms).u64(slot.sent_max_ms);
            encode_chunks(&mut out, &slot.segments);
        }
        self.deduplication.encode(&mut out);
        let attempts = self.attempts.all();
        out.u32(attempts.len() as u32);
        for (id, attempt) in attempts {
            out.u128(*id).u64(attempt.at_ms);
            out.list(&attempt.leases, |out, (sequence, tag)| {
                out.u64(*sequence).u64(*tag);
            });
        }
        let moving = self.moving.as_ref();
        #[cfg(feature = "planted-bugs")]
        let moving = moving.filter(|_| !crate::plant::is(crate::plant::Plant::MoveProgress));
        out.option(moving, |out, moving| moving.encode(out));
        out.bytes
    }

    /// Reads a queue's own row; returns it with what it remembers, to be read. Its pages are not in
    /// memory yet.
    pub(crate) fn decode(
        id: QueueId,
        stored: u64,
        bytes: &[u8],
        index: &mut ShardIndex,
    ) -> Result<(Queue, Vec<Listed>), Malformed> {
        let mut input = Reader::new(bytes, "queue row");
        let layout = input.u8()?;
        if !(1..=QUEUE_ROW_VERSION).contains(&layout) {
            return Err(input.malformed());
        }
        let version = input.u64()?;
        let mut queue = Queue::new(id, version, QueueConfig::decode(&mut input)?);
        queue.stored = stored;
        queue.dirty = false;
        queue.next_sequence = input.u64()?;
        queue.redrive_suspended = input.u8()? != 0;
        // Before version 2 nobody knew: as if there were tenants.
        queue.had_tenants = layout == QUEUE_ROW_VERSION_1 || input.u8()? != 0;
        let usage = index.usage.clone();
        for (number, slot) in input.list(|input| {
            let number = input.u64()?;
            let mut slot = Slot::stored(&usage, input.u64()?);
            slot.live = input.u16()?;
            slot.ready = input.u16()?;
            if layout == QUEUE_ROW_VERSION_1 {
                // As if something were due: the page is read before anything else, and `recount` tells.
                slot.leased = input.u16()?;
                slot.until_min_ms = if slot.leased > 0 { 0 } else { u64::MAX };
            } else {
                slot.leased = input.u16()?;
                slot.delayed = input.u16()?;
                slot.until_min_ms = input.u64()?;
            }
            if (slot.waiting() > 0) != (slot.until_min_ms != u64::MAX) {
                return Err(input.malformed());
            }
            slot.sent_min_ms = input.u64()?;
            slot.sent_max_ms = input.u64()?;
            slot.segments = decode_chunks(input)?;
            Ok((number, slot))
        })? {
            queue.place(number, slot, index);
        }
        let remembered = match layout {
            QUEUE_ROW_VERSION_1..=QUEUE_ROW_VERSION_3 => input.list(|input| {
                let (number, generation) = (input.u64()?, input.u64()?);
                Ok(Listed::Chunk { number, generation })
            })?,
            _ => queue.deduplication.decode(&mut input)?,
        };
        for (id, attempt) in input.list(|input| {
            let id = input.u128()?;
            let at_ms = input.u64()?;
            let leases = input.list(|input| Ok((input.u64()?, input.u64()?)))?;
            Ok((id, Attempt { at_ms, leases }))
        })? {
            let (leases, at_ms) = (&attempt.leases, attempt.at_ms);
            queue.attempts.remember(id, leases, at_ms, &usage);
        }
        if layout > QUEUE_ROW_VERSION_2 {
            queue.moving = input.option(MoveProgress::decode)?;
        }
        input.finish()?;
        Ok((queue, remembered))
    }

    fn place(&mut self, number: u64, slot: Slot, index: &mut ShardIndex) {
        index.live.add(&slot.segments);
        self.counts.visible += u64::from(slot.ready);
        self.counts.in_flight += u64::from(slot.leased);
        self.counts.delayed += u64::from(slot.delayed);
        index.usage.visible_messages.add(u64::from(slot.ready));
        index.usage.waiting_messages.add(u64::from(slot.waiting()));
        if slot.ready > 0 {
            self.ready_pages.insert(number);
        }
        self.by_age.insert((slot.sent_min_ms, number));
        self.expect_stored(number, &slot, index);
        self.pages.insert(number, slot);
    }

    /// Tells messages in flight from delayed ones in a page just read after a row of version 1.
    pub(super) fn recount(&mut self, number: u64) {
        let Some(slot) = self.pages.get_mut(&number) else {
            return;
        };
        let Some((_, leased, delayed)) = slot.kept.page().map(|page| page.count()) else {
            return;
        };
        self.counts.in_flight -= u64::from(slot.leased);
        (slot.leased, slot.delayed) = (leased, delayed);
        self.counts.in_flight += u64::from(leased);
        self.counts.delayed += u64::from(delayed);
    }

    /// Pages that changed since the last checkpoint, now held by it under `generation`, and the
    /// rows they replace.
    pub(crate) fn capture_pages(
        &mut self,
        shard: ShardId,
        generation: u64,
    ) -> (Vec<(RowKey, Arc<crate::page::Page>)>, Vec<RowKey>) {
        let (mut held, mut replaced) = (Vec::new(), Vec::new());
        let id = self.id;
        for (number, slot) in &mut self.pages {
            let Some((page, before)) = slot.kept.capture(generation) else {
                continue;
            };
            let key = |generation| RowKey {
                shard,
                kind: RowKind::Page,
                id: id.0,
                number: *number,
                generation,
            };
            held.push((key(generation), page));
            replaced.extend(before.into_iter().map(key));
        }
        (held, replaced)
    }

    /// The checkpoint under `generation` failed: what it held is changed again.
    pub(crate) fn abandoned(&mut self, generation: u64) {
        if self.stored == generation {
            self.stored = 0;
            self.dirty = true;
        }
        for slot in self.pages.values_mut() {
            slot.kept.rows.abandoned(generation);
        }
        self.deduplication.abandoned(generation);
    }

    /// The checkpoint that held pages under `generation` is sealed.
    pub(crate) fn sealed(&mut self, generation: u64) {
        for slot in self.pages.values_mut() {
            slot.kept.rows.sealed(generation);
        }
        self.deduplication.sealed(generation);
    }
}
