//! The outbox of a shard: effects on others, until those took them in.
//!
//! The record of the source carries the effect; the destination pulls it with credits and stores
//! the number of the last one with what it did. So inside the system an effect takes place exactly
//! once and in order, whatever crashes in between, and no shard ever blocks on another.
//!
//! What waits is a lane of chunks per destination. A checkpoint writes a full chunk as a row of its
//! own, once; then the chunk may leave memory until its turn comes. Chunks are given back whole, so
//! nothing but offering one needs its contents. Bytes that wait are bounded for the whole node:
//! at the limit sources stop producing effects.

mod chunk;
mod lane;
mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::effect::Effect;
use crate::ids::ShardId;
use crate::index::ShardIndex;
use crate::row_key::RowKey;

pub(crate) use chunk::Chunk;
pub(crate) use lane::{Lane, Slice};
pub(crate) use row::{decode_chunk, encode_chunk};

/// All lanes out of one shard, and how far it has taken in those of others.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: BTreeMap<ShardId, Lane>,
    /// Lanes that something was put into since the caller last looked.
    fresh: BTreeSet<ShardId>,
    /// Number of the last effect applied here, by source.
    pub(crate) applied: BTreeMap<ShardId, u64>,
}

/// Which chunks must stay in memory although the view has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The first of every lane, which its destination asks for next.
    Heads,
    /// None.
    Nothing,
}

impl Outbox {
    /// Puts an effect into the lane of its destination; the body it refers to stays live there.
    pub(crate) fn push(&mut self, effect: Effect, index: &mut ShardIndex) {
        let destination = effect.resource().shard();
        index.live.add(&effect.occupied(index.segment_bytes));
        let lane = self.lanes.entry(destination).or_default();
        lane.push(effect, index);
        self.fresh.insert(destination);
    }

    /// Number of the last effect put into the lane to `destination`.
    pub(crate) fn last(&self, destination: ShardId) -> u64 {
        self.lanes.get(&destination).map_or(0, Lane::last)
    }

    /// Lanes that something was put into since this was last asked.
    pub(crate) fn take_fresh(&mut self) -> BTreeSet<ShardId> {
        std::mem::take(&mut self.fresh)
    }

    /// All chunks with their destinations.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (ShardId, &Chunk)> {
        let lanes = self.lanes.iter();
        lanes.flat_map(|(destination, lane)| lane.chunks().map(|chunk| (*destination, chunk)))
    }

    fn chunks_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.lanes.values_mut().flat_map(Lane::chunks_mut)
    }

    /// The chunk that begins with number `first`.
    pub(crate) fn chunk(&self, destination: ShardId, first: u64) -> Option<&Chunk> {
        self.lanes.get(&destination)?.chunk(first)
    }

    /// The next slice after number `after`.
    pub(crate) fn slice(&self, destination: ShardId, after: u64) -> Slice {
        let lane = self.lanes.get(&destination);
        lane.map_or(Slice::Empty, |lane| lane.slice(after))
    }

    /// Would `trim` drop anything?
    pub(crate) fn can_trim(&self, destination: ShardId, through: u64) -> bool {
        let lane = self.lanes.get(&destination);
        lane.is_some_and(|lane| lane.can_trim(through))
    }

    /// Drops the chunks that the destination has whole, and returns their rows.
    pub(crate) fn trim(
        &mut self,
        shard: ShardId,
        destination: ShardId,
        through: u64,
        index: &mut ShardIndex,
    ) -> Vec<RowKey> {
        let mut rows = Vec::new();
        if let Some(lane) = self.lanes.get_mut(&destination) {
            while let Some(chunk) = lane.trim(through) {
                index.live.sub_all(chunk.live());
                rows.extend(chunk.rows(shard, destination));
            }
        }
        rows
    }

    /// Number of the last effect of `source` applied here.
    pub(crate) fn applied_from(&self, source: ShardId) -> u64 {
        self.applied.get(&source).copied().unwrap_or(0)
    }

    /// Lets chunks that are not full yet be written with the next checkpoint; true when there are any.
    pub(crate) fn close(&mut self) -> bool {
        let mut any = false;
        for lane in self.lanes.values_mut() {
            any |= lane.close();
        }
        any
    }

    /// Takes the chunks that no checkpoint has written yet, for the one under `generation`.
    pub(crate) fn capture(
        &mut self,
        shard: ShardId,
        generation: u64,
    ) -> Vec<(RowKey, Arc<Vec<Effect>>)> {
        let mut captured = Vec::new();
        for (destination, lane) in &mut self.lanes {
            for chunk in lane.chunks_mut() {
                if let Some(effects) = chunk.capture(generation) {
                    captured.push((chunk.row_key(shard, *destination, generation), effects));
                }
            }
        }
        captured
    }

    /// The checkpoint that held chunks under `generation` is sealed.
    pub(crate) fn sealed(&mut self, generation: u64) {
        self.chunks_mut().for_each(|chunk| chunk.sealed(generation));
    }

    /// The checkpoint under `generation` failed: what it held is not stored.
    pub(crate) fn abandoned(&mut self, generation: u64) {
        self.chunks_mut()
            .for_each(|chunk| chunk.abandoned(generation));
    }

    /// Lets chunks that the view has leave memory.
    pub(crate) fn evict(&mut self, keep: Keep) {
        for lane in self.lanes.values_mut() {
            let kept = usize::from(keep == Keep::Heads);
            lane.chunks_mut().skip(kept).for_each(Chunk::evict);
        }
    }

    /// Puts a chunk read from the view back into memory, unless it went meanwhile.
    pub(crate) fn install(
        &mut self,
        destination: ShardId,
        first: u64,
        generation: u64,
        effects: Arc<Vec<Effect>>,
    ) {
        let lane = self.lanes.get_mut(&destination);
        let chunk = lane.and_then(|lane| lane.chunk_mut(first));
        if let Some(chunk) = chunk.filter(|chunk| chunk.is_stored(generation)) {
            chunk.install(effects);
        }
    }
}

#[cfg(test)]
mod tests;
