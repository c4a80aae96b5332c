//! What packs were before they had several segments, `<16 hex digits of the segment>.rel`: read, never written.
//!
//! Layout, little-endian: magic u64, version u16, 6 zero bytes, segment u64, entries u64, checksum u64 (xxh3 over the header
//! with the checksum zero, then the table); the table: (offset in the segment u32, section bytes u32, place in this
//! file u64), ordered by offset; then the body sections as they were, each with its own checksum.

use xxhash_rust::xxh3::Xxh3;

use super::super::layout::{u16_at, u32_at, u64_at};
use crate::limits::SEGMENT_BYTES_MAX;
use crate::{DiskFile, StorageError};

const MAGIC: u64 = u64::from_le_bytes(*b"WAYRELOC");
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 40;
const ENTRY_BYTES: usize = 16;
const CHECKSUM_AT: usize = 32;

/// One body section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Where it was in the segment.
    pub(crate) offset: u32,
    /// Its length.
    pub(crate) bytes: u32,
    /// Where it is in the file.
    pub(crate) place: u64,
}

/// The translation table of one relocated file.
pub(crate) struct Translation {
    entries: Vec<Entry>,
}

impl Translation {
    /// Reads and verifies header and table.
    pub(crate) fn load(
        file: &dyn DiskFile,
        name: &str,
        segment: u32,
    ) -> Result<Self, StorageError> {
        let corrupt = |what: &str| StorageError::Corrupt {
            file: name.into(),
            offset: 0,
            what: what.to_owned(),
        };
        let mut head = [0; HEADER_BYTES];
        let read = |offset, out: &mut [u8]| -> Result<(), StorageError> {
            let read = file
                .read_at(offset, out)
                .map_err(StorageError::io("read", name))?;
            if read == out.len() {
                Ok(())
            } else {
                Err(corrupt("the relocated bodies' table is cut off"))
            }
        };
        read(0, &mut head)?;
        if u64_at(&head, 0) != Some(MAGIC) || u16_at(&head, 8) != Some(VERSION) {
            let what = "not a table of relocated bodies of version 1".to_owned();
            return Err(StorageError::UnknownFormat {
                file: name.into(),
                what,
            });
        }
        let count =
            u64_at(&head, 24).filter(|count| *count <= SEGMENT_BYTES_MAX / ENTRY_BYTES as u64);
        let count = count
            .ok_or_else(|| corrupt("the relocated bodies' table has an impossible length"))?
            as usize;
        let mut bytes = vec![0; HEADER_BYTES + count * ENTRY_BYTES];
        read(0, &mut bytes)?;
        if u64_at(&bytes, CHECKSUM_AT) != Some(checksum_of(&bytes))
            || u64_at(&bytes, 16) != Some(segment.into())
        {
            return Err(corrupt(
                "the relocated bodies' table does not match its checksum",
            ));
        }
        let entries = bytes[HEADER_BYTES..]
            .chunks_exact(ENTRY_BYTES)
            .filter_map(|entry| {
                Some(Entry {
                    offset: u32_at(entry, 0)?,
                    bytes: u32_at(entry, 4)?,
                    place: u64_at(entry, 8)?,
                })
            })
            .collect();
        Ok(Self { entries })
    }

    /// Where the section that was at `offset` is now.
    pub(in super::super) fn find(&self, offset: u64) -> Option<u64> {
        let at = self
            .entries
            .binary_search_by_key(&offset, |entry| u64::from(entry.offset))
            .ok()?;
        self.entries.get(at).map(|entry| entry.place)
    }

    /// All sections, ordered by their old offset.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn checksum_of(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..CHECKSUM_AT]);
    hash.update(&[0; 8]);
    hash.update(&bytes[HEADER_BYTES..]);
    hash.digest()
}
