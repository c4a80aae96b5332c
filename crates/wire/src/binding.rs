//! The bindings: from an HTTP request to an operation and its typed input, and from its result back to HTTP.
//!
//! The front door calls, in this order, [`protocol`], [`detect`], its own authentication and [`run`]; errors on the way go
//! through [`encode_error`]. [`dispatch`] is all of it without authentication.

mod frames;
mod json;
mod payload;
mod query;

pub use frames::Frames;

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
static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

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
    let content_type = header(request, &CONTENT_TYPE);
    let json = if content_type.starts_with("application/x-amz-json-1.0") {
        spoken(&[Protocol::AwsJson10])
    } else if content_type.starts_with("application/x-amz-json-1.1") {
        spoken(&[Protocol::AwsJson11])
    } else {
        None
    };
    if json.is_some() {
        return json.unwrap_or(Protocol::AwsJson10);
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

/// The operation that a request calls. Comes before authentication (IDN-061).
pub fn detect(request: &Request, model: &'static Model) -> Result<Call, ApiError> {
    let protocol = protocol(request, model);
    let operation = if protocol.is_query() {
        query::operation(request, model)?
    } else {
        json::operation(request, model)?
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
        crate::json::decode::document(&request.body, input.as_mut())?
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
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            json::encode(call, output.as_ref(), request_id)
        }
        Protocol::AwsQuery => query::encode(model, call.operation, output.as_ref(), request_id),
        Protocol::AwsQueryJsonView => {
            query::encode_view(call.operation, output.as_ref(), request_id)
        }
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
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            json::encode_error(model, protocol, error, request_id)
        }
        Protocol::AwsQuery => query::encode_error(model, error, request_id),
        Protocol::AwsQueryJsonView => query::encode_error_view(error, request_id),
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
