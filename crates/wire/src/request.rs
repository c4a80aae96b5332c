//! `Request` and `Response`: one HTTP exchange as plain data, free of any HTTP library's body types.
//!
//! The front door reads the whole body (bounded there) before it builds a `Request`.

use crate::{Scheme, Str};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// One whole HTTP request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST`, `GET`, ...
    pub method: Method,
    /// Path as it came, still percent-encoded, without the query.
    pub path: String,
    /// Query string as it came, without the question mark.
    pub query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Transport of the connection.
    pub scheme: Scheme,
    /// `host[:port]` as the client sent it.
    pub host: Str,
    /// Id of this request in answers and logs, UUID-shaped.
    pub request_id: Str,
}

impl Request {
    /// A header as text; `None` when absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One whole HTTP response. `Date` and `Content-Length` are the listener's business.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.as_str().eq_ignore_ascii_case(name))?
            .1
            .to_str()
            .ok()
    }
}
