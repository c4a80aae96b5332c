//! `Caller`: who calls, and how the server looked to them.
//!
//! The front door fills it from the authenticated identity and the connection; services only read it.

use crate::{Protocol, Str};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// The transport of the request, as URLs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a URL given to clients carries region and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UrlStyle {
    /// `http://localhost:4566/<account>/<name>`: the host is whatever the client used.
    #[default]
    Path,
    /// `http://sqs.<region>.<host>/<account>/<name>`: the host names service and region.
    Host,
}

/// How the client reached the server; URLs in answers repeat it, since SDKs call them back as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// Scheme of the request.
    pub scheme: Scheme,
    /// `host[:port]` exactly as the client sent it.
    pub host: Str,
    /// The form of URLs in answers.
    pub style: UrlStyle,
}

/// The authenticated caller of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: Str,
    /// The region of the signature's scope or the default one.
    pub region: Str,
    /// Absent when the request was not signed.
    pub access_key: Option<Str>,
    /// What `SenderId` shows.
    pub principal_id: Str,
    /// How the client reached the server.
    pub endpoint: Endpoint,
    /// The peer's address.
    pub source_ip: IpAddr,
    /// Wall clock at arrival, in milliseconds since the epoch.
    pub wall_ms: u64,
    /// Request header `X-Amzn-Trace-Id` (SQS-138).
    pub trace_header: Option<Str>,
    /// Name of the operation that is called; empty where there is none.
    pub operation: &'static str,
    /// The protocol of the request, where AWS answers the same operation differently (SQS-185).
    pub protocol: Protocol,
}

impl Default for Caller {
    /// A caller for tests: account `000000000000`, region `us-east-1`, from the loopback address.
    fn default() -> Caller {
        Caller {
            account: Str::from_static("000000000000"),
            region: Str::from_static("us-east-1"),
            access_key: None,
            principal_id: Str::from_static("000000000000"),
            endpoint: Endpoint {
                host: Str::from_static("localhost"),
                ..Endpoint::default()
            },
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            wall_ms: 0,
            trace_header: None,
            operation: "",
            protocol: Protocol::AwsJson10,
        }
    }
}
