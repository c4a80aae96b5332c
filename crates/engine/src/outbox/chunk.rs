//! Some effects of one lane with numbers that follow each other: what is offered, stored, read and
//! given back at once.

use std::sync::Arc;

use crate::effect::Effect;
use crate::ids::ShardId;
use crate::index::{LiveBytes, ShardIndex, Usage};
use crate::row_key::{RowKey, RowKind};

/// A chunk's share of the node's budgets, given back when dropped.
#[derive(Debug)]
struct Share {
    usage: Arc<Usage>,
    waiting_bytes: u64,
    memory_bytes: u64,
}

impl Share {
    fn add_waiting(&mut self, bytes: u64) {
        self.waiting_bytes += bytes;
        self.usage.outbox_bytes.add(bytes);
    }

    fn set_memory(&mut self, bytes: u64) {
        self.usage.outbox_memory_bytes.add(bytes);
        self.usage.outbox_memory_bytes.sub(self.memory_bytes);
        self.memory_bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.usage.outbox_bytes.sub(self.waiting_bytes);
        self.set_memory(0);
    }
}

/// Effects `first`, `first + 1` and so on; what is known of them stays in memory, they themselves may not.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    pub(crate) count: u32,
    effects: Option<Arc<Vec<Effect>>>,
    /// Nothing more goes in.
    closed: bool,
    /// Generation of its row in the view that a sealed checkpoint names; 0 for none.
    stored: u64,
    /// Generation of a checkpoint under way that holds it; 0 for none.
    captured: u64,
    /// Bytes of the bodies it refers to.
    live: LiveBytes,
    share: Share,
}

impl Chunk {
    /// An open chunk without effects yet.
    pub(super) fn new(first: u64, usage: &Arc<Usage>) -> Chunk {
        Chunk {
            first,
            count: 0,
            effects: Some(Arc::default()),
            closed: false,
            stored: 0,
            captured: 0,
            live: LiveBytes::default(),
            share: Share {
                usage: usage.clone(),
                waiting_bytes: 0,
                memory_bytes: 0,
            },
        }
    }

    /// A chunk that no row holds.
    pub(super) fn open(first: u64, effects: Vec<Effect>, index: &ShardIndex) -> Chunk {
        let mut chunk = Chunk::new(first, &index.usage);
        for effect in effects {
            chunk.closed = false;
            chunk.push(effect, index);
        }
        chunk
    }

    /// A chunk that is in the view only.
    pub(super) fn stored(
        first: u64,
        count: u32,
        generation: u64,
        weight_bytes: u64,
        live: LiveBytes,
        usage: &Arc<Usage>,
    ) -> Chunk {
        let mut chunk = Chunk {
            count,
            effects: None,
            closed: true,
            stored: generation,
            live,
            ..Chunk::new(first, usage)
        };
        chunk.share.add_waiting(weight_bytes);
        chunk
    }

    /// Appends an effect; the chunk is open.
    pub(super) fn push(&mut self, effect: Effect, index: &ShardIndex) {
        assert!(!self.closed, "a closed chunk does not change");
        let weight_bytes = effect.weight_bytes();
        self.live.add(&effect.occupied(index.segment_bytes));
        if let Some(effects) = &mut self.effects {
            Arc::make_mut(effects).push(effect);
        }
        self.count += 1;
        self.closed = self.count as usize >= index.outbox_chunk_effects;
        self.share.add_waiting(weight_bytes);
        self.share
            .set_memory(self.share.memory_bytes + weight_bytes);
    }

    /// Number of its last effect; one less than `first` while there is none.
    pub(super) fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Its effects, while they are in memory.
    pub(crate) fn effects(&self) -> Option<&Arc<Vec<Effect>>> {
        self.effects.as_ref()
    }

    /// Bytes of the bodies it refers to, by segment.
    pub(crate) fn live(&self) -> &LiveBytes {
        &self.live
    }

    /// What it counts in the outbox.
    pub(super) fn weight_bytes(&self) -> u64 {
        self.share.waiting_bytes
    }

    /// The key of its row under `generation`.
    pub(super) fn row_key(&self, shard: ShardId, destination: ShardId, generation: u64) -> RowKey {
        RowKey {
            shard,
            kind: RowKind::OutboxChunk,
            id: u64::from(destination),
            number: self.first,
            generation,
        }
    }

    /// Its row in the view.
    pub(crate) fn stored_row(&self, shard: ShardId, destination: ShardId) -> RowKey {
        self.row_key(shard, destination, self.stored)
    }

    /// Generation of the row that holds it once the checkpoint under way is sealed; 0 for none.
    pub(super) fn row(&self) -> u64 {
        self.captured.max(self.stored)
    }

    /// Rows it owns in the view.
    pub(super) fn rows(
        &self,
        shard: ShardId,
        destination: ShardId,
    ) -> impl Iterator<Item = RowKey> + use<'_> {
        let generations = [self.stored, self.captured].into_iter();
        let owned = generations.filter(|generation| *generation != 0);
        owned.map(move |generation| self.row_key(shard, destination, generation))
    }

    /// Its effects for the checkpoint under `generation`, if it is closed and not written yet.
    pub(super) fn capture(&mut self, generation: u64) -> Option<Arc<Vec<Effect>>> {
        if !self.closed || self.row() != 0 {
            return None;
        }
        self.captured = generation;
        self.effects.clone()
    }

    pub(super) fn sealed(&mut self, generation: u64) {
        if self.captured == generation && generation != 0 {
            self.captured = 0;
            self.stored = generation;
        }
    }

    pub(super) fn abandoned(&mut self, generation: u64) {
        if self.captured == generation {
            self.captured = 0;
        }
    }

    /// Leaves memory if the view has it.
    pub(super) fn evict(&mut self) {
        if self.stored != 0 {
            self.effects = None;
            self.share.set_memory(0);
        }
    }

    /// It is in the view only, under this generation.
    pub(crate) fn is_stored(&self, generation: u64) -> bool {
        self.effects.is_none() && self.stored == generation
    }

    pub(super) fn install(&mut self, effects: Arc<Vec<Effect>>) {
        assert_eq!(effects.len(), self.count as usize, "a chunk is whole");
        self.share.set_memory(self.share.waiting_bytes);
        self.effects = Some(effects);
    }
}
