//! The record: a 24-byte header, `meta` (the fact), then the body section; records stand at multiples of 8.
//!
//! Header, little-endian: meta bytes u32 @0, body section bytes u32 @4 (0: none), shard u16 @8, kind u8 @10,
//! version u8 @11, flags u32 @12, time in ms u64 @16.

use super::body::{SectionHeader, chunks, occupies};
use super::layout::{put, u8_at, u16_at, u32_at, u64_at};
use super::{BodyHead, Record};
use crate::{BodyRef, Lsn, Occupies};

/// Header of a record.
pub(super) const RECORD_HEADER_BYTES: usize = 24;
/// The journal's own kind: one piece of a large body; never shown to replay.
pub(crate) const KIND_CHUNK: u8 = 0;

/// The fixed part, decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader {
    pub(super) meta_bytes: u32,
    pub(super) section_bytes: u32,
    pub(super) shard: u16,
    pub(super) kind: u8,
    pub(super) version: u8,
    pub(super) time_ms: u64,
}

impl RecordHeader {
    pub(super) fn encode(&self, bytes: &mut [u8]) {
        put(bytes, 0, &self.meta_bytes.to_le_bytes());
        put(bytes, 4, &self.section_bytes.to_le_bytes());
        put(bytes, 8, &self.shard.to_le_bytes());
        put(bytes, 10, &[self.kind, self.version]);
        put(bytes, 12, &0_u32.to_le_bytes());
        put(bytes, 16, &self.time_ms.to_le_bytes());
    }

    /// Bytes of the whole record, padding included.
    pub(super) fn record_bytes(&self) -> usize {
        (RECORD_HEADER_BYTES + self.meta_bytes as usize + self.section_bytes as usize)
            .next_multiple_of(8)
    }
}

/// Walks the records of one intact frame, chunk records included.
pub(crate) struct Records<'a> {
    payload: &'a [u8],
    at: usize,
    start: Lsn,
    segment_bits: u8,
}

/// A record and, for the offline check, its whole body section.
pub(crate) struct Walked<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) section: &'a [u8],
}

impl<'a> Records<'a> {
    /// `start` is the address of the payload's first byte.
    pub(crate) fn new(payload: &'a [u8], start: Lsn, segment_bits: u8) -> Self {
        Self {
            payload,
            at: 0,
            start,
            segment_bits,
        }
    }

    fn walk(&mut self) -> Option<Walked<'a>> {
        let bytes = self.payload.get(self.at..)?;
        let header = RecordHeader {
            meta_bytes: u32_at(bytes, 0)?,
            section_bytes: u32_at(bytes, 4)?,
            shard: u16_at(bytes, 8)?,
            kind: u8_at(bytes, 10)?,
            version: u8_at(bytes, 11)?,
            time_ms: u64_at(bytes, 16)?,
        };
        let meta_end = RECORD_HEADER_BYTES + header.meta_bytes as usize;
        let stored = header.record_bytes();
        let meta = bytes.get(RECORD_HEADER_BYTES..meta_end)?;
        let section = bytes.get(meta_end..meta_end + header.section_bytes as usize)?;
        bytes.get(..stored)?;
        let lsn = Lsn(self.start.0 + self.at as u64);
        let (body, occupied) = if section.is_empty() {
            (None, Occupies::none())
        } else {
            let (head, occupied) = self.body_head(Lsn(lsn.0 + meta_end as u64), section)?;
            (Some(head), occupied)
        };
        self.at += stored;
        let record = Record {
            lsn,
            end: Lsn(lsn.0 + stored as u64),
            shard: header.shard,
            kind: header.kind,
            version: header.version,
            flags: u32_at(bytes, 12)?,
            time_ms: header.time_ms,
            meta,
            body,
            // The frame bounds it.
            stored_bytes: stored as u32,
            occupies: occupied,
        };
        Some(Walked { record, section })
    }

    fn body_head(&self, lsn: Lsn, section: &[u8]) -> Option<(BodyHead, Occupies)> {
        let header = SectionHeader::parse(section)?;
        if header.section_bytes() as usize != section.len() {
            return None;
        }
        let content = section.get(super::body::SECTION_HEADER_BYTES..)?;
        let bytes = if header.chunked {
            chunks(content)
                .map(|chunk| u64::from(chunk.bytes))
                .sum::<u64>()
        } else {
            u64::from(header.content_bytes)
        };
        let reference = BodyRef {
            lsn,
            bytes: u32::try_from(bytes).ok()?,
        };
        let head = BodyHead {
            reference,
            owner: header.owner,
            sequence: header.sequence,
        };
        Some((head, occupies(lsn, &header, content, self.segment_bits)))
    }
}

impl<'a> Iterator for Records<'a> {
    /// An error names the place in the payload: an intact frame whose records do not add up was written by a bug.
    type Item = Result<Walked<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.payload.len() {
            return None;
        }
        let at = self.at;
        let walked = self.walk().ok_or(at);
        if walked.is_err() {
            self.at = self.payload.len();
        }
        Some(walked)
    }
}
