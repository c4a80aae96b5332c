//! Every bound of the engine in one place.

/// Entries of one index page; a page is the unit of spilling and of checkpointing.
pub(crate) const PAGE_ENTRIES: u64 = 512;
/// Messages of one queue that may be in flight; beyond it receives find nothing (`SQS-208`, `SQS-209`).
pub(crate) const IN_FLIGHT_PER_QUEUE_MAX: u64 = 120_000;
/// Oldest messages of a FIFO queue that a receive looks through for available groups (`SQS-298`).
pub(crate) const FIFO_WINDOW_MESSAGES: usize = 120_000;
/// A tenant is noisy with more than one part in so many of what is in flight, or of the time spent (`SQS-382`, `SQS-383`).
pub(crate) const NOISY_SHARE_DIVISOR: u64 = 10;
/// Messages in flight below which no tenant is noisy for their share (`SQS-382`).
pub(crate) const NOISY_IN_FLIGHT_MIN: u64 = 30;
/// Message-milliseconds in flight below which no tenant is noisy for their share.
pub(crate) const NOISY_SPENT_MS_MIN: u64 = 30_000;
/// Time spent counts for one to two of these windows.
pub(crate) const TENANT_WINDOW_MS: u64 = 60_000;
/// Without a send for so long a tenant is quiet (`SQS-388`).
pub(crate) const TENANT_SILENT_MS: u64 = 300_000;
/// Tenants of a queue that are remembered without anything in flight.
pub(crate) const TENANTS_IDLE_MAX: usize = 16_384;
/// Messages of noisy tenants that a fair queue sets aside in search of quiet ones.
pub(crate) const FAIR_WINDOW_MESSAGES: usize = 120_000;
/// Messages a receive sets aside at most; the next one looks further.
pub(crate) const FAIR_LOOKS_PER_RECEIVE: usize = 8_192;
/// Lanes of a fair queue at most: no more than 18 tenants are noisy at a time, others were.
pub(crate) const FAIR_LANES_MAX: usize = 64;
/// How long a deduplication id or a receive attempt id is remembered (`SQS-268`, `SQS-302`).
pub(crate) const DEDUPLICATION_WINDOW_MS: u64 = 300_000;
/// Deduplication entries of one row of the view; a look into a spilled bucket reads one.
pub(crate) const DEDUPLICATION_ROW_ENTRIES: usize = 512;
/// How long a bucket of deduplication entries stays open, and how long when it does not fill a row.
pub(crate) const DEDUPLICATION_BUCKET_MS: u64 = 10_000;
pub(crate) const DEDUPLICATION_BUCKET_SPARSE_MS: u64 = 60_000;
/// Rows of spilled buckets that a shard keeps in memory after reading them, 12 KB each.
pub(crate) const DEDUPLICATION_ROWS_CACHED: usize = 16;
/// Memory of deduplication beyond its budget, for what checkpoints have not spilled yet; past it sends are refused.
pub(crate) const DEDUPLICATION_BEHIND_BYTES_MAX: u64 = 128 << 20;
/// Longest time a message stays invisible, from its receive (`SQS-225`).
pub(crate) const VISIBILITY_MS_MAX: u64 = 43_200_000;
/// Effects handed from one shard to another at a time, and most of one chunk of the outbox.
pub(crate) const EFFECTS_PER_PULL_MAX: usize = 256;
/// Queues of one publication; its record lists them all.
pub const TARGETS_PER_PUBLICATION_MAX: usize = 4_096;
/// Bodies of one publication.
pub const BODIES_PER_PUBLICATION_MAX: usize = 256;
/// Largest body of a publication: the messages of a page that all refer to it are counted in 32 bits.
pub const PUBLISHED_BODY_BYTES_MAX: usize = 4 << 20;
/// Rows of a checkpoint written to the view at a time.
pub(crate) const CHECKPOINT_BATCH_BYTES: usize = 1 << 20;
/// Segments and packs that move into packs at once, so that the list of what lives in them stays small.
pub(crate) const PLACES_AT_ONCE: usize = 32;
/// Live bytes that move at once.
pub(crate) const PACKED_BYTES_AT_ONCE: u64 = 64 << 20;
/// A segment is packed when no more than one part in this many of it lives, and a pack when no more than that.
pub(crate) const SEGMENT_LIVE_FRACTION: u64 = 4;
pub(crate) const PACK_LIVE_FRACTION: u64 = 2;
/// A pack is small below one part in this many of a segment.
pub(crate) const SMALL_PACK_FRACTION: u64 = 4;
/// Buckets over which one shard's catalog is spread, so that a change rewrites a small part of it.
pub(crate) const CATALOG_BUCKETS: u16 = 256;
/// Pages kept in memory at the head of every queue that is being read.
pub(crate) const HEAD_PAGES_RESIDENT: usize = 4;
/// Receives from which on a message of a standard queue no longer counts as its oldest (`SQS-207`).
pub(crate) const POISON_RECEIVES: u16 = 3;
/// Index pages that are looked through for the oldest message of a queue.
pub(crate) const OLDEST_PAGES_MAX: usize = 16;
/// Messages that one record sends to a dead-letter queue because nobody may receive them any more.
pub(crate) const EXHAUSTED_PER_RECORD_MAX: usize = 256;
/// Index pages that one peek looks into before it answers with what it has.
pub(crate) const PEEK_PAGES_MAX: usize = 64;
/// Bodies that a reader thread is asked for at once, in bytes: about what one read of the journal fetches.
pub(crate) const BODIES_PER_FETCH_BYTES: u64 = 900 << 10;
/// Entries of one index page of a log.
pub(crate) const LOG_PAGE_ENTRIES: usize = 1_024;
/// Bytes of bodies after which a log's page is full however few its entries are: they go together.
pub(crate) const LOG_PAGE_BODY_BYTES: u64 = 64 << 20;
/// Entries of one page are at most one part in so many of the retention apart, and at least so much: what outlived the
/// retention and is kept for its neighbours is bounded by it.
pub(crate) const LOG_PAGE_SPAN_FRACTION: u64 = 16;
pub(crate) const LOG_PAGE_SPAN_MS_MIN: u64 = 1_000;
/// Pages of one block of a log's directory.
pub(crate) const LOG_BLOCK_PAGES: usize = 256;
/// Largest content of one entry of a log.
pub const LOG_ENTRY_BYTES_MAX: usize = 16 << 20;
/// Messages looked at in one receive before it lets others run.
pub(crate) const EXPIRE_PER_PLAN_MAX: usize = 4_096;

/// Pages of one queue that a restart reads to know its tenants.
pub(crate) const TENANT_PAGES_MAX: usize = (IN_FLIGHT_PER_QUEUE_MAX / PAGE_ENTRIES) as usize + 1;
/// A page is read ahead of its earliest deadline by one part in so many of `Budgets::far_ms`.
pub(crate) const READ_AHEAD_FRACTION: u64 = 12;
/// Pages with deadlines that one shard reads at a time, so that what it reads soon is bounded.
pub(crate) const READ_AHEAD_PAGES: usize = 4;

/// How long work is left alone that found no room on the disk or waits for a page, in milliseconds.
pub(crate) const RETRY_MS: u64 = 20;

/// Long polls that end with nothing do so at multiples of this, in milliseconds, so that thousands of them cost one
/// wake for many instead of one each.
pub(crate) const POLL_END_STEP_MS: u64 = 20;

// A publication's record: 52 bytes for a queue, 16 for a body and 8 for each segment that a large one lies in.
const _: () = assert!(
    TARGETS_PER_PUBLICATION_MAX * 52 + BODIES_PER_PUBLICATION_MAX * 64 + 128
        <= waystation_storage::limits::META_BYTES_MAX
);
const _: () = assert!(PAGE_ENTRIES * (PUBLISHED_BODY_BYTES_MAX as u64 * 3 / 2) < 1 << 32);

/// Bounds of one node that its configuration may change.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Memory for index pages, in bytes; past it clean cold pages leave memory.
    pub page_bytes_max: u64,
    /// A deadline farther away than this does not keep its page in memory, in milliseconds.
    pub far_ms: u64,
    /// Messages in flight or delayed, over all queues.
    pub waiting_messages_max: u64,
    /// Remembered deduplication ids, over all queues, in memory or not.
    pub deduplication_entries_max: u64,
    /// Memory for deduplication ids, in bytes; past it spilled ones leave memory. Filters of spilled ids stay: 2.5
    /// bytes for each.
    pub deduplication_bytes_max: u64,
    /// Deduplication ids of one queue that spill together.
    pub deduplication_bucket_entries_max: u32,
    /// Messages that receives with an attempt id got within five minutes, over all queues; about 150 bytes each.
    pub attempt_messages_max: u64,
    /// Parked receives, over all queues.
    pub parked_receives_max: u64,
    /// Effects waiting in outboxes, in bytes; at the limit nothing produces them.
    pub outbox_bytes_max: u64,
    /// Those of them that are in memory, in bytes; past it they leave with the next checkpoint.
    pub outbox_memory_bytes_max: u64,
    /// Effects that are offered, stored and read at once, 1 to 256.
    pub outbox_chunk_effects: usize,
    /// Entries of one page of a log, 1 to 1,024.
    pub log_page_entries: usize,
    /// Pages of one block of a log's directory.
    pub log_block_pages: usize,
    /// A pack smaller than this is not packed again for its room: it gives little back.
    pub pack_again_bytes_min: u64,
    /// So many small packs that expire at about the same time become one, 2 or more.
    pub small_packs_max: usize,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            page_bytes_max: 384 << 20,
            far_ms: 60_000,
            waiting_messages_max: 20_000_000,
            deduplication_entries_max: 32_000_000,
            deduplication_bytes_max: 128 << 20,
            deduplication_bucket_entries_max: 262_144,
            attempt_messages_max: 1_000_000,
            parked_receives_max: 100_000,
            outbox_bytes_max: 1 << 30,
            outbox_memory_bytes_max: 32 << 20,
            outbox_chunk_effects: EFFECTS_PER_PULL_MAX,
            log_page_entries: LOG_PAGE_ENTRIES,
            log_block_pages: LOG_BLOCK_PAGES,
            pack_again_bytes_min: 256 << 10,
            small_packs_max: 8,
        }
    }
}
