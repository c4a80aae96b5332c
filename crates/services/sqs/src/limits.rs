//! Every limit of the service in one place: those that AWS documents (table 28.2 of the reference) and
//! those that keep this implementation bounded.

use std::ops::RangeInclusive;

pub(crate) use waystation_delivery::limits::{MESSAGE_ATTRIBUTES_MAX, TRACE_HEADER_BYTES_MAX};
pub use waystation_delivery::rates::Limits;

/// SQS-059: characters of a queue name, the suffix `.fifo` included.
pub(crate) const QUEUE_NAME_LENGTH_MAX: usize = 80;
/// SQS-084: a longer prefix can match nothing, so it is cut before it becomes a key.
pub(crate) const QUEUE_NAME_PREFIX_LENGTH_MAX: usize = QUEUE_NAME_LENGTH_MAX;

/// SQS-125, SQS-129: characters of the name and of the data type of a message attribute.
pub(crate) const MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX: usize = 256;
/// SQS-134: digits of a number, and the powers of ten between which it lies.
pub(crate) const NUMBER_DIGITS_MAX: usize = 38;
/// SQS-134: exponents of the first digit of a number.
pub(crate) const NUMBER_EXPONENT: RangeInclusive<i64> = -128..=126;
/// Characters of a number as text: all digits, all zeroes before or after them, sign, point and exponent.
pub(crate) const NUMBER_LENGTH_MAX: usize = 256;

/// SQS-161, SQS-163: entries of a batch.
pub(crate) const BATCH_ENTRIES_MAX: usize = 10;
/// SQS-164: characters of an entry's id.
pub(crate) const BATCH_ENTRY_ID_LENGTH_MAX: usize = 80;
/// SQS-167: bytes of all messages of a batch together.
pub(crate) const BATCH_BYTES_MAX: usize = 1_048_576;

/// SQS-139: seconds of a delay.
pub(crate) const DELAY_SECONDS_MAX: i32 = 900;
/// SQS-204, SQS-224: seconds of a visibility timeout.
pub(crate) const VISIBILITY_TIMEOUT_SECONDS_MAX: i32 = 43_200;
/// SQS-210: seconds of a long poll.
pub(crate) const WAIT_TIME_SECONDS_MAX: i32 = 20;
/// SQS-180: messages of one receive.
pub(crate) const RECEIVE_MESSAGES_MAX: i32 = 10;

/// SQS-085, SQS-086: queues of one page of a list.
pub(crate) const LIST_PAGE_MAX: usize = 1_000;

/// Messages of one answer of the peek endpoint, and bytes of their bodies beyond which no further one is added.
pub(crate) const PEEK_MESSAGES_MAX: usize = 10_000;
pub(crate) const PEEK_BYTES_MAX: u64 = 32 << 20;
/// Queues with metrics of their own; the others are summed up.
pub(crate) const SURVEYED_QUEUES_MAX: usize = 1_000;
/// Rows removed in one write of a reset.
pub(crate) const RESET_ROWS_PER_WRITE: usize = 256;

/// SQS-310: receives before a message moves to the dead-letter queue.
pub(crate) const RECEIVES_MAX: RangeInclusive<u64> = 1..=1_000;
/// SQS-334, SQS-340: source queues in a redrive allow policy.
pub(crate) const REDRIVE_ALLOW_ARNS_MAX: usize = 10;
/// Bytes of a redrive policy and of a redrive allow policy; ten ARNs of the greatest length fit.
pub(crate) const REDRIVE_POLICY_BYTES_MAX: usize = 8_192;
/// Source queues whose target is rewritten together with the creation or removal of a dead-letter queue;
/// further ones follow in writes of their own.
pub(crate) const FOLLOWERS_PER_WRITE_MAX: usize = 256;

/// SQS-350: messages per second of a move task.
pub(crate) const MOVE_RATE_MAX: u32 = 500;
/// SQS-352: active move tasks of an account and region.
pub(crate) const MOVE_TASKS_ACTIVE_MAX: usize = 100;
/// SQS-353: how long a move task runs, in milliseconds.
pub(crate) const MOVE_TASK_MS_MAX: u64 = 36 * 3_600_000;
/// SQS-359: tasks of one queue that are remembered and listed.
pub(crate) const MOVE_TASKS_LISTED_MAX: usize = 10;
/// SQS-373: how long a task is listed after its end, in milliseconds. AWS documents no length.
pub(crate) const MOVE_TASK_LISTED_MS: u64 = 7 * 86_400_000;
/// Messages that a move task sends on at once.
pub(crate) const MOVE_SLICE_MESSAGES: usize = 256;
/// Destinations that a move task remembers to exist; it asks again for further ones.
pub(crate) const MOVE_DESTINATIONS_KNOWN_MAX: usize = 64;
/// How long a move task rests after the disk was full, in milliseconds.
pub(crate) const MOVE_RETRY_MS: u64 = 1_000;
/// Characters of a task handle; the longest one that the service makes is shorter.
pub(crate) const TASK_HANDLE_LENGTH_MAX: usize = 1_024;

/// SQS-392: tags of a queue.
pub(crate) const TAGS_MAX: usize = 50;
/// SQS-393: characters of a tag's key.
pub(crate) const TAG_KEY_LENGTH_MAX: usize = 128;
/// SQS-393: characters of a tag's value.
pub(crate) const TAG_VALUE_LENGTH_MAX: usize = 256;

/// SQS-413: bytes of a policy.
pub(crate) const POLICY_BYTES_MAX: usize = 8_192;
/// SQS-410, SQS-413: statements of a policy.
pub(crate) const POLICY_STATEMENTS_MAX: usize = 20;
/// SQS-413: principals of a policy.
pub(crate) const POLICY_PRINCIPALS_MAX: usize = 50;
/// SQS-413: conditions of a policy.
pub(crate) const POLICY_CONDITIONS_MAX: usize = 10;
/// SQS-409: actions of a statement made by `AddPermission`.
pub(crate) const PERMISSION_ACTIONS_MAX: usize = 7;
/// SQS-400: characters of a label.
pub(crate) const PERMISSION_LABEL_LENGTH_MAX: usize = 80;
/// Characters of the id or ARN of a KMS key.
pub(crate) const KMS_KEY_ID_LENGTH_MAX: usize = 2_048;

/// SQS-074, SQS-376: the waiting period after a deletion or a purge, under [`Limits::Aws`].
pub(crate) const WAITING_PERIOD_MS: u64 = 60_000;
/// Waiting periods remembered at once; the oldest is forgotten first.
pub(crate) const WAITING_PERIODS_MAX: usize = 10_000;

/// SQS-441, SQS-444: requests a second of one action on a FIFO queue, and messages a second to one of its groups where
/// it has high throughput.
pub(crate) const FIFO_TRANSACTIONS_PER_SECOND: u64 = 300;
/// Table 28.1: requests a second of one action on all queues with high throughput of a region.
pub(crate) const HIGH_THROUGHPUT_TABLE: [(&[&str], u64); 4] = [
    (&["us-east-1", "us-west-2", "eu-west-1"], 70_000),
    (&["us-east-2", "eu-central-1"], 19_000),
    (
        &[
            "ap-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-northeast-1",
        ],
        9_000,
    ),
    (&["eu-west-2", "sa-east-1"], 4_500),
];
/// Table 28.1: the same in every other region.
pub(crate) const HIGH_THROUGHPUT_ELSEWHERE: u64 = 2_400;

/// SQS-110, SQS-275: how long sends are judged by the former scope after a change of `DeduplicationScope`.
pub(crate) const DEDUPLICATION_SCOPE_CHANGE_MS: u64 = 60_000;

const _: () = assert!(BATCH_BYTES_MAX <= u32::MAX as usize);
