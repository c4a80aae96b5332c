//! The journal through bytes: what is appended must come back after reopening, whatever the disk did.

mod committer;
mod crash;
mod endurance;
mod faults;
mod pack;
mod reclaim;
mod roundtrip;
mod together;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::*;
use crate::disk::faulty::FaultyDisk;
use crate::{BodyRef, Occupies};

pub(super) const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Single-threaded, small segments.
pub(super) fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes: SEGMENT_BYTES,
        full_frame: FullFrame::CommitInline,
        ..JournalOptions::default()
    }
}

/// What replay showed of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) lsn: Lsn,
    pub(super) end: Lsn,
    pub(super) shard: u16,
    pub(super) kind: u8,
    pub(super) time_ms: u64,
    pub(super) meta: Vec<u8>,
    pub(super) body: Option<BodyHead>,
    pub(super) occupies: Occupies,
}

pub(super) fn try_open(
    disk: &Arc<FaultyDisk>,
    options: JournalOptions,
    start: Option<Lsn>,
) -> Result<(Journal, Vec<Seen>), StorageError> {
    let mut seen = Vec::new();
    let journal = Journal::open(disk.clone(), options, start, &mut |record| {
        seen.push(Seen {
            lsn: record.lsn,
            end: record.end,
            shard: record.shard,
            kind: record.kind,
            time_ms: record.time_ms,
            meta: record.meta.to_vec(),
            body: record.body,
            occupies: record.occupies,
        });
        Ok(())
    })?;
    Ok((journal, seen))
}

pub(super) fn open(disk: &Arc<FaultyDisk>) -> (Journal, Vec<Seen>) {
    try_open(disk, options(), None).expect("an intact journal opens")
}

/// A record of shard 3 whose body, if any, belongs to owner 7.
pub(super) fn record<'a>(meta: &'a [u8], body: Option<Body<'a>>) -> Append<'a> {
    Append {
        shard: 3,
        kind: 5,
        version: 1,
        time_ms: 1234,
        meta,
        body,
        urgency: Urgency::Sync,
        funding: Funding::Producer,
    }
}

pub(super) fn append(journal: &Journal, meta: &[u8], body: Option<(u64, &[u8])>) -> Appended {
    let parts = body.map(|(_, content)| [content]);
    let body = body.zip(parts.as_ref()).map(|((sequence, _), parts)| Body {
        owner: 7,
        sequence,
        parts,
    });
    journal
        .append(record(meta, body))
        .expect("room for a record")
}

pub(super) fn commit(journal: &Journal) -> Committed {
    journal.commit_next(Wait::Poll).expect("a working disk")
}

/// Bytes that differ by seed and position.
pub(super) fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        content.extend_from_slice(&random.below(u64::MAX).to_le_bytes());
    }
    content.truncate(bytes);
    content
}

/// The next number of a randomised test.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From `WAYSTATION_SEED`, or a fresh one; printed either way.
    #[expect(clippy::disallowed_methods, reason = "a failing seed is given by hand")]
    pub(super) fn seeded(test: &str) -> Self {
        let given = std::env::var("WAYSTATION_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        // The standard library's hash keys are random.
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("{test}: WAYSTATION_SEED={seed}");
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

pub(super) fn what(error: &StorageError) -> String {
    match error {
        StorageError::Corrupt { file, offset, what } => {
            format!("{} {offset} {what}", file.display())
        }
        other => format!("{other:?}"),
    }
}
