//! CBOR tokens over one buffer.
//!
//! Lengths that are announced are never believed: nothing is reserved for them, and what is not there is an error. Texts and
//! bytes in one piece are slices of the buffer; nesting is bounded, so malicious documents cannot exhaust the stack.

use super::{EPOCH_TAG, INDEFINITE, Time, major, simple};
use crate::document::{Kind, Number, Refused, Tokens};
use crate::limits::DEPTH_MAX;
use crate::{Blob, Str, Timestamp};
use bytes::Bytes;
use std::borrow::Cow;

const UNEXPECTED_END: Refused = Refused::Syntax(Cow::Borrowed("Unexpected end of the document."));
const BAD_TOKEN: Refused = Refused::Syntax(Cow::Borrowed("Unexpected token in the document."));
const BAD_TEXT: Refused = Refused::Syntax(Cow::Borrowed("A string is not valid UTF-8."));
const TOO_DEEP: Refused = Refused::Syntax(Cow::Borrowed("The document is nested too deeply."));

/// A position in a document.
pub(crate) struct CborTokens<'a> {
    whole: &'a Bytes,
    rest: &'a [u8],
    time: Time,
    /// What is left of the containers that are open, from the outermost; `None` ends with a break.
    open: Vec<Option<u64>>,
}

/// The first byte of a value with the number that follows it.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// A value, a length, a count or a tag; `None` when the length is open.
    argument: Option<u64>,
}

impl<'a> CborTokens<'a> {
    pub(crate) fn new(whole: &'a Bytes, time: Time) -> CborTokens<'a> {
        CborTokens {
            whole,
            rest: whole,
            time,
            open: Vec::new(),
        }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Refused> {
        let split = usize::try_from(count)
            .ok()
            .and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = split.ok_or(UNEXPECTED_END)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number_of<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (number, rest) = self.rest.split_first_chunk().ok_or(UNEXPECTED_END)?;
        self.rest = rest;
        Ok(*number)
    }

    fn first(&self) -> Result<u8, Refused> {
        self.rest.first().copied().ok_or(UNEXPECTED_END)
    }

    /// Reads the head of a value that is neither simple nor a break.
    fn head(&mut self) -> Result<Head, Refused> {
        let [first] = self.number_of()?;
        let argument = match first & 31 {
            small @ 0..=23 => Some(u64::from(small)),
            24 => Some(u64::from(u8::from_be_bytes(self.number_of()?))),
            25 => Some(u64::from(u16::from_be_bytes(self.number_of()?))),
            26 => Some(u64::from(u32::from_be_bytes(self.number_of()?))),
            27 => Some(u64::from_be_bytes(self.number_of()?)),
            INDEFINITE => None,
            _ => return Err(BAD_TOKEN),
        };
        Ok(Head {
            major: first >> 5,
            argument,
        })
    }

    /// Reads the tags before a value and returns the innermost; nobody needs more than one.
    fn tags(&mut self) -> Result<Option<u64>, Refused> {
        let mut tag = None;
        while self.first()? >> 5 == major::TAG {
            tag = Some(self.head()?.argument.ok_or(BAD_TOKEN)?);
        }
        Ok(tag)
    }

    /// Reads a string of this major type, in one piece or in several.
    fn string(&mut self, wanted: u8) -> Result<Cow<'a, [u8]>, Refused> {
        self.tags()?;
        let head = self.head()?;
        if head.major != wanted {
            return Err(BAD_TOKEN);
        }
        if let Some(length) = head.argument {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while self.first()? != simple::BREAK {
            let head = self.head()?;
            if head.major != wanted {
                return Err(BAD_TOKEN);
            }
            whole.extend_from_slice(self.take(head.argument.ok_or(BAD_TOKEN)?)?);
        }
        self.take(1)?;
        Ok(Cow::Owned(whole))
    }

    /// Whether the innermost open container has a further element; takes it off the count, or leaves the container.
    fn more(&mut self) -> Result<bool, Refused> {
        let left = match self.open.pop().ok_or(BAD_TOKEN)? {
            Some(0) => return Ok(false),
            Some(left) => Some(left - 1),
            None if self.first()? == simple::BREAK => {
                self.take(1)?;
                return Ok(false);
            }
            None => None,
        };
        self.open.push(left);
        Ok(true)
    }
}

impl<'a> Tokens<'a> for CborTokens<'a> {
    const BLOBS: Kind = Kind::Bytes;

    fn at_end(&mut self) -> bool {
        self.rest.is_empty()
    }

    fn kind(&mut self) -> Result<Kind, Refused> {
        let before = self.rest;
        let tag = self.tags()?;
        let first = self.first();
        self.rest = before;
        let first = first?;
        Ok(match first >> 5 {
            major::UNSIGNED | major::NEGATIVE if tag == Some(EPOCH_TAG) => Kind::Time,
            major::UNSIGNED | major::NEGATIVE => Kind::Number,
            major::BYTES => Kind::Bytes,
            major::TEXT => Kind::Text,
            major::ARRAY => Kind::Array,
            major::MAP => Kind::Object,
            _ => match first {
                simple::FALSE => Kind::False,
                simple::TRUE => Kind::True,
                simple::NULL | simple::UNDEFINED => Kind::Null,
                simple::HALF | simple::SINGLE | simple::DOUBLE if tag == Some(EPOCH_TAG) => {
                    Kind::Time
                }
                simple::HALF | simple::SINGLE | simple::DOUBLE => Kind::Number,
                _ => return Err(BAD_TOKEN),
            },
        })
    }

    fn null(&mut self) -> Result<bool, Refused> {
        let null = matches!(self.first()?, simple::NULL | simple::UNDEFINED);
        if null {
            self.take(1)?;
        }
        Ok(null)
    }

    fn open(&mut self, kind: Kind) -> Result<(), Refused> {
        self.tags()?;
        let head = self.head()?;
        let wanted = match kind {
            Kind::Array => major::ARRAY,
            _ => major::MAP,
        };
        if head.major != wanted {
            return Err(BAD_TOKEN);
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(TOO_DEEP);
        }
        self.open.push(head.argument);
        Ok(())
    }

    fn next_key(&mut self, _first: bool) -> Result<Option<Cow<'a, str>>, Refused> {
        if self.more()? {
            self.text().map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_element(&mut self, _first: bool) -> Result<bool, Refused> {
        self.more()
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Refused> {
        match self.string(major::TEXT)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
        .ok_or(BAD_TEXT)
    }

    fn bytes(&mut self) -> Result<Blob, Refused> {
        Ok(match self.string(major::BYTES)? {
            Cow::Borrowed(bytes) => self.whole.slice_ref(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        })
    }

    fn boolean(&mut self) -> Result<bool, Refused> {
        self.tags()?;
        match self.number_of()? {
            [simple::TRUE] => Ok(true),
            [simple::FALSE] => Ok(false),
            _ => Err(BAD_TOKEN),
        }
    }

    fn number(&mut self) -> Result<Number<'a>, Refused> {
        self.tags()?;
        let float = match self.first()? {
            simple::HALF | simple::SINGLE | simple::DOUBLE => {
                let [size] = self.number_of()?;
                match size {
                    simple::HALF => half(u16::from_be_bytes(self.number_of()?)),
                    simple::SINGLE => f64::from(f32::from_be_bytes(self.number_of()?)),
                    _ => f64::from_be_bytes(self.number_of()?),
                }
            }
            _ => {
                let head = self.head()?;
                let argument = i128::from(head.argument.ok_or(BAD_TOKEN)?);
                return match head.major {
                    major::UNSIGNED => Ok(Number::Integer(argument)),
                    major::NEGATIVE => Ok(Number::Integer(-1 - argument)),
                    _ => Err(BAD_TOKEN),
                };
            }
        };
        Ok(Number::Float(float))
    }

    fn time(&mut self) -> Result<Timestamp, Refused> {
        let number = self.number()?;
        let unit = match (number, self.time) {
            (Number::Integer(_), Time::Milliseconds) => 1000.0,
            _ => 1.0,
        };
        number
            .double()
            .map(|count| Timestamp(count / unit))
            .ok_or(BAD_TOKEN)
    }

    fn skip(&mut self) -> Result<(), Refused> {
        match self.kind()? {
            Kind::Object => {
                self.open(Kind::Object)?;
                while self.next_key(false)?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Array => {
                self.open(Kind::Array)?;
                while self.more()? {
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Text => self.text().map(drop),
            Kind::Bytes => self.string(major::BYTES).map(drop),
            Kind::Number | Kind::Time => self.number().map(drop),
            Kind::True | Kind::False => self.boolean().map(drop),
            Kind::Null => {
                self.tags()?;
                self.take(1).map(drop)
            }
        }
    }

    fn own(&self, text: Cow<'a, str>) -> Str {
        match text {
            // It was text before, and so is this.
            Cow::Borrowed(part) => {
                Str::from_utf8(self.whole.slice_ref(part.as_bytes())).unwrap_or_default()
            }
            Cow::Owned(text) => Str::from(text),
        }
    }
}

/// A floating point number of 16 bits: sign, five bits of exponent, ten of fraction (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let size = match i32::from(bits >> 10 & 31) {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_the_specification() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0x3e00, 1.5),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x0400, 0.000_061_035_156_25),
            (0xc400, -4.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
