//! What stands inside a frame: a document in the encoding of the request (KIN-199).

use crate::error::ApiError;
use crate::model::Protocol;
use crate::{Structure, json};

/// Appends a structure.
pub(super) fn structure(out: &mut Vec<u8>, _protocol: Protocol, said: &dyn Structure) {
    json::encode::structure(out, said);
}

/// Appends the text of an error; its name stands in a header.
pub(super) fn message(out: &mut Vec<u8>, _protocol: Protocol, error: &ApiError) {
    out.extend_from_slice(b"{\"message\":");
    json::encode::text(out, &error.message);
    out.push(b'}');
}
