//! A JSON reader that copies nothing but strings with escapes, keeps numbers as text, and complains in the words that
//! AWS's services pass on to their callers.

use std::borrow::Cow;

use crate::limits::DEPTH_MAX;

/// One value, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    ObjectStart,
    ArrayStart,
    Text(Cow<'a, str>),
    Number(&'a str),
    True,
    False,
    Null,
}

/// What is wrong with a text that is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Expected(&'static str),
    UnrecognizedToken,
    EndOfInput(&'static str),
    BadEscape,
    ControlCharacter,
    TooDeep,
    Trailing,
}

/// A fault and the byte where it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) fault: Fault,
    pub(crate) at: usize,
}

const VALUE: &str = "a value";
const NAME: &str = "double-quote to start field name";

/// The reader. Containers are walked with [`member`](Reader::member) and [`element`](Reader::element).
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn error<T>(&self, fault: Fault) -> Result<T, SyntaxError> {
        Err(SyntaxError { fault, at: self.at })
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))?;
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// The next value; a container only begins.
    pub(crate) fn value(&mut self) -> Result<Token<'a>, SyntaxError> {
        match self.peek() {
            None => self.error(Fault::EndOfInput(VALUE)),
            Some(b'"') => self.string().map(Token::Text),
            Some(b'{') => self.enter().map(|()| Token::ObjectStart),
            Some(b'[') => self.enter().map(|()| Token::ArrayStart),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b't') => self.literal("true", Token::True),
            Some(b'f') => self.literal("false", Token::False),
            Some(b'n') => self.literal("null", Token::Null),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                self.error(Fault::UnrecognizedToken)
            }
            Some(_) => self.error(Fault::Expected(VALUE)),
        }
    }

    fn enter(&mut self) -> Result<(), SyntaxError> {
        if self.depth == DEPTH_MAX {
            return self.error(Fault::TooDeep);
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
    }

    /// The name of the next member of an object, up to and with its colon; `None` at the end of the object.
    pub(crate) fn member(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, SyntaxError> {
        match self.peek() {
            Some(b'}') => {
                self.leave();
                return Ok(None);
            }
            Some(b',') if !*first => self.at += 1,
            None => return self.error(Fault::EndOfInput("close marker for Object")),
            Some(_) if !*first => {
                return self.error(Fault::Expected("comma to separate Object entries"));
            }
            Some(_) => {}
        }
        *first = false;
        match self.peek() {
            Some(b'"') => {}
            None => return self.error(Fault::EndOfInput("a field name")),
            Some(_) => return self.error(Fault::Expected(NAME)),
        }
        let name = self.string()?;
        match self.peek() {
            Some(b':') => self.at += 1,
            None => return self.error(Fault::EndOfInput("a colon")),
            Some(_) => {
                return self.error(Fault::Expected("a colon to separate field name and value"));
            }
        }
        Ok(Some(name))
    }

    /// Whether an array has another element.
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool, SyntaxError> {
        match self.peek() {
            Some(b']') => {
                self.leave();
                return Ok(false);
            }
            Some(b',') if !*first => self.at += 1,
            None => return self.error(Fault::EndOfInput("close marker for Array")),
            Some(_) if !*first => {
                return self.error(Fault::Expected("comma to separate Array entries"));
            }
            Some(_) => {}
        }
        *first = false;
        Ok(true)
    }

    /// Reads past the rest of a value whose first token was taken.
    pub(crate) fn skip_rest(&mut self, begun: &Token<'_>) -> Result<(), SyntaxError> {
        let mut open = Vec::new();
        match begun {
            Token::ObjectStart => open.push((true, true)),
            Token::ArrayStart => open.push((false, true)),
            _ => return Ok(()),
        }
        while let Some((is_object, first)) = open.last_mut() {
            let more = if *is_object {
                self.member(first)?.is_some()
            } else {
                self.element(first)?
            };
            if !more {
                open.pop();
                continue;
            }
            match self.value()? {
                Token::ObjectStart => open.push((true, true)),
                Token::ArrayStart => open.push((false, true)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Nothing but blanks may follow.
    pub(crate) fn end(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.error(Fault::Trailing),
        }
    }

    fn literal(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let after = rest.strip_prefix(word);
        match after.map(|after| after.bytes().next()) {
            Some(next) if !next.is_some_and(is_word) => {
                self.at += word.len();
                Ok(token)
            }
            _ => self.error(Fault::UnrecognizedToken),
        }
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(length);
        if !is_json_number(number) || after.bytes().next().is_some_and(is_word) {
            return self.error(Fault::Expected("a number"));
        }
        self.at += length;
        Ok(number)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.at += 1;
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let special = rest
            .bytes()
            .position(|byte| byte == b'"' || byte == b'\\' || byte < b' ');
        let Some(length) = special else {
            self.at = self.text.len();
            return self.error(Fault::EndOfInput("end of a string"));
        };
        self.at = start + length;
        let plain = rest.get(..length).unwrap_or_default();
        if rest.as_bytes().get(length) == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain.to_owned()).map(Cow::Owned)
    }

    /// The rest of a string, from its first escape on.
    fn escaped(&mut self, mut out: String) -> Result<String, SyntaxError> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(length) = rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')
            else {
                return self.error(Fault::EndOfInput("end of a string"));
            };
            out.push_str(rest.get(..length).unwrap_or_default());
            self.at += length;
            match rest.as_bytes().get(length) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return self.error(Fault::ControlCharacter),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let escaped = self.text.as_bytes().get(self.at + 1).copied();
        let character = match escaped {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.error(Fault::BadEscape),
        };
        self.at += 2;
        Ok(character)
    }

    /// Four hexadecimal digits, or twice four for one character. Half a pair cannot be represented and is replaced.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let Some(high) = self.hexadecimal(self.at) else {
            return self.error(Fault::BadEscape);
        };
        self.at += 6;
        if let 0xd800..=0xdbff = high
            && let Some(low @ 0xdc00..=0xdfff) = self.hexadecimal(self.at)
        {
            self.at += 6;
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// `-? digits (. digits)? ([eE] [+-]? digits)?`, without leading zeros.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

impl SyntaxError {
    /// The fault in words; `source` is the text that was read.
    pub(crate) fn message(&self, source: &str) -> String {
        let rest = source.get(self.at..).unwrap_or_default();
        let character = rest.chars().next().unwrap_or(' ');
        let unexpected = format!(
            "Unexpected character ('{character}' (code {}))",
            u32::from(character)
        );
        match self.fault {
            Fault::Expected(VALUE) => format!(
                "{unexpected}: expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            ),
            Fault::Expected(what) => format!("{unexpected}: was expecting {what}"),
            Fault::UnrecognizedToken => {
                let length = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                    .unwrap_or(rest.len());
                let token: String = rest
                    .get(..length)
                    .unwrap_or_default()
                    .chars()
                    .take(256)
                    .collect();
                format!(
                    "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                )
            }
            Fault::EndOfInput(what) => format!("Unexpected end-of-input: expected {what}"),
            Fault::BadEscape => "Unrecognized character escape".to_owned(),
            Fault::ControlCharacter => format!(
                "Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using backslash to be included in string value",
                u32::from(character)
            ),
            Fault::TooDeep => {
                format!("Document nesting depth exceeds the maximum allowed ({DEPTH_MAX})")
            }
            Fault::Trailing => format!("{unexpected}: expected the end of the document"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped() {
        let text = r#""a\u0041\n\"\ud83d\ude00\ud83dx\/""#;
        let Ok(Token::Text(value)) = Reader::new(text).value() else {
            panic!("a string")
        };
        assert_eq!(value, "aA\n\"😀\u{fffd}x/");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let whole = |text: &str| {
            let mut reader = Reader::new(text);
            let token = reader.value()?;
            reader.skip_rest(&token)?;
            reader.end()
        };
        for good in ["{}", " [1, -0.5e+3 , {\"a\" : [] } ] ", "null", "\"\""] {
            assert_eq!(whole(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "{",
            "[",
            "[1",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "01",
            "1.",
            "-",
            "1e",
            "nulls",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "{} {}",
            "1a",
            "{a:1}",
        ] {
            assert!(whole(bad).is_err(), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(whole(&deep), Err(error) if error.fault == Fault::TooDeep));
    }
}
