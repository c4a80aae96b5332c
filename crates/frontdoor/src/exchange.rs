//! One request and its answer, from end to end: browser rules, internal paths,
//! body, route, authentication, operation. This file is the whole order of
//! things; the steps are elsewhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts as Head;
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tracing::Level;
use waystation_auth::{Identity, Mode, Presented};
use waystation_wire::binding::Frames;
use waystation_wire::errors::INTERNAL_FAILURE;
use waystation_wire::model::Gate;
use waystation_wire::service::Service;
use waystation_wire::{ApiError, Caller, Endpoint, Request, Response, Scheme, Str, binding};

use crate::answer_body::AnswerBody;
use crate::body::{self, BodyError};
use crate::browser;
use crate::content_encoding;
use crate::door::Door;
use crate::framework;
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
    let version = head.version;
    let request_id = request_id::next();
    let origin = door.browser.allowed_origin(&head.headers).cloned();
    // What a page asks before it calls.
    let asked = (head.method == Method::OPTIONS).then(|| head.headers.clone());
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
    if door.router.gate(outcome.service) == Gate::Framework {
        framework::complete(origin.is_some(), asked.as_ref(), headers);
    } else if let Some(origin) = origin {
        browser::allow(origin, headers);
        if let Some(asked) = asked.filter(browser::is_preflight) {
            browser::allow_preflight(&asked, headers);
        }
    }
    // HTTP/2 ends the stream instead.
    if outcome.close && version < Version::HTTP_2 {
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
        return options(door, &request);
    }
    let read = body::read(body, &request.headers, &door.limits, &door.budget).await;
    let read = read.and_then(|(sent, mut reserved)| {
        let limit = door.limits.body_bytes_max;
        let plain = content_encoding::undone(&sent, &request.headers, limit, &mut reserved)?;
        Ok((sent, plain, reserved))
    });
    let (compressed, reserved) = match read {
        Ok((sent, plain, reserved)) => {
            let (body, compressed) = match plain {
                Some(plain) => (plain, Some(sent)),
                None => (sent, None),
            };
            request.body = body;
            (compressed, reserved)
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
        call(door, peer, request, compressed).await
    };
    drop(reserved);
    outcome
}

/// Route, authenticate, decode, call, encode.
async fn call(door: &Door, peer: Peer, mut request: Request, compressed: Option<Bytes>) -> Outcome {
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
    let refuse = |request: &Request, error: &ApiError| {
        let protocol = binding::protocol(request, model);
        binding::encode_error(model, protocol, error, &request.request_id)
    };
    if let Some(refused) = binding::refused(&request, model) {
        return of_service(refused, None);
    }
    // Recognising the operation comes before authentication (IDN-061).
    let call = match binding::detect(&request, model) {
        Ok(call) => call,
        Err(error) => return of_service(refuse(&request, &error), None),
    };
    let operation = call.operation.name;
    let wall_ms = wall_ms();
    // What is signed is what was sent (IDN-020).
    let plain = compressed.map(|sent| std::mem::replace(&mut request.body, sent));
    let names = model.signing_names;
    let identity = door
        .authenticator
        .authenticate(&request, &presented, names, wall_ms);
    if let Some(plain) = plain {
        request.body = plain;
    }
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => {
            let error = binding::unreadable(&request, model, call).unwrap_or(error);
            return of_service(refuse(&request, &error), Some(operation));
        }
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

fn request_of(mut head: Head, scheme: Scheme, request_id: Str) -> Request {
    // HTTP/2 names the host beside the headers, and clients sign it as one (IDN-012). An absolute request line names it too.
    if !head.headers.contains_key(HOST)
        && let Some(name) = head.uri.authority()
        && let Ok(name) = HeaderValue::from_str(name.as_str())
    {
        head.headers.insert(HOST, name);
    }
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default().to_owned();
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

/// What is allowed anywhere; what pages want to know is added by their origin.
fn options(door: &Door, request: &Request) -> Outcome {
    let presented = Presented::parse(&request.headers, request.query.as_deref());
    if let Ok((index, service)) = door.router.route(request, &presented)
        && service.model().dialect.gate == Gate::Framework
    {
        let refused = binding::refused(request, service.model());
        let refused = refused.filter(|_| !request.headers.contains_key(ORIGIN));
        return Outcome {
            service: Some(index),
            ..Outcome::from(refused.unwrap_or(Response {
                status: StatusCode::OK.as_u16(),
                headers: Vec::new(),
                body: Bytes::new(),
            }))
        };
    }
    Outcome::from(Response {
        status: StatusCode::NO_CONTENT.as_u16(),
        headers: vec![(ALLOW, HeaderValue::from_static(browser::METHODS))],
        body: Bytes::new(),
    })
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
