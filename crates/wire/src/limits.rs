//! Every limit of this crate. They bound what one request can cost before a service has seen it.

/// Nesting of a document; DynamoDB's 32 levels take two each.
pub const DEPTH_MAX: usize = 128;

/// Memory that a decoded request may take besides the text it shares with the body: a fixed part ...
pub const DECODED_BYTES_BASE: usize = 4 << 20;

/// ... and this many times the body, since a three-byte element can become a structure of some hundred bytes.
pub const DECODED_BYTES_PER_BODY_BYTE: usize = 32;

/// Name-value pairs of a form.
pub const FORM_PAIRS_MAX: usize = 100_000;

/// A compiled regular expression of a model.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Violations listed in one answer (KIN-026).
pub const VIOLATIONS_MAX: usize = 10;

/// Absent members that are remembered, so that their defaults violate nothing.
pub const ABSENT_MEMBERS_MAX: usize = 100;

/// Elements of a refused list or map that an answer repeats.
pub const ECHOED_ELEMENTS_MAX: usize = 100;

/// Characters of a refused value that an answer repeats.
pub const ECHOED_CHARACTERS_MAX: usize = 1_024;

/// Members of a structure; the generator refuses larger ones.
pub const MEMBERS_MAX: usize = 256;
