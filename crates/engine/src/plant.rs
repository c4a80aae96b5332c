//! Bugs on purpose, one at a time, to prove that the simulator would notice: compiled only with the feature
//! `planted-bugs`, which no release has.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bug of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Plant {
    /// A checkpoint trims the journal up to where the writer is.
    TrimTooFar = 1,
    /// A checkpoint forgets how far effects of other shards were taken in.
    OutboxCursor,
    /// A shard's manifest is written before the rows it names.
    ManifestFirst,
    /// Deleting a message forgets deduplication ids.
    Deduplication,
    /// A checkpoint forgets when leases and delays end.
    Deadline,
    /// A changed page leaves memory.
    DirtyPage,
    /// Replay skips the first record that the checkpoint does not have.
    ReplaySkips,
    /// The outbox forgets effects when it offers them.
    OutboxTrimmed,
    /// Receipts of two lives of the process are the same.
    Tags,
    /// A restart forgets effects that were not in memory.
    OutboxChunk,
    /// Two deliveries with one deduplication id that arrive together are not seen as duplicates.
    DeliveryIds,
    /// A restart forgets deadlines in pages that stay in the view.
    FarDeadline,
    /// A checkpoint forgets how far a move task got.
    MoveProgress,
    /// The filter of a spilled deduplication bucket loses every other id.
    FilterLoses,
    /// A restart forgets spilled deduplication buckets.
    BucketForgotten,
    /// No tenant is ever noisy.
    Noise,
    /// A log forgets what outlived the retention that was changed.
    LogFloor,
    /// An append wakes one reader of a log.
    LogWakesOne,
    /// A restart forgets the oldest part of a log's directory.
    LogBlock,
    /// What was received just too often stays when it should go to the dead-letter queue.
    Exhausted,
    /// A checkpoint forgets how far readers of a log are.
    CursorLost,
    /// A publish brings an entry to a reader whose cursor will bring it too.
    CursorPassed,
    /// Bodies move into packs before what no longer wants the others is durable.
    PackedEarly,
}

const NAMES: [(&str, Plant); 23] = [
    ("trim-too-far", Plant::TrimTooFar),
    ("outbox-cursor-lost", Plant::OutboxCursor),
    ("manifest-before-rows", Plant::ManifestFirst),
    ("deduplication-forgotten", Plant::Deduplication),
    ("deadline-lost", Plant::Deadline),
    ("dirty-page-evicted", Plant::DirtyPage),
    ("replay-skips-one", Plant::ReplaySkips),
    ("outbox-trimmed-early", Plant::OutboxTrimmed),
    ("receipts-repeat", Plant::Tags),
    ("outbox-chunk-forgotten", Plant::OutboxChunk),
    ("deliveries-judged-together", Plant::DeliveryIds),
    ("far-deadline-lost", Plant::FarDeadline),
    ("move-progress-lost", Plant::MoveProgress),
    ("deduplication-filter-loses", Plant::FilterLoses),
    ("deduplication-bucket-forgotten", Plant::BucketForgotten),
    ("noise-unheard", Plant::Noise),
    ("log-floor-lost", Plant::LogFloor),
    ("log-wakes-one", Plant::LogWakesOne),
    ("log-directory-forgotten", Plant::LogBlock),
    ("exhausted-stays", Plant::Exhausted),
    ("log-cursor-lost", Plant::CursorLost),
    ("log-cursor-passed", Plant::CursorPassed),
    ("packed-before-durable", Plant::PackedEarly),
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
