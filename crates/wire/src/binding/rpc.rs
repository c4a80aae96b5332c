//! The bindings whose bodies are documents: awsJson1.0, awsJson1.1 and Kinesis' CBOR, where `X-Amz-Target` names the operation
//! (SQS-011 to SQS-029, KIN-001 to KIN-017), and rpcv2Cbor, where the path does.

use super::{Call, QUERY_ERROR, SMITHY_PROTOCOL, TARGET, header, payload, respond};
use crate::error::{ApiError, ErrorKind, Origin};
use crate::model::{EmptyAnswer, Model, OperationModel, Protocol};
use crate::request::{Request, Response};
use crate::validation::Violations;
use crate::{Str, Structure, cbor, document, errors, json};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// Namespace of errors that belong to no service (SQS-027).
const FRAMEWORK: &str = "com.amazon.coral.service";

/// Service and operation as the request names them.
pub(super) fn target(request: &Request) -> Option<(&str, &str)> {
    match header(request, &TARGET) {
        "" => {
            let (_, path) = request.path.rsplit_once("/service/")?;
            path.split_once("/operation/")
        }
        target => target.rsplit_once('.'),
    }
}

/// The operation after the target prefix, or in the path.
pub(super) fn operation(
    request: &Request,
    model: &'static Model,
) -> Result<&'static OperationModel, ApiError> {
    target(request)
        .filter(|(service, _)| *service == model.target_prefix)
        .and_then(|(_, name)| model.operation(name))
        .ok_or_else(|| errors::UNKNOWN_OPERATION.with(""))
}

/// The input in the body.
pub(super) fn decode(
    request: &Request,
    call: Call,
    model: &Model,
    input: &mut dyn Structure,
) -> Result<Violations, ApiError> {
    let serialization = model.dialect.serialization;
    match call.protocol.cbor_time() {
        Some(time) => cbor::decode::document(&request.body, time, serialization, input),
        None => json::decode::document(&request.body, serialization, input),
    }
}

/// Whether the body is a document at all.
pub(super) fn is_readable(request: &Request, call: Call) -> Result<(), document::Refused> {
    match call.protocol.cbor_time() {
        Some(_) => cbor::decode::is_readable(&request.body),
        None => json::decode::is_readable(&request.body),
    }
}

/// A success. Where the model has no output most services say `{}` (SQS-014), and others nothing (KIN-004).
pub(super) fn encode(
    model: &Model,
    call: Call,
    output: &dyn Structure,
    request_id: &Str,
) -> Response {
    let nothing =
        call.protocol == Protocol::RpcV2Cbor || model.dialect.empty_answer == EmptyAnswer::NoBody;
    let mut body = Vec::new();
    let has_document = call.operation.output.is_some() || !nothing;
    if has_document {
        body.reserve(256);
        payload::structure(&mut body, call.protocol, output);
    }
    let mut response = respond(200, call.protocol.content_type(), request_id, body);
    if call.protocol == Protocol::RpcV2Cbor && !has_document {
        response.headers.retain(|(name, _)| *name != CONTENT_TYPE);
    }
    named(call.protocol, response)
}

/// A failure with `__type`, `message` and, where the service once spoke query, its code in a header (SQS-025 to SQS-029).
pub(super) fn encode_error(
    model: &Model,
    protocol: Protocol,
    error: &ApiError,
    request_id: &Str,
) -> Response {
    let kind = type_name(model, error.kind);
    let mut pairs = vec![("__type", kind.as_str())];
    if !error.message.is_empty() {
        pairs.push(("message", &error.message));
    }
    let fields = error.fields.iter();
    pairs.extend(fields.map(|(name, value)| (*name, value.as_str())));
    let mut body = Vec::with_capacity(128 + error.message.len());
    payload::texts(&mut body, protocol, &pairs);
    let mut response = respond(error.kind.status, protocol.content_type(), request_id, body);
    if model.query_compatible {
        let code = format!("{};{}", error.kind.query_code, error.kind.fault.as_str());
        if let Ok(code) = HeaderValue::from_str(&code) {
            response.headers.push((QUERY_ERROR.clone(), code));
        }
    }
    named(protocol, response)
}

/// The answer says which protocol it is in where the protocol wants that.
fn named(protocol: Protocol, mut response: Response) -> Response {
    if protocol == Protocol::RpcV2Cbor {
        let name = HeaderValue::from_static(super::RPC_V2_CBOR);
        response.headers.push((SMITHY_PROTOCOL.clone(), name));
    }
    response
}

/// Services without a namespace name no error with one, those of the framework included (IDN-058, KIN-010).
fn type_name(model: &Model, kind: &ErrorKind) -> String {
    match (model.error_namespace, kind.origin) {
        (None, _) => kind.shape.to_owned(),
        (Some(namespace), Origin::Service) => format!("{namespace}#{}", kind.shape),
        (Some(_), Origin::Framework) => format!("{FRAMEWORK}#{}", kind.shape),
    }
}
