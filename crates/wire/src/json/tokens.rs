//! JSON tokens over one validated buffer.
//!
//! Strict as RFC 8259: no raw control characters in text, no trailing commas, nothing after the document. Text without
//! escapes is a slice of the buffer; nesting is bounded, so malicious documents cannot exhaust the stack.

use crate::document::{Kind, Number, Refused, Tokens};
use crate::limits::DEPTH_MAX;
use crate::{Blob, Str, Timestamp, scan};
use std::borrow::Cow;

const UNEXPECTED_END: Refused = Refused::Syntax(Cow::Borrowed("Unexpected end of the document."));
const BAD_TEXT: Refused = Refused::Syntax(Cow::Borrowed(
    "A string holds an invalid character or escape.",
));
const BAD_NUMBER: Refused = Refused::Syntax(Cow::Borrowed("A number is malformed."));
const BAD_TOKEN: Refused = Refused::Syntax(Cow::Borrowed("Unexpected token in the document."));
const TOO_DEEP: Refused = Refused::Syntax(Cow::Borrowed("The document is nested too deeply."));

/// A position in a document.
pub(crate) struct JsonTokens<'a> {
    whole: &'a Str,
    at: usize,
    depth: usize,
}

impl<'a> JsonTokens<'a> {
    pub(crate) fn new(whole: &'a Str) -> JsonTokens<'a> {
        JsonTokens {
            whole,
            at: 0,
            depth: 0,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.whole.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space, which stays unread.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.whole.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Refused> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&mut self) -> Refused {
        if self.peek().is_none() {
            UNEXPECTED_END
        } else {
            BAD_TOKEN
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Refused> {
        if !self.rest().starts_with(word) {
            return Err(BAD_TOKEN);
        }
        self.at += word.len();
        Ok(())
    }

    fn more(&mut self, first: bool, closing: u8) -> Result<bool, Refused> {
        if self.accept(closing) {
            self.depth -= 1;
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// Everything up to the next quote or backslash.
    fn run(&mut self) -> Result<&'a str, Refused> {
        let rest = self.rest();
        let length = memchr::memchr2(b'"', b'\\', rest).ok_or(UNEXPECTED_END)?;
        let run = self
            .whole
            .as_str()
            .get(self.at..self.at + length)
            .ok_or(BAD_TEXT)?;
        if scan::prefix_without(run.as_bytes(), |byte| byte < 0x20) < length {
            return Err(BAD_TEXT);
        }
        self.at += length;
        Ok(run)
    }

    fn escape(&mut self) -> Result<char, Refused> {
        let kind = *self.rest().get(1).ok_or(UNEXPECTED_END)?;
        self.at += 2;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(BAD_TEXT),
        })
    }

    /// After `\u`: one code unit, or two that make a pair. A lone surrogate is no character.
    fn code_point(&mut self) -> Result<char, Refused> {
        let first = self.code_unit()?;
        let code = match first {
            0xD800..=0xDBFF if self.rest().starts_with(b"\\u") => {
                self.at += 2;
                let second = self.code_unit()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(BAD_TEXT);
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or(BAD_TEXT)
    }

    fn code_unit(&mut self) -> Result<u32, Refused> {
        let digits = self.rest().get(..4).ok_or(UNEXPECTED_END)?;
        let mut unit = 0;
        for digit in digits {
            unit = unit * 16 + char::from(*digit).to_digit(16).ok_or(BAD_TEXT)?;
        }
        self.at += 4;
        Ok(unit)
    }

    /// A number as it is written.
    fn digits(&mut self) -> Result<&'a str, Refused> {
        let rest = self.rest();
        let digits = |from: usize| {
            rest.get(from..)
                .unwrap_or_default()
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let mut end = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(end);
        if whole == 0 || (whole > 1 && rest.get(end) == Some(&b'0')) {
            return Err(BAD_NUMBER);
        }
        end += whole;
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 {
                return Err(BAD_NUMBER);
            }
            end += 1 + fraction;
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent == 0 {
                return Err(BAD_NUMBER);
            }
            end += 1 + sign + exponent;
        }
        let number = self
            .whole
            .as_str()
            .get(self.at..self.at + end)
            .ok_or(BAD_NUMBER)?;
        self.at += end;
        Ok(number)
    }
}

impl<'a> Tokens<'a> for JsonTokens<'a> {
    const BLOBS: Kind = Kind::Text;

    fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    fn kind(&mut self) -> Result<Kind, Refused> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't') => Ok(Kind::True),
            Some(b'f') => Ok(Kind::False),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(BAD_TOKEN),
            None => Err(UNEXPECTED_END),
        }
    }

    fn null(&mut self) -> Result<bool, Refused> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word(b"null").map(|()| true)
    }

    fn boolean(&mut self) -> Result<bool, Refused> {
        let value = self.peek() == Some(b't');
        self.word(if value { b"true" } else { b"false" })
            .map(|()| value)
    }

    fn open(&mut self, kind: Kind) -> Result<(), Refused> {
        self.expect(if kind == Kind::Array { b'[' } else { b'{' })?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            Err(TOO_DEEP)
        } else {
            Ok(())
        }
    }

    #[inline]
    fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Refused> {
        if !self.more(first, b'}')? {
            return Ok(None);
        }
        let key = self.text()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    fn next_element(&mut self, first: bool) -> Result<bool, Refused> {
        self.more(first, b']')
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Refused> {
        self.expect(b'"')?;
        let run = self.run()?;
        if self.rest().first() == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(run));
        }
        let mut owned = String::with_capacity(run.len() + 16);
        owned.push_str(run);
        loop {
            match self.rest().first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(owned));
                }
                _ => owned.push(self.escape()?),
            }
            owned.push_str(self.run()?);
        }
    }

    fn skip(&mut self) -> Result<(), Refused> {
        match self.kind()? {
            Kind::Object => {
                self.open(Kind::Object)?;
                let mut first = true;
                while self.next_key(first)?.is_some() {
                    first = false;
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Array => {
                self.open(Kind::Array)?;
                let mut first = true;
                while self.next_element(first)? {
                    first = false;
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Text => self.text().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::True | Kind::False => self.boolean().map(drop),
            Kind::Null => self.null().map(drop),
            // JSON has neither.
            Kind::Bytes | Kind::Time => Err(BAD_TOKEN),
        }
    }

    fn number(&mut self) -> Result<Number<'a>, Refused> {
        self.digits().map(Number::Written)
    }

    fn bytes(&mut self) -> Result<Blob, Refused> {
        Err(BAD_TOKEN)
    }

    fn time(&mut self) -> Result<Timestamp, Refused> {
        Err(BAD_TOKEN)
    }

    fn own(&self, text: Cow<'a, str>) -> Str {
        match text {
            Cow::Borrowed(part) => self.whole.share(part),
            Cow::Owned(text) => Str::from(text),
        }
    }
}
