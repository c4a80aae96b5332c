//! The front door's own endpoints: health, metrics, and those for tests that
//! the binary supplies.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method};
use prometheus_client::encoding::text;
use waystation_auth::Mode;
use waystation_wire::service::BoxFuture;
use waystation_wire::{Request, Response};

use crate::door::Door;

/// Answers one internal request.
pub type InternalHandler = Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// Fetches what a metric shows.
pub type Refresh = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// An endpoint below `/_waystation/` or `/_aws/`.
#[derive(Clone)]
pub struct InternalRoute {
    /// `GET` takes `HEAD` too.
    pub method: Method,
    /// The whole path, or with `/*` at its end everything below.
    pub path: &'static str,
    /// Answers it.
    pub handler: InternalHandler,
}

/// Paths that no AWS API has.
const PREFIXES: [&str; 3] = ["/_waystation/", "/_localstack/", "/_aws/"];
/// What the paths of SNS's certificates begin with (SNS-194).
const CERTIFICATES: &str = "/SimpleNotificationService-";
const METRICS_PATH: &str = "/metrics";
const HEALTH_PATHS: [&str; 2] = ["/_waystation/health", "/_localstack/health"];

/// Whether a path is ours and not a service's.
pub(crate) fn is_internal(path: &str) -> bool {
    // Service paths begin otherwise: this runs on every request.
    path == METRICS_PATH
        || path.starts_with(CERTIFICATES)
        || (path.starts_with("/_") && PREFIXES.iter().any(|prefix| path.starts_with(prefix)))
}

/// Answers a request to an internal path.
pub(crate) async fn answer(door: &Door, request: Request) -> Response {
    let path = request.path.as_str();
    let asked = match request.method {
        Method::HEAD => Method::GET,
        ref other => other.clone(),
    };
    if path == METRICS_PATH || HEALTH_PATHS.contains(&path) {
        return match asked {
            Method::GET if path == METRICS_PATH => metrics(door).await,
            Method::GET => health(door),
            _ => not_allowed("GET, HEAD".to_owned()),
        };
    }
    let here: Vec<&InternalRoute> = door
        .pages
        .iter()
        .chain(&door.test_routes)
        .filter(|route| matches(route.path, path))
        .collect();
    if let Some(route) = here.iter().find(|route| route.method == asked) {
        return (route.handler)(request).await;
    }
    if here.is_empty() {
        return json(
            404,
            "{\"message\":\"There is no such endpoint.\"}".to_owned(),
        );
    }
    let methods: Vec<&str> = here.iter().map(|route| route.method.as_str()).collect();
    not_allowed(methods.join(", "))
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == pattern,
    }
}

fn health(door: &Door) -> Response {
    let mode = match door.authenticator.mode() {
        Mode::Open => "open",
        Mode::Verify(_) => "verify",
    };
    let services: Vec<String> = door
        .router
        .services()
        .iter()
        .map(|service| format!("\"{}\":\"running\"", service.model().service))
        .collect();
    json(
        200,
        format!(
            "{{\"version\":\"{}\",\"mode\":\"{mode}\",\"services\":{{{}}}}}",
            env!("CARGO_PKG_VERSION"),
            services.join(",")
        ),
    )
}

async fn metrics(door: &Door) -> Response {
    for refresh in &door.refresh {
        refresh().await;
    }
    let mut body = String::with_capacity(8 * 1024);
    if text::encode(&mut body, &door.registry).is_err() {
        return json(
            500,
            "{\"message\":\"Metrics cannot be written.\"}".to_owned(),
        );
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Response {
        status: 200,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static(kind))],
        body: Bytes::from(body),
    }
}

fn not_allowed(methods: String) -> Response {
    let mut response = json(405, "{\"message\":\"Not with this method.\"}".to_owned());
    if let Ok(methods) = HeaderValue::from_str(&methods) {
        response.headers.push((ALLOW, methods));
    }
    response
}

pub(crate) fn json(status: u16, body: String) -> Response {
    Response {
        status,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body: Bytes::from(body),
    }
}
