//! Every limit of the service in one place: those that AWS documents (section 12 of the reference) and those that keep this
//! implementation bounded.

use std::ops::RangeInclusive;

/// Which of the limits that exist only to protect a shared service are enforced.
///
/// Limits of shape (sizes, ranges, counts) always apply, because a program that breaks them fails on AWS too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Limits {
    /// Nobody has to wait: the default, made for tests and laptops.
    #[default]
    None,
    /// Rates of shards and of control operations (section 12), uses per 24 hours, and how much may be in creation at once.
    Aws,
}

/// How long a stream, a consumer or a queue shows a status of transition, in milliseconds of engine time. AWS takes seconds
/// to minutes; long enough to be seen, short enough that nobody waits for it.
pub(crate) const TRANSITION_MS: u64 = 300;

/// Shards of one stream (KIN-155); AWS's quota of open shards is below.
pub(crate) const SHARDS_PER_STREAM_MAX: u32 = 10_000;
/// Section 12: open shards of provisioned streams, by region.
pub(crate) const SHARD_LIMIT_TABLE: [(&[&str], u32); 1] =
    [(&["us-east-1", "us-west-2", "eu-west-1"], 20_000)];
/// Section 12: the same in every other region.
pub(crate) const SHARD_LIMIT_ELSEWHERE: u32 = 6_000;
/// KIN-068, section 12: on-demand streams of an account and region.
pub(crate) const ON_DEMAND_STREAMS_MAX: usize = 50;
/// KIN-068: channels, of which there are none yet.
pub(crate) const CHANNELS_MAX: i32 = 50;
/// KIN-046: shards of a new on-demand stream.
pub(crate) const ON_DEMAND_SHARDS: u32 = 4;
/// KIN-048: streams that may be in creation at once, under [`Limits::Aws`].
pub(crate) const STREAMS_CREATING_MAX: usize = 5;
/// Shards that one catalog write creates or removes: a record holds so many rows and effects.
pub(crate) const SHARDS_PER_WRITE: usize = 128;

/// KIN-159, KIN-160: hours of retention.
pub(crate) const RETENTION_HOURS: RangeInclusive<u32> = 24..=8_760;
/// KIN-052: KiB of a record that a stream may allow.
pub(crate) const RECORD_KIB: RangeInclusive<i32> = 1_024..=10_240;
/// KIN-080: bytes of all records of one `PutRecords`, partition keys included.
pub(crate) const PUT_RECORDS_BYTES_MAX: usize = 10 << 20;
/// KIN-155: uses of `UpdateShardCount` within 24 hours, under [`Limits::Aws`].
pub(crate) const SCALINGS_PER_DAY_MAX: usize = 10;
/// KIN-157: uses of `UpdateStreamMode` within 24 hours, under [`Limits::Aws`].
pub(crate) const MODE_CHANGES_PER_DAY_MAX: usize = 2;
/// KIN-218: uses of each of start and stop of encryption within 24 hours, under [`Limits::Aws`].
pub(crate) const ENCRYPTION_CHANGES_PER_DAY_MAX: usize = 25;
/// Length of those 24 hours.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// Uses within a day that a stream's row remembers.
pub(crate) const USES_REMEMBERED_MAX: usize = 128;
/// KIN-229: MiB per second of warm throughput.
pub(crate) const WARM_THROUGHPUT_MIBPS_MAX: i32 = 10_240;

/// KIN-055: shards of one answer of `DescribeStream`.
pub(crate) const DESCRIBED_SHARDS_MAX: usize = 100;
/// KIN-061: streams of one answer of `ListStreams`.
pub(crate) const LISTED_STREAMS_MAX: usize = 100;
/// KIN-131: shards of one answer of `ListShards`.
pub(crate) const LISTED_SHARDS_MAX: usize = 1_000;
/// KIN-172: consumers of one answer of `ListStreamConsumers`; queues of one answer of `ListQueues`.
pub(crate) const LISTED_CONSUMERS_MAX: usize = 100;
/// KIN-110, KIN-133: how long iterators and list tokens are good, in milliseconds.
pub(crate) const TOKEN_MS: u64 = 300_000;
/// Characters of a list token; the longest one that the service makes is shorter.
pub(crate) const TOKEN_LENGTH_MAX: usize = 1_024;
/// KIN-095: characters of a shard iterator.
pub(crate) const ITERATOR_LENGTH_MAX: usize = 512;

/// KIN-114: records of one answer of `GetRecords`.
pub(crate) const READ_RECORDS_MAX: usize = 10_000;
/// KIN-114: bytes of data of one answer of `GetRecords`.
pub(crate) const READ_BYTES_MAX: u64 = 10 << 20;

/// KIN-169: consumers and queues of a stream.
pub(crate) const CONSUMERS_PER_STREAM_MAX: usize = 20;
/// KIN-169: the same in an account with the commitment of section 13.
pub(crate) const CONSUMERS_PER_STREAM_COMMITTED_MAX: usize = 50;
/// KIN-169: consumers of a stream that may be in creation at once, under [`Limits::Aws`].
pub(crate) const CONSUMERS_CREATING_MAX: usize = 5;

/// KIN-204: tags of a resource.
pub(crate) const TAGS_MAX: usize = 50;
/// Bytes of a resource policy. AWS documents 20 KB.
pub(crate) const POLICY_BYTES_MAX: usize = 20_480;

/// How long the commitment of section 13 lasts at least, in milliseconds: 24 hours.
pub(crate) const COMMITMENT_MS: u64 = 86_400_000;

/// Pause of a runner that found the disk full or a budget used up, and of one that waits for engine time.
pub(crate) const RUNNER_PAUSE_MS: u64 = 50;
/// How often closed shards are looked through for expired ones.
pub(crate) const SWEEP_MS: u64 = 10_000;
/// Rows removed in one write of a reset.
pub(crate) const RESET_ROWS_PER_WRITE: usize = 128;
/// Streams with metrics of their own, and shards of one stream.
pub(crate) const STREAMS_WITH_FIGURES_MAX: usize = 1_000;
pub(crate) const SHARDS_WITH_FIGURES_MAX: usize = 1_000;
/// How long the engine keeps what a queue delivers, in milliseconds: longer than any stream keeps its records.
pub(crate) const QUEUE_RETENTION_MS: u64 = 400 * 86_400_000;

/// KIN-185: how long a subscription lasts, in milliseconds.
pub(crate) const SUBSCRIPTION_MS: u64 = 300_000;
/// KIN-180: how long a subscription is silent, in milliseconds.
pub(crate) const SUBSCRIPTION_IDLE_MS: u64 = 5_000;
/// KIN-186: how long a subscription cannot be taken over, in milliseconds.
pub(crate) const SUBSCRIPTION_EXCLUSIVE_MS: u64 = 5_000;
/// Subscriptions remembered before old ones are looked through.
pub(crate) const SUBSCRIPTIONS_KEPT: usize = 10_000;
/// Records and bytes of one event; a record that is larger comes alone.
pub(crate) const EVENT_RECORDS_MAX: usize = 1_000;
pub(crate) const EVENT_BYTES_MAX: u64 = 1 << 20;
/// KIN-189: under [`Limits::Aws`].
pub(crate) const FAN_OUT_BYTES_PER_SECOND: u64 = 2 << 20;

/// KIN-237: seconds of visibility timeout, and receives before a record becomes a dead letter, unless a queue says otherwise.
pub(crate) const QUEUE_VISIBILITY_S: u32 = 30;
pub(crate) const QUEUE_RECEIVES_MAX: u16 = 6;
/// KIN-238: records and seconds of a receive that says nothing.
pub(crate) const RECEIVED_RECORDS: u64 = 10;
pub(crate) const RECEIVE_WAIT_S: u64 = 9;
/// How often a waiting receive of dead letters looks for new ones.
pub(crate) const DEAD_LETTER_LOOK_MS: u64 = 500;
/// How long a dead letter is held while its record is sent anew.
pub(crate) const RESTORE_HOLD_MS: u64 = 30_000;
/// Records and bytes that a queue takes in from a shard at a time.
pub(crate) const FED_RECORDS: usize = 500;
pub(crate) const FED_BYTES: u64 = 8 << 20;
/// Visible records beyond which a queue takes in no more.
pub(crate) const FED_AHEAD: u64 = 10_000;
/// How long a queue waits at the end of a shard before it looks whether it is still there.
pub(crate) const FEED_WAIT_MS: u64 = 30_000;

/// KIN-225: how long an on-demand stream refuses records before it grows, and the pause that ends the count, in
/// milliseconds. AWS documents neither.
pub(crate) const LOAD_LASTING_MS: u64 = 2_000;
pub(crate) const LOAD_PAUSE_MS: u64 = 1_000;
/// Section 12: 200 MiB a second.
pub(crate) const ON_DEMAND_SHARDS_MAX: u32 = 200;
