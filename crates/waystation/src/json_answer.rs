//! Answers of the server's own endpoints.

use bytes::Bytes;
use http::{HeaderValue, header};
use waystation_wire::Response;

/// A JSON document with a status.
pub(crate) fn reply(status: u16, body: &serde_json::Value) -> Response {
    Response {
        status,
        headers: vec![(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        body: Bytes::from(body.to_string()),
    }
}
