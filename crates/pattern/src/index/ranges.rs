//! Numeric ranges, found by a number inside them: sorted by lower bound in blocks that know their highest upper bound.

use super::Node;
use crate::limits::RANGE_BLOCK_MAX;

#[derive(Debug)]
struct Entry {
    low: f64,
    high: f64,
    node: Node,
}

#[derive(Debug)]
struct Block {
    entries: Vec<Entry>,
    highest: f64,
}

/// Bounds are taken as included; whether they are shows when the rule is checked.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    blocks: Vec<Block>,
}

impl Ranges {
    /// The block that holds or would hold a range, and its place there.
    fn place(&self, low: f64, high: f64) -> (usize, Result<usize, usize>) {
        let before = |entry: &Entry| (entry.low, entry.high) < (low, high);
        let after_first = self
            .blocks
            .partition_point(|block| block.entries.first().is_some_and(before));
        let is_start = |index: usize| {
            let first = self
                .blocks
                .get(index)
                .and_then(|block| block.entries.first());
            first.is_some_and(|entry| entry.low == low && entry.high == high)
        };
        let block = if is_start(after_first) {
            after_first
        } else {
            after_first.saturating_sub(1)
        };
        let entries = self
            .blocks
            .get(block)
            .map_or(&[][..], |block| &block.entries);
        let at = entries.partition_point(before);
        match entries.get(at) {
            Some(entry) if entry.low == low && entry.high == high => (block, Ok(at)),
            _ => (block, Err(at)),
        }
    }

    pub(super) fn get(&self, low: f64, high: f64) -> Option<&Node> {
        let (block, place) = self.place(low, high);
        let entry = self.blocks.get(block)?.entries.get(place.ok()?)?;
        Some(&entry.node)
    }

    pub(super) fn entry(&mut self, low: f64, high: f64) -> &mut Node {
        let (mut block, place) = self.place(low, high);
        let at = match place {
            Ok(at) => at,
            Err(at) => {
                if self.blocks.is_empty() {
                    self.blocks.push(Block {
                        entries: Vec::new(),
                        highest: f64::NEG_INFINITY,
                    });
                }
                let node = Node::default();
                let mut at = at;
                if self
                    .blocks
                    .get(block)
                    .is_some_and(|block| block.entries.len() >= RANGE_BLOCK_MAX)
                {
                    self.halve(block);
                    if at > RANGE_BLOCK_MAX / 2 {
                        at -= RANGE_BLOCK_MAX / 2;
                        block += 1;
                    }
                }
                if let Some(block) = self.blocks.get_mut(block) {
                    block.highest = block.highest.max(high);
                    block.entries.insert(at, Entry { low, high, node });
                }
                at
            }
        };
        #[allow(clippy::indexing_slicing, reason = "the entry was found or made above")]
        &mut self.blocks[block].entries[at].node
    }

    fn halve(&mut self, index: usize) {
        if let Some(block) = self.blocks.get_mut(index) {
            let entries = block.entries.split_off(RANGE_BLOCK_MAX / 2);
            block.highest = highest(&block.entries);
            let highest = highest(&entries);
            self.blocks.insert(index + 1, Block { entries, highest });
        }
    }

    pub(super) fn change(
        &mut self,
        low: f64,
        high: f64,
        change: impl FnOnce(&mut Node) -> bool,
    ) -> bool {
        let (index, Ok(at)) = self.place(low, high) else {
            return false;
        };
        let Some(block) = self.blocks.get_mut(index) else {
            return false;
        };
        let Some(entry) = block.entries.get_mut(at) else {
            return false;
        };
        let changed = change(&mut entry.node);
        if entry.node.is_empty() {
            block.entries.remove(at);
            block.highest = highest(&block.entries);
            if block.entries.is_empty() {
                self.blocks.remove(index);
            }
        }
        changed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn around<'n>(&'n self, value: f64, found: &mut dyn FnMut(&'n Node)) {
        for block in &self.blocks {
            if block.entries.first().is_none_or(|entry| entry.low > value) {
                return;
            }
            if block.highest < value {
                continue;
            }
            let candidates = block.entries.iter().take_while(|entry| entry.low <= value);
            candidates
                .filter(|entry| entry.high >= value)
                .for_each(|entry| found(&entry.node));
        }
    }
}

fn highest(entries: &[Entry]) -> f64 {
    entries
        .iter()
        .map(|entry| entry.high)
        .fold(f64::NEG_INFINITY, f64::max)
}
