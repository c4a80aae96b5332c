//! The words of the journal's interface: what is appended, what comes back, what is tuned.

use std::fmt;

use crate::limits::{RING_BYTES_DEFAULT, SEGMENT_BYTES_DEFAULT, ZERO_AHEAD_BYTES_DEFAULT};
use crate::{BodyRef, Lsn, Occupies};

/// When an append counts as durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Flushed to the disk before its completion runs.
    #[default]
    Strict,
    /// Handed to the system before its completion runs, flushed every so many milliseconds.
    Interval(u64),
    /// Handed to the system before its completion runs; the system flushes when it likes.
    Os,
}

/// What an append does when the open frame is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FullFrame {
    /// Waits for the committer thread.
    #[default]
    WaitForCommitter,
    /// Commits itself: for a single-threaded owner such as the simulator.
    CommitInline,
}

/// Settings of a journal.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Size of a segment file, a power of two; fixed at the first start.
    pub segment_bytes: u64,
    /// Newest frames kept in memory.
    pub ring_bytes_max: usize,
    /// When an append counts as durable.
    pub durability: Durability,
    /// Least time between the starts of two commits under load, twice that under heavy load; a lone request never waits.
    pub pace_us: u64,
    /// Longest time a `Lazy` record stays unwritten.
    pub lazy_ms: u64,
    /// Idle time after which the tail is sealed.
    pub seal_after_ms: u64,
    /// How far fresh segments are zeroed ahead of the writer.
    pub zero_ahead_bytes: u64,
    /// What an append does when the open frame is full.
    pub full_frame: FullFrame,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            ring_bytes_max: RING_BYTES_DEFAULT,
            durability: Durability::Strict,
            pace_us: 200,
            lazy_ms: 10,
            seal_after_ms: 5,
            zero_ahead_bytes: ZERO_AHEAD_BYTES_DEFAULT,
            full_frame: FullFrame::WaitForCommitter,
        }
    }
}

/// How soon a record must be on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// With the next group commit.
    Sync,
    /// With the next one that happens anyway, or within `lazy_ms`; a crash may forget it.
    Lazy,
}

/// Who pays for the room when the disk is nearly full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Funding {
    /// Brings data in: refused when only the reserve is left.
    Producer,
    /// Frees data or keeps the system going (deletes, moves, checkpoints): may use the reserve.
    Consumer,
}

/// A body to append: content in parts, so that callers need not join them.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Whose it is; verified on every read.
    pub owner: u64,
    /// Which one of the owner's; verified on every read.
    pub sequence: u64,
    /// The content, concatenated.
    pub parts: &'a [&'a [u8]],
}

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// The virtual shard it belongs to.
    pub shard: u16,
    /// What it is; not 0, which is the journal's own.
    pub kind: u8,
    /// Version of the kind's layout.
    pub version: u8,
    /// Engine time.
    pub time_ms: u64,
    /// The fact itself, shown at replay.
    pub meta: &'a [u8],
    /// Bytes that stay where the journal put them, read back by reference.
    pub body: Option<Body<'a>>,
    /// How soon it must be on the disk.
    pub urgency: Urgency,
    /// Who pays for the room.
    pub funding: Funding,
}

/// Where an append went; final.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Address of the record.
    pub lsn: Lsn,
    /// Address just after it: what `when_durable` wants.
    pub end: Lsn,
    /// The body's reference.
    pub body: Option<BodyRef>,
    /// What the body occupies, for the accounting of live bytes.
    pub occupies: Occupies,
}

/// Why an append was refused. Nothing of it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendError {
    /// Only the reserve is left (for `Producer`), or nothing (for `Consumer`).
    StorageFull,
    /// `meta` or the body is beyond its limit.
    TooLarge,
    /// The journal is stopping, or an earlier write failed.
    Stopped,
}

impl fmt::Display for AppendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::StorageFull => "the disk is full",
            Self::TooLarge => "the record is larger than the journal takes",
            Self::Stopped => "the journal is stopping, or an earlier write failed",
        })
    }
}

impl std::error::Error for AppendError {}

/// A body as replay sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyHead {
    /// Where it is.
    pub reference: BodyRef,
    /// Whose it is.
    pub owner: u64,
    /// Which one of the owner's.
    pub sequence: u64,
}

/// A record as replay sees it.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Address of the record.
    pub lsn: Lsn,
    /// Address just after it.
    pub end: Lsn,
    /// The virtual shard it belongs to.
    pub shard: u16,
    /// What it is.
    pub kind: u8,
    /// Version of the kind's layout.
    pub version: u8,
    /// Reserved, zero today.
    pub flags: u32,
    /// Engine time.
    pub time_ms: u64,
    /// The fact itself.
    pub meta: &'a [u8],
    /// Its body.
    pub body: Option<BodyHead>,
    /// Bytes of this record in the journal, without its chunks.
    pub stored_bytes: u32,
    /// What its body occupies, chunks included.
    pub occupies: Occupies,
}

/// Where the journal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Start of the open frame: a replay that starts here misses no later record.
    pub frame: Lsn,
    /// Address of the next record.
    pub end: Lsn,
}

/// Whether `commit_next` may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Until there is something to commit.
    Block,
    /// Not at all: commits whatever is there, `Lazy` included.
    Poll,
}

/// What `commit_next` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Committed {
    /// One frame became durable.
    Frame {
        /// Its start.
        lsn: Lsn,
        /// Everything below is durable.
        durable: Lsn,
        /// Records in it; 0 for a seal.
        records: u32,
        /// Bytes written, padding included.
        bytes: u32,
    },
    /// There was nothing to do (`Poll` only).
    Idle,
    /// `stop` was called and everything is flushed and sealed.
    Stopped,
}

/// What `prepare_next` found and did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prepared {
    /// Segments ready beyond the current one.
    pub segments: usize,
    /// Bytes zeroed by this call.
    pub zeroed_bytes: u64,
    /// Whether producers are being refused for want of room.
    pub storage_full: bool,
}

/// What `reclaim` did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reclaimed {
    /// Segments renamed to a future index.
    pub recycled: Vec<u32>,
    /// Segments removed.
    pub removed: Vec<u32>,
    /// Packs removed.
    pub packs: u64,
}

/// Numbers for `/metrics`; counters since the start unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JournalStatistics {
    /// Bytes of frames written, padding included.
    pub bytes_written: u64,
    /// Bytes of records appended.
    pub bytes_appended: u64,
    /// Bytes zeroed ahead.
    pub bytes_zeroed: u64,
    /// Frames written.
    pub frames: u64,
    /// Records appended.
    pub records: u64,
    /// Flushes done.
    pub flushes: u64,
    /// Segment files now, prepared ones included.
    pub segments: u64,
    /// Packs now.
    pub packs: u64,
    /// Bytes of bodies that were copied into packs.
    pub bytes_packed: u64,
    /// Memory of the ring now.
    pub ring_bytes: u64,
    /// Bodies read from memory.
    pub reads_memory: u64,
    /// Bodies read from files.
    pub reads_file: u64,
    /// Whether producers are being refused now.
    pub storage_full: bool,
}
