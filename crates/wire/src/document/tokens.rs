//! `Tokens`: what a decoder asks of a document's notation.

use super::Refused;
use crate::{Blob, Str, Timestamp};
use std::borrow::Cow;

/// What the next value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Bytes,
    Number,
    Time,
    True,
    False,
    Null,
}

/// A position in a document whose texts live for `'a`. A value's kind is asked before it is read.
pub(crate) trait Tokens<'a> {
    /// How blobs are written: as texts in Base64, or as bytes.
    const BLOBS: Kind;

    /// Whether nothing is left.
    fn at_end(&mut self) -> bool;
    /// The next value's kind; the value stays unread.
    fn kind(&mut self) -> Result<Kind, Refused>;
    /// Reads a null if it is next.
    fn null(&mut self) -> Result<bool, Refused>;
    /// Enters an object or array. Every value inside is announced by `next_key` or `next_element`.
    fn open(&mut self, kind: Kind) -> Result<(), Refused>;
    /// The next key of an object; `None` leaves the object. `first` says whether it is the first one.
    fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Refused>;
    /// Whether an array has a further element; `false` leaves the array.
    fn next_element(&mut self, first: bool) -> Result<bool, Refused>;
    /// Reads a text; borrowed from the buffer where it stands there in one piece.
    fn text(&mut self) -> Result<Cow<'a, str>, Refused>;
    /// Reads bytes.
    fn bytes(&mut self) -> Result<Blob, Refused>;
    /// Reads a boolean.
    fn boolean(&mut self) -> Result<bool, Refused>;
    /// Reads a number.
    fn number(&mut self) -> Result<Number<'a>, Refused>;
    /// Reads a time that the notation itself tells from a number.
    fn time(&mut self) -> Result<Timestamp, Refused>;
    /// Reads a value that nobody wants.
    fn skip(&mut self) -> Result<(), Refused>;
    /// A text of its own that shares the buffer where it can.
    fn own(&self, text: Cow<'a, str>) -> Str;
}

/// A number as it stands in a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number<'a> {
    /// In digits.
    Written(&'a str),
    /// An integer of up to 65 bits.
    Integer(i128),
    /// A floating point number.
    Float(f64),
}

impl<'a> Number<'a> {
    /// An integer, also when written with a fraction of zeros or an exponent.
    pub(crate) fn whole(self) -> Option<i64> {
        match self {
            Number::Written(text) => text.parse().ok().or_else(|| exact(text.parse().ok()?)),
            Number::Integer(integer) => i64::try_from(integer).ok(),
            Number::Float(float) => exact(float),
        }
    }

    /// The greatest integer that is not greater, as far as 64 bits go.
    pub(crate) fn floor(self) -> Option<i64> {
        Some(match self {
            Number::Written(text) => match text.parse() {
                Ok(whole) => whole,
                Err(_) => text.parse::<f64>().ok()?.floor() as i64,
            },
            Number::Integer(integer) => {
                integer.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
            }
            Number::Float(float) if float.is_nan() => return None,
            Number::Float(float) => float.floor() as i64,
        })
    }

    /// As a floating point number.
    pub(crate) fn double(self) -> Option<f64> {
        match self {
            Number::Written(text) => text.parse().ok(),
            Number::Integer(integer) => Some(integer as f64),
            Number::Float(float) => Some(float),
        }
    }

    /// In digits.
    pub(crate) fn written(self) -> Cow<'a, str> {
        match self {
            Number::Written(text) => Cow::Borrowed(text),
            Number::Integer(integer) => Cow::Owned(integer.to_string()),
            Number::Float(float) => Cow::Owned(float.to_string()),
        }
    }
}

/// Beyond 2^53 a double no longer tells neighbours apart.
fn exact(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
}
