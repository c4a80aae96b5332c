//! Forms: the query protocol's parameters, from a body, a query string and a path together (SQS-032 to SQS-035).
//!
//! Pairs are kept sorted by name, so everything below `Entry.2.` is one run of neighbours, and decoding stays near-linear
//! whatever a client sends.

pub mod decode;

use crate::error::ApiError;
use crate::limits::FORM_PAIRS_MAX;
use crate::{Str, errors};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// All parameters of a request.
#[derive(Debug)]
pub struct Form {
    /// Sorted by name; of equal names only the first given one is kept.
    pairs: Vec<(Str, Str)>,
    /// Bytes that the request spent on them.
    pub(crate) bytes: usize,
}

impl Form {
    /// Reads the parameters. Those of the body win over those of the query string, and both over those of the path.
    pub fn new(
        body: &Bytes,
        query: &str,
        path: Vec<(&'static str, Str)>,
    ) -> Result<Form, ApiError> {
        let body_text = Str::from_utf8(body.clone()).map_err(|_| malformed())?;
        let query_text = Str::from(query.to_owned());
        let mut pairs = Vec::new();
        for source in [&body_text, &query_text] {
            for part in source.split('&').filter(|part| !part.is_empty()) {
                if pairs.len() >= FORM_PAIRS_MAX {
                    return Err(
                        errors::MALFORMED_QUERY_STRING.with("The request has too many parameters.")
                    );
                }
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                pairs.push((own(source, name)?, own(source, value)?));
            }
        }
        pairs.extend(
            path.into_iter()
                .map(|(name, value)| (Str::from_static(name), value)),
        );
        // The sort is stable, so of equal names the first given one comes first.
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        Ok(Form {
            pairs,
            bytes: body.len() + query.len(),
        })
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Str> {
        self.get_within(&self.all(), name)
    }

    /// Positions of all pairs.
    fn all(&self) -> Range<usize> {
        0..self.pairs.len()
    }

    fn pairs_within(&self, scope: &Range<usize>) -> &[(Str, Str)] {
        self.pairs.get(scope.clone()).unwrap_or_default()
    }

    /// The value of a name among the pairs of a scope.
    fn get_within(&self, scope: &Range<usize>, name: &str) -> Option<&Str> {
        let pairs = self.pairs_within(scope);
        let found = pairs
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
            .ok()?;
        pairs.get(found).map(|(_, value)| value)
    }

    /// The pairs of a scope whose names start with `prefix`. Decoders search only below what they are reading, so the cost
    /// of a structure depends on its own parameters and not on all of them.
    fn below(&self, scope: &Range<usize>, prefix: &str) -> Range<usize> {
        let pairs = self.pairs_within(scope);
        let start = pairs.partition_point(|(name, _)| name.as_str() < prefix);
        let rest = pairs.get(start..).unwrap_or_default();
        let length = rest.partition_point(|(name, _)| name.starts_with(prefix));
        scope.start + start..scope.start + start + length
    }

    /// The numbers that stand right after `prefix` in the names of a scope, ascending.
    fn positions(&self, scope: &Range<usize>, prefix: &str) -> Vec<u32> {
        let mut positions: Vec<u32> = self
            .pairs_within(scope)
            .iter()
            .filter_map(|(name, _)| {
                let rest = name.strip_prefix(prefix)?;
                let number = rest.split_once('.').map_or(rest, |(number, _)| number);
                let plain =
                    !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
                if plain { number.parse().ok() } else { None }
            })
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// The first value of a name, without reading the rest of the form.
pub fn first(form: &[u8], name: &str) -> Option<String> {
    let parts = form.split(|byte| *byte == b'&');
    parts
        .filter_map(|part| part.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .next()
        .and_then(|value| {
            unescape(std::str::from_utf8(value).ok()?)
                .ok()
                .map(Cow::into_owned)
        })
}

/// Part of `source` without escapes; shares its buffer when there were none.
fn own(source: &Str, part: &str) -> Result<Str, ApiError> {
    Ok(match unescape(part)? {
        Cow::Borrowed(part) => source.share(part),
        Cow::Owned(text) => Str::from(text),
    })
}

/// Undoes percent escapes and plus signs.
fn unescape(part: &str) -> Result<Cow<'_, str>, ApiError> {
    if memchr::memchr2(b'%', b'+', part.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(part));
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
        let (run, tail) = rest.split_at(at);
        bytes.extend_from_slice(run);
        rest = match tail {
            [b'+', tail @ ..] => {
                bytes.push(b' ');
                tail
            }
            [b'%', high, low, tail @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or_else(malformed);
                bytes.push((digit(high)? * 16 + digit(low)?) as u8);
                tail
            }
            _ => return Err(malformed()),
        };
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| malformed())
}

fn malformed() -> ApiError {
    errors::MALFORMED_QUERY_STRING.with("The query string contains a syntax error.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_wins_over_the_query_string_and_both_over_the_path() {
        let body = Bytes::from_static(b"A=body&&C=%26%3d+x");
        let form = Form::new(
            &body,
            "A=query&B=query",
            vec![("B", "path".into()), ("D", "path".into())],
        )
        .unwrap();
        let value = |name| form.get(name).map(Str::as_str);
        assert_eq!(value("A"), Some("body"));
        assert_eq!(value("B"), Some("query"));
        assert_eq!(value("C"), Some("&= x"));
        assert_eq!(value("D"), Some("path"));
        assert_eq!(value("E"), None);
    }

    #[test]
    fn plain_values_share_the_body() {
        let body = Bytes::from(String::from("MessageBody=plain"));
        let form = Form::new(&body, "", Vec::new()).unwrap();
        assert_eq!(
            form.get("MessageBody").unwrap().as_bytes().as_ptr(),
            body[12..].as_ptr()
        );
    }

    #[test]
    fn positions_are_numeric_and_skip_what_is_no_number() {
        let body = Bytes::from_static(
            b"L.10=a&L.2.x=b&L.2.y=b&L.1=c&L.02=d&L.x=e&L.=f&Lx=g&L.99999999999=h",
        );
        let form = Form::new(&body, "", Vec::new()).unwrap();
        assert_eq!(form.positions(&form.all(), "L."), [1, 2, 10]);
    }

    #[test]
    fn broken_escapes_are_refused() {
        for body in ["A=%", "A=%4", "A=%zz", "A=%ff"] {
            assert!(
                Form::new(&Bytes::from(body), "", Vec::new()).is_err(),
                "{body}"
            );
        }
    }
}
