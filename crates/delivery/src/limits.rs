//! Every bound of the crate in one place.

/// Bytes of a sender's id in a stored message; longer ones are cut at a character.
pub const SENDER_ID_BYTES_MAX: usize = 256;
/// SQS-124: message attributes of one message.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Bytes of an X-Ray header (SQS-137). AWS documents no limit; the stored form needs one.
pub const TRACE_HEADER_BYTES_MAX: usize = 1_024;
/// SQS-145, SQS-266: characters of a group id and of a deduplication id.
pub const FIFO_ID_LENGTH_MAX: usize = 128;

/// SNS-244: seconds in which an endpoint has to answer.
pub const POST_SECONDS_MAX: u64 = 15;
/// Bytes of an endpoint's answer that are read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of it that a delivery status shows.
pub const ANSWER_BYTES_SHOWN: usize = 1_024;
/// SNS-061: seconds in which the name of an endpoint has to resolve.
pub const LOOKUP_SECONDS_MAX: u64 = 5;

/// Signatures that are made at a time.
pub const SIGNATURES_AT_ONCE: usize = 2;
/// Signatures that are remembered, about 500 bytes each.
pub const SIGNATURES_KNOWN: usize = 16_384;

/// Rates remembered at once; beyond, new subjects are not counted.
pub const ALLOWANCES_MAX: usize = 10_000;

/// How often a request looks whether a change that it met took effect, and how many milliseconds it waits between two looks
/// unless it is told: 10 seconds in all.
pub const LOOKS_MAX: usize = 500;
/// See [`LOOKS_MAX`].
pub const LOOK_MS: u64 = 20;

/// How often a change of the catalog is tried when other requests are faster.
pub const CATALOG_ATTEMPTS_MAX: usize = 64;
/// Turns of a service for rows of the catalog; some rows share one.
pub const CATALOG_TURNS: usize = 64;

const _: () = assert!(SENDER_ID_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(TRACE_HEADER_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(FIFO_ID_LENGTH_MAX <= u8::MAX as usize);
const _: () = assert!(MESSAGE_ATTRIBUTES_MAX <= u8::MAX as usize);
