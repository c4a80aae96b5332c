//! One request and its answer, from end to end: browser rules, internal paths,
//! body, route, authentication, operation. This file is the whole order of
//! things; the steps are elsewhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, HOST, HeaderName, HeaderValue};
use http::request::Parts as Head;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tracing::Level;
use waystation_auth::{Identity, Mode, Presented};
use waystation_wire::binding::Frames;
use waystation_wire::errors::INTERNAL_FAILURE;
use waystation_wire::service::Service;
use waystation_wire::{Caller, Endpoint, Request, Response, Scheme, Str, binding};

use crate::answer_body::AnswerBody;
use crate::body::{self, BodyError};
use crate::browser;
use crate::door::Door;
use crate::internal;
use crate::panic_guard::guarded;
use crate::refusal;
use crate::request_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) scheme: Scheme,
}

/// An answer, and what it was an answer to, for metrics and the log.
pub(crate) struct Outcome {
    response: Response,
    service: Option<usize>,
    operation: Option<&'static str>,
    /// The connection cannot be used again: its body was not read to the end.
    close: bool,
    /// What the answer goes on with.
    frames: Option<Frames>,
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self {
            response,
            frames: None,
            service: None,
            operation: None,
            close: false,
        }
    }
}

/// Answers one request.
pub(crate) async fn exchange(
    door: &Door,
    peer: Peer,
    incoming: http::Request<Incoming>,
) -> http::Response<AnswerBody> {
    let arrived = Instant::now();
    let (head, body) = incoming.into_parts();
    let request_id = request_id::next();
    let origin = door.browser.allowed_origin(&head.headers).cloned();
    let preflight =
        browser::is_preflight(&head.method, &head.headers).then(|| head.headers.clone());
    let line =
        tracing::enabled!(Level::DEBUG).then(|| (head.method.clone(), head.uri.path().to_owned()));

    let outcome = answer(door, peer, head, body, request_id.clone()).await;

    let status = outcome.response.status;
    let took = arrived.elapsed();
    door.metrics
        .count(outcome.service, outcome.operation, status, took);
    if let Some((method, path)) = line {
        tracing::debug!(
            %method,
            path,
            status,
            operation = outcome.operation,
            took_us = took.as_micros() as u64,
            peer = %peer.address,
            request_id = %request_id,
            "request"
        );
    }
    let body = match outcome.frames {
        Some(frames) => AnswerBody::frames(frames, request_id.clone()),
        None => AnswerBody::Whole(Full::new(outcome.response.body)),
    };
    let (status, own) = (outcome.response.status, outcome.response.headers);
    let mut response = into_http(status, own, body, &request_id);
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        browser::allow(origin, headers);
        if let Some(request) = preflight {
            browser::allow_preflight(&request, headers);
        }
    }
    if outcome.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The flow of a request.
async fn answer(door: &Door, peer: Peer, head: Head, body: Incoming, request_id: Str) -> Outcome {
    let mut request = request_of(head, peer.scheme, request_id);
    let internal = internal::is_internal(&request.path);
    // A signature protects better than an origin does, but internal paths need none.
    if (internal || matches!(door.authenticator.mode(), Mode::Open))
        && let Err(refused) = door.browser.check(&request.headers, &request.host)
    {
        return refusal::by_browser_rules(&request, refused).into();
    }
    if request.method == Method::OPTIONS {
        return options().into();
    }
    let read = body::read(body, &request.headers, &door.limits, &door.budget).await;
    let reserved = match read {
        Ok((bytes, reserved)) => {
            request.body = bytes;
            reserved
        }
        Err(error) => return refused_body(door, &request, error),
    };
    let outcome = if internal {
        match guarded(internal::answer(door, request)).await {
            Ok(response) => response.into(),
            Err(panic) => {
                tracing::error!(panic, "an internal endpoint panicked");
                internal::json(500, "{\"message\":\"Internal failure.\"}".to_owned()).into()
            }
        }
    } else {
        call(door, peer, request).await
    };
    drop(reserved);
    outcome
}

/// Route, authenticate, decode, call, encode.
async fn call(door: &Door, peer: Peer, request: Request) -> Outcome {
    let presented = Presented::parse(&request.headers, request.query.as_deref());
    let (index, service) = match door.router.route(&request, &presented) {
        Ok(found) => found,
        Err(unrouted) => return refusal::unrouted(&request, &unrouted).into(),
    };
    let model = service.model();
    let of_service = |response: Response, operation: Option<&'static str>| Outcome {
        service: Some(index),
        operation,
        ..Outcome::from(response)
    };
    let refuse = |error: &waystation_wire::ApiError| {
        let protocol = binding::protocol(&request, model);
        binding::encode_error(model, protocol, error, &request.request_id)
    };
    // Recognising the operation comes before authentication (IDN-061).
    let call = match binding::detect(&request, model) {
        Ok(call) => call,
        Err(error) => return of_service(refuse(&error), None),
    };
    let operation = call.operation.name;
    let wall_ms = wall_ms();
    let names = model.signing_names;
    let identity = match door
        .authenticator
        .authenticate(&request, &presented, names, wall_ms)
    {
        Ok(identity) => identity,
        Err(error) => return of_service(refuse(&error), Some(operation)),
    };
    let caller = Arc::new(caller_of(door, peer, &request, identity, wall_ms, &call));
    let request_id = request.request_id.clone();
    let service: Arc<dyn Service> = Arc::clone(service);
    let answered = match guarded(binding::run(service, caller, request, call)).await {
        Ok(answered) => answered,
        Err(panic) => {
            tracing::error!(panic, operation, request_id = %request_id, "a handler panicked");
            let error = INTERNAL_FAILURE.with("The request failed because of an internal error.");
            binding::encode_error(model, call.protocol, &error, &request_id).into()
        }
    };
    Outcome {
        frames: answered.frames,
        ..of_service(answered.response, Some(operation))
    }
}

fn refused_body(door: &Door, request: &Request, error: BodyError) -> Outcome {
    let presented = Presented::parse(&request.headers, request.query.as_deref());
    let service = door.router.route(request, &presented).ok();
    let model = service.map(|(_, service)| service.model());
    Outcome {
        service: service.map(|(index, _)| index),
        close: true,
        ..Outcome::from(refusal::of_body(request, model, error, &door.limits))
    }
}

fn request_of(head: Head, scheme: Scheme, request_id: Str) -> Request {
    let host = match head.headers.get(HOST).map(HeaderValue::to_str) {
        Some(Ok(host)) => host.to_owned(),
        // An absolute request line names the host too, and without a header it is all there is.
        _ => head
            .uri
            .authority()
            .map_or_else(String::new, |name| name.to_string()),
    };
    Request {
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        body: Bytes::new(),
        scheme,
        host: Str::from(host),
        request_id,
    }
}

fn caller_of(
    door: &Door,
    peer: Peer,
    request: &Request,
    identity: Identity,
    wall_ms: u64,
    call: &binding::Call,
) -> Caller {
    Caller {
        account: identity.account,
        region: identity.region,
        access_key: identity.access_key,
        principal_id: identity.principal_id,
        endpoint: Endpoint {
            scheme: peer.scheme,
            host: request.host.clone(),
            style: door.url_style,
        },
        source_ip: peer.address,
        wall_ms,
        trace_header: request
            .headers
            .get(TRACE_ID)
            .and_then(|value| value.to_str().ok())
            .map(|text| Str::from(text.to_owned())),
        operation: call.operation.name,
        protocol: call.protocol,
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// What is allowed anywhere; the answer to a preflight is added by its origin.
fn options() -> Response {
    Response {
        status: StatusCode::NO_CONTENT.as_u16(),
        headers: vec![(ALLOW, HeaderValue::from_static(browser::METHODS))],
        body: Bytes::new(),
    }
}

fn into_http(
    status: u16,
    own: Vec<(HeaderName, HeaderValue)>,
    body: AnswerBody,
    request_id: &Str,
) -> http::Response<AnswerBody> {
    let mut http = http::Response::new(body);
    *http.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: &mut HeaderMap = http.headers_mut();
    headers.reserve(own.len() + 1);
    for (name, value) in own {
        headers.append(name, value);
    }
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_maybe_shared(request_id.as_bytes().clone())
    {
        headers.insert(REQUEST_ID, id);
    }
    http
}
