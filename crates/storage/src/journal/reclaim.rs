//! Reclaiming: segments that replay does not need and that hold no live body become future segments, or go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::pack::Pack;
use super::segments::segment_name;
use super::{Journal, Reclaimed, SegmentPin, lock};
use crate::{Lsn, StorageError};

impl Journal {
    /// Gives back the segments wholly below `trim` without live bytes. `live` counts, per segment, the bytes that
    /// references in the state at `trim` keep (as `occupies` told); a segment without an entry has none. Kept back are
    /// segments that a reader holds, that a reference noted at or beyond `trim` may need, and the one with the last frame.
    ///
    /// # Errors
    /// An I/O error; what was reclaimed before it stays so.
    pub fn reclaim(&self, trim: Lsn, live: &BTreeMap<u32, u64>) -> Result<Reclaimed, StorageError> {
        let _turn = lock(&self.turns.reclaiming);
        assert!(trim <= self.position().end, "{trim} was never appended");
        self.trimmed.fetch_max(trim.0, Ordering::AcqRel);
        self.space.measure_consumption();
        let mut reclaimed = Reclaimed::default();
        let lives = |index: &u32| live.get(index).is_some_and(|bytes| *bytes > 0);
        for index in self.segments.indices() {
            // Bodies of a packed segment are read from the pack.
            let held = lives(&index) && !self.segments.is_packed(index);
            #[cfg(feature = "planted-bugs")]
            let held = held && !crate::plant::is(crate::plant::Plant::LiveBytes);
            if !held && self.is_dead(index) {
                self.retire(index, &mut reclaimed)?;
            }
        }
        for (pack, held) in self.segments.packs() {
            let held = held.as_slice();
            #[cfg(feature = "planted-bugs")]
            let held = match crate::plant::is(crate::plant::Plant::PackFirstSegment) {
                true => &held[..held.len().min(1)],
                false => held,
            };
            let over = |index: &u32| {
                !lives(index) && self.is_dead(*index) && !self.segments.contains(*index)
            };
            if held.iter().all(over) {
                self.remove_pack(pack, &mut reclaimed)?;
            }
        }
        self.remove_surplus(&mut reclaimed)?;
        if reclaimed != Reclaimed::default() {
            self.segments.sync_directory()?;
        }
        lock(&self.references).retain(|_, at| at.0 >= trim.0);
        Ok(reclaimed)
    }

    /// Nothing but live bytes could still want this segment.
    pub(super) fn is_dead(&self, index: u32) -> bool {
        let trim = Lsn(self.trimmed.load(Ordering::Acquire));
        let last_frame = self
            .segments
            .segment_of(Lsn(self.last_frame.load(Ordering::Acquire)));
        let below = self.segments.start_of(index + 1) <= trim;
        below && index < last_frame && self.last_reference(index).is_none_or(|at| at < trim)
    }

    /// Renames a dead segment to a future index, or removes it when enough wait already.
    pub(super) fn retire(&self, index: u32, reclaimed: &mut Reclaimed) -> Result<(), StorageError> {
        let _turn = lock(&self.turns.growing);
        let Some(stored) = self.segments.take(index) else {
            return Ok(());
        };
        let Some(target) = self.space.recycle_target() else {
            self.segments
                .disk()
                .remove(&stored.name)
                .map_err(StorageError::io("remove", &stored.name))?;
            reclaimed.removed.push(index);
            return Ok(());
        };
        let name = segment_name(target);
        self.segments
            .disk()
            .rename(&stored.name, &name)
            .map_err(StorageError::io("rename", &stored.name))?;
        // Durable before a frame goes there: a frame under a name that a crash takes back would be lost.
        self.segments.sync_directory()?;
        self.segments.insert_named(target);
        self.space.recycled(target);
        reclaimed.recycled.push(index);
        Ok(())
    }

    /// Removes free segments that a busier time left: the farthest first, which nothing has touched since.
    fn remove_surplus(&self, reclaimed: &mut Reclaimed) -> Result<(), StorageError> {
        let _turn = lock(&self.turns.growing);
        while let Some(index) = self.space.surplus() {
            let Some(stored) = self.segments.take(index) else {
                return Ok(());
            };
            self.space.removed(index);
            self.segments
                .disk()
                .remove(&stored.name)
                .map_err(StorageError::io("remove", &stored.name))?;
            reclaimed.removed.push(index);
        }
        Ok(())
    }

    /// Removes a pack unless somebody reads it; then a later reclaim does.
    pub(super) fn remove_pack(
        &self,
        pack: Arc<Pack>,
        reclaimed: &mut Reclaimed,
    ) -> Result<(), StorageError> {
        let id = pack.id;
        // The hand on it counts as a reader.
        drop(pack);
        if let Some(pack) = self.segments.take_pack(id) {
            let name = &pack.stored.name;
            self.segments
                .disk()
                .remove(name)
                .map_err(StorageError::io("remove", name))?;
            reclaimed.packs += 1;
        }
        Ok(())
    }

    /// Tells that the record at `at` refers to a body in this segment that another shard owns, so that the segment
    /// outlives every checkpoint older than that record. Kept in memory: a replay notes it again.
    pub fn note_reference(&self, segment: u32, at: Lsn) {
        let mut references = lock(&self.references);
        let newest = references.entry(segment).or_insert(at);
        *newest = (*newest).max(at);
    }

    /// The newest noted reference that no `reclaim` has passed yet.
    #[must_use]
    pub fn last_reference(&self, segment: u32) -> Option<Lsn> {
        lock(&self.references).get(&segment).copied()
    }

    /// Keeps a segment from being recycled while the pin lives; `None` when it is gone already.
    #[must_use]
    pub fn pin(&self, segment: u32) -> Option<SegmentPin> {
        self.segments.pin(segment)
    }
}
