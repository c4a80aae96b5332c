//! What all connections share.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use waystation_auth::Authenticator;
use waystation_wire::UrlStyle;

use crate::body::Budget;
use crate::browser::BrowserRules;
use crate::config::{Answers, Config, Parts, TestEndpoints};
use crate::internal::{InternalRoute, Refresh};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::route::Router;
use crate::watchman::Watchman;

/// Everything a request needs, immutable after the start.
pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) authenticator: Authenticator,
    pub(crate) browser: BrowserRules,
    pub(crate) test_routes: Vec<InternalRoute>,
    pub(crate) pages: Vec<InternalRoute>,
    pub(crate) registry: Registry,
    pub(crate) refresh: Vec<Refresh>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) watchman: Watchman,
    pub(crate) limits: Limits,
    pub(crate) answers: Answers,
    pub(crate) url_style: UrlStyle,
}

impl Door {
    pub(crate) fn new(config: &Config, limits: Limits, parts: Parts) -> Arc<Self> {
        let loopback_only = config.addresses.iter().all(std::net::IpAddr::is_loopback);
        let metrics = Metrics::new(&parts.services);
        let mut registry = parts.registry;
        registry.register_collector(Box::new(Arc::clone(&metrics)));
        let test_routes = match config.test_endpoints {
            TestEndpoints::OnLoopback if loopback_only => parts.test_routes,
            TestEndpoints::OnLoopback => {
                tracing::warn!("test endpoints stay off: the server listens beyond loopback");
                Vec::new()
            }
            TestEndpoints::Off => Vec::new(),
        };
        Arc::new(Self {
            router: Router::new(parts.services),
            authenticator: parts.authenticator,
            browser: BrowserRules {
                origins: config.cors_origins.clone(),
                hosts: config.hosts.clone(),
                loopback_only,
            },
            test_routes,
            pages: parts.pages,
            registry,
            refresh: parts.refresh,
            metrics,
            budget: Budget::new(limits.bodies_bytes_max),
            watchman: Watchman::default(),
            limits,
            answers: config.answers,
            url_style: config.url_style,
        })
    }
}
