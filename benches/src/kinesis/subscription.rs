//! `SubscribeToShard` from the other side: a connection of HTTP/1.1 whose answer comes in chunks, which hold frames of
//! `application/vnd.amazon.eventstream` (KIN-195), which hold events in CBOR.
//!
//! It blocks, a thread each: twenty consumers are at most some eighty connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::kinesis::api::{Encoding, Operation};
use crate::kinesis::documents::{self, Read};
use crate::limits::{CALL_MAX, READ_BYTES};
use crate::response::excerpt;
use crate::sign::Signer;

/// How long a silent connection is listened to before the caller may look at something else.
const SILENCE: Duration = Duration::from_millis(20);
/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The largest frame that clients take.
const FRAME_BYTES_MAX: usize = 16 << 20;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing for a moment.
    Silence,
    /// The subscription is there.
    Begun,
    /// An event.
    Event(Read),
}

/// A subscription to a shard.
pub(crate) struct Subscription {
    stream: TcpStream,
    chunks: Chunks,
    buffer: Vec<u8>,
}

impl Subscription {
    /// Subscribes from a kind of position, and waits until the server says that it began.
    pub(crate) fn begin(
        address: SocketAddr,
        signer: &Signer,
        consumer_arn: &str,
        shard: &str,
        kind: &str,
    ) -> Result<Self, String> {
        let mut request = Vec::new();
        let document = documents::subscription(consumer_arn, shard, kind);
        signer.write(&mut request, Operation::SubscribeToShard, &document);
        let mut stream = TcpStream::connect(address).map_err(shown)?;
        stream.set_nodelay(true).map_err(shown)?;
        stream.write_all(&request).map_err(shown)?;
        stream.set_read_timeout(Some(SILENCE)).map_err(shown)?;
        let mut subscription = Self {
            stream,
            chunks: Chunks::default(),
            buffer: vec![0; READ_BYTES],
        };
        let asked = Instant::now();
        loop {
            match subscription.hear(&mut |_| {})? {
                Heard::Silence if asked.elapsed() < CALL_MAX => {}
                Heard::Silence => return Err("no answer to SubscribeToShard".to_owned()),
                Heard::Begun => return Ok(subscription),
                Heard::Event(_) => return Err("an event before the beginning".to_owned()),
            }
        }
    }

    /// The next event; `each` gets the data of each of its records. The end of the subscription is an error.
    pub(crate) fn hear(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Heard, String> {
        loop {
            if let Some(length) = frame_bytes(&self.chunks.body)? {
                let frame = self.chunks.body.get(..length).unwrap_or_default();
                let heard = heard(frame, each);
                self.chunks.body.drain(..length);
                return heard;
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err("the connection was closed".to_owned()),
                Ok(bytes) => self
                    .chunks
                    .take(self.buffer.get(..bytes).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(Heard::Silence);
                }
                Err(error) => return Err(shown(error)),
            }
        }
    }
}

fn shown(error: std::io::Error) -> String {
    error.to_string()
}

/// An answer whose body comes in chunks, as far as it came.
#[derive(Default)]
struct Chunks {
    raw: Vec<u8>,
    place: Place,
    /// What the chunks held.
    body: Vec<u8>,
}

#[derive(Default, Clone, Copy)]
enum Place {
    #[default]
    Head,
    Size,
    Data(usize),
    /// The end of the line after the data of a chunk.
    DataEnd,
}

impl Chunks {
    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.raw.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = self.raw.get(at..).unwrap_or_default();
            match self.place {
                Place::Head => {
                    let Some(end) = memmem::find(rest, b"\r\n\r\n") else {
                        break;
                    };
                    check_head(rest, end)?;
                    at += end + 4;
                    self.place = Place::Size;
                }
                Place::Size => {
                    let Some(end) = memmem::find(rest, b"\r\n") else {
                        break;
                    };
                    let digits = std::str::from_utf8(rest.get(..end).unwrap_or_default());
                    let size = digits
                        .ok()
                        .and_then(|text| usize::from_str_radix(text, 16).ok());
                    at += end + 2;
                    self.place = match size.ok_or("a chunk without a size")? {
                        0 => return Err("the subscription ended".to_owned()),
                        size => Place::Data(size),
                    };
                }
                Place::Data(left) => {
                    let here = left.min(rest.len());
                    self.body
                        .extend_from_slice(rest.get(..here).unwrap_or_default());
                    at += here;
                    if here < left {
                        self.place = Place::Data(left - here);
                        break;
                    }
                    self.place = Place::DataEnd;
                }
                Place::DataEnd => {
                    if rest.len() < 2 {
                        break;
                    }
                    at += 2;
                    self.place = Place::Size;
                }
            }
        }
        self.raw.drain(..at);
        Ok(())
    }
}

fn check_head(answer: &[u8], end: usize) -> Result<(), String> {
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(format!("SubscribeToShard: {}", excerpt(answer)));
    }
    match head.contains("transfer-encoding: chunked") {
        true => Ok(()),
        false => Err(format!("no answer in chunks: {head}")),
    }
}

/// The length of the frame at the beginning of what came; `None` while it is not all there.
fn frame_bytes(body: &[u8]) -> Result<Option<usize>, String> {
    let Some(prelude) = body.get(..PRELUDE_BYTES) else {
        return Ok(None);
    };
    let length = number(prelude, 0);
    let (total, headers) = (length, number(prelude, 4));
    if total > FRAME_BYTES_MAX || total < PRELUDE_BYTES + headers + 4 {
        return Err(format!(
            "a frame of {total} bytes with {headers} of headers"
        ));
    }
    Ok((body.len() >= total).then_some(total))
}

/// What a whole frame says.
fn heard(frame: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<Heard, String> {
    let covered = frame.get(..frame.len() - 4).unwrap_or_default();
    if number(frame, frame.len() - 4) != crc32fast::hash(covered) as usize {
        return Err("a damaged frame".to_owned());
    }
    let headers_end = PRELUDE_BYTES + number(frame, 4);
    let headers = frame.get(PRELUDE_BYTES..headers_end).unwrap_or_default();
    let payload = covered.get(headers_end..).unwrap_or_default();
    match header(headers, b":event-type") {
        Some(b"initial-response") => Ok(Heard::Begun),
        Some(b"SubscribeToShardEvent") => {
            documents::records(Encoding::Cbor, payload, each).map(Heard::Event)
        }
        _ => Err(format!(
            "the subscription ended: {} {}",
            excerpt(headers),
            excerpt(payload)
        )),
    }
}

/// The value of a header, all of which are texts.
fn header<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = headers;
    loop {
        let (length, after) = rest.split_first()?;
        let (found, after) = after.split_at_checked(usize::from(*length))?;
        let (kind_and_size, after) = after.split_first_chunk::<3>()?;
        let size = usize::from(u16::from_be_bytes([kind_and_size[1], kind_and_size[2]]));
        let (value, after) = after.split_at_checked(size)?;
        if found == name {
            return Some(value);
        }
        rest = after;
    }
}

fn number(bytes: &[u8], at: usize) -> usize {
    let four = bytes.get(at..at + 4).unwrap_or_default();
    four.iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinesis::cbor;

    fn frame(kind: &str, payload: &[u8]) -> Vec<u8> {
        let mut headers = vec![11];
        headers.extend_from_slice(b":event-type\x07");
        headers.extend_from_slice(&(kind.len() as u16).to_be_bytes());
        headers.extend_from_slice(kind.as_bytes());
        let total = (PRELUDE_BYTES + headers.len() + payload.len() + 4) as u32;
        let mut frame = total.to_be_bytes().to_vec();
        frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(&headers);
        frame.extend_from_slice(payload);
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn event() -> Vec<u8> {
        let mut payload = Vec::new();
        cbor::map(&mut payload, 1);
        cbor::text(&mut payload, "Records");
        cbor::array(&mut payload, 1);
        cbor::map(&mut payload, 1);
        cbor::text(&mut payload, "Data");
        cbor::bytes(&mut payload, b"abc");
        frame("SubscribeToShardEvent", &payload)
    }

    fn answer(body: &[u8]) -> Vec<u8> {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(7) {
            answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
        }
        answer
    }

    #[test]
    fn frames_are_found_however_the_bytes_come() {
        let body = [frame("initial-response", b""), event()].concat();
        for step in [1, 5, 1000] {
            let (mut chunks, mut data, mut kinds) = (Chunks::default(), Vec::new(), Vec::new());
            for piece in answer(&body).chunks(step) {
                chunks.take(piece).expect("chunks");
                while let Some(length) = frame_bytes(&chunks.body).expect("frames") {
                    let frame: Vec<u8> = chunks.body.drain(..length).collect();
                    kinds.push(heard(&frame, &mut |found| data.extend_from_slice(found)));
                }
            }
            let read = Read {
                records: 1,
                bytes: 3,
                ..Read::default()
            };
            assert_eq!(kinds, [Ok(Heard::Begun), Ok(Heard::Event(read))]);
            assert_eq!(data, b"abc");
        }
    }

    #[test]
    fn damage_refusals_and_ends_are_errors() {
        let mut damaged = event();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert_eq!(
            heard(&damaged, &mut |_| {}),
            Err("a damaged frame".to_owned())
        );
        let ended = heard(&frame("Other", b"why"), &mut |_| {});
        assert!(ended.is_err_and(|reason| reason.contains("why")));
        let mut chunks = Chunks::default();
        let refused = chunks.take(b"HTTP/1.1 400 Bad Request\r\n\r\n{\"__type\":\"X\"}");
        assert!(refused.is_err_and(|reason| reason.contains("__type")));
        let mut chunks = Chunks::default();
        let ended = chunks.take(&[&answer(b"")[..], b"0\r\n\r\n"].concat());
        assert_eq!(ended, Err("the subscription ended".to_owned()));
        assert!(frame_bytes(&[0xff; 12]).is_err());
    }
}
