//! Every limit of the service in one place: those that AWS documents and those that keep this implementation bounded.

use std::ops::RangeInclusive;
use std::time::Duration;

/// SNS-027: characters of a topic's name.
pub(crate) const TOPIC_NAME_LENGTH_MAX: usize = 256;
/// SNS-040, SNS-118: items of a page.
pub(crate) const LIST_PAGE: usize = 100;
/// Table 5.1: characters of a display name.
pub(crate) const DISPLAY_NAME_LENGTH_MAX: usize = 100;
/// Table 5.1: bytes of a message that a topic may allow.
pub(crate) const MESSAGE_BYTES: RangeInclusive<usize> = 1_024..=1_048_576;
/// SNS-132: bytes of a message unless the topic says otherwise; beyond it SNS-051 applies.
pub(crate) const MESSAGE_BYTES_DEFAULT: usize = 262_144;
/// SNS-051: subscriptions of a topic with large messages.
pub(crate) const LARGE_MESSAGE_SUBSCRIPTIONS_MAX: usize = 100;
/// SNS-374: subscriptions of a FIFO topic.
pub(crate) const FIFO_SUBSCRIPTIONS_MAX: usize = 100;
/// Subscriptions of a standard topic. AWS's 12,500,000 would not fit into memory here.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 200_000;
/// SNS-273 allows 200 filter policies by default and more on request; here the request is granted.
pub(crate) const FILTER_POLICIES_MAX: usize = 100_000;
/// SNS-273, where AWS's limits are applied.
pub(crate) const FILTER_POLICIES_MAX_AWS: usize = 200;
/// SNS-489: standard and FIFO topics of an account and region, where AWS's limits are applied.
pub(crate) const TOPICS_MAX_AWS: usize = 100_000;
/// SNS-374
pub(crate) const FIFO_TOPICS_MAX_AWS: usize = 1_000;
/// SNS-376: for how many days a topic may keep its messages.
pub(crate) const ARCHIVE_DAYS: RangeInclusive<u64> = 1..=365;
/// A day in milliseconds.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// SNS-379: how long a told `BeginningArchiveTime` may be used as a starting point, in milliseconds.
pub(crate) const BEGINNING_TOLD_MS: u64 = 60_000;
/// SNS-391: replays of an account and region at the same time.
pub(crate) const REPLAYS_MAX: usize = 100;
/// SNS-413: bytes and statements of a topic policy.
pub(crate) const POLICY_BYTES_MAX: usize = 30_720;
/// SNS-413
pub(crate) const POLICY_STATEMENTS_MAX: usize = 100;
/// SNS-480: characters of a data protection policy.
pub(crate) const DATA_PROTECTION_LENGTH_MAX: usize = 30_720;
/// Bytes of an attribute that has no documented limit: keys, roles, delivery and redrive policies.
pub(crate) const ATTRIBUTE_BYTES_MAX: usize = 8_192;
/// Bytes of an endpoint.
pub(crate) const ENDPOINT_BYTES_MAX: usize = 2_048;

/// SNS-134: characters of a subject, all but one.
pub(crate) const SUBJECT_LENGTH_MAX: usize = 99;
/// SNS-144: characters of the name of a message attribute.
pub(crate) const MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX: usize = 256;
/// SNS-174: entries of a batch.
pub(crate) const BATCH_ENTRIES_MAX: usize = 10;
/// SNS-179: characters of an entry's id.
pub(crate) const BATCH_ENTRY_ID_LENGTH_MAX: usize = 80;

/// SNS-440: characters of the name of a platform application.
pub(crate) const APPLICATION_NAME_LENGTH_MAX: usize = 256;
/// SNS-450: bytes of an endpoint's user data.
pub(crate) const USER_DATA_BYTES_MAX: usize = 2_048;

/// SNS-467: characters of an SMS, over all its parts.
pub(crate) const SMS_LENGTH_MAX: usize = 1_600;
/// SNS-478: characters of the display name before an SMS.
pub(crate) const SMS_NAME_LENGTH_MAX: usize = 10;
/// SNS-474: how long a number cannot be opted in again, in milliseconds.
pub(crate) const OPT_IN_MS: u64 = 2_592_000_000;
/// Numbers that an account may have in the SMS sandbox.
pub(crate) const SANDBOX_NUMBERS_MAX: usize = 10;

/// Topics with figures of their own in a survey; the others are summed up.
pub(crate) const SURVEYED_TOPICS_MAX: usize = 1_000;

/// SNS-394, SNS-395
pub(crate) const TAGS_MAX: usize = 50;
/// SNS-395: characters of a key.
pub(crate) const TAG_KEY_LENGTH_MAX: usize = 128;
/// SNS-395: characters of a value.
pub(crate) const TAG_VALUE_LENGTH_MAX: usize = 256;

/// SNS-334: seconds that the retries of an HTTP policy may take, and the longest single delay.
pub(crate) const RETRY_SECONDS_MAX: u64 = 3_600;
/// Table 25.2: retries of an HTTP policy.
pub(crate) const RETRIES_MAX: u64 = 100;

/// SNS-094: how long a confirmation can be given, in milliseconds.
pub(crate) const CONFIRMATION_MS: u64 = 172_800_000;
/// How long a message waits in the queue of a subscription at most, in milliseconds: longer than any policy takes (table 25.1).
pub(crate) const WAITING_MS_MAX: u64 = 30 * 86_400_000;
/// Attempts that a queue counts.
pub(crate) const ATTEMPTS_COUNTED_MAX: u32 = u16::MAX as u32;
/// SNS-327: a delay grows by up to one part in so many.
pub(crate) const JITTER_FRACTION: u64 = 10;
/// SNS-335: over how long a throttled subscription may be ahead of its average.
pub(crate) const THROTTLE_BURST: Duration = Duration::from_millis(20);
/// Attempts of one subscription at a time.
pub(crate) const POSTS_AT_ONCE: usize = 10;
/// How long an attempt may take until its message is due again, in milliseconds.
pub(crate) const ATTEMPT_MS_MAX: u64 = 30_000;
/// How long one receive waits for a message that is due, in milliseconds.
pub(crate) const POLL_MS: u64 = 20_000;
/// The pause after a receive that found nothing, in milliseconds.
pub(crate) const PAUSE_MS: u64 = 20;
/// The longest pause of a worker whose queue refuses receives, in milliseconds; it begins with `PAUSE_MS` and doubles.
pub(crate) const REFUSED_PAUSE_MS_MAX: u64 = 1_000;

/// How long captured messages are kept, in milliseconds: as long as an SQS message by default, and longer than a
/// confirmation can be given.
pub(crate) const CAPTURED_MS: u64 = 345_600_000;
/// Captured messages of one answer.
pub(crate) const CAPTURED_SHOWN_MAX: usize = 10_000;
/// Bytes of the captured messages of one answer; the last message may pass it.
pub(crate) const CAPTURED_SHOWN_BYTES_MAX: u64 = 32 << 20;

/// Subscriptions removed with their topic in one write; further ones follow in writes of their own.
pub(crate) const REMOVED_PER_WRITE_MAX: usize = 256;
/// SNS-363: how long a FIFO topic knows a message, in milliseconds; its own queue keeps them as long.
pub(crate) const DEDUPLICATION_MS: u64 = 300_000;
/// Bytes of messages that one record of a publish takes; the last message may pass it.
pub(crate) const PUBLISHED_BYTES_AT_ONCE: usize = 8 << 20;
/// Publishes of a FIFO topic that may run at the same time, when their groups and deduplication ids differ.
pub(crate) const TURNS_PER_TOPIC: u64 = 256;

/// Archived messages that a replay passes on at once.
pub(crate) const REPLAYED_AT_ONCE: usize = waystation_engine::BODIES_PER_PUBLICATION_MAX;
/// Their bytes; the last message may pass it.
pub(crate) const REPLAYED_BYTES_AT_ONCE: u64 = 1 << 20;
/// Replays that hold messages in memory at the same time; others wait for their turn.
pub(crate) const REPLAY_SLICES_AT_ONCE: usize = 4;
/// Bytes of deliveries that wait in the engine beyond which replays pause, far below what makes publishers wait.
pub(crate) const REPLAY_WAITING_BYTES_MAX: u64 = 64 << 20;
/// Deduplication ids that the engine remembers beyond which replays pause, for the same reason.
pub(crate) const REPLAY_REMEMBERED_MAX: u64 = 8_000_000;
/// How much later than its timestamp a message may enter the archive, in milliseconds: as long as a record takes.
pub(crate) const ARCHIVED_LATE_MS: u64 = 1_000;

const _: () = assert!(CAPTURED_MS > CONFIRMATION_MS);
const _: () = assert!(waystation_delivery::limits::POST_SECONDS_MAX * 1_000 < ATTEMPT_MS_MAX);
