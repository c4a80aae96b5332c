//! `GET /_waystation/sqs/messages` and its counterparts below `/_aws/`: tests look into a queue without receiving.
//!
//! Suites that ran against LocalStack call `/_aws/sqs/messages` with a queue URL, the path form with region, account and
//! name, or point an SDK's ReceiveMessage at it; each is answered in the form it expects. How much one answer holds is
//! bounded; what comes next is named by a marker.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use waystation_auth::{Presented, region_of_host};
use waystation_engine::States;
use waystation_frontdoor::InternalRoute;
use waystation_sqs::api::{ReceiveMessageRequest, ReceiveMessageResult};
use waystation_sqs::{Peek, PeekedMessages, Sqs, names};
use waystation_wire::binding::{self, Call};
use waystation_wire::service::downcast;
use waystation_wire::{ApiError, Protocol, Request, Response, Service, errors, form};

use crate::peek_rendering;

/// Where the next part begins, in answers whose form has no place for it.
const NEXT_MARKER: HeaderName = HeaderName::from_static("x-waystation-next-marker");

const OWN_PATH: &str = "/_waystation/sqs/messages";
const PATH: &str = "/_aws/sqs/messages";
const PATHS_BELOW: &str = "/_aws/sqs/messages/*";

/// The endpoints, for a server started with `--test-endpoints`. `region` is that of requests that name none.
pub(crate) fn routes(sqs: &Arc<Sqs>, region: &str) -> Vec<InternalRoute> {
    let route = |method: Method, path: &'static str| {
        let (sqs, region) = (Arc::clone(sqs), region.to_owned());
        InternalRoute {
            method,
            path,
            handler: Arc::new(move |request: Request| {
                let (sqs, region) = (Arc::clone(&sqs), region.clone());
                Box::pin(async move { answer(&sqs, &region, &request).await })
            }),
        }
    };
    vec![
        route(Method::GET, OWN_PATH),
        route(Method::GET, PATH),
        route(Method::POST, PATH),
        route(Method::GET, PATHS_BELOW),
        route(Method::POST, PATHS_BELOW),
    ]
}

/// How the answer is written.
enum Form {
    /// Our own JSON.
    Own,
    /// XML turned into JSON.
    Converted,
    /// As the operation would answer.
    Operation(Call),
}

async fn answer(sqs: &Arc<Sqs>, region: &str, request: &Request) -> Response {
    let model = sqs.model();
    let asked = match form_of(sqs, request) {
        Ok((form, queue_url)) => look(sqs, region, request, queue_url)
            .await
            .map(|peeked| (form, peeked)),
        Err(error) => Err(error),
    };
    match asked {
        Ok((form, peeked)) => rendered(sqs, form, peeked, request),
        Err(error) => {
            let protocol = match binding::protocol(request, model) {
                Protocol::AwsQuery if request.path == OWN_PATH => Protocol::AwsQueryJsonView,
                protocol => protocol,
            };
            binding::encode_error(model, protocol, &error, &request.request_id)
        }
    }
}

/// The form of the answer and the queue URL, which an operation carries in its body.
fn form_of(sqs: &Arc<Sqs>, request: &Request) -> Result<(Form, Option<String>), ApiError> {
    let query = request.query.as_deref().unwrap_or_default();
    let queue_url = form::first(query.as_bytes(), "QueueUrl");
    if request.path == OWN_PATH {
        return Ok((Form::Own, queue_url));
    }
    if request.method == Method::POST {
        let call = binding::detect(request, sqs.model())?;
        if call.operation.name != "ReceiveMessage" {
            return Err(errors::invalid_action(call.operation.name));
        }
        let input = binding::decode(sqs.as_ref(), request, call)?;
        let input: ReceiveMessageRequest = downcast(input)?;
        return Ok((Form::Operation(call), Some(input.queue_url.to_string())));
    }
    let protocol = binding::protocol(request, sqs.model());
    if protocol == Protocol::AwsQueryJsonView {
        return Ok((Form::Converted, queue_url));
    }
    let operation = sqs.model().operation("ReceiveMessage");
    let operation = operation.ok_or_else(|| errors::invalid_action("ReceiveMessage"))?;
    let call = Call {
        operation,
        protocol,
    };
    Ok((Form::Operation(call), queue_url))
}

async fn look(
    sqs: &Sqs,
    region: &str,
    request: &Request,
    queue_url: Option<String>,
) -> Result<PeekedMessages, ApiError> {
    let below = request.path.strip_prefix(PATH).unwrap_or_default();
    let below: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    let queue_url = queue_url.unwrap_or_default();
    let presented = Presented::parse(&request.headers, None);
    let (region, account, name) = match (below.as_slice(), names::parse_url(&queue_url)) {
        ([region, account, name], _) => (*region, *account, *name),
        ([], Some((account, name))) => {
            let signed = presented.credential().map(|credential| credential.region);
            let host = queue_url.split('/').nth(2).unwrap_or_default();
            let named = signed.or_else(|| region_of_host(host));
            (named.unwrap_or(region), account, name)
        }
        ([], None) => {
            let error = "The request must contain the parameter QueueUrl, the URL of a queue.";
            return Err(errors::MISSING_PARAMETER.with(error));
        }
        _ => {
            let error = "The path takes a region, an account and the name of a queue.";
            return Err(errors::INVALID_PARAMETER_VALUE.with(error));
        }
    };
    sqs.peek(Peek {
        account,
        region,
        name,
        states: States {
            visible: true,
            in_flight: flag(request, "ShowInvisible"),
            delayed: flag(request, "ShowDelayed"),
        },
        limit: number(request, "Limit")?,
        marker: number(request, "Marker")?,
    })
    .await
}

/// A parameter of the query string, or of a form.
fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.query.as_deref().unwrap_or_default();
    form::first(query.as_bytes(), name).or_else(|| form::first(&request.body, name))
}

fn flag(request: &Request, name: &str) -> bool {
    parameter(request, name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
}

fn number<T: std::str::FromStr>(request: &Request, name: &str) -> Result<Option<T>, ApiError> {
    let Some(text) = parameter(request, name) else {
        return Ok(None);
    };
    let wrong = |_| {
        errors::INVALID_PARAMETER_VALUE.with(format!(
            "Value {text} for parameter {name} is invalid. Reason: Must be a number."
        ))
    };
    text.parse().map(Some).map_err(wrong)
}

fn rendered(sqs: &Sqs, form: Form, peeked: PeekedMessages, request: &Request) -> Response {
    let next = peeked.next;
    let mut response = match form {
        Form::Own => peek_rendering::own(&peeked),
        Form::Converted => peek_rendering::converted(&peeked, sqs.model(), &request.request_id),
        Form::Operation(call) => {
            let messages = peeked.messages.into_iter().map(|peeked| peeked.message);
            let messages: Vec<_> = messages.collect();
            let output = ReceiveMessageResult {
                messages: (!messages.is_empty()).then_some(messages),
            };
            let output: Box<dyn waystation_wire::Structure> = Box::new(output);
            binding::encode(sqs.model(), call, &output, &request.request_id)
        }
    };
    if let Some(next) = next {
        let marker = HeaderValue::from(next);
        response.headers.push((NEXT_MARKER, marker));
    }
    response
}
