//! A shard as the catalog keeps it, and its stored form. Its index stands in the row's path.
//!
//! Version 1, integers little-endian, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 1, stream id u64, log id u64, created u64 s, opened u64 ms, first and last hash key: high u64 and low u64 each,
//! parent? u32, adjacent parent? u32, closed? u64 ms
//! ```

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::LogId;

const VERSION: u8 = 1;

/// Hash keys of a shard, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HashRange {
    pub(crate) first: u128,
    pub(crate) last: u128,
}

impl HashRange {
    /// Whether a hash key belongs to the shard.
    pub(crate) fn contains(&self, hash: u128) -> bool {
        (self.first..=self.last).contains(&hash)
    }
}

/// A shard of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Its number (KIN-039).
    pub(crate) index: u32,
    /// The stream's id, which tells its shards from those that a deleted stream of its name left.
    pub(crate) stream: u64,
    /// Where its records are.
    pub(crate) log: LogId,
    /// The second in its sequence numbers. That of a child is later than those of its parents (KIN-094), so it may be a
    /// little ahead of the clock.
    pub(crate) created_s: u64,
    /// When it began to take records, in milliseconds.
    pub(crate) opened_ms: u64,
    pub(crate) range: HashRange,
    /// `ParentShardId`
    pub(crate) parent: Option<u32>,
    /// `AdjacentParentShardId`, of a merge.
    pub(crate) adjacent_parent: Option<u32>,
    /// When a split or merge closed it.
    pub(crate) closed_ms: Option<u64>,
}

impl Shard {
    /// Whether it takes records.
    pub(crate) fn is_open(&self) -> bool {
        self.closed_ms.is_none()
    }

    /// Whether it is listed while nothing before the horizon is (KIN-058).
    pub(crate) fn is_listed(&self, horizon_ms: u64) -> bool {
        self.closed_ms
            .is_none_or(|closed_ms| closed_ms > horizon_ms)
    }

    /// Whether it comes from this shard.
    pub(crate) fn is_child_of(&self, parent: u32) -> bool {
        self.parent == Some(parent) || self.adjacent_parent == Some(parent)
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        for value in [self.stream, self.log.0, self.created_s, self.opened_ms] {
            out.u64(value);
        }
        for hash in [self.range.first, self.range.last] {
            out.u64((hash >> 64) as u64);
            out.u64(hash as u64);
        }
        out.option(&self.parent, |out, index| out.u32(*index));
        out.option(&self.adjacent_parent, |out, index| out.u32(*index));
        out.option(&self.closed_ms, |out, ms| out.u64(*ms));
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(index: u32, stored: &[u8]) -> Result<Shard, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let shard = Shard {
            index,
            stream: input.u64()?,
            log: LogId(input.u64()?),
            created_s: input.u64()?,
            opened_ms: input.u64()?,
            range: HashRange {
                first: hash_key(&mut input)?,
                last: hash_key(&mut input)?,
            },
            parent: input.option(Input::u32)?,
            adjacent_parent: input.option(Input::u32)?,
            closed_ms: input.option(Input::u64)?,
        };
        input.end()?;
        Ok(shard)
    }
}

fn hash_key(input: &mut Input<'_>) -> Result<u128, Malformed> {
    Ok(u128::from(input.u64()?) << 64 | u128::from(input.u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_survive_the_round_trip() {
        let plain = Shard {
            index: 3,
            stream: 9,
            log: LogId(0xAB00_0000_0000_0001),
            created_s: 1_700_000_000,
            opened_ms: 1_700_000_000_001,
            range: HashRange {
                first: 1 << 100,
                last: u128::MAX,
            },
            parent: None,
            adjacent_parent: None,
            closed_ms: None,
        };
        let merged = Shard {
            parent: Some(1),
            adjacent_parent: Some(2),
            closed_ms: Some(1_700_000_000_123),
            ..plain.clone()
        };
        for shard in [plain, merged] {
            let stored = shard.encode();
            assert_eq!(Shard::decode(3, &stored), Ok(shard));
            for length in 0..stored.len() {
                assert_eq!(Shard::decode(3, &stored[..length]), Err(Malformed));
            }
        }
    }
}
