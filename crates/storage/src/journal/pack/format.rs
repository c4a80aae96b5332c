//! A pack, `<16 hex digits of its number>.pak`: what still lives of some segments, so that references never change.
//!
//! Layout, little-endian. Header of 64 bytes: magic u64 @0, version u16 @8, 6 zero bytes, number u64 @16, when the most of it
//! outlives its retention in milliseconds since the Unix epoch u64 @24 (all ones: unknown), bytes of the file u64 @32, segments
//! u32 @40, blocks u32 @44, sections u64 @48, checksum u64 @56 (xxh3 over the header with the checksum zero and the lists).
//! Lists: the segments, u32 each, ascending; the key of each block's first entry, (segment u32, offset in it u32).
//! At the next page the blocks, 4 KiB each: checksum u64 (xxh3 over number, block and the rest), entries u32, 4 zero
//! bytes, 204 entries of (segment u32, offset in it u32, section bytes u32, place in this file u64), by segment and offset.
//! Then the body sections as they were, each with its own checksum, by owner and sequence: what one log has stands together.

use xxhash_rust::xxh3::Xxh3;

use super::super::layout::{put, u16_at, u32_at, u64_at};
use crate::limits::PAGE_BYTES;
use crate::{DiskFile, StorageError};

const MAGIC: u64 = u64::from_le_bytes(*b"WAYPACKS");
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 64;
const CHECKSUM_AT: usize = 56;
const BLOCK_HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 20;
/// Entries of one block.
const BLOCK_ENTRIES: usize = (PAGE_BYTES - BLOCK_HEADER_BYTES) / ENTRY_BYTES;
/// More segments or blocks than this no pack has: a bound for lengths read from a damaged file.
const LIST_MAX: u32 = 1 << 20;

/// Where a section was: its segment and its offset there.
pub(super) type Key = (u32, u32);

/// One section of a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Where it was.
    pub(crate) key: Key,
    /// Its length.
    pub(crate) bytes: u32,
    /// Where it is in the file.
    pub(crate) place: u64,
}

/// What a pack tells of itself; small, and in memory while its file is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) number: u64,
    /// When the most of it outlives its retention; none where nobody could tell.
    pub(crate) expires_ms: Option<u64>,
    /// Length of the file.
    pub(crate) file_bytes: u64,
    /// Segments of which it keeps all that lived, ascending.
    pub(crate) segments: Vec<u32>,
    pub(crate) sections: u64,
    /// Key of the first entry of each block.
    fences: Vec<Key>,
}

/// Entries that stand in one block.
pub(crate) struct Block {
    entries: Vec<Entry>,
}

impl Head {
    /// A pack of these sections, ordered by key, that stand in the file in this `order` (of their places in `entries`): gives
    /// each its place.
    pub(super) fn lay_out(
        number: u64,
        expires_ms: Option<u64>,
        segments: Vec<u32>,
        entries: &mut [Entry],
        order: &[u32],
    ) -> Head {
        assert!(segments.is_sorted_by(|a, b| a < b));
        assert!(entries.is_sorted_by(|a, b| a.key < b.key));
        let firsts = entries.chunks(BLOCK_ENTRIES).map(|block| block[0].key);
        let fences: Vec<Key> = firsts.collect();
        let mut place =
            blocks_at(segments.len(), fences.len()) + (fences.len() * PAGE_BYTES) as u64;
        for section in order {
            let entry = &mut entries[*section as usize];
            entry.place = place;
            place += u64::from(entry.bytes);
        }
        Head {
            number,
            expires_ms,
            file_bytes: place,
            segments,
            sections: entries.len() as u64,
            fences,
        }
    }

    /// Header, lists and blocks: the start of the file.
    pub(super) fn encode(&self, entries: &[Entry]) -> Vec<u8> {
        let blocks_at = blocks_at(self.segments.len(), self.fences.len()) as usize;
        let mut bytes = vec![0; blocks_at + self.fences.len() * PAGE_BYTES];
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 16, &self.number.to_le_bytes());
        put(
            &mut bytes,
            24,
            &self.expires_ms.unwrap_or(u64::MAX).to_le_bytes(),
        );
        put(&mut bytes, 32, &self.file_bytes.to_le_bytes());
        put(&mut bytes, 40, &(self.segments.len() as u32).to_le_bytes());
        put(&mut bytes, 44, &(self.fences.len() as u32).to_le_bytes());
        put(&mut bytes, 48, &self.sections.to_le_bytes());
        let fences = self
            .fences
            .iter()
            .flat_map(|(segment, offset)| [*segment, *offset]);
        let lists = self.segments.iter().copied().chain(fences);
        for (number, word) in lists.enumerate() {
            put(&mut bytes, HEADER_BYTES + number * 4, &word.to_le_bytes());
        }
        let end = HEADER_BYTES + (self.segments.len() + 2 * self.fences.len()) * 4;
        let checksum = head_checksum(&bytes[..end]);
        put(&mut bytes, CHECKSUM_AT, &checksum.to_le_bytes());
        for (number, entries) in entries.chunks(BLOCK_ENTRIES).enumerate() {
            let at = blocks_at + number * PAGE_BYTES;
            self.encode_block(number, entries, &mut bytes[at..at + PAGE_BYTES]);
        }
        bytes
    }

    fn encode_block(&self, number: usize, entries: &[Entry], block: &mut [u8]) {
        put(block, 8, &(entries.len() as u32).to_le_bytes());
        for (place, entry) in entries.iter().enumerate() {
            let at = BLOCK_HEADER_BYTES + place * ENTRY_BYTES;
            put(block, at, &entry.key.0.to_le_bytes());
            put(block, at + 4, &entry.key.1.to_le_bytes());
            put(block, at + 8, &entry.bytes.to_le_bytes());
            put(block, at + 12, &entry.place.to_le_bytes());
        }
        let checksum = self.block_checksum(number, block);
        put(block, 0, &checksum.to_le_bytes());
    }

    fn block_checksum(&self, number: usize, block: &[u8]) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&self.number.to_le_bytes());
        hash.update(&(number as u64).to_le_bytes());
        hash.update(&block[8..]);
        hash.digest()
    }

    /// Reads and verifies header and lists.
    pub(crate) fn load(file: &dyn DiskFile, name: &str, number: u64) -> Result<Head, StorageError> {
        let corrupt = |what: &str| corrupt(name, 0, what);
        let mut bytes = vec![0; PAGE_BYTES];
        let read = file.read_at(0, &mut bytes);
        let read = read.map_err(StorageError::io("read", name))?;
        if read < HEADER_BYTES {
            return Err(corrupt("the head of the pack is cut off"));
        }
        if u64_at(&bytes, 0) != Some(MAGIC) || u16_at(&bytes, 8) != Some(VERSION) {
            return Err(StorageError::UnknownFormat {
                file: name.into(),
                what: "not a pack of version 1".to_owned(),
            });
        }
        let length = |at| u32_at(&bytes, at).filter(|length| *length <= LIST_MAX);
        let (Some(segments), Some(blocks)) = (length(40), length(44)) else {
            return Err(corrupt("the head of the pack has an impossible length"));
        };
        let (segments, blocks) = (segments as usize, blocks as usize);
        let end = HEADER_BYTES + (segments + 2 * blocks) * 4;
        bytes.resize(end, 0);
        let read = file.read_at(0, &mut bytes);
        let read = read.map_err(StorageError::io("read", name))?;
        if read < end || u64_at(&bytes, CHECKSUM_AT) != Some(head_checksum(&bytes)) {
            return Err(corrupt("the head of the pack does not match its checksum"));
        }
        let word = |at: usize| u32_at(&bytes, HEADER_BYTES + at * 4);
        let field = |at: usize| u64_at(&bytes, at).unwrap_or_default();
        if field(16) != number {
            return Err(corrupt("the pack has another number than its file"));
        }
        Ok(Head {
            number,
            expires_ms: Some(field(24)).filter(|expires_ms| *expires_ms != u64::MAX),
            file_bytes: field(32),
            segments: (0..segments).filter_map(word).collect(),
            sections: field(48),
            fences: (0..blocks)
                .filter_map(|block| {
                    Some((word(segments + 2 * block)?, word(segments + 2 * block + 1)?))
                })
                .collect(),
        })
    }

    /// Number of the block that has a key if any has.
    pub(super) fn block_of(&self, key: Key) -> Option<usize> {
        self.fences
            .partition_point(|first| *first <= key)
            .checked_sub(1)
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.fences.len()
    }

    /// Reads and verifies a block.
    pub(crate) fn block(
        &self,
        file: &dyn DiskFile,
        name: &str,
        number: usize,
    ) -> Result<Block, StorageError> {
        let at = blocks_at(self.segments.len(), self.fences.len()) + (number * PAGE_BYTES) as u64;
        let mut block = vec![0; PAGE_BYTES];
        let read = file.read_at(at, &mut block);
        let read = read.map_err(StorageError::io("read", name))?;
        let intact =
            read == PAGE_BYTES && u64_at(&block, 0) == Some(self.block_checksum(number, &block));
        let count = u32_at(&block, 8).map(|count| count as usize);
        let Some(count) = count.filter(|count| intact && *count <= BLOCK_ENTRIES) else {
            return Err(corrupt(
                name,
                at,
                "a block of the pack's table does not match its checksum",
            ));
        };
        let entry = |place: usize| {
            let at = BLOCK_HEADER_BYTES + place * ENTRY_BYTES;
            Some(Entry {
                key: (u32_at(&block, at)?, u32_at(&block, at + 4)?),
                bytes: u32_at(&block, at + 8)?,
                place: u64_at(&block, at + 12)?,
            })
        };
        Ok(Block {
            entries: (0..count).filter_map(entry).collect(),
        })
    }
}

impl Block {
    /// Where the section with this key is now.
    pub(super) fn find(&self, key: Key) -> Option<u64> {
        let at = self.entries.binary_search_by_key(&key, |entry| entry.key);
        Some(self.entries.get(at.ok()?)?.place)
    }

    /// By key.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Where the blocks begin.
fn blocks_at(segments: usize, blocks: usize) -> u64 {
    (HEADER_BYTES + (segments + 2 * blocks) * 4).next_multiple_of(PAGE_BYTES) as u64
}

/// Of header and lists, the checksum itself taken as zero.
fn head_checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..CHECKSUM_AT]);
    hash.update(&[0; 8]);
    hash.update(&bytes[HEADER_BYTES..]);
    hash.digest()
}

fn corrupt(name: &str, offset: u64, what: &str) -> StorageError {
    StorageError::Corrupt {
        file: name.into(),
        offset,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::faulty::FaultyDisk;
    use crate::{Disk, Open};

    /// A pack with this many sections of 10 to 19 bytes, from three segments.
    fn pack(sections: u32) -> (Head, Vec<Entry>) {
        let entry = |number| Entry {
            key: (number * 3 / sections * 2, number * 40),
            bytes: 10 + number % 10,
            place: 0,
        };
        let mut entries: Vec<Entry> = (0..sections).map(entry).collect();
        let order: Vec<u32> = (0..sections).rev().collect();
        let head = Head::lay_out(5, Some(77), vec![0, 2, 4], &mut entries, &order);
        (head, entries)
    }

    fn load(bytes: &[u8]) -> Result<(Head, Vec<Entry>), StorageError> {
        let disk = FaultyDisk::new();
        disk.put("p", bytes);
        let file = disk.open("p", Open::Existing).expect("it is there");
        let head = Head::load(file.as_ref(), "p", 5)?;
        let mut entries = Vec::new();
        for number in 0..head.blocks() {
            entries.extend_from_slice(head.block(file.as_ref(), "p", number)?.entries());
        }
        Ok((head, entries))
    }

    #[test]
    fn a_pack_reads_back_and_sections_stand_in_their_order_without_gaps() {
        // The last one has fences beyond the first page.
        for sections in [0, 1, 3, 204, 205, 2_000, 120_000] {
            let (head, entries) = pack(sections);
            let bytes = head.encode(&entries);
            assert_eq!(
                load(&bytes).expect("intact"),
                (head.clone(), entries.clone())
            );
            let mut place = bytes.len() as u64;
            for entry in entries.iter().rev() {
                assert_eq!(entry.place, place);
                place += u64::from(entry.bytes);
            }
            assert_eq!(head.file_bytes, place);
        }
    }

    #[test]
    fn every_section_is_found_in_its_block_and_no_other() {
        let (head, entries) = pack(1_000);
        let disk = FaultyDisk::new();
        disk.put("p", &head.encode(&entries));
        let file = disk.open("p", Open::Existing).expect("it is there");
        let find = |key: Key| {
            let number = head.block_of(key)?;
            head.block(file.as_ref(), "p", number)
                .expect("intact")
                .find(key)
        };
        for entry in &entries {
            assert_eq!(find(entry.key), Some(entry.place));
            assert_eq!(find((entry.key.0, entry.key.1 + 1)), None);
            assert_eq!(find((entry.key.0 + 1, entry.key.1)), None);
        }
    }

    #[test]
    fn every_flipped_bit_of_head_and_blocks_is_noticed() {
        let (head, entries) = pack(300);
        let mut bytes = head.encode(&entries);
        let end = HEADER_BYTES + (head.segments.len() + 2 * head.fences.len()) * 4;
        for bit in (0..end * 8).chain(PAGE_BYTES * 8..bytes.len() * 8) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(load(&bytes).is_err(), "bit {bit} flipped unnoticed");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(load(&bytes[..HEADER_BYTES - 1]).is_err());
        assert!(load(&bytes[..bytes.len() - 1]).is_err());
    }
}
