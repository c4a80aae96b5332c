//! Every bound of the storage layer, in one place. Reaching one is a clear error or back-pressure.

/// Alignment of frames, buffers and direct I/O.
pub const PAGE_BYTES: usize = 4096;
/// Largest frame: what one group commit writes at once, header included.
pub const FRAME_BYTES_MAX: usize = 768 * 1024;
/// Size of a segment file unless options say otherwise; always a power of two.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// Smallest segment: it has room for some frames of the largest size (tests use small ones).
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Largest segment: offsets and counts of bytes within one fit 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest `meta` part of a record.
pub const META_BYTES_MAX: usize = 256 * 1024;
/// A body's content beyond this is cut in chunk records, so that it delays nobody for long.
pub const INLINE_BODY_BYTES_MAX: usize = 256 * 1024;
/// Content of one chunk record.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Largest content of one body.
pub const BODY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Newest frames kept in memory unless options say otherwise.
pub const RING_BYTES_DEFAULT: usize = 64 * 1024 * 1024;
/// Most that is read at once for bodies that stand near each other.
pub const READ_RUN_BYTES_MAX: u64 = 1024 * 1024;
/// Bodies that are farther apart are read one by one.
pub const READ_GAP_BYTES_MAX: u64 = 16 * 1024;
/// Unit in which the ring grows and evicts.
pub const RING_SLAB_BYTES: usize = 1024 * 1024;
/// Segment files held open for reading at a time (two descriptors each).
pub const OPEN_SEGMENTS_MAX: usize = 128;
/// How far ahead of the writer fresh segments are zeroed.
pub const ZERO_AHEAD_BYTES_DEFAULT: u64 = 4 * 1024 * 1024;
/// Unit of zeroing ahead; one write.
pub const ZERO_STEP_BYTES: usize = 1024 * 1024;
/// Most that is zeroed before a flush makes it count.
pub const ZERO_CLAIM_BYTES: u64 = 4 * 1024 * 1024;
/// Segments allocated beyond the current one: the first is the reserve, the second spares the writer a wait.
pub const PREPARED_SEGMENTS: usize = 2;
/// Free segments kept for reuse however little is written, prepared ones included.
pub const RECYCLED_SEGMENTS_MIN: usize = 4;
/// Free segments kept for reuse however much is written: what a writer fills between two checkpoints, so that in a
/// steady state none is created and none zeroed.
pub const RECYCLED_SEGMENTS_MAX: usize = 12;
/// Size of the file that is dropped when the disk is full, so that one checkpoint still fits.
pub const BALLAST_BYTES: u64 = 64 * 1024 * 1024;
/// Block cache of the view unless options say otherwise.
pub const VIEW_CACHE_BYTES_DEFAULT: u64 = 32 * 1024 * 1024;
/// Write buffer of the view unless options say otherwise.
pub const VIEW_MEMTABLE_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;
/// The view's own write-ahead files together; the least that fjall accepts.
pub const VIEW_JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Files that the view holds open.
pub const VIEW_FILES_OPEN_MAX: usize = 128;

const _: () = assert!(PAGE_BYTES.is_power_of_two());
const _: () = assert!(FRAME_BYTES_MAX.is_multiple_of(PAGE_BYTES));
const _: () = assert!(SEGMENT_BYTES_DEFAULT.is_power_of_two());
const _: () = assert!(SEGMENT_BYTES_MIN >= 2 * FRAME_BYTES_MAX as u64);
const _: () = assert!(PREPARED_SEGMENTS < RECYCLED_SEGMENTS_MIN);
const _: () = assert!(RECYCLED_SEGMENTS_MIN <= RECYCLED_SEGMENTS_MAX);
const _: () = assert!(META_BYTES_MAX + INLINE_BODY_BYTES_MAX + PAGE_BYTES <= FRAME_BYTES_MAX);
const _: () = assert!(CHUNK_BYTES <= INLINE_BODY_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX / CHUNK_BYTES * 16 <= INLINE_BODY_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX < 1 << 31);
