//! What is remembered of one send: 24 bytes in memory and in rows.

use crate::codec::{Malformed, Reader, Writer};

/// A remembered id; sequence and time count from the beginning of its bucket. Ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packed {
    /// High half, low half: a `u128` would align to 16 bytes and make this 32.
    id: [u64; 2],
    sequence: u32,
    at_ms: u32,
}

const _: () = assert!(size_of::<Packed>() == 24);

/// The halves of an id, high one first.
pub(super) fn halves(id: u128) -> [u64; 2] {
    [(id >> 64) as u64, id as u64]
}

impl Packed {
    pub(crate) fn new(id: u128, sequence: u32, at_ms: u32) -> Packed {
        Packed {
            id: halves(id),
            sequence,
            at_ms,
        }
    }

    /// The id in halves, as they are compared.
    pub(super) fn halves(&self) -> [u64; 2] {
        self.id
    }

    /// Distance from the first sequence of the bucket.
    pub(super) fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Milliseconds since the beginning of the bucket.
    pub(super) fn at_ms(&self) -> u32 {
        self.at_ms
    }

    pub(super) fn encode(&self, out: &mut Writer) {
        let [high, low] = self.id;
        out.u64(high).u64(low).u32(self.sequence).u32(self.at_ms);
    }

    pub(super) fn decode(input: &mut Reader<'_>) -> Result<Packed, Malformed> {
        Ok(Packed {
            id: [input.u64()?, input.u64()?],
            sequence: input.u32()?,
            at_ms: input.u32()?,
        })
    }
}
