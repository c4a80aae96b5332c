//! Sequential reading of segments through one buffer: frames by address, and the search for any frame in a range.

use super::frame::{FrameHeader, HEADER_BYTES, Ordering, Parsed};
use super::segments::{Segments, segment_name};
use crate::limits::{FRAME_BYTES_MAX, PAGE_BYTES};
use crate::{Lsn, StorageError};

/// Bytes read at once; any frame fits.
const WINDOW_BYTES: usize = 1024 * 1024;
const _: () = assert!(WINDOW_BYTES >= FRAME_BYTES_MAX);

/// What stands at an address.
pub(crate) enum Found<'a> {
    /// An intact frame of this very place.
    Frame(FrameHeader, &'a [u8]),
    /// Anything else, the end of the file included.
    Noise,
}

/// A reader with one buffer.
pub(crate) struct Window<'a> {
    segments: &'a Segments,
    segment_bits: u8,
    bytes: Vec<u8>,
    /// What `bytes` holds: an address and a length.
    start: Lsn,
    filled: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn new(segments: &'a Segments, segment_bits: u8) -> Self {
        Self {
            segments,
            segment_bits,
            bytes: Vec::new(),
            start: Lsn(0),
            filled: 0,
        }
    }

    /// What the buffer holds from an address on, without reading.
    fn held(&self, lsn: Lsn) -> &[u8] {
        let from = lsn
            .0
            .checked_sub(self.start.0)
            .map_or(usize::MAX, |from| from as usize);
        self.bytes
            .get(..self.filled)
            .and_then(|bytes| bytes.get(from..))
            .unwrap_or_default()
    }

    /// Moves the buffer to an address.
    fn fill(&mut self, lsn: Lsn) -> Result<(), StorageError> {
        self.start = lsn;
        self.filled = 0;
        let index = self.segments.segment_of(lsn);
        let Some(file) = self.segments.file(index)? else {
            return Ok(());
        };
        self.bytes.resize(WINDOW_BYTES, 0);
        let offset = self.segments.offset_of(lsn);
        let want = WINDOW_BYTES.min(((1_u64 << self.segment_bits) - offset) as usize);
        self.filled = file
            .read_at(offset, &mut self.bytes[..want])
            .map_err(StorageError::io("read", segment_name(index)))?;
        Ok(())
    }

    /// The frame at a page boundary.
    pub(crate) fn frame(&mut self, lsn: Lsn) -> Result<Found<'_>, StorageError> {
        if self.held(lsn).len() < HEADER_BYTES {
            self.fill(lsn)?;
        }
        let header = match FrameHeader::parse(self.held(lsn)) {
            Parsed::Header(header) => header,
            Parsed::Noise => return Ok(Found::Noise),
            Parsed::Version(version) => return self.refuse_version(lsn, version),
        };
        if header.lsn != lsn || header.segment != self.segments.segment_of(lsn) {
            return Ok(Found::Noise);
        }
        if self.held(lsn).len() < header.frame_bytes() {
            self.fill(lsn)?;
        }
        let intact = header.checksum_matches(self.held(lsn));
        #[cfg(feature = "planted-bugs")]
        let intact = intact || crate::plant::is(crate::plant::Plant::FrameChecksum);
        if !intact {
            return Ok(Found::Noise);
        }
        if header.segment_bits != self.segment_bits {
            return Err(self.unknown(
                lsn,
                format!(
                    "its segments have {} bytes, not {}",
                    1_u64 << header.segment_bits.min(63),
                    1_u64 << self.segment_bits
                ),
            ));
        }
        let payload = self
            .held(lsn)
            .get(HEADER_BYTES..header.frame_bytes())
            .unwrap_or_default();
        Ok(Found::Frame(header, payload))
    }

    fn refuse_version(&self, lsn: Lsn, version: u16) -> Result<Found<'_>, StorageError> {
        let what = format!(
            "a frame has format version {version}, this program knows {}",
            super::frame::FORMAT_VERSION
        );
        Err(self.unknown(lsn, what))
    }

    fn unknown(&self, lsn: Lsn, what: String) -> StorageError {
        StorageError::UnknownFormat {
            file: self.segments.place_of(lsn).0.into(),
            what,
        }
    }

    /// Shows every intact frame that starts within one segment's `[from, to)`, wherever it stands, until told to stop.
    /// Other format versions are noise here: recycled bytes may be of any age.
    pub(crate) fn search(
        &mut self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(FrameHeader) -> bool,
    ) -> Result<(), StorageError> {
        let mut at = Lsn(from.0.next_multiple_of(PAGE_BYTES as u64));
        while at < to {
            if self.held(at).len() < HEADER_BYTES {
                self.fill(at)?;
                if self.filled < HEADER_BYTES {
                    return Ok(());
                }
            }
            // The cheap test first: most pages are zeros or another frame's payload.
            let candidate = matches!(FrameHeader::parse(self.held(at)), Parsed::Header(header) if header.lsn == at);
            if candidate
                && let Found::Frame(header, _) = self.frame(at)?
                && !visit(header)
            {
                return Ok(());
            }
            at = Lsn(at.0 + PAGE_BYTES as u64);
        }
        Ok(())
    }
}

/// Whether a frame tells that a hole before it is damage.
pub(crate) fn proves_damage(header: &FrameHeader) -> bool {
    header.ordering == Ordering::Strict
}
