//! Entries in memory, in order of arrival, with an index over their ids.
//!
//! They lie in blocks that a checkpoint takes by reference: an entry that arrives later copies the last
//! block and no more. The index is an open-addressing table of positions; about 32 bytes per entry in all.

use std::sync::Arc;

use super::packed::{Packed, halves};

/// Entries of a block that is full.
const BLOCK_ENTRIES: usize = 4096;
/// Entries that are found by looking at all of them.
const UNINDEXED_MAX: usize = 8;
/// Memory of a bucket without its entries, about.
const OVERHEAD_BYTES: usize = 250;

/// Entries, shared with whoever writes them down.
pub(crate) type Blocks = Vec<Arc<Vec<Packed>>>;

/// The entries of one bucket.
#[derive(Debug, Default)]
pub(crate) struct Resident {
    blocks: Blocks,
    /// Position and one, 0 where there is none; its length is a power of two.
    index: Vec<u32>,
    len: usize,
}

impl Resident {
    /// Adds an entry.
    pub(super) fn push(&mut self, entry: Packed) {
        let position = self.len;
        if position.is_multiple_of(BLOCK_ENTRIES) {
            self.blocks.push(Arc::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            let block = Arc::make_mut(block);
            if block.len() == block.capacity() {
                let more = block.len().max(4).min(BLOCK_ENTRIES - block.len());
                block.reserve_exact(more);
            }
            block.push(entry);
        }
        self.len += 1;
        if self.len <= UNINDEXED_MAX {
            return;
        }
        if self.index.len() * 3 < self.len * 4 {
            self.rebuild_index();
        } else {
            place(&mut self.index, entry.halves(), position);
        }
    }

    fn rebuild_index(&mut self) {
        let slots = (self.len * 2).next_power_of_two();
        let mut index = vec![0; slots];
        for (position, entry) in self.blocks.iter().flat_map(|b| b.iter()).enumerate() {
            place(&mut index, entry.halves(), position);
        }
        self.index = index;
    }

    fn get(&self, position: usize) -> Option<&Packed> {
        self.blocks
            .get(position / BLOCK_ENTRIES)?
            .get(position % BLOCK_ENTRIES)
    }

    /// The entry with this id.
    pub(super) fn find(&self, id: u128) -> Option<&Packed> {
        let id = halves(id);
        if self.index.is_empty() {
            let block = self.blocks.first()?;
            return block.iter().find(|entry| entry.halves() == id);
        }
        let mut slot = home(id, self.index.len());
        loop {
            let position = (*self.index.get(slot)? as usize).checked_sub(1)?;
            if let Some(entry) = self.get(position)
                && entry.halves() == id
            {
                return Some(entry);
            }
            slot = (slot + 1) & (self.index.len() - 1);
        }
    }

    /// All entries, to be written down.
    pub(super) fn blocks(&self) -> Blocks {
        self.blocks.clone()
    }

    /// Memory taken, about.
    pub(super) fn bytes(&self) -> usize {
        let last = self.blocks.last().map_or(0, |block| block.capacity());
        let full = self.blocks.len().saturating_sub(1) * BLOCK_ENTRIES;
        (full + last) * size_of::<Packed>() + self.index.len() * 4 + OVERHEAD_BYTES
    }
}

/// Where the search for an id begins. Ids are hashes; multiplying keeps the index sound if they are not.
fn home([high, low]: [u64; 2], slots: usize) -> usize {
    let mixed = (high ^ low.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u128::from(mixed) * slots as u128) >> 64) as usize
}

fn place(index: &mut [u32], id: [u64; 2], position: usize) {
    let mask = index.len() - 1;
    let mut slot = home(id, index.len());
    while let Some(held) = index.get_mut(slot) {
        if *held == 0 {
            *held = position as u32 + 1;
            return;
        }
        slot = (slot + 1) & mask;
    }
}
