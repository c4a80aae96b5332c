//! The rules that test one path, by what they look for there.

use std::collections::HashMap;

use super::Node;
use super::affixes::Affixes;
use super::grams::Grams;
use super::ranges::Ranges;
use super::route::Route;
use crate::address::Address;
use crate::case::fold;
use crate::condition::Scalar;
use crate::number;

#[derive(Debug, Default)]
pub(super) struct Table {
    texts: HashMap<Box<str>, Node>,
    folded: HashMap<Box<str>, Node>,
    numbers: HashMap<u64, Node>,
    number_texts: HashMap<Box<str>, Node>,
    /// `true`, `false`, `null`, and any value: few keys, so a list.
    constants: Vec<(Constant, Node)>,
    prefixes: Affixes,
    suffixes: Affixes,
    grams: Grams,
    ranges: Ranges,
    /// By family and mask, then by the bits that count.
    blocks: Vec<((bool, u32), HashMap<u128, Node>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constant {
    True,
    False,
    Null,
    Present,
}

fn constant(route: &Route<'_>) -> Option<Constant> {
    match route {
        Route::True => Some(Constant::True),
        Route::False => Some(Constant::False),
        Route::Null => Some(Constant::Null),
        Route::Present => Some(Constant::Present),
        _ => None,
    }
}

impl Table {
    fn get(&self, route: &Route<'_>) -> Option<&Node> {
        match route {
            Route::Text(text) => self.texts.get(*text),
            Route::Folded(text) => self.folded.get(*text),
            Route::Number(bits) => self.numbers.get(bits),
            Route::NumberText(text) => self.number_texts.get(*text),
            Route::Prefix(prefix) => self.prefixes.get(prefix),
            Route::Suffix(suffix) => self.suffixes.get(suffix),
            Route::Gram(gram) => self.grams.get(gram),
            Route::Range(low, high) => self.ranges.get(f64::from_bits(*low), f64::from_bits(*high)),
            Route::Block(block) => {
                let key = (block.is_v6, block.bits);
                let (_, blocks) = self.blocks.iter().find(|(known, _)| *known == key)?;
                blocks.get(&block.start)
            }
            Route::True | Route::False | Route::Null | Route::Present => {
                let wanted = constant(route)?;
                let mut constants = self.constants.iter();
                constants
                    .find(|(known, _)| *known == wanted)
                    .map(|(_, node)| node)
            }
        }
    }

    /// Rules under a key.
    pub(super) fn count(&self, route: &Route<'_>) -> usize {
        self.get(route).map_or(0, |node| node.count)
    }

    /// The node of a key, made if need be.
    pub(super) fn node_mut(&mut self, route: &Route<'_>) -> &mut Node {
        match route {
            Route::Text(text) => self.texts.entry((*text).into()).or_default(),
            Route::Folded(text) => self.folded.entry((*text).into()).or_default(),
            Route::Number(bits) => self.numbers.entry(*bits).or_default(),
            Route::NumberText(text) => self.number_texts.entry((*text).into()).or_default(),
            Route::Prefix(prefix) => self.prefixes.entry(prefix),
            Route::Suffix(suffix) => self.suffixes.entry(suffix),
            Route::Gram(gram) => self.grams.entry(*gram),
            Route::Range(low, high) => self
                .ranges
                .entry(f64::from_bits(*low), f64::from_bits(*high)),
            Route::Block(block) => {
                let blocks = keyed(&mut self.blocks, (block.is_v6, block.bits));
                blocks.entry(block.start).or_default()
            }
            Route::True => keyed(&mut self.constants, Constant::True),
            Route::False => keyed(&mut self.constants, Constant::False),
            Route::Null => keyed(&mut self.constants, Constant::Null),
            Route::Present => keyed(&mut self.constants, Constant::Present),
        }
    }

    /// Takes rules out of the node of a key with `change`, and the node away when it is empty.
    pub(super) fn remove(
        &mut self,
        route: &Route<'_>,
        change: impl FnOnce(&mut Node) -> bool,
    ) -> bool {
        match route {
            Route::Text(text) => remove(&mut self.texts, *text, change),
            Route::Folded(text) => remove(&mut self.folded, *text, change),
            Route::Number(bits) => remove(&mut self.numbers, bits, change),
            Route::NumberText(text) => remove(&mut self.number_texts, *text, change),
            Route::Prefix(prefix) => self.prefixes.change(prefix, change),
            Route::Suffix(suffix) => self.suffixes.change(suffix, change),
            Route::Gram(gram) => self.grams.change(gram, change),
            Route::Range(low, high) => {
                self.ranges
                    .change(f64::from_bits(*low), f64::from_bits(*high), change)
            }
            Route::Block(block) => {
                let key = (block.is_v6, block.bits);
                let mut changed = false;
                if let Some((_, blocks)) = self.blocks.iter_mut().find(|(known, _)| *known == key) {
                    changed = remove(blocks, &block.start, change);
                }
                self.blocks.retain(|(_, blocks)| !blocks.is_empty());
                changed
            }
            Route::True | Route::False | Route::Null | Route::Present => {
                let wanted = constant(route);
                let mut constants = self.constants.iter_mut();
                let changed = constants
                    .find(|(known, _)| Some(*known) == wanted)
                    .is_some_and(|(_, node)| change(node));
                self.constants.retain(|(_, node)| !node.is_empty());
                changed
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
            && self.folded.is_empty()
            && self.numbers.is_empty()
            && self.number_texts.is_empty()
            && self.constants.is_empty()
            && self.prefixes.is_empty()
            && self.suffixes.is_empty()
            && self.grams.is_empty()
            && self.ranges.is_empty()
            && self.blocks.is_empty()
    }

    /// Shows the nodes of every key that leads to this value.
    pub(super) fn find<'n>(&'n self, value: &Scalar<'_>, found: &mut dyn FnMut(&'n Node)) {
        let constant = match value {
            Scalar::Text(text) => {
                self.find_text(text, found);
                None
            }
            Scalar::Number { value, text } => {
                if !self.numbers.is_empty() {
                    self.numbers
                        .get(&number::key(*value))
                        .into_iter()
                        .for_each(&mut *found);
                }
                if !self.number_texts.is_empty() {
                    self.number_texts
                        .get(*text)
                        .into_iter()
                        .for_each(&mut *found);
                }
                self.ranges.around(*value, found);
                None
            }
            Scalar::True => Some(Constant::True),
            Scalar::False => Some(Constant::False),
            Scalar::Null => Some(Constant::Null),
            Scalar::Unreadable => return,
        };
        for (known, node) in &self.constants {
            if *known == Constant::Present || Some(*known) == constant {
                found(node);
            }
        }
    }

    fn find_text<'n>(&'n self, text: &str, found: &mut dyn FnMut(&'n Node)) {
        if !self.texts.is_empty() {
            self.texts.get(text).into_iter().for_each(&mut *found);
        }
        if !self.folded.is_empty() {
            self.folded
                .get(&*fold(text))
                .into_iter()
                .for_each(&mut *found);
        }
        self.prefixes.beginnings(text.as_bytes(), found);
        self.suffixes.endings(text.as_bytes(), found);
        self.grams.within(text.as_bytes(), found);
        if !self.blocks.is_empty()
            && let Some(address) = Address::parse(text)
        {
            for ((is_v6, bits), blocks) in &self.blocks {
                if *is_v6 == address.is_v6 {
                    blocks
                        .get(&address.leading(*bits))
                        .into_iter()
                        .for_each(&mut *found);
                }
            }
        }
    }
}

/// The value of a key in a short list, made if need be.
fn keyed<K: PartialEq, V: Default>(list: &mut Vec<(K, V)>, key: K) -> &mut V {
    let at = match list.iter().position(|(known, _)| *known == key) {
        Some(at) => at,
        None => {
            list.push((key, V::default()));
            list.len() - 1
        }
    };
    #[allow(clippy::indexing_slicing, reason = "the entry was found or made above")]
    &mut list[at].1
}

fn remove<K, Q>(
    table: &mut HashMap<K, Node>,
    key: &Q,
    change: impl FnOnce(&mut Node) -> bool,
) -> bool
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    let Some(node) = table.get_mut(key) else {
        return false;
    };
    let changed = change(node);
    if node.is_empty() {
        table.remove(key);
    }
    changed
}
