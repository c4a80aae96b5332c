//! Refusals that no service makes, in the protocol of the request.

use bytes::Bytes;
use waystation_wire::errors::{NOT_IMPLEMENTED, REQUEST_TOO_LARGE, SERVICE_UNAVAILABLE};
use waystation_wire::model::{Dialect, Gate};
use waystation_wire::{ApiError, ErrorKind, Model, Protocol, Request, Response, Str, binding};

use crate::body::BodyError;
use crate::browser::Refusal;
use crate::limits::Limits;
use crate::route::Unrouted;

/// A page or a host name that may not call.
static FORBIDDEN: ErrorKind = ErrorKind::sender("AccessDeniedException", 403)
    .query("AccessDenied")
    .framework();
/// The client did not send its body in time.
static REQUEST_TIMEOUT: ErrorKind = ErrorKind::sender("RequestTimeoutException", 408)
    .query("RequestTimeout")
    .framework();
/// The body cannot be read.
static MALFORMED_BODY: ErrorKind = ErrorKind::sender("IncompleteBody", 400).framework();

/// Stands in for the model of a service that is not here: it only says how
/// errors are written.
static NO_SERVICE: Model = Model {
    service: "none",
    signing_names: &[],
    target_prefix: "",
    xml_namespace: "http://webservices.amazon.com/doc/",
    api_version: "",
    protocols: &[Protocol::AwsQuery, Protocol::AwsJson10, Protocol::AwsJson11],
    query_compatible: false,
    error_namespace: None,
    dialect: Dialect::USUAL,
    operations: &[],
};

pub(crate) fn by_browser_rules(request: &Request, refused: Refusal) -> Response {
    encode(request, None, &FORBIDDEN.with(refused.message()))
}

pub(crate) fn unrouted(request: &Request, unrouted: &Unrouted) -> Response {
    encode(request, None, &NOT_IMPLEMENTED.with(unrouted.message()))
}

pub(crate) fn of_body(
    request: &Request,
    model: Option<&'static Model>,
    error: BodyError,
    limits: &Limits,
) -> Response {
    // Services behind AWS's own framework say nothing here (KIN-020).
    let is_silent = model.is_some_and(|model| model.dialect.gate == Gate::Framework);
    if is_silent && error == BodyError::TooLarge {
        return Response {
            status: REQUEST_TOO_LARGE.status,
            headers: Vec::new(),
            body: Bytes::new(),
        };
    }
    let error = match error {
        BodyError::TooLarge => REQUEST_TOO_LARGE.with(format!(
            "The request body is larger than {} bytes.",
            limits.body_bytes_max
        )),
        BodyError::TooSlow => REQUEST_TIMEOUT.with(format!(
            "The request body did not arrive within {} ms.",
            limits.body_read_timeout.as_millis()
        )),
        BodyError::NoRoom => {
            SERVICE_UNAVAILABLE.with("There is no memory for the request body now. Try again.")
        }
        BodyError::Broken => MALFORMED_BODY.with("The request body cannot be read."),
    };
    encode(request, model, &error)
}

/// A request that could not be read, and so says nothing of its protocol.
pub(crate) fn unread(error: &ApiError, request_id: &Str) -> Response {
    binding::encode_error(&NO_SERVICE, Protocol::AwsQuery, error, request_id)
}

fn encode(request: &Request, model: Option<&'static Model>, error: &ApiError) -> Response {
    let model = model.unwrap_or(&NO_SERVICE);
    // REST-JSON services name their protocol in nothing but the content type.
    let json = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    let protocol = if json && std::ptr::eq(model, &NO_SERVICE) {
        Protocol::AwsJson11
    } else {
        binding::protocol(request, model)
    };
    binding::encode_error(model, protocol, error, &request.request_id)
}
