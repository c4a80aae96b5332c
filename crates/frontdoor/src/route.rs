//! Which service a request is for: by the credential scope of its signature,
//! then by target header, action, host and path. REST paths of different
//! services collide, so the signature goes first.

use std::sync::Arc;

use http::Method;
use waystation_auth::{Presented, is_account};
use waystation_wire::model::Gate;
use waystation_wire::{Model, Request, Service, binding};

use crate::browser::host_name;

/// Host label and path form of queue URLs, which name no service (SQS-003, SQS-034).
const QUEUE_LABEL: &str = "queue";
const QUEUE_SERVICE: &str = "sqs";

/// The services by what requests say of them. They are few, so a walk through
/// the list is the fastest map.
pub(crate) struct Router {
    services: Vec<Arc<dyn Service>>,
}

/// A service and its index in the registry.
pub(crate) type Found<'a> = (usize, &'a Arc<dyn Service>);

/// A request for a service that is not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unrouted {
    /// The request names this service or target.
    Named(String),
    /// Nothing in the request names a service.
    Unnamed,
}

impl Unrouted {
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Named(name) => format!("{name} is not implemented."),
            Self::Unnamed => "The request names no service: it has no signature, no X-Amz-Target \
                and no Action of a known service, and neither its host nor its path names one."
                .to_owned(),
        }
    }
}

impl Router {
    pub(crate) fn new(services: Vec<Arc<dyn Service>>) -> Self {
        Self { services }
    }

    pub(crate) fn services(&self) -> &[Arc<dyn Service>] {
        &self.services
    }

    /// What stands before the operations of a service.
    pub(crate) fn gate(&self, index: Option<usize>) -> Gate {
        let service = index.and_then(|index| self.services.get(index));
        service.map_or(Gate::Open, |service| service.model().dialect.gate)
    }

    /// The service of a request, with its index.
    pub(crate) fn route(
        &self,
        request: &Request,
        presented: &Presented<'_>,
    ) -> Result<Found<'_>, Unrouted> {
        let target = request.header("x-amz-target");
        let prefix = binding::target_service(request).or(target);
        let is_target = |model: &Model| prefix.is_some_and(|prefix| model.target_prefix == prefix);
        if let Some(credential) = presented.credential() {
            let is_signed = |model: &Model| model.signing_names.contains(&credential.service);
            // Services that share a signing name differ in the target.
            return self
                .first(|model| is_signed(model) && is_target(model))
                .or_else(|| self.first(is_signed))
                .or_else(|| self.first(is_target))
                .ok_or_else(|| Unrouted::Named(format!("Service '{}'", credential.service)));
        }
        if let Some(prefix) = prefix {
            let name = target.unwrap_or(prefix);
            return self
                .first(is_target)
                .ok_or_else(|| Unrouted::Named(format!("Target '{name}'")));
        }
        // Host and path name a service more surely than an action, which several may have.
        match self.by_host(host_name(&request.host)) {
            Some(found) => Ok(found),
            None if is_queue_path(&request.path) => {
                self.named(QUEUE_SERVICE).ok_or(Unrouted::Unnamed)
            }
            None => self.by_action(request),
        }
    }

    fn by_action(&self, request: &Request) -> Result<Found<'_>, Unrouted> {
        let query = request.query.as_deref().unwrap_or_default();
        let form: &[u8] = match request.method {
            Method::POST => &request.body,
            _ => b"",
        };
        let parameter =
            |name: &str| form_value(query.as_bytes(), name).or_else(|| form_value(form, name));
        let action = parameter("Action").ok_or(Unrouted::Unnamed)?;
        let version = parameter("Version");
        let has_action = |model: &Model| {
            let is_version = |version: &String| version == model.api_version;
            model.protocols.iter().any(|protocol| protocol.is_query())
                && model.operation(&action).is_some()
                && version.as_ref().is_none_or(is_version)
        };
        self.first(has_action)
            .ok_or_else(|| Unrouted::Named(format!("Action '{action}'")))
    }

    /// `sqs.*`, `<region>.queue.*`, `queue.*`.
    fn by_host(&self, name: &str) -> Option<Found<'_>> {
        name.split('.').take(2).find_map(|label| match label {
            QUEUE_LABEL => self.named(QUEUE_SERVICE),
            _ => self.first(|model| model.signing_names.contains(&label)),
        })
    }

    fn named(&self, name: &str) -> Option<Found<'_>> {
        self.first(|model| model.service == name)
    }

    fn first(&self, wanted: impl Fn(&Model) -> bool) -> Option<Found<'_>> {
        let mut services = self.services.iter().enumerate();
        services.find(|(_, service)| wanted(service.model()))
    }
}

/// `/<account>/<name>` (SQS-034).
fn is_queue_path(path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    let (account, name) = (parts.next(), parts.next());
    account.is_some_and(is_account) && name.is_some_and(|name| !name.is_empty())
}

/// The first plain value of a form parameter; actions and versions need no decoding.
fn form_value(form: &[u8], name: &str) -> Option<String> {
    let value = form
        .split(|byte| *byte == b'&')
        .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    let value = value.get(..value.len().min(128))?;
    Some(String::from_utf8_lossy(value).into_owned())
}
