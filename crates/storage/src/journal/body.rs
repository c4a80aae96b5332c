//! The body section: owner u64, sequence u64, content bytes u32 (top bit: chunked), checksum u32, then the content.
//!
//! The checksum is the low half of xxh3 over owner, sequence and content, so a reference to the wrong place never reads
//! as somebody's message. A chunked section's content is a list of (lsn u64, bytes u32), one per chunk; each chunk is
//! the plain body section of a record of its own. Whether a body is chunked follows from its length alone, so that
//! a reference tells what it occupies without I/O.

use xxhash_rust::xxh3::Xxh3;

use super::layout::{put, u32_at, u64_at};
use crate::limits::{CHUNK_BYTES, INLINE_BODY_BYTES_MAX};
use crate::{BodyRef, Lsn, Occupies};

/// Header of a section.
pub(crate) const SECTION_HEADER_BYTES: usize = 24;
const CHUNKED: u32 = 1 << 31;
const CHUNK_ENTRY_BYTES: usize = 12;

/// The header of a section, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SectionHeader {
    pub(crate) owner: u64,
    pub(crate) sequence: u64,
    /// Bytes that follow: content or list.
    pub(crate) content_bytes: u32,
    pub(crate) chunked: bool,
    pub(crate) checksum: u32,
}

impl SectionHeader {
    /// The header that belongs to a content given in parts.
    pub(super) fn of(owner: u64, sequence: u64, parts: &[&[u8]], chunked: bool) -> Self {
        let content_bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        assert!(content_bytes <= INLINE_BODY_BYTES_MAX);
        // The assertion bounds it far below 31 bits.
        let content_bytes = content_bytes as u32;
        Self {
            owner,
            sequence,
            content_bytes,
            chunked,
            checksum: section_checksum(owner, sequence, parts),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = u32_at(bytes, 16)?;
        Some(Self {
            owner: u64_at(bytes, 0)?,
            sequence: u64_at(bytes, 8)?,
            content_bytes: length & !CHUNKED,
            chunked: length & CHUNKED != 0,
            checksum: u32_at(bytes, 20)?,
        })
    }

    pub(super) fn encode(&self) -> [u8; SECTION_HEADER_BYTES] {
        let mut bytes = [0; SECTION_HEADER_BYTES];
        put(&mut bytes, 0, &self.owner.to_le_bytes());
        put(&mut bytes, 8, &self.sequence.to_le_bytes());
        put(
            &mut bytes,
            16,
            &(self.content_bytes | if self.chunked { CHUNKED } else { 0 }).to_le_bytes(),
        );
        put(&mut bytes, 20, &self.checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn section_bytes(&self) -> u32 {
        SECTION_HEADER_BYTES as u32 + self.content_bytes
    }
}

/// Checks a whole section against itself; returns header and content, or what is wrong.
pub(crate) fn verify_section(section: &[u8]) -> Result<(SectionHeader, &[u8]), &'static str> {
    let header = SectionHeader::parse(section).ok_or("the body's header is cut off")?;
    let content = section
        .get(SECTION_HEADER_BYTES..header.section_bytes() as usize)
        .ok_or("the body is longer than its place")?;
    let intact = section_checksum(header.owner, header.sequence, &[content]) == header.checksum;
    #[cfg(feature = "planted-bugs")]
    let intact = intact || crate::plant::is(crate::plant::Plant::BodyChecksum);
    if !intact {
        return Err("the body's checksum does not match");
    }
    Ok((header, content))
}

fn section_checksum(owner: u64, sequence: u64, parts: &[&[u8]]) -> u32 {
    let mut hash = Xxh3::new();
    hash.update(&owner.to_le_bytes());
    hash.update(&sequence.to_le_bytes());
    for part in parts {
        hash.update(part);
    }
    // The low half, by definition of the format.
    hash.digest() as u32
}

/// How a body of this length is stored: chunks, or 0 for a plain one.
pub(crate) fn chunk_count(body_bytes: u32) -> usize {
    if body_bytes as usize <= INLINE_BODY_BYTES_MAX {
        0
    } else {
        (body_bytes as usize).div_ceil(CHUNK_BYTES)
    }
}

/// Length of the section that a reference points at.
pub(crate) fn head_section_bytes(body_bytes: u32) -> usize {
    SECTION_HEADER_BYTES
        + match chunk_count(body_bytes) {
            0 => body_bytes as usize,
            chunks => chunks * CHUNK_ENTRY_BYTES,
        }
}

/// One line of a chunked section's list.
pub(super) fn encode_chunk(chunk: BodyRef) -> [u8; CHUNK_ENTRY_BYTES] {
    let mut entry = [0; CHUNK_ENTRY_BYTES];
    put(&mut entry, 0, &chunk.lsn.0.to_le_bytes());
    put(&mut entry, 8, &chunk.bytes.to_le_bytes());
    entry
}

/// The chunks that a list names, in order.
pub(crate) fn chunks(list: &[u8]) -> impl Iterator<Item = BodyRef> + '_ {
    list.chunks_exact(CHUNK_ENTRY_BYTES).filter_map(|entry| {
        Some(BodyRef {
            lsn: Lsn(u64_at(entry, 0)?),
            bytes: u32_at(entry, 8)?,
        })
    })
}

/// What a body occupies, given the list when it is chunked.
pub(super) fn occupies(
    lsn: Lsn,
    header: &SectionHeader,
    content: &[u8],
    segment_bits: u8,
) -> Occupies {
    // A segment index beyond 32 bits would be 256 PiB of journal.
    let segment = |lsn: Lsn| (lsn.0 >> segment_bits) as u32;
    let mut occupies = Occupies::one(segment(lsn), header.section_bytes());
    if header.chunked {
        for chunk in chunks(content) {
            occupies.add(
                segment(chunk.lsn),
                SECTION_HEADER_BYTES as u32 + chunk.bytes,
            );
        }
    }
    occupies
}
