//! CBOR (RFC 8949), written against shape tables: tokens, decoding into structures, encoding of structures.
//!
//! AWS speaks two dialects of it, which differ in what a time is: seconds, as the RFC has it, or milliseconds in the older
//! binding of Kinesis (KIN-014). The tokens are ours because they have the form that the decoder of JSON asks for too, so that
//! presence, limits, budgets and words exist once; a crate's would have to be translated into it, which is as long.

pub mod decode;
pub mod encode;
mod tokens;

/// What a number with tag 1 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Seconds since the epoch, also with fractions.
    Seconds,
    /// Milliseconds when it is an integer, seconds when it is not (KIN-014 to KIN-016).
    Milliseconds,
}

/// The upper three bits of a value's first byte.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
}

/// Values of the major type 7, as whole bytes.
mod simple {
    pub(super) const FALSE: u8 = 0xf4;
    pub(super) const TRUE: u8 = 0xf5;
    pub(super) const NULL: u8 = 0xf6;
    pub(super) const UNDEFINED: u8 = 0xf7;
    pub(super) const HALF: u8 = 0xf9;
    pub(super) const SINGLE: u8 = 0xfa;
    pub(super) const DOUBLE: u8 = 0xfb;
    /// The end of something of indefinite length.
    pub(super) const BREAK: u8 = 0xff;
}

/// The lower five bits of a first byte whose length is open.
const INDEFINITE: u8 = 31;
/// The tag of a time that is a number.
const EPOCH_TAG: u64 = 1;
