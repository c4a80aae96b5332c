//! Bugs on purpose, one at a time, to prove that the tests would notice: compiled only with the feature
//! `planted-bugs`, which no release has.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Plant {
    /// Completions run before the frame is written.
    EarlyAck = 1,
    /// A frame's checksum is not looked at.
    FrameChecksum,
    /// A body's checksum is not looked at.
    BodyChecksum,
    /// Segments are given back although bodies in them are live.
    LiveBytes,
    /// A pack counts as dead when nothing lives of its first segment.
    PackFirstSegment,
    /// A pack takes the place of its segments before it is on the disk.
    PackUnflushed,
}

const NAMES: [(&str, Plant); 6] = [
    ("early-ack", Plant::EarlyAck),
    ("frame-checksum-skipped", Plant::FrameChecksum),
    ("body-checksum-skipped", Plant::BodyChecksum),
    ("live-bytes-ignored", Plant::LiveBytes),
    ("pack-judged-by-first-segment", Plant::PackFirstSegment),
    ("pack-unflushed", Plant::PackUnflushed),
];

static SELECTED: AtomicU8 = AtomicU8::new(0);

/// Names that `select` knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// Makes the process behave as if it had this bug and no other; any other name frees it from all. True when the
/// name is known.
pub fn select(name: &str) -> bool {
    let found = NAMES.iter().find(|(known, _)| *known == name);
    SELECTED.store(
        found.map_or(0, |(_, plant)| *plant as u8),
        Ordering::Relaxed,
    );
    found.is_some()
}

/// The bug is in force.
pub(crate) fn is(plant: Plant) -> bool {
    SELECTED.load(Ordering::Relaxed) == plant as u8
}
