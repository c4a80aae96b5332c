//! What the binary tells the front door: plain values, already parsed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use waystation_auth::Authenticator;
use waystation_wire::{Service, UrlStyle};

use crate::internal::{InternalRoute, Refresh};
use crate::limits::Limits;

/// How to listen and whom to answer.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen on, all with the same port.
    pub addresses: Vec<IpAddr>,
    /// 0 takes a free port, the same one for every address.
    pub port: u16,
    /// TLS on the same port beside plain HTTP.
    pub tls: Option<Tls>,
    /// Origins (`https://app.example`) of pages that may call, beside loopback
    /// ones; `*` is every origin.
    pub cors_origins: Vec<String>,
    /// Host names that clients use, beside those of loopback and of AWS.
    pub hosts: Vec<String>,
    /// Form of URLs in answers.
    pub url_style: UrlStyle,
    /// The endpoints for tests: those given as [`Parts::test_routes`].
    pub test_endpoints: TestEndpoints,
    /// What requests get.
    pub answers: Answers,
    /// Sizes, counts and timeouts.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ],
            port: 4566,
            tls: None,
            cors_origins: Vec::new(),
            hosts: Vec::new(),
            url_style: UrlStyle::default(),
            test_endpoints: TestEndpoints::Off,
            answers: Answers::Services,
            limits: Limits::default(),
        }
    }
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The user's own PEM files, read again when they change.
    Given {
        /// Certificate chain.
        certificate: PathBuf,
        /// Private key.
        key: PathBuf,
    },
    /// A self-signed pair in this directory, made when it is not there.
    SelfSigned {
        /// Usually in the data directory.
        directory: PathBuf,
    },
}

/// Whether endpoints exist that change time or show what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestEndpoints {
    /// They do not exist.
    Off,
    /// They exist while every address is a loopback one.
    OnLoopback,
}

/// What requests get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The services.
    Services,
    /// 200 and a fixed body after the request is read, without routing and
    /// authentication: the floor that benchmarks compare with.
    Bare,
}

/// What the front door puts together.
pub struct Parts {
    /// Every API that is served.
    pub services: Vec<Arc<dyn Service>>,
    /// Decides who calls.
    pub authenticator: Authenticator,
    /// Metrics of the other crates; the front door adds its own and serves all at `/metrics`.
    pub registry: Registry,
    /// Run before metrics are written, for those that have to be fetched.
    pub refresh: Vec<Refresh>,
    /// Endpoints below `/_waystation/` and `/_aws/`, see [`Config::test_endpoints`].
    pub test_routes: Vec<InternalRoute>,
    /// Pages that are always there and need no signature.
    pub pages: Vec<InternalRoute>,
}
