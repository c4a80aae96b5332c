//! Which ids a spilled bucket may hold, and where: filter and index in one.
//!
//! The bucket's entries stand in order of id. A directory cuts the range of ids into slots of equal width, about
//! eight entries each, and says at which position each slot begins; beside it stand 16 bits of every entry's id. An
//! id that is there is always found, with its position; one that is not passes for about 8 ids in 65,536. That is
//! 20 bits per entry.

use super::packed::{Packed, halves};
use crate::codec::{Malformed, Reader, Writer};

const FILTER_VERSION: u8 = 1;
/// Entries of a slot, on average.
const SLOT_ENTRIES: usize = 8;

/// The filter of one bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Position of each slot's first entry; one more that ends the last slot.
    starts: Vec<u32>,
    /// Part of each entry's id, by position.
    fingerprints: Vec<u16>,
}

/// Grows with the id, so that slots follow one another as entries do.
fn slot_of(high: u64, slots: usize) -> usize {
    ((u128::from(high) * slots as u128) >> 64) as usize
}

/// Bits that have no part in the order of entries.
fn fingerprint_of(low: u64) -> u16 {
    low as u16
}

impl Filter {
    /// The filter of entries in order of id.
    pub(crate) fn build(sorted: &[Packed]) -> Filter {
        let slots = sorted.len().div_ceil(SLOT_ENTRIES);
        let mut starts = Vec::with_capacity(slots + 1);
        for (position, entry) in sorted.iter().enumerate() {
            let slot = slot_of(entry.halves()[0], slots);
            while starts.len() <= slot {
                starts.push(position as u32);
            }
        }
        starts.resize(slots + 1, sorted.len() as u32);
        let fingerprints = sorted.iter().map(|e| fingerprint_of(e.halves()[1]));
        let fingerprints: Vec<u16> = fingerprints.collect();
        #[cfg(feature = "planted-bugs")]
        let fingerprints = match crate::plant::is(crate::plant::Plant::FilterLoses) {
            true => fingerprints.iter().map(|bits| bits | 1).collect(),
            false => fingerprints,
        };
        Filter {
            starts,
            fingerprints,
        }
    }

    /// Positions at which the id may stand.
    pub(super) fn candidates(&self, id: u128) -> impl Iterator<Item = usize> + use<'_> {
        let [high, low] = halves(id);
        let slots = self.starts.len().saturating_sub(1);
        let slot = slot_of(high, slots);
        let bounds = self.starts.get(slot..slot + 2);
        let (from, to) = match bounds {
            Some([from, to]) => (*from as usize, *to as usize),
            _ => (0, 0),
        };
        let wanted = fingerprint_of(low);
        let found = self.fingerprints.get(from..to).unwrap_or_default();
        let found = found.iter().enumerate();
        found.filter_map(move |(offset, bits)| (*bits == wanted).then_some(from + offset))
    }

    /// Reads what a look at the id will read, without deciding anything; returns something of it. Done for all
    /// filters of a queue before the first decision, the memory's answers overlap: 2 us instead of 3.5 for 58 filters.
    pub(super) fn touch(&self, id: u128) -> u64 {
        let [high, _] = halves(id);
        let slot = slot_of(high, self.starts.len().saturating_sub(1));
        let start = self.starts.get(slot).copied().unwrap_or_default();
        let bits = self.fingerprints.get(start as usize);
        bits.copied().map_or(0, u64::from)
    }

    /// Memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * 4 + self.fingerprints.capacity() * 2
    }

    /// Entries it stands for.
    pub(super) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// The filter as a row of the view.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let bytes = 9 + self.starts.len() * 4 + self.fingerprints.len() * 2;
        out.bytes.reserve(bytes);
        out.u8(FILTER_VERSION);
        out.list(&self.starts, |out, start| {
            out.u32(*start);
        });
        out.list(&self.fingerprints, |out, bits| {
            out.u16(*bits);
        });
        out.bytes
    }

    /// Reads what `encode` wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Filter, Malformed> {
        let mut input = Reader::new(bytes, "deduplication filter");
        if input.u8()? != FILTER_VERSION {
            return Err(input.malformed());
        }
        let starts = input.list(Reader::u32)?;
        let fingerprints = input.list(Reader::u16)?;
        let ends = starts.last().copied() == Some(fingerprints.len() as u32);
        let slots = fingerprints.len().div_ceil(SLOT_ENTRIES);
        if !ends || !starts.is_sorted() || starts.len() != slots + 1 {
            return Err(input.malformed());
        }
        input.finish()?;
        Ok(Filter {
            starts,
            fingerprints,
        })
    }
}
