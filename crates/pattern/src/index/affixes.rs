//! Strings by how they begin, or by how they end: one table per length, so that a value is looked up once per length.

use std::collections::{BTreeMap, HashMap};

use super::Node;

#[derive(Debug, Default)]
pub(super) struct Affixes {
    by_length: BTreeMap<usize, HashMap<Box<[u8]>, Node>>,
}

impl Affixes {
    pub(super) fn get(&self, affix: &[u8]) -> Option<&Node> {
        self.by_length.get(&affix.len())?.get(affix)
    }

    pub(super) fn entry(&mut self, affix: &[u8]) -> &mut Node {
        let table = self.by_length.entry(affix.len()).or_default();
        table.entry(affix.into()).or_default()
    }

    pub(super) fn change(&mut self, affix: &[u8], change: impl FnOnce(&mut Node) -> bool) -> bool {
        let Some(table) = self.by_length.get_mut(&affix.len()) else {
            return false;
        };
        let Some(node) = table.get_mut(affix) else {
            return false;
        };
        let changed = change(node);
        if node.is_empty() {
            table.remove(affix);
        }
        if table.is_empty() {
            self.by_length.remove(&affix.len());
        }
        changed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    pub(super) fn beginnings<'n>(&'n self, value: &[u8], found: &mut dyn FnMut(&'n Node)) {
        for (length, table) in &self.by_length {
            let Some(beginning) = value.get(..*length) else {
                return;
            };
            table.get(beginning).into_iter().for_each(&mut *found);
        }
    }

    pub(super) fn endings<'n>(&'n self, value: &[u8], found: &mut dyn FnMut(&'n Node)) {
        for (length, table) in &self.by_length {
            let Some(ending) = value
                .len()
                .checked_sub(*length)
                .and_then(|from| value.get(from..))
            else {
                return;
            };
            table.get(ending).into_iter().for_each(&mut *found);
        }
    }
}
