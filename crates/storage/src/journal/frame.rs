//! The frame: what one group commit writes. A 64-byte header, the payload, zeros to the next page.
//!
//! Layout, little-endian: magic u64 @0, version u16 @8, kind u8 @10, segment size as a power of two u8 @11, group u16 @12,
//! flags u16 @14, epoch u64 @16, segment u64 @24, lsn u64 @32, payload bytes u32 @40, records u32 @44,
//! checksum of the previous frame u64 @48, own checksum u64 @56: xxh3 over header (checksum zero) and payload.
//! Recycled bytes never parse as frames of their new place, because segment and lsn differ.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::layout::{put, u8_at, u16_at, u32_at, u64_at};
use crate::Lsn;
use crate::limits::{FRAME_BYTES_MAX, PAGE_BYTES};

/// Header of a frame; records follow at once.
pub(crate) const HEADER_BYTES: usize = 64;
/// Room for records in one frame.
pub(super) const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES;
/// Version of frame, record and body section together.
pub(crate) const FORMAT_VERSION: u16 = 1;

const MAGIC: u64 = u64::from_le_bytes(*b"WAYFRAME");
const CHECKSUM_AT: usize = 56;
/// Frames before this one may be missing after power loss: the durability was relaxed.
const FLAG_RELAXED: u16 = 1;

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameKind {
    /// Carries records.
    Data = 1,
    /// Empty: written when the committer idles, so that a rotten last frame does not look like a torn tail.
    Seal = 2,
    /// Empty: the first of an epoch.
    Open = 3,
}

/// Whether the frames before this one were flushed when it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ordering {
    /// Yes: a hole before it is damage.
    Strict,
    /// Not necessarily: a hole before it is what `Durability::Os` and `Interval` accept.
    Relaxed,
}

/// The header, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) ordering: Ordering,
    pub(crate) segment_bits: u8,
    pub(crate) epoch: u64,
    pub(crate) segment: u32,
    pub(crate) lsn: Lsn,
    pub(crate) payload_bytes: u32,
    pub(crate) records: u32,
    pub(crate) previous: u64,
    pub(crate) checksum: u64,
}

/// What the bytes at a place where a frame may start are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parsed {
    /// A header; the checksum is not verified yet.
    Header(FrameHeader),
    /// Nothing that ever was a frame of this format: zeros, payload, noise.
    Noise,
    /// A frame of another format version.
    Version(u16),
}

impl FrameHeader {
    /// Reads a header without trusting it; `checksum_matches` decides whether it is true.
    pub(crate) fn parse(bytes: &[u8]) -> Parsed {
        if u64_at(bytes, 0) != Some(MAGIC) {
            return Parsed::Noise;
        }
        match u16_at(bytes, 8) {
            Some(FORMAT_VERSION) => Self::fields(bytes).map_or(Parsed::Noise, Parsed::Header),
            // Versions begin at 1: zero is a header that was torn or never written.
            None | Some(0) => Parsed::Noise,
            Some(version) => Parsed::Version(version),
        }
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let kind = match u8_at(bytes, 10)? {
            1 => FrameKind::Data,
            2 => FrameKind::Seal,
            3 => FrameKind::Open,
            _ => return None,
        };
        let flags = u16_at(bytes, 14)?;
        let payload_bytes = u32_at(bytes, 40)?;
        if payload_bytes as usize > PAYLOAD_BYTES_MAX
            || flags & !FLAG_RELAXED != 0
            || u16_at(bytes, 12)? != 0
        {
            return None;
        }
        let relaxed = flags & FLAG_RELAXED != 0;
        Some(Self {
            kind,
            ordering: if relaxed {
                Ordering::Relaxed
            } else {
                Ordering::Strict
            },
            segment_bits: u8_at(bytes, 11)?,
            epoch: u64_at(bytes, 16)?,
            segment: u32::try_from(u64_at(bytes, 24)?).ok()?,
            lsn: Lsn(u64_at(bytes, 32)?),
            payload_bytes,
            records: u32_at(bytes, 44)?,
            previous: u64_at(bytes, 48)?,
            checksum: u64_at(bytes, CHECKSUM_AT)?,
        })
    }

    /// Header and payload, without padding.
    pub(crate) fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize
    }

    /// Verifies header and payload, which stand at the start of `bytes`.
    pub(crate) fn checksum_matches(&self, bytes: &[u8]) -> bool {
        let (Some(head), Some(payload)) = (
            bytes.get(..CHECKSUM_AT),
            bytes.get(HEADER_BYTES..self.frame_bytes()),
        ) else {
            return false;
        };
        let mut hash = Xxh3::new();
        hash.update(head);
        hash.update(&[0; 8]);
        hash.update(payload);
        hash.digest() == self.checksum
    }

    /// Writes the header before the payload that already stands in `frame`, zeroes the padding, and returns the checksum.
    /// `self.checksum` is ignored. `frame` may be longer than the frame.
    pub(crate) fn seal(&self, frame: &mut [u8]) -> u64 {
        assert!(
            self.lsn.0.is_multiple_of(PAGE_BYTES as u64),
            "a frame starts at a page"
        );
        assert_eq!(
            self.lsn.0 >> self.segment_bits,
            u64::from(self.segment),
            "a frame stands in its own segment"
        );
        let end = self.frame_bytes();
        put(frame, 0, &MAGIC.to_le_bytes());
        put(frame, 8, &FORMAT_VERSION.to_le_bytes());
        put(frame, 10, &[self.kind as u8, self.segment_bits, 0, 0]);
        put(
            frame,
            14,
            &if self.ordering == Ordering::Relaxed {
                FLAG_RELAXED
            } else {
                0
            }
            .to_le_bytes(),
        );
        put(frame, 16, &self.epoch.to_le_bytes());
        put(frame, 24, &u64::from(self.segment).to_le_bytes());
        put(frame, 32, &self.lsn.0.to_le_bytes());
        put(frame, 40, &self.payload_bytes.to_le_bytes());
        put(frame, 44, &self.records.to_le_bytes());
        put(frame, 48, &self.previous.to_le_bytes());
        put(frame, CHECKSUM_AT, &[0; 8]);
        frame[end..padded(end)].fill(0);
        let checksum = xxh3_64(&frame[..end]);
        put(frame, CHECKSUM_AT, &checksum.to_le_bytes());
        checksum
    }
}

/// Length with padding to the next page.
pub(crate) const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES)
}

/// Where the frame after the one that ends at `end` starts. Reader and writer both use this rule, so no marker is needed.
pub(crate) fn next_frame_start(end: Lsn, segment_bits: u8) -> Lsn {
    let page = end.0.next_multiple_of(PAGE_BYTES as u64);
    let segment_bytes = 1_u64 << segment_bits;
    let left = segment_bytes - (page & (segment_bytes - 1));
    if left < FRAME_BYTES_MAX as u64 {
        Lsn(page + left)
    } else {
        Lsn(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FrameHeader {
        FrameHeader {
            kind: FrameKind::Data,
            ordering: Ordering::Relaxed,
            segment_bits: 22,
            epoch: 9,
            segment: 3,
            lsn: Lsn((3 << 22) + 8192),
            payload_bytes: 100,
            records: 2,
            previous: 77,
            checksum: 0,
        }
    }

    #[test]
    fn a_sealed_frame_reads_back_and_every_flipped_bit_is_noticed() {
        let mut frame = vec![0xAA; PAGE_BYTES];
        let checksum = header().seal(&mut frame);
        let Parsed::Header(read) = FrameHeader::parse(&frame) else {
            panic!("not a header")
        };
        assert_eq!(
            read,
            FrameHeader {
                checksum,
                ..header()
            }
        );
        assert!(read.checksum_matches(&frame));
        assert!(frame[read.frame_bytes()..].iter().all(|byte| *byte == 0));
        for bit in 0..read.frame_bytes() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            let noticed = match FrameHeader::parse(&frame) {
                Parsed::Header(read) => !read.checksum_matches(&frame),
                Parsed::Noise | Parsed::Version(_) => true,
            };
            assert!(noticed, "bit {bit} flipped unnoticed");
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn the_next_frame_leaves_a_segment_that_cannot_hold_the_largest() {
        let segment = 1_u64 << 22;
        let last = segment - FRAME_BYTES_MAX as u64;
        assert_eq!(next_frame_start(Lsn(100), 22), Lsn(4096));
        assert_eq!(next_frame_start(Lsn(4096), 22), Lsn(4096));
        assert_eq!(next_frame_start(Lsn(last), 22), Lsn(last));
        assert_eq!(next_frame_start(Lsn(last + 1), 22), Lsn(segment));
        assert_eq!(next_frame_start(Lsn(segment), 22), Lsn(segment));
    }
}
