//! CBOR decoding: a document into a structure, by its table. What is done with its parts stands in `document.rs`.

use super::Time;
use super::tokens::CborTokens;
use crate::error::ApiError;
use crate::model::Serialization;
use crate::validation::Violations;
use crate::{Structure, document};
use bytes::Bytes;

/// Decodes a body into `root`. Absent required members are reported among the violations.
pub fn document(
    body: &Bytes,
    time: Time,
    serialization: Serialization,
    root: &mut dyn Structure,
) -> Result<Violations, ApiError> {
    let tokens = || CborTokens::new(body, time);
    document::decode(tokens(), body.len(), serialization, root)
        .map_err(|refused| document::refusal(refused, serialization, tokens()))
}

/// Whether a body is a document at all, and a structure.
pub(crate) fn is_readable(body: &Bytes) -> Result<(), document::Refused> {
    document::is_readable(CborTokens::new(body, Time::Seconds))
}
