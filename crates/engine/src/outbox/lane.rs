//! What one shard holds for one other: effects numbered from 1 without gaps, in chunks.

use std::collections::VecDeque;

use super::Chunk;
use crate::effect::Effect;
use crate::index::ShardIndex;

/// What follows a number in a lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// Nothing yet.
    Empty,
    /// These, with their numbers.
    Effects(Vec<(u64, Effect)>),
    /// The chunk that begins with this number must be in memory first.
    Spilled(u64),
}

/// Effects one shard holds for one other.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Number of the last effect ever put in.
    last: u64,
    chunks: VecDeque<Chunk>,
}

impl Lane {
    /// A lane as a checkpoint described it.
    pub(super) fn restored(last: u64, chunks: VecDeque<Chunk>) -> Lane {
        Lane { last, chunks }
    }

    /// Number of the last effect ever put in.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn push(&mut self, effect: Effect, index: &ShardIndex) {
        self.last += 1;
        if self.chunks.back().is_none_or(Chunk::is_closed) {
            self.chunks.push_back(Chunk::new(self.last, &index.usage));
        }
        if let Some(tail) = self.chunks.back_mut() {
            tail.push(effect, index);
            assert_eq!(tail.last(), self.last, "a lane has no gaps");
        }
    }

    pub(super) fn chunks(&self) -> impl ExactSizeIterator<Item = &Chunk> {
        self.chunks.iter()
    }

    pub(super) fn chunks_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.chunks.iter_mut()
    }

    fn place(&self, first: u64) -> Option<usize> {
        self.chunks.binary_search_by_key(&first, |c| c.first).ok()
    }

    pub(super) fn chunk(&self, first: u64) -> Option<&Chunk> {
        self.chunks.get(self.place(first)?)
    }

    pub(super) fn chunk_mut(&mut self, first: u64) -> Option<&mut Chunk> {
        let place = self.place(first)?;
        self.chunks.get_mut(place)
    }

    /// What follows `after` in the chunk that holds the next effect.
    pub(super) fn slice(&self, after: u64) -> Slice {
        let place = self.chunks.partition_point(|chunk| chunk.last() <= after);
        let Some(chunk) = self.chunks.get(place) else {
            return Slice::Empty;
        };
        let Some(effects) = chunk.effects() else {
            return Slice::Spilled(chunk.first);
        };
        let numbered = (chunk.first..).zip(effects.iter().cloned());
        Slice::Effects(numbered.filter(|(number, _)| *number > after).collect())
    }

    pub(super) fn can_trim(&self, through: u64) -> bool {
        self.chunks
            .front()
            .is_some_and(|chunk| chunk.last() <= through)
    }

    /// Takes out the first chunk if all of it is done.
    pub(super) fn trim(&mut self, through: u64) -> Option<Chunk> {
        match self.can_trim(through) {
            true => self.chunks.pop_front(),
            false => None,
        }
    }

    /// Closes the tail; true when it was open.
    pub(super) fn close(&mut self) -> bool {
        let open = self.chunks.back_mut().filter(|tail| !tail.is_closed());
        open.map(Chunk::close).is_some()
    }
}
