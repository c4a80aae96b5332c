//! Rows of the view that hold deduplication entries.

use super::packed::Packed;
use crate::codec::{Malformed, Reader, Writer};

const ROW_VERSION: u8 = 1;

/// One remembered id as format 1 kept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: u128,
    pub(super) sequence: u64,
    pub(super) at_ms: u64,
}

/// Some entries of a bucket as a row.
pub(super) fn encode_entries<'e>(entries: impl ExactSizeIterator<Item = &'e Packed>) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes.reserve(5 + entries.len() * size_of::<Packed>());
    out.u8(ROW_VERSION).u32(entries.len() as u32);
    for entry in entries {
        entry.encode(&mut out);
    }
    out.bytes
}

/// Reads what `encode_entries` wrote.
pub(crate) fn decode_entries(bytes: &[u8]) -> Result<Vec<Packed>, Malformed> {
    let mut input = Reader::new(bytes, "deduplication row");
    if input.u8()? != ROW_VERSION {
        return Err(input.malformed());
    }
    let entries = input.list(Packed::decode)?;
    input.finish()?;
    Ok(entries)
}

/// Reads a chunk of format 1: entries in order of time, their sequences and times in full.
pub(super) fn decode_chunk(bytes: &[u8]) -> Result<Vec<Seen>, Malformed> {
    let mut input = Reader::new(bytes, "deduplication chunk");
    if input.u8()? != 1 {
        return Err(input.malformed());
    }
    let entries = input.list(|input| {
        Ok(Seen {
            id: input.u128()?,
            sequence: input.u64()?,
            at_ms: input.u64()?,
        })
    })?;
    input.finish()?;
    Ok(entries)
}
