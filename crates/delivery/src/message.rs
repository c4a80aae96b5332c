//! The stored form of a message: everything the service wants back on a receive, in one buffer.
//!
//! Version 1, integers little-endian:
//! ```text
//! version u8 = 1, flags u8 (1 group, 2 deduplication id, 4 trace header, 8 many attributes), attribute count u8, group length u8,
//! deduplication id length u8, sender length u16, trace header length u16, body length u32,
//! MD5 of the body [16], MD5 of all attributes [16] (only when there are some), attribute count u32 (only when there are many),
//! sender, group, deduplication id, trace header,
//! per attribute: name length u16, data type length u16, value length u32, name, data type, value,
//! body
//! ```
//! The digests are kept because a send computes them anyway and a receive would spend more on them than on everything
//! else. Reading copies nothing: all parts are slices of the buffer.

use bytes::{BufMut, Bytes, BytesMut};
use waystation_wire::Str;

use crate::limits;
use crate::md5::{self, DigestItem, Md5Digest};

const VERSION: u8 = 1;
const HAS_GROUP: u8 = 1;
const HAS_DEDUPLICATION_ID: u8 = 2;
const HAS_TRACE_HEADER: u8 = 4;
/// More attributes than a byte counts, which messages of topics may have.
const HAS_MANY_ATTRIBUTES: u8 = 8;
const FIXED_BYTES: usize = 13 + 16;

/// One valid message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: Str,
    /// `String`, `Number` or `Binary`, with a custom label if the sender gave one.
    pub data_type: Str,
    /// UTF-8 text, or raw bytes for a binary attribute.
    pub value: Bytes,
}

impl Attribute {
    /// What the attribute counts towards the size of its message (SQS-120).
    pub fn size_bytes(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value.len()
    }

    /// Whether the value is bytes rather than text.
    pub fn is_binary(&self) -> bool {
        self.data_type.starts_with("Binary")
    }

    fn digest_item(&self) -> DigestItem<'_> {
        DigestItem {
            name: &self.name,
            data_type: &self.data_type,
            value: &self.value,
        }
    }
}

/// The digest of attributes sorted by name; `None` when there are none (SQS-123, SQS-158).
pub fn digest<'a>(sorted: impl IntoIterator<Item = &'a Attribute>) -> Option<Md5Digest> {
    let mut sorted = sorted.into_iter().peekable();
    sorted.peek()?;
    Some(md5::of_attributes(sorted.map(Attribute::digest_item)))
}

/// A message's content, on its way in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The body as sent (SQS-119).
    pub body: Str,
    /// Digest of the body.
    pub body_md5: Md5Digest,
    /// Message attributes, sorted by name.
    pub attributes: Vec<Attribute>,
    /// Digest of all attributes; present exactly when there are some.
    pub attributes_md5: Option<Md5Digest>,
    /// Who sent it (SQS-193).
    pub sender_id: Str,
    /// The message group.
    pub group_id: Option<Str>,
    /// The deduplication id, explicit or computed (SQS-277).
    pub deduplication_id: Option<Str>,
    /// The X-Ray header.
    pub trace_header: Option<Str>,
}

/// A stored message that cannot be read: another version, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a stored message cannot be read")
    }
}

impl std::error::Error for Malformed {}

impl Message {
    /// What counts against limits: body, names, types and values (SQS-120).
    pub fn size_bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(Attribute::size_bytes);
        self.body.len() + attributes.sum::<usize>()
    }

    /// The stored form. The body is copied once, into it.
    pub fn encode(&self) -> Bytes {
        let sender = cut(&self.sender_id, limits::SENDER_ID_BYTES_MAX);
        let [group, deduplication_id, trace] =
            [&self.group_id, &self.deduplication_id, &self.trace_header]
                .map(|text| text.as_deref().unwrap_or_default());
        let texts = [sender, group, deduplication_id, trace];
        let attributes: usize = self
            .attributes
            .iter()
            .map(|attribute| 8 + attribute.size_bytes())
            .sum();
        let texts_bytes: usize = texts.iter().map(|text| text.len()).sum();
        let mut out =
            BytesMut::with_capacity(FIXED_BYTES + 20 + texts_bytes + attributes + self.body.len());

        let flag = |text: &Option<Str>, bit| if text.is_some() { bit } else { 0 };
        let (attribute_count, many) = match u8::try_from(self.attributes.len()) {
            Ok(count) => (count, 0),
            Err(_) => (u8::MAX, HAS_MANY_ATTRIBUTES),
        };
        out.put_u8(VERSION);
        out.put_u8(
            flag(&self.group_id, HAS_GROUP)
                | flag(&self.deduplication_id, HAS_DEDUPLICATION_ID)
                | flag(&self.trace_header, HAS_TRACE_HEADER)
                | many,
        );
        // The lengths fit: every part was checked against its limit, and `limits` asserts that the limits fit.
        out.put_u8(attribute_count);
        out.put_u8(group.len() as u8);
        out.put_u8(deduplication_id.len() as u8);
        out.put_u16_le(sender.len() as u16);
        out.put_u16_le(trace.len() as u16);
        out.put_u32_le(self.body.len() as u32);
        out.put_slice(&self.body_md5);
        debug_assert_eq!(self.attributes.is_empty(), self.attributes_md5.is_none());
        out.put_slice(
            self.attributes_md5
                .as_ref()
                .map_or(&[], |digest| digest.as_slice()),
        );
        if many != 0 {
            out.put_u32_le(self.attributes.len() as u32);
        }
        texts.iter().for_each(|text| out.put_slice(text.as_bytes()));
        for Attribute {
            name,
            data_type,
            value,
        } in &self.attributes
        {
            out.put_u16_le(name.len() as u16);
            out.put_u16_le(data_type.len() as u16);
            out.put_u32_le(value.len() as u32);
            [name.as_bytes(), data_type.as_bytes(), value]
                .iter()
                .for_each(|part| out.put_slice(part));
        }
        out.put_slice(self.body.as_bytes());
        out.freeze()
    }

    /// Reads the stored form; every text is a slice of `stored`.
    pub fn decode(stored: Bytes) -> Result<Message, Malformed> {
        let mut input = Input(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let flags = input.u8()?;
        let attribute_count = input.u8()?;
        let group_length = usize::from(input.u8()?);
        let deduplication_id_length = usize::from(input.u8()?);
        let sender_length = usize::from(input.u16()?);
        let trace_length = usize::from(input.u16()?);
        let body_length = input.u32()? as usize;
        let body_md5 = input.array()?;
        let attributes_md5 = if attribute_count > 0 {
            Some(input.array()?)
        } else {
            None
        };
        let attribute_count = match flags & HAS_MANY_ATTRIBUTES {
            0 => u32::from(attribute_count),
            _ => input.u32()?,
        };
        let sender_id = input.text(sender_length)?;
        let mut optional = |bit: u8, length: usize| {
            let text = input.text(length)?;
            Ok((flags & bit != 0).then_some(text))
        };
        let group_id = optional(HAS_GROUP, group_length)?;
        let deduplication_id = optional(HAS_DEDUPLICATION_ID, deduplication_id_length)?;
        let trace_header = optional(HAS_TRACE_HEADER, trace_length)?;
        let attributes = (0..attribute_count)
            .map(|_| input.attribute())
            .collect::<Result<Vec<_>, _>>()?;
        let body = input.text(body_length)?;
        if !input.0.is_empty() {
            return Err(Malformed);
        }
        Ok(Message {
            body,
            body_md5,
            attributes,
            attributes_md5,
            sender_id,
            group_id,
            deduplication_id,
            trace_header,
        })
    }
}

/// The text, cut at a character so that it has at most `length` bytes.
fn cut(text: &str, length: usize) -> &str {
    text.get(..text.floor_char_boundary(length)).unwrap_or(text)
}

/// What is left to read.
struct Input(Bytes);

impl Input {
    fn bytes(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.0.len() {
            return Err(Malformed);
        }
        Ok(self.0.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let array = *self.0.first_chunk::<N>().ok_or(Malformed)?;
        let _ = self.0.split_to(N);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self, length: usize) -> Result<Str, Malformed> {
        Str::from_utf8(self.bytes(length)?).map_err(|_| Malformed)
    }

    fn attribute(&mut self) -> Result<Attribute, Malformed> {
        let name_length = usize::from(self.u16()?);
        let type_length = usize::from(self.u16()?);
        let value_length = self.u32()? as usize;
        let name = self.text(name_length)?;
        let data_type = self.text(type_length)?;
        let value = self.bytes(value_length)?;
        // A text value is shown as text, so it must be one.
        let attribute = Attribute {
            name,
            data_type,
            value,
        };
        if attribute.is_binary() || std::str::from_utf8(&attribute.value).is_ok() {
            Ok(attribute)
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &'static str, data_type: &'static str, value: &'static [u8]) -> Attribute {
        Attribute {
            name: Str::from(name),
            data_type: Str::from(data_type),
            value: Bytes::from_static(value),
        }
    }

    fn full() -> Message {
        Message {
            body: Str::from("body ä\r\n"),
            body_md5: [1; 16],
            attributes: vec![
                attribute("a", "Binary.x", b"\xff\0"),
                attribute("b", "String", b"text"),
            ],
            attributes_md5: Some([2; 16]),
            sender_id: Str::from("AIDAEXAMPLE"),
            group_id: Some(Str::from("group")),
            deduplication_id: Some(Str::from("id")),
            trace_header: Some(Str::from("Root=1")),
        }
    }

    fn plain() -> Message {
        Message {
            body: Str::from("b"),
            body_md5: [3; 16],
            attributes: Vec::new(),
            attributes_md5: None,
            sender_id: Str::from(""),
            group_id: None,
            deduplication_id: None,
            trace_header: None,
        }
    }

    #[test]
    fn content_survives_the_round_trip() {
        // SQS-119
        let with = |count: usize| Message {
            attributes: vec![attribute("a", "String", b"v"); count],
            ..full()
        };
        for message in [full(), plain(), with(255), with(256), with(70_000)] {
            assert_eq!(Message::decode(message.encode()), Ok(message));
        }
    }

    #[test]
    fn version_1_stays_readable() {
        // Messages of this form are in journals: the bytes must never change their meaning.
        let stored = b"\x01\x01\x00\x01\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03sgbo";
        let message = Message::decode(Bytes::from_static(stored)).expect("version 1");
        assert_eq!(
            (&*message.body, &*message.sender_id, message.body_md5),
            ("bo", "s", [3; 16])
        );
        assert_eq!(message.group_id.as_deref(), Some("g"));
        assert_eq!(message.encode(), stored.as_slice());
    }

    #[test]
    fn damaged_content_is_refused() {
        let stored = full().encode();
        for length in 0..stored.len() {
            assert_eq!(
                Message::decode(stored.slice(..length)),
                Err(Malformed),
                "cut at {length}"
            );
        }
        let mut longer = stored.to_vec();
        longer.push(0);
        assert_eq!(Message::decode(Bytes::from(longer)), Err(Malformed));
        let mut newer = stored.to_vec();
        newer[0] = 2;
        assert_eq!(Message::decode(Bytes::from(newer)), Err(Malformed));
    }

    #[test]
    fn long_sender_ids_are_cut_at_a_character() {
        let mut message = plain();
        message.sender_id = Str::from("ä".repeat(200));
        let read = Message::decode(message.encode()).expect("readable");
        assert_eq!(read.sender_id, "ä".repeat(128).as_str());
    }
}
