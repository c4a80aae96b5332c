//! What AWS's own framework in front of some services, Kinesis among them, refuses before it looks for an operation: methods,
//! empty bodies and content types, each with an answer of its own (KIN-020, KIN-021).

use super::{Call, header, named, payload, respond, rpc};
use crate::model::{Gate, Model, Protocol};
use crate::request::{Request, Response};
use crate::{ApiError, json};
use http::Method;
use http::header::CONTENT_TYPE;

const XML: &str = Protocol::AwsQuery.content_type();
const PLAIN_JSON: &str = "application/json";
const NOTHING_NAMED: &[u8] =
    b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
    authorized</Message>\n</AccessDeniedException>\n";
const NO_OPERATION: &[u8] = b"<UnknownOperationException/>\n";

/// The refusal of a request that comes no further, if its service has such a gate.
pub fn refused(request: &Request, model: &'static Model) -> Option<Response> {
    if model.dialect.gate == Gate::Open {
        return None;
    }
    let answer = |status: u16, content_type, body: Vec<u8>| {
        Some(respond(status, content_type, &request.request_id, body))
    };
    if request.method != Method::POST {
        return answer(403, XML, NOTHING_NAMED.to_vec());
    }
    let protocol = named(request).filter(|protocol| model.speaks(*protocol));
    if request.body.is_empty() {
        let kind = match rpc::operation(request, model) {
            Ok(_) => "SerializationException",
            Err(_) => "UnknownOperationException",
        };
        let protocol = protocol.unwrap_or(Protocol::AwsCbor11);
        let mut body = Vec::new();
        payload::texts(&mut body, protocol, &[("__type", kind)]);
        return answer(400, protocol.content_type(), body);
    }
    if protocol.is_some() {
        return None;
    }
    if media_type(request).eq_ignore_ascii_case(PLAIN_JSON) {
        let (status, kind) = match json::decode::is_readable(&request.body) {
            Ok(()) => (404, "UnknownOperationException"),
            Err(_) => (400, "SerializationException"),
        };
        let body = format!(
            "{{\"Output\":{{\"__type\":\"com.amazon.coral.service#{kind}\"}},\"Version\":\"1.0\"}}"
        );
        return answer(status, PLAIN_JSON, body.into_bytes());
    }
    match rpc::target(request) {
        Some(_) => answer(404, XML, NO_OPERATION.to_vec()),
        None => answer(403, XML, NOTHING_NAMED.to_vec()),
    }
}

/// What a request whose sender is refused is told instead: a document that cannot be read goes first (KIN-020).
pub fn unreadable(request: &Request, model: &'static Model, call: Call) -> Option<ApiError> {
    if model.dialect.gate == Gate::Open {
        return None;
    }
    let unreadable = rpc::is_readable(request, call).err()?;
    Some(unreadable.into_error(model.dialect.serialization))
}

/// The content type without its parameters.
pub(super) fn media_type(request: &Request) -> &str {
    let whole = header(request, &CONTENT_TYPE);
    whole.split(';').next().unwrap_or_default().trim()
}
