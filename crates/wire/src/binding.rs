//! The bindings: from an HTTP request to an operation and its typed input, and from its result back to HTTP.
//!
//! The front door calls, in this order, [`refused`], [`protocol`], [`detect`], its own authentication and [`run`]; errors on
//! the way go through [`encode_error`]. [`dispatch`] is all of it without authentication.

mod frames;
mod gate;
mod payload;
mod query;
mod rpc;

pub use frames::Frames;
pub use gate::{refused, unreadable};

use crate::caller::Caller;
use crate::error::ApiError;
use crate::model::{Model, OperationModel, Protocol};
use crate::request::{Request, Response};
use crate::service::{Answer, Input, Output, Service};
use crate::{Str, errors};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;

/// Header with the name of the operation in the JSON protocols. Names are statics: making one costs more than looking it up.
static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The value of the header that names rpcv2Cbor.
const RPC_V2_CBOR: &str = "rpc-v2-cbor";

/// What a request calls.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The operation.
    pub operation: &'static OperationModel,
    /// How the request is written and the answer has to be.
    pub protocol: Protocol,
}

/// The protocol in which a request, and so every answer to it, is written. Never fails: a request that speaks none of the
/// service's protocols is answered in its first one. The path plays no part (SQS-012).
pub fn protocol(request: &Request, model: &Model) -> Protocol {
    let spoken = |wanted: &[Protocol]| {
        model
            .protocols
            .iter()
            .copied()
            .find(|known| wanted.contains(known))
    };
    if let Some(protocol) = named(request).and_then(|named| spoken(&[named])) {
        return protocol;
    }
    let fallback = model
        .protocols
        .first()
        .copied()
        .unwrap_or(Protocol::AwsJson10);
    if request.headers.contains_key(&TARGET) {
        return spoken(&[Protocol::AwsJson10, Protocol::AwsJson11]).unwrap_or(fallback);
    }
    if !model.speaks(Protocol::AwsQuery) {
        return fallback;
    }
    let wants_json = header(request, &ACCEPT).contains("application/json");
    if request.method == Method::GET && wants_json {
        Protocol::AwsQueryJsonView
    } else {
        Protocol::AwsQuery
    }
}

/// The protocol that a header of the request names.
fn named(request: &Request) -> Option<Protocol> {
    if header(request, &SMITHY_PROTOCOL) == RPC_V2_CBOR {
        return Some(Protocol::RpcV2Cbor);
    }
    let content_type = gate::media_type(request);
    let documents = [
        Protocol::AwsJson10,
        Protocol::AwsJson11,
        Protocol::AwsCbor11,
    ];
    documents
        .into_iter()
        .find(|protocol| content_type.eq_ignore_ascii_case(protocol.content_type()))
}

/// The service that a request's target names, as models write it before the dot.
pub fn target_service(request: &Request) -> Option<&str> {
    rpc::target(request).map(|(service, _)| service)
}

/// The operation that a request calls. Comes before authentication (IDN-061).
pub fn detect(request: &Request, model: &'static Model) -> Result<Call, ApiError> {
    let protocol = protocol(request, model);
    let operation = if protocol.is_query() {
        query::operation(request, model)?
    } else {
        rpc::operation(request, model)?
    };
    Ok(Call {
        operation,
        protocol,
    })
}

/// The operation's input, decoded and validated against the model.
pub fn decode(service: &dyn Service, request: &Request, call: Call) -> Result<Input, ApiError> {
    let mut input = (call.operation.new_input)();
    let mut violations = if call.protocol.is_query() {
        query::decode(service, request, call.operation, input.as_mut())?
    } else {
        rpc::decode(request, call, service.model(), input.as_mut())?
    };
    if call.operation.constrained {
        violations.check(input.as_ref());
    }
    violations.into_result(service.model().dialect)?;
    Ok(input)
}

/// The response of a success. `output` is the operation's generated structure, or `()`.
pub fn encode(model: &Model, call: Call, output: &Output, request_id: &Str) -> Response {
    match call.protocol {
        Protocol::AwsQuery => query::encode(model, call.operation, output.as_ref(), request_id),
        Protocol::AwsQueryJsonView => {
            query::encode_view(call.operation, output.as_ref(), request_id)
        }
        _ => rpc::encode(model, call, output.as_ref(), request_id),
    }
}

/// The response of a failure, in the protocol of the request (SQS-025, SQS-040, IDN-056 to IDN-058).
pub fn encode_error(
    model: &Model,
    protocol: Protocol,
    error: &ApiError,
    request_id: &Str,
) -> Response {
    match protocol {
        Protocol::AwsQuery => query::encode_error(model, error, request_id),
        Protocol::AwsQueryJsonView => query::encode_error_view(error, request_id),
        _ => rpc::encode_error(model, protocol, error, request_id),
    }
}

/// A response and what it goes on with after its body, if anything.
#[derive(Debug)]
pub struct Answered {
    /// The response; its body is empty when frames follow.
    pub response: Response,
    /// The rest of a stream of events.
    pub frames: Option<Frames>,
}

impl From<Response> for Answered {
    fn from(response: Response) -> Answered {
        Answered {
            response,
            frames: None,
        }
    }
}

/// Decodes, validates, calls and encodes. Every outcome is an answer. The request is dropped before the handler waits, so
/// that a long poll holds no more than its input.
pub async fn run(
    service: Arc<dyn Service>,
    caller: Arc<Caller>,
    request: Request,
    call: Call,
) -> Answered {
    let model = service.model();
    let request_id = request.request_id.clone();
    let outcome = match prepare(service.as_ref(), request, call) {
        Ok((row, input)) => service.call(row, caller, input).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Answer::Output(output)) => encode(model, call, &output, &request_id).into(),
        Ok(Answer::Events(events)) => Answered {
            response: frames::head(&request_id),
            frames: Some(Frames::new(call.protocol, events)),
        },
        Err(error) => encode_error(model, call.protocol, &error, &request_id).into(),
    }
}

fn prepare(
    service: &dyn Service,
    request: Request,
    call: Call,
) -> Result<(usize, Input), ApiError> {
    let name = call.operation.name;
    let row = service
        .operation(name)
        .ok_or_else(|| errors::NOT_IMPLEMENTED.with(format!("{name} is not implemented.")))?;
    Ok((row, decode(service, &request, call)?))
}

/// [`detect`] and [`run`]: a whole request of an already known caller.
pub async fn dispatch(
    service: Arc<dyn Service>,
    caller: Arc<Caller>,
    request: Request,
) -> Answered {
    let model = service.model();
    match detect(&request, model) {
        Ok(call) => run(service, caller, request, call).await,
        Err(error) => encode_error(
            model,
            protocol(&request, model),
            &error,
            &request.request_id,
        )
        .into(),
    }
}

/// A header as text, empty when absent.
fn header<'a>(request: &'a Request, name: &HeaderName) -> &'a str {
    let value = request
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// A response with the headers that every answer has (SQS-013).
fn respond(status: u16, content_type: &'static str, request_id: &Str, body: Vec<u8>) -> Response {
    let mut headers = Vec::with_capacity(3);
    headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
    if let Ok(id) = HeaderValue::from_maybe_shared(request_id.as_bytes().clone()) {
        headers.push((REQUEST_ID.clone(), id));
    }
    Response {
        status,
        headers,
        body: Bytes::from(body),
    }
}
