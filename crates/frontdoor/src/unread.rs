//! Requests that cannot be read as HTTP: hyper answers those itself with a status alone, before any service is asked, and
//! has no place to say more. A client and whoever reads its log deserve a reason and a request id, so such an answer
//! is given a document on its way out.
//!
//! It is known by its first bytes and by what it lacks: every answer of ours carries a request id.

use std::fmt::Write;

use bytes::Bytes;
use waystation_wire::ErrorKind;

use crate::refusal;
use crate::request_id;

/// The request is no HTTP.
static MALFORMED: ErrorKind = ErrorKind::sender("MalformedRequest", 400).framework();
/// The path and query are too long.
static TARGET_TOO_LONG: ErrorKind = ErrorKind::sender("RequestUriTooLong", 414).framework();
/// The headers are too many or too large.
static HEADERS_TOO_LARGE: ErrorKind =
    ErrorKind::sender("RequestHeaderFieldsTooLarge", 431).framework();

const OUR_MARK: &[u8] = b"x-amzn-requestid";

/// What to send instead of `written`, when that is the head of an answer without a document.
pub(crate) fn answered(written: &[u8]) -> Option<Bytes> {
    let status = written.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let (kind, reason) = match status {
        b"400" => (&MALFORMED, "The request is not valid HTTP."),
        b"414" => (
            &TARGET_TOO_LONG,
            "The path and the query string of the request are too long.",
        ),
        b"431" => (
            &HEADERS_TOO_LARGE,
            "The headers of the request are too many or too large.",
        ),
        _ => return None,
    };
    if written
        .windows(OUR_MARK.len())
        .any(|part| part.eq_ignore_ascii_case(OUR_MARK))
    {
        return None;
    }
    let head = std::str::from_utf8(written)
        .ok()?
        .strip_suffix("\r\n\r\n")?;
    let request_id = request_id::next();
    let answer = refusal::unread(&kind.with(reason), &request_id);
    let kept = head.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("connection")
    });
    let mut text = kept.collect::<Vec<_>>().join("\r\n");
    for (name, value) in &answer.headers {
        let _ = write!(text, "\r\n{name}: {}", value.to_str().ok()?);
    }
    let length = answer.body.len();
    let _ = write!(
        text,
        "\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let mut whole = text.into_bytes();
    whole.extend_from_slice(&answer.body);
    Some(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_are_not_ours_are_given_a_document() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: D\r\n\r\n";
        let whole = answered(bare).unwrap();
        let text = std::str::from_utf8(&whole).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\ndate: D\r\n"),
            "{text}"
        );
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("x-amzn-requestid: "), "{head}");
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        assert_eq!(head.matches("connection: close").count(), 1);
        assert!(
            body.contains("<Code>RequestHeaderFieldsTooLarge</Code>"),
            "{body}"
        );
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\nX-Amzn-RequestId: 1\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 4",
            b"{}",
        ] {
            assert_eq!(answered(other), None);
        }
    }
}
