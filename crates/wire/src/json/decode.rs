//! JSON decoding: a document into a structure, by its table. What is done with its parts stands in `document.rs`.

use super::tokens::JsonTokens;
use crate::error::ApiError;
use crate::model::Serialization;
use crate::validation::Violations;
use crate::{Str, Structure, document};
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// Padding may be left out, as by some clients.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes a body into `root`. Absent required members are reported among the violations.
pub fn document(
    body: &Bytes,
    serialization: Serialization,
    root: &mut dyn Structure,
) -> Result<Violations, ApiError> {
    let whole = text(body).map_err(|refused| refused.into_error(serialization))?;
    let tokens = JsonTokens::new(&whole);
    document::decode(tokens, body.len(), serialization, root)
        .map_err(|refused| document::refusal(refused, serialization, JsonTokens::new(&whole)))
}

/// Whether a body is a document at all, and a structure.
pub(crate) fn is_readable(body: &Bytes) -> Result<(), document::Refused> {
    document::is_readable(JsonTokens::new(&text(body)?))
}

fn text(body: &Bytes) -> Result<Str, document::Refused> {
    Str::from_utf8(body.clone())
        .map_err(|_| document::Refused::syntax("The document is not valid UTF-8."))
}
