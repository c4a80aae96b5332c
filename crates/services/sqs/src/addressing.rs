//! From what a caller writes to a queue, and back: queue URLs, and paths that stand for one (SQS-010, SQS-034, SQS-046).

use std::sync::Arc;

use waystation_engine::{QueueId, Row, Scope};
use waystation_wire::caller::UrlStyle;
use waystation_wire::{ApiError, Caller, OperationModel, Request, Str, errors};

use crate::errors::{missing_parameter, queue_does_not_exist};
use crate::settings::QueueSettings;
use crate::{Sqs, api, catalog, names};

/// A queue that a request addresses, as the catalog showed it.
#[derive(Debug)]
pub(crate) struct Located<'a> {
    /// Account and region of the queue.
    pub(crate) scope: Scope,
    /// The queue's account.
    pub(crate) account: &'a str,
    /// The queue's region.
    pub(crate) region: &'a str,
    /// The queue's name.
    pub(crate) name: &'a str,
    /// The catalog's row.
    pub(crate) row: Arc<Row>,
    /// What the row says.
    pub(crate) settings: Arc<QueueSettings>,
}

impl Located<'_> {
    /// The engine's id of the queue.
    pub(crate) fn id(&self) -> QueueId {
        self.settings.queue
    }

    /// Whether it is a FIFO queue.
    pub(crate) fn is_fifo(&self) -> bool {
        self.settings.fifo.is_some()
    }

    /// The queue's ARN.
    pub(crate) fn arn(&self) -> String {
        names::arn(self.region, self.account, self.name)
    }
}

/// The queue behind a `QueueUrl`, which names the account. A signed request of another account needs a queue policy
/// (SQS-415); as long as policies are not evaluated, having one is what counts. An unsigned request, which only the
/// open mode lets through, belongs to no account and goes where the URL says.
pub(crate) fn locate<'a>(
    sqs: &Sqs,
    caller: &'a Caller,
    queue_url: &'a str,
) -> Result<Located<'a>, ApiError> {
    if queue_url.is_empty() {
        return Err(missing_parameter("QueueUrl"));
    }
    let Some((account, name)) = names::parse_url(queue_url) else {
        return Err(api::INVALID_ADDRESS.with(format!(
            "The address {queue_url} is not valid for this endpoint."
        )));
    };
    let located = locate_name(sqs, account, &caller.region, name)?;
    if may_use(caller, account, &located.settings) {
        return Ok(located);
    }
    Err(access_denied(caller, &located.arn()))
}

/// SQS-058; a batch is named by the operation for one message (SQS-417).
fn access_denied(caller: &Caller, arn: &str) -> ApiError {
    let operation = caller.operation;
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    api::ACCESS_DENIED_EXCEPTION.with(format!(
        "User: arn:aws:iam::{}:root is not authorized to perform: sqs:{action} on resource: {arn} because no \
         resource-based policy allows the sqs:{action} action",
        caller.account
    ))
}

/// Whether the queue is the caller's own, or one that has a policy for others.
pub(crate) fn may_use(caller: &Caller, account: &str, settings: &QueueSettings) -> bool {
    caller.access_key.is_none() || &*caller.account == account || settings.policy.is_some()
}

/// The queue of a name.
pub(crate) fn locate_name<'a>(
    sqs: &Sqs,
    account: &'a str,
    region: &'a str,
    name: &'a str,
) -> Result<Located<'a>, ApiError> {
    let scope = Scope::new(account, region);
    let row = sqs
        .engine
        .catalog()
        .get(&scope, &catalog::queue_path(name))
        .ok_or_else(queue_does_not_exist)?;
    let settings = catalog::settings(&row)?;
    Ok(Located {
        scope,
        account,
        region,
        name,
        row,
        settings,
    })
}

/// The URL under which this caller reaches a queue: their own scheme, host and port.
pub(crate) fn queue_url(caller: &Caller, account: &str, name: &str) -> Str {
    let endpoint = &caller.endpoint;
    let host: &str = &endpoint.host;
    let url = match endpoint.style {
        UrlStyle::Host if !host.starts_with("sqs.") => names::url(
            endpoint.scheme.as_str(),
            &format!("sqs.{}.{host}", caller.region),
            account,
            name,
        ),
        _ => names::url(endpoint.scheme.as_str(), host, account, name),
    };
    Str::from(url)
}

/// What the path of a query request stands for. On a queue's path every operation works on that queue (SQS-034),
/// `GetQueueUrl` finds it by name (SQS-046), and the operations that have no queue are refused (SQS-045).
pub(crate) fn path_parameters(
    _sqs: &Sqs,
    operation: &'static OperationModel,
    request: &Request,
) -> Result<Vec<(&'static str, Str)>, ApiError> {
    let Some((account, name)) = names::parse_url(&request.path) else {
        return Ok(Vec::new());
    };
    match operation.name {
        "CreateQueue" | "ListQueues" => Err(errors::invalid_action(operation.name)),
        "GetQueueUrl" => Ok(vec![
            ("QueueName", Str::from(name.to_owned())),
            ("QueueOwnerAWSAccountId", Str::from(account.to_owned())),
        ]),
        _ => Ok(vec![("QueueUrl", Str::from(request.path.clone()))]),
    }
}
