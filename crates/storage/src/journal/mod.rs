//! The journal: one append per group commit, shared by all shards, so one flush pays for everybody.
//!
//! Producers append records to the open frame and get final addresses at once; the committer swaps the frame, writes it,
//! flushes it and only then runs the completions. While one frame is in flight the next one fills. `open` replays.
//! The formats are in `frame`, `record` and `body`; the ack path in `append`, `commit` and `durable`.

mod terms;

pub(crate) mod body;
pub(crate) mod frame;
mod layout;
pub(crate) mod record;

mod append;
mod commit;
mod durable;
mod read;
mod ring;

mod scan;
pub(crate) mod segments;
pub(crate) mod window;

pub(crate) mod pack;
mod prepare;
mod reclaim;
mod space;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::{Disk, Lsn, StorageError};
use append::OpenFrame;
use commit::Committer;
use ring::Ring;
use scan::{Scan, Tail};
use segments::Segments;
use space::Space;

pub use pack::{Draft, Packed, Place};
pub use read::WantedBody;
pub use segments::SegmentPin;
pub use terms::{
    Append, AppendError, Appended, Body, BodyHead, Committed, Durability, FullFrame, Funding,
    JournalOptions, JournalStatistics, Position, Prepared, Reclaimed, Record, Urgency, Wait,
};

/// The journal; all methods take `&self` and may be called from several threads.
///
/// A process gives it two threads: one for `run_committer`, which must end the process when it returns an error, and one
/// that loops over `await_preparation_due` and `prepare_next`. A single-threaded owner such as the simulator sets
/// `FullFrame::CommitInline` and calls `commit_next(Wait::Poll)` and `prepare_next` itself.
pub struct Journal {
    options: JournalOptions,
    segment_bits: u8,
    epoch: u64,
    segments: Segments,
    /// The frame that fills. Lock order: `committer`, `ring`, `open`; never `open` before `ring`.
    open: Mutex<OpenFrame>,
    /// Start of the open frame, to send most readers straight to the ring.
    open_start: AtomicU64,
    ring: RwLock<Ring>,
    /// Start of the frame written last.
    last_frame: AtomicU64,
    durable: AtomicU64,
    failed: AtomicBool,
    committer: Mutex<Committer>,
    /// Wakes the committer.
    work: Condvar,
    /// Wakes appends that wait for the swap.
    room: Condvar,
    space: Space,
    turns: Turns,
    /// The newest `trim` that `reclaim` was given.
    trimmed: AtomicU64,
    references: Mutex<FxHashMap<u32, Lsn>>,
    /// Segments with bodies that could not be read when they were to be packed.
    unreadable: Mutex<FxHashSet<u32>>,
    counters: Counters,
}

/// Maintenance that must not run twice at a time; none of it is on the ack path.
#[derive(Default)]
struct Turns {
    preparing: Mutex<()>,
    /// Whoever adds a segment: `prepare_next`, `reclaim`, or in need the writer.
    growing: Mutex<()>,
    reclaiming: Mutex<()>,
}

#[derive(Default)]
struct Counters {
    bytes_written: AtomicU64,
    bytes_appended: AtomicU64,
    bytes_zeroed: AtomicU64,
    bytes_packed: AtomicU64,
    frames: AtomicU64,
    records: AtomicU64,
    flushes: AtomicU64,
    reads_memory: AtomicU64,
    reads_file: AtomicU64,
}

impl Journal {
    /// Opens or creates the journal in a directory: shows every record from `start` (the frame start that a checkpoint
    /// remembers, or the first segment) in order, cuts a torn tail, and begins a new epoch, which is durable
    /// when this returns. An error of `on_record` ends the opening and is returned.
    ///
    /// # Errors
    /// `Corrupt` when acknowledged bytes are damaged or missing, `UnknownFormat` for another version or segment size; then
    /// nothing was changed. `StorageFull`, or an I/O error.
    ///
    /// # Panics
    /// When `options.segment_bytes` is not a power of two within the limits.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: JournalOptions,
        start: Option<Lsn>,
        on_record: &mut dyn FnMut(Record<'_>) -> Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        let segment_bytes = options.segment_bytes;
        assert!(
            segment_bytes.is_power_of_two(),
            "a segment's size is a power of two"
        );
        assert!(
            (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes),
            "a segment's size has limits"
        );
        let segment_bits = segment_bytes.trailing_zeros() as u8;
        let segments = Segments::list(disk, segment_bits)?;
        let tail = Scan::new(&segments, segment_bits).run(start, on_record)?;
        segments.remove_leftovers()?;
        let space = settle_segments(&segments, tail, segment_bits, options.zero_ahead_bytes)?;
        let journal = Self {
            segment_bits,
            epoch: tail.epoch + 1,
            segments,
            open: Mutex::new(OpenFrame::at(tail.next)),
            open_start: AtomicU64::new(tail.next.0),
            ring: RwLock::new(Ring::new(options.ring_bytes_max)),
            last_frame: AtomicU64::new(tail.next.0),
            durable: AtomicU64::new(tail.next.0),
            failed: AtomicBool::new(false),
            committer: Mutex::new(Committer::after(tail.previous)),
            work: Condvar::new(),
            room: Condvar::new(),
            space,
            turns: Turns::default(),
            trimmed: AtomicU64::new(start.unwrap_or_default().0),
            references: Mutex::default(),
            unreadable: Mutex::default(),
            counters: Counters::default(),
            options,
        };
        journal.write_opening_frame()?;
        Ok(journal)
    }

    /// Number of this opening: higher than at every earlier one of this data directory.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The segment that holds an address.
    #[must_use]
    pub fn segment_of(&self, lsn: Lsn) -> u32 {
        self.segments.segment_of(lsn)
    }

    /// Size of a segment.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        1 << self.segment_bits
    }

    /// Numbers for `/metrics`.
    #[must_use]
    pub fn statistics(&self) -> JournalStatistics {
        let counters = &self.counters;
        let (segments, packs) = self.segments.counts();
        JournalStatistics {
            bytes_written: counters.bytes_written.load(Ordering::Relaxed),
            bytes_appended: counters.bytes_appended.load(Ordering::Relaxed),
            bytes_zeroed: counters.bytes_zeroed.load(Ordering::Relaxed),
            frames: counters.frames.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            flushes: counters.flushes.load(Ordering::Relaxed),
            segments,
            packs,
            bytes_packed: counters.bytes_packed.load(Ordering::Relaxed),
            ring_bytes: read_lock(&self.ring).memory_bytes() as u64,
            reads_memory: counters.reads_memory.load(Ordering::Relaxed),
            reads_file: counters.reads_file.load(Ordering::Relaxed),
            storage_full: self.space.standing().1,
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Journal")
            .field("epoch", &self.epoch)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

/// Makes sure of the segment to write next, keeps the prepared ones behind it, and removes files out of sequence,
/// which an interrupted recycling leaves.
fn settle_segments(
    segments: &Segments,
    tail: Tail,
    segment_bits: u8,
    zero_ahead_bytes: u64,
) -> Result<Space, StorageError> {
    let current = segments.segment_of(tail.next);
    let mut found = Vec::new();
    for index in segments
        .indices()
        .into_iter()
        .filter(|index| *index > current)
    {
        let expected = current + 1 + found.len() as u32;
        if index == expected && segments.contains(current) {
            found.push(index);
        } else if let Some(stored) = segments.take(index) {
            segments
                .disk()
                .remove(&stored.name)
                .map_err(StorageError::io("remove", &stored.name))?;
        }
    }
    if !segments.contains(current) {
        segments.create(current, 1 << segment_bits)?;
    }
    let mut zeroed = BTreeMap::new();
    for index in found.iter().copied().chain([current]) {
        let file = segments.file(index)?.ok_or(StorageError::BodyMissing {
            lsn: segments.start_of(index),
        })?;
        let length = file.len().map_err(StorageError::io(
            "read the length of",
            segments::segment_name(index),
        ))?;
        if index == current && length < 1 << segment_bits {
            // An earlier run may have ended between creating the file and reserving its room.
            let name = segments::segment_name(index);
            file.allocate(0, 1 << segment_bits)
                .map_err(|error| segments::reserve_error(error, &name))?;
        }
        zeroed.insert(index, length);
    }
    Ok(Space::new(
        segment_bits,
        zero_ahead_bytes,
        tail.next.0,
        &found,
        zeroed,
    ))
}

const POISONED: &str =
    "a thread panicked while it held the journal's state; only a restart knows what is true";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect(POISONED)
}

fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().expect(POISONED)
}

fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().expect(POISONED)
}
