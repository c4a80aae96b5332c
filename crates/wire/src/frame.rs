//! Frames of `application/vnd.amazon.eventstream` (KIN-195): a prelude of two lengths and its checksum, headers with typed
//! values, a payload, a checksum over all. Integers are big-endian, checksums CRC-32 as in gzip.
//!
//! Only what a server writes: every header is a string.

use bytes::Bytes;

/// Both lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The largest frame that clients take (KIN-195).
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// The type of a header value that is UTF-8 text with a 16-bit length.
const STRING: u8 = 7;

/// A frame with these headers, whose payload `payload` appends.
pub fn frame(headers: &[(&str, &str)], payload: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = vec![0; PRELUDE_BYTES];
    for (name, value) in headers {
        let (name, value) = (cut(name, u8::MAX.into()), cut(value, u16::MAX.into()));
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.push(STRING);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    let header_bytes = out.len() - PRELUDE_BYTES;
    payload(&mut out);
    let total_bytes = out.len() + size_of::<u32>();
    let mut prelude = [0; PRELUDE_BYTES];
    let (lengths, checksum) = prelude.split_at_mut(8);
    let (total, headers) = lengths.split_at_mut(4);
    total.copy_from_slice(&(total_bytes as u32).to_be_bytes());
    headers.copy_from_slice(&(header_bytes as u32).to_be_bytes());
    checksum.copy_from_slice(&crc32fast::hash(lengths).to_be_bytes());
    if let Some(room) = out.get_mut(..PRELUDE_BYTES) {
        room.copy_from_slice(&prelude);
    }
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    Bytes::from(out)
}

/// At most so many bytes of a text, whole characters only.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums are those of Python's `zlib.crc32`.
    #[test]
    fn a_frame_is_laid_out_as_specified() {
        let frame = frame(&[(":event-type", "E")], |out| out.extend_from_slice(b"{}"));
        let mut expected = vec![0, 0, 0, 34, 0, 0, 0, 16];
        expected.extend_from_slice(&crc32fast::hash(&expected).to_be_bytes());
        expected.push(11);
        expected.extend_from_slice(b":event-type\x07\x00\x01E{}");
        expected.extend_from_slice(&crc32fast::hash(&expected).to_be_bytes());
        assert_eq!(&frame[..], &expected[..]);
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn texts_that_no_length_can_hold_are_cut() {
        let value = "ü".repeat(40_000);
        let frame = frame(&[("m", &value)], |_| ());
        assert_eq!(frame.len(), 12 + 1 + 1 + 1 + 2 + 65_534 + 4);
    }
}
