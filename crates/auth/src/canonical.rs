//! The canonical request: the text whose hash a signature covers (IDN-006).
//!
//! Client and server build it with the same code, from the request exactly as
//! it is on the wire. It is written into one buffer, because it is hashed
//! right after.

use std::ops::Range;

use crate::authorization::Location;
use crate::limits;

/// Header values by lower-case name: a parsed request on the server, a list of
/// pairs on the client.
pub(crate) trait HeaderValues {
    /// Calls `each` for every value of `name` in order.
    fn each_value<'a>(&'a self, name: &str, each: impl FnMut(&'a [u8]));
}

impl HeaderValues for http::HeaderMap {
    fn each_value<'a>(&'a self, name: &str, each: impl FnMut(&'a [u8])) {
        self.get_all(name)
            .into_iter()
            .map(http::HeaderValue::as_bytes)
            .for_each(each);
    }
}

impl HeaderValues for [(&str, &str)] {
    fn each_value<'a>(&'a self, name: &str, each: impl FnMut(&'a [u8])) {
        self.iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_bytes())
            .for_each(each);
    }
}

/// What a canonical request is made of.
pub(crate) struct CanonicalRequest<'a, H: ?Sized> {
    pub(crate) method: &'a str,
    /// Path as sent, percent-encoded once by the client.
    pub(crate) path: &'a str,
    /// Query string as sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a H,
    /// Names of the signed headers, see [`signed_names`].
    pub(crate) signed: &'a [&'a str],
    pub(crate) location: Location,
    /// Lower-case hexadecimal SHA-256 of the body, or the literal that replaces it.
    pub(crate) payload_hash: &'a [u8],
}

/// A signed header that the request does not have, so no signature can match (IDN-013).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeaderMissing;

/// Splits `SignedHeaders` into sorted names. `None` when a name is there twice
/// or the list is beyond [`limits::SIGNED_HEADERS_MAX`]: repeating a long
/// header's name would let a small request cost megabytes of hashing.
pub(crate) fn signed_names(list: &str) -> Option<Vec<&str>> {
    let mut names = Vec::with_capacity(8);
    for name in list.split(';') {
        if names.len() == limits::SIGNED_HEADERS_MAX {
            return None;
        }
        names.push(name);
    }
    if !names.is_sorted() {
        names.sort_unstable();
    }
    let distinct = names.windows(2).all(|pair| pair.first() != pair.last());
    distinct.then_some(names)
}

impl<H: HeaderValues + ?Sized> CanonicalRequest<'_, H> {
    /// Appends the canonical request to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), HeaderMissing> {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        write_path(self.path, out);
        out.push(b'\n');
        write_query(self.query, self.location, out);
        out.push(b'\n');
        for name in self.signed {
            write_header(self.headers, name, out)?;
        }
        out.push(b'\n');
        for (index, name) in self.signed.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(self.payload_hash);
        Ok(())
    }
}

/// One `name:value` line; values are trimmed, inner runs of white space become
/// one space, repeated headers are joined by a comma (IDN-011).
fn write_header<H: HeaderValues + ?Sized>(
    headers: &H,
    name: &str,
    out: &mut Vec<u8>,
) -> Result<(), HeaderMissing> {
    out.extend_from_slice(name.as_bytes());
    let mut separator = b':';
    headers.each_value(name, |value| {
        out.push(separator);
        separator = b',';
        if !value.contains(&b' ') && !value.contains(&b'\t') {
            out.extend_from_slice(value);
            return;
        }
        let mut words = value
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty());
        if let Some(first) = words.next() {
            out.extend_from_slice(first);
        }
        for word in words {
            out.push(b' ');
            out.extend_from_slice(word);
        }
    });
    out.push(b'\n');
    if separator == b':' {
        return Err(HeaderMissing);
    }
    Ok(())
}

/// The path with dot segments resolved and repeated slashes collapsed, encoded
/// once more than it was sent (IDN-008, IDN-009).
fn write_path(path: &str, out: &mut Vec<u8>) {
    if path.len() <= 1 {
        out.push(b'/');
        return;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    for segment in &segments {
        out.push(b'/');
        segment
            .bytes()
            .for_each(|byte| write_encoded_byte(byte, out));
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Every parameter decoded and encoded again, sorted by encoded name, then by
/// encoded value; a presigned request leaves its signature out (IDN-010, IDN-029).
fn write_query(query: &str, location: Location, out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let mut encoded = Vec::with_capacity(query.len() * 2);
    let mut parameters: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if location == Location::Query && name == "X-Amz-Signature" {
            continue;
        }
        let start = encoded.len();
        write_reencoded(name, &mut encoded);
        let middle = encoded.len();
        write_reencoded(value, &mut encoded);
        parameters.push((start..middle, middle..encoded.len()));
    }
    let text = |range: &Range<usize>| encoded.get(range.clone()).unwrap_or_default();
    parameters.sort_by(|(a_name, a_value), (b_name, b_value)| {
        (text(a_name), text(a_value)).cmp(&(text(b_name), text(b_value)))
    });
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(text(name));
        out.push(b'=');
        out.extend_from_slice(text(value));
    }
}

/// Decodes percent sequences and `+`, and encodes the result by RFC 3986.
fn write_reencoded(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let decoded = match (byte, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => byte,
            },
            _ => byte,
        };
        write_encoded_byte(decoded, out);
    }
}

fn write_encoded_byte(byte: u8, out: &mut Vec<u8>) {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'A' - 10 };
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
        out.push(byte);
    } else {
        out.push(b'%');
        out.extend([byte >> 4, byte & 15].map(digit));
    }
}

/// The value of one hexadecimal digit of either case.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> String {
        let mut out = Vec::new();
        write_path(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn query(text: &str, location: Location) -> String {
        let mut out = Vec::new();
        write_query(text, location, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn idn_008_paths_are_normalised_and_encoded_twice() {
        assert_eq!(path(""), "/");
        assert_eq!(path("/"), "/");
        assert_eq!(path("//"), "/");
        assert_eq!(path("/a/./b//c/../d"), "/a/b/d");
        assert_eq!(path("/a/.."), "/");
        assert_eq!(path("/../a/"), "/a/");
        assert_eq!(path("/a%20b:c"), "/a%2520b%3Ac");
    }

    #[test]
    fn idn_010_queries_are_reencoded_and_sorted() {
        let header = Location::Header;
        assert_eq!(query("b&a=%7e&a=+", header), "a=%20&a=~&b=");
        assert_eq!(query("a=%zz&%=1&a=%2", header), "%25=1&a=%252&a=%25zz");
        assert_eq!(query("a=b=c", header), "a=b%3Dc");
        assert_eq!(query("a=1&X-Amz-Signature=x", Location::Query), "a=1");
        assert_eq!(
            query("X-Amz-Signature=x", Location::Header),
            "X-Amz-Signature=x"
        );
    }

    #[test]
    fn signed_header_lists_are_sorted_distinct_and_bounded() {
        assert_eq!(signed_names("host;date"), Some(vec!["date", "host"]));
        assert_eq!(signed_names("host;host"), None);
        let long: Vec<String> = (0..=limits::SIGNED_HEADERS_MAX)
            .map(|n| n.to_string())
            .collect();
        assert_eq!(signed_names(&long.join(";")), None);
    }
}
