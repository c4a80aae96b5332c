//! A document in the encoding of the request, in a body or inside a frame (KIN-002, KIN-199).

use crate::model::Protocol;
use crate::{Structure, cbor, json};

/// Appends a structure.
pub(super) fn structure(out: &mut Vec<u8>, protocol: Protocol, said: &dyn Structure) {
    match protocol.cbor_time() {
        Some(time) => cbor::encode::structure(out, time, said),
        None => json::encode::structure(out, said),
    }
}

/// Appends a document of texts, such as an error.
pub(super) fn texts(out: &mut Vec<u8>, protocol: Protocol, pairs: &[(&str, &str)]) {
    match protocol.cbor_time() {
        Some(_) => cbor::encode::texts(out, pairs),
        None => json::encode::texts(out, pairs),
    }
}
