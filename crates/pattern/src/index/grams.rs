//! Pieces of strings, found wherever they stand in a value.

use std::collections::HashMap;

use super::Node;
use super::route::Gram;

#[derive(Debug, Default)]
pub(super) struct Grams(Vec<OfLength>);

/// All pieces of one length.
#[derive(Debug)]
struct OfLength {
    length: usize,
    nodes: HashMap<[u8; 8], Node>,
    /// Bytes with which some piece begins, so that most places of a value cost no look into the table. A byte stays when its
    /// last piece goes, which costs time and nothing else.
    beginnings: [bool; 256],
}

impl Grams {
    fn of(&self, length: usize) -> Option<&OfLength> {
        self.0.iter().find(|known| known.length == length)
    }

    pub(super) fn get(&self, gram: &Gram) -> Option<&Node> {
        self.of(gram.length)?.nodes.get(&gram.bytes)
    }

    /// The node of a piece, made if need be.
    pub(super) fn entry(&mut self, gram: Gram) -> &mut Node {
        let at = match self.0.iter().position(|known| known.length == gram.length) {
            Some(at) => at,
            None => {
                self.0.push(OfLength {
                    length: gram.length,
                    nodes: HashMap::new(),
                    beginnings: [false; 256],
                });
                self.0.len() - 1
            }
        };
        #[allow(
            clippy::indexing_slicing,
            reason = "the entry was found or made above, and a byte is below 256"
        )]
        {
            let known = &mut self.0[at];
            known.beginnings[usize::from(gram.bytes[0])] = true;
            known.nodes.entry(gram.bytes).or_default()
        }
    }

    /// Takes rules out of the node of a piece with `change`, and the node away when it is empty.
    pub(super) fn change(&mut self, gram: &Gram, change: impl FnOnce(&mut Node) -> bool) -> bool {
        let known = self.0.iter_mut().find(|known| known.length == gram.length);
        let Some(known) = known else {
            return false;
        };
        let Some(node) = known.nodes.get_mut(&gram.bytes) else {
            return false;
        };
        let changed = change(node);
        if node.is_empty() {
            known.nodes.remove(&gram.bytes);
        }
        self.0.retain(|known| !known.nodes.is_empty());
        changed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows the nodes of all pieces of a value.
    pub(super) fn within<'n>(&'n self, value: &[u8], found: &mut dyn FnMut(&'n Node)) {
        for known in &self.0 {
            for piece in value.windows(known.length) {
                let begins = piece
                    .first()
                    .and_then(|byte| known.beginnings.get(usize::from(*byte)));
                if begins != Some(&true) {
                    continue;
                }
                let node = Gram::of(piece).and_then(|gram| known.nodes.get(&gram.bytes));
                node.into_iter().for_each(&mut *found);
            }
        }
    }
}
