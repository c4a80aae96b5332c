//! JSON, written against shape tables: tokens, decoding into structures, encoding of structures.

pub mod decode;
pub mod encode;
mod tokens;
