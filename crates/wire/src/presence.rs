//! `Present`: which members of one structure a request gave.

use crate::limits::MEMBERS_MAX;

/// A set of field indices.
#[derive(Debug, Clone, Copy, Default)]
pub struct Present([u64; MEMBERS_MAX / 64]);

impl Present {
    /// Adds a field; `false` when it was there.
    pub fn insert(&mut self, index: usize) -> bool {
        let Some(word) = self.0.get_mut(index / 64) else {
            return true;
        };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether the field was given.
    pub fn contains(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }
}
