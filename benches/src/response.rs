//! HTTP/1.1 responses, parsed in place from whatever bytes have arrived.
//!
//! Only what servers of JSON APIs send: a length or chunks, keep-alive or close. Everything else is an error, because
//! a generator that guesses reports nonsense.

use std::borrow::Cow;

use memchr::memmem;

use crate::limits::RESPONSE_BYTES_MAX;

/// One complete response; the body borrows the buffer it was read into.
pub(crate) struct Response<'a> {
    /// HTTP status.
    pub(crate) status: u16,
    /// Body, chunks joined.
    pub(crate) body: Cow<'a, [u8]>,
    /// The server closes the connection after this response.
    pub(crate) close: bool,
    /// Bytes of the buffer that belong to this response.
    pub(crate) bytes: usize,
}

/// Parses the response at the start of `buffer`: `None` while it is incomplete.
pub(crate) fn parse(buffer: &[u8]) -> Result<Option<Response<'_>>, String> {
    let Some(head_bytes) = memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4) else {
        return too_large(buffer.len(), None);
    };
    let mut head = Head::default();
    let mut lines = buffer
        .get(..head_bytes - 4)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n');
    head.status_line(lines.next().unwrap_or_default())?;
    for line in lines {
        head.header(line.trim_ascii())?;
    }
    let rest = buffer.get(head_bytes..).unwrap_or_default();
    let response = |body, body_bytes| Response {
        status: head.status,
        body,
        close: head.close,
        bytes: head_bytes + body_bytes,
    };
    if head.chunked {
        return match chunks(rest)? {
            Some((body, body_bytes)) => Ok(Some(response(Cow::Owned(body), body_bytes))),
            None => too_large(buffer.len(), None),
        };
    }
    let length = head
        .length
        .ok_or("a response without length and without chunks")?;
    match rest.get(..length) {
        Some(body) => Ok(Some(response(Cow::Borrowed(body), length))),
        None => too_large(buffer.len(), Some(length)),
    }
}

/// The beginning of an answer, for error texts.
pub(crate) fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(400).collect()
}

#[derive(Default)]
struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

impl Head {
    fn status_line(&mut self, line: &[u8]) -> Result<(), String> {
        let bad = || {
            format!(
                "not an HTTP/1 response: {:?}",
                String::from_utf8_lossy(line)
            )
        };
        let text = std::str::from_utf8(line).map_err(|_| bad())?;
        let (version, rest) = text.split_once(' ').ok_or_else(bad)?;
        if !version.starts_with("HTTP/1.") {
            return Err(bad());
        }
        self.close = version == "HTTP/1.0";
        self.status = rest
            .get(..3)
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(bad)?;
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), String> {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err(format!("not a header: {:?}", String::from_utf8_lossy(line)));
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse().ok());
            self.length = Some(length.ok_or("a content-length that is no number")?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.close = value.eq_ignore_ascii_case(b"close");
        }
        Ok(())
    }
}

/// Joins chunks; `None` while the last one has not arrived. Trailers are not expected from these servers.
fn chunks(mut rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let whole_bytes = rest.len();
    let mut body = Vec::new();
    loop {
        let Some(line_bytes) = memmem::find(rest, b"\r\n") else {
            return Ok(None);
        };
        let size = rest
            .get(..line_bytes)
            .and_then(|line| std::str::from_utf8(line).ok());
        let digits = size
            .and_then(|text| text.split(';').next())
            .unwrap_or_default()
            .trim();
        let size =
            usize::from_str_radix(digits, 16).map_err(|_| format!("a chunk of size {digits:?}"))?;
        if size > RESPONSE_BYTES_MAX {
            return Err(format!("a chunk of {size} bytes"));
        }
        let start = line_bytes + 2;
        let (Some(chunk), Some(next)) =
            (rest.get(start..start + size), rest.get(start + size + 2..))
        else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        rest = next;
        if size == 0 {
            return Ok(Some((body, whole_bytes - rest.len())));
        }
    }
}

fn too_large<'a>(have: usize, length: Option<usize>) -> Result<Option<Response<'a>>, String> {
    let bytes = have.max(length.unwrap_or(0));
    if bytes > RESPONSE_BYTES_MAX {
        return Err(format!(
            "a response of more than {RESPONSE_BYTES_MAX} bytes ({bytes})"
        ));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed_at_every_cut(text: &str, status: u16, body: &str, close: bool) {
        for cut in 0..text.len() {
            let partial = parse(&text.as_bytes()[..cut]).expect("a prefix is no error");
            assert!(partial.is_none(), "complete after {cut} bytes of {text:?}");
        }
        let with_more = format!("{text}HTTP/1.1 500");
        let response = parse(with_more.as_bytes())
            .expect("valid")
            .expect("complete");
        assert_eq!(
            (response.status, response.close, response.bytes),
            (status, close, text.len())
        );
        assert_eq!(response.body.as_ref(), body.as_bytes());
    }

    #[test]
    fn responses_are_complete_only_at_their_last_byte() {
        parsed_at_every_cut(
            "HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nx: y\r\n\r\n{}",
            200,
            "{}",
            false,
        );
        parsed_at_every_cut(
            "HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
            400,
            "abc",
            true,
        );
        parsed_at_every_cut(
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            200,
            "",
            true,
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        parsed_at_every_cut(chunked, 200, "abcde", false);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "HTTP/2 200\r\n\r\n",
            "hello\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
