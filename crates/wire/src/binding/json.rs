//! awsJson1.0 and awsJson1.1: `X-Amz-Target` names the operation, the body is a JSON document (SQS-011 to SQS-029).

use super::{Call, QUERY_ERROR, TARGET, header, respond};
use crate::error::{ApiError, ErrorKind, Origin};
use crate::model::{Model, OperationModel, Protocol};
use crate::request::{Request, Response};
use crate::{Str, Structure, errors, json};
use http::HeaderValue;

/// Namespace of errors that belong to no service (SQS-027).
const FRAMEWORK: &str = "com.amazon.coral.service";

/// The operation after the target prefix.
pub(super) fn operation(
    request: &Request,
    model: &'static Model,
) -> Result<&'static OperationModel, ApiError> {
    header(request, &TARGET)
        .strip_prefix(model.target_prefix)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|name| model.operation(name))
        .ok_or_else(|| errors::UNKNOWN_OPERATION.with(""))
}

/// A success; `{}` when there is nothing to say (SQS-014).
pub(super) fn encode(call: Call, output: &dyn Structure, request_id: &Str) -> Response {
    let mut body = Vec::with_capacity(256);
    json::encode::structure(&mut body, output);
    respond(200, call.protocol.content_type(), request_id, body)
}

/// A failure with `__type`, `message` and, where the service once spoke query, its code in a header (SQS-025 to SQS-029).
pub(super) fn encode_error(
    model: &Model,
    protocol: Protocol,
    error: &ApiError,
    request_id: &Str,
) -> Response {
    let mut body = Vec::with_capacity(128 + error.message.len());
    body.extend_from_slice(b"{\"__type\":");
    json::encode::text(&mut body, &type_name(model, error.kind));
    if !error.message.is_empty() {
        body.extend_from_slice(b",\"message\":");
        json::encode::text(&mut body, &error.message);
    }
    for (name, value) in &error.fields {
        body.push(b',');
        json::encode::text(&mut body, name);
        body.push(b':');
        json::encode::text(&mut body, value);
    }
    body.push(b'}');
    let mut response = respond(error.kind.status, protocol.content_type(), request_id, body);
    if model.query_compatible {
        let code = format!("{};{}", error.kind.query_code, error.kind.fault.as_str());
        if let Ok(code) = HeaderValue::from_str(&code) {
            response.headers.push((QUERY_ERROR.clone(), code));
        }
    }
    response
}

/// awsJson1.1 services name their own errors without a namespace (IDN-058).
fn type_name(model: &Model, kind: &ErrorKind) -> String {
    let namespace = match kind.origin {
        Origin::Service => model.error_namespace,
        Origin::Framework => Some(FRAMEWORK),
    };
    match namespace {
        Some(namespace) => format!("{namespace}#{}", kind.shape),
        None => kind.shape.to_owned(),
    }
}
