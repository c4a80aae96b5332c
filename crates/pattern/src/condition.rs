//! One member of a pattern's array, and whether a value fulfils it (SNS sections 22 to 24, EventBridge section 10).

use std::borrow::Cow;

use crate::address::{Address, Block};
use crate::case::fold;
use crate::number::Number;
use crate::wildcard::Wildcard;

/// A value of an event that is no container.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number {
        value: f64,
        text: &'a str,
    },
    True,
    False,
    Null,
    /// An attribute that cannot be read: present, and fulfils nothing (SNS-291).
    Unreadable,
}

/// What a pattern asks of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Text(Box<str>),
    Number(Number),
    True,
    False,
    Null,
    Prefix(Box<str>),
    Suffix(Box<str>),
    /// The argument is folded (EVB-146).
    PrefixIgnoringCase(Box<str>),
    /// The argument is folded (EVB-146).
    SuffixIgnoringCase(Box<str>),
    /// The argument is folded (EVB-147).
    EqualsIgnoringCase(Box<str>),
    Wildcard(Wildcard),
    Range(Range),
    Block(Block),
    /// `{"exists":true}` of EventBridge: any leaf (EVB-167).
    Present,
    /// `{"exists":true}` of SNS: a leaf that is neither null nor empty (SNS-300, SNS-317).
    Filled,
    /// `{"exists":false}`: no value fulfils it; that there is none does.
    Absent,
    AnythingBut(Vec<Condition>),
}

/// A numeric range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) low_included: bool,
    pub(crate) high: f64,
    pub(crate) high_included: bool,
}

impl Range {
    pub(crate) fn contains(&self, value: f64) -> bool {
        let above = if self.low_included {
            value >= self.low
        } else {
            value > self.low
        };
        let below = if self.high_included {
            value <= self.high
        } else {
            value < self.high
        };
        above && below
    }
}

impl Condition {
    /// Whether a value that is there fulfils this.
    pub(crate) fn accepts(&self, scalar: &Scalar<'_>) -> bool {
        match scalar {
            Scalar::Unreadable => false,
            Scalar::Text(text) => self.accepts_text(text),
            Scalar::Number { value, text } => match self {
                Condition::Number(number) => number.equals(*value, text),
                Condition::Range(range) => range.contains(*value),
                _ => self.accepts_any(scalar),
            },
            Scalar::True => *self == Condition::True || self.accepts_any(scalar),
            Scalar::False => *self == Condition::False || self.accepts_any(scalar),
            Scalar::Null => match self {
                Condition::Null => true,
                Condition::Filled => false,
                _ => self.accepts_any(scalar),
            },
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Condition::Text(own) => **own == *text,
            Condition::Prefix(prefix) => text.starts_with(&**prefix),
            Condition::Suffix(suffix) => text.ends_with(&**suffix),
            Condition::PrefixIgnoringCase(prefix) => fold(text).starts_with(&**prefix),
            Condition::SuffixIgnoringCase(suffix) => fold(text).ends_with(&**suffix),
            Condition::EqualsIgnoringCase(own) => *fold(text) == **own,
            Condition::Wildcard(wildcard) => wildcard.matches(text),
            Condition::Block(block) => {
                Address::parse(text).is_some_and(|address| block.contains(&address))
            }
            Condition::Filled => !text.is_empty(),
            Condition::Present => true,
            // EVB-154 to EVB-159: a value of another type differs from everything listed.
            Condition::AnythingBut(excluded) => !excluded
                .iter()
                .any(|condition| condition.accepts_text(text)),
            _ => false,
        }
    }

    /// The conditions that look at no value's type.
    fn accepts_any(&self, scalar: &Scalar<'_>) -> bool {
        match self {
            Condition::Present | Condition::Filled => true,
            Condition::AnythingBut(excluded) => {
                !excluded.iter().any(|condition| condition.accepts(scalar))
            }
            _ => false,
        }
    }
}
