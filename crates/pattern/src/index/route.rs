//! What a condition looks for, as a key of a table.

use crate::address::Block;
use crate::check::Test;
use crate::condition::{Condition, Range};
use crate::number::{self, Number};

/// A key under which a condition is found by every value that can fulfil it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route<'t> {
    Text(&'t str),
    Folded(&'t str),
    Number(u64),
    NumberText(&'t str),
    True,
    False,
    Null,
    /// The value begins with these bytes.
    Prefix(&'t [u8]),
    /// The value ends with these bytes.
    Suffix(&'t [u8]),
    /// The value has these bytes somewhere.
    Gram(Gram),
    /// Bounds as bits.
    Range(u64, u64),
    Block(Block),
    /// Any value at all.
    Present,
}

/// A piece of a string by which strings with a text in their middle are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Gram {
    /// One of [`GRAM_LENGTHS`].
    pub(crate) length: usize,
    /// The piece, the rest zero.
    pub(crate) bytes: [u8; 8],
}

/// How long such pieces are, the longest first. A longer piece is shared by fewer strings; every length that is in use is
/// one more look at every place of a value.
pub(crate) const GRAM_LENGTHS: [usize; 4] = [8, 6, 4, 3];

impl Gram {
    /// The longest piece that begins here.
    fn longest(text: &[u8]) -> Option<Gram> {
        let length = GRAM_LENGTHS
            .into_iter()
            .find(|length| *length <= text.len())?;
        Gram::of(text.get(..length)?)
    }

    /// The piece that is this text.
    pub(crate) fn of(text: &[u8]) -> Option<Gram> {
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Gram {
            length: text.len(),
            bytes,
        })
    }
}

/// The keys of a test; `None` when it can be fulfilled without a value.
pub(crate) fn of(test: &Test) -> Option<Vec<Route<'_>>> {
    if test.may_be_absent {
        return None;
    }
    let mut routes: Vec<Route<'_>> = test.conditions.iter().map(route).collect();
    if routes.len() > 1 {
        if routes.contains(&Route::Present) {
            return Some(vec![Route::Present]);
        }
        let mut kept = std::collections::HashSet::with_capacity(routes.len());
        routes.retain(|route| kept.insert(*route));
    }
    Some(routes)
}

fn route(condition: &Condition) -> Route<'_> {
    match condition {
        Condition::Text(text) => Route::Text(text),
        Condition::EqualsIgnoringCase(text) => Route::Folded(text),
        Condition::Number(Number::Value(value)) => Route::Number(number::key(*value)),
        Condition::Number(Number::Text(text)) => Route::NumberText(text),
        Condition::True => Route::True,
        Condition::False => Route::False,
        Condition::Null => Route::Null,
        Condition::Prefix(prefix) if !prefix.is_empty() => Route::Prefix(prefix.as_bytes()),
        Condition::Suffix(suffix) if !suffix.is_empty() => Route::Suffix(suffix.as_bytes()),
        Condition::Range(Range { low, high, .. }) => Route::Range(low.to_bits(), high.to_bits()),
        Condition::Block(block) => Route::Block(*block),
        Condition::Wildcard(wildcard) => of_wildcard(&wildcard.literals),
        Condition::Prefix(_)
        | Condition::Suffix(_)
        | Condition::PrefixIgnoringCase(_)
        | Condition::SuffixIgnoringCase(_)
        | Condition::Present
        | Condition::Filled
        | Condition::Absent
        | Condition::AnythingBut(_) => Route::Present,
    }
}

/// The longest piece of a wildcard string that tells where to look.
fn of_wildcard(literals: &[String]) -> Route<'_> {
    if let [whole] = literals {
        return Route::Text(whole);
    }
    let first = literals.first().map_or("", String::as_str);
    let last = literals.last().map_or("", String::as_str);
    let longest = literals
        .iter()
        .max_by_key(|literal| literal.len())
        .map_or("", String::as_str);
    if first.len() >= last.len().max(1) && first.len() * 2 >= longest.len() {
        return Route::Prefix(first.as_bytes());
    }
    if !last.is_empty() && last.len() * 2 >= longest.len() {
        return Route::Suffix(last.as_bytes());
    }
    Gram::longest(longest.as_bytes()).map_or(Route::Present, Route::Gram)
}
