//! `GET /_waystation/sns/captured` and its counterparts below `/_aws/`: tests read the mails, text messages and push
//! notifications that SNS would have sent, and `DELETE` throws them away.
//!
//! Suites that ran against LocalStack call `/_aws/sns/sms-messages` and `/_aws/sns/platform-endpoint-messages`; there the
//! messages stand by phone number or endpoint. A handset's STOP is `POST /_waystation/sns/opted-out`.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};
use waystation_auth::{Defaults, is_account, is_region};
use waystation_frontdoor::InternalRoute;
use waystation_sns::{CapturedKind, CapturedMessage, Captures, Sns, sms_parts};
use waystation_wire::timestamp::{self, Timestamp};
use waystation_wire::{ApiError, Request, Response, errors, form};

use crate::json_answer::reply;

/// An endpoint that shows messages.
#[derive(Clone, Copy)]
struct Shelf {
    path: &'static str,
    /// Names of the parameters for account, region and endpoint.
    parameters: [&'static str; 3],
    /// The kind of its messages and the member that holds them by endpoint; our own shows all of them in their order.
    by_endpoint: Option<(CapturedKind, &'static str)>,
}

const OWN: Shelf = Shelf {
    path: "/_waystation/sns/captured",
    parameters: ["AccountId", "Region", "Endpoint"],
    by_endpoint: None,
};
const SHELVES: [Shelf; 3] = [
    OWN,
    Shelf {
        path: "/_aws/sns/sms-messages",
        parameters: ["accountId", "region", "phoneNumber"],
        by_endpoint: Some((CapturedKind::Sms, "sms_messages")),
    },
    Shelf {
        path: "/_aws/sns/platform-endpoint-messages",
        parameters: ["accountId", "region", "endpointArn"],
        by_endpoint: Some((CapturedKind::Push, "platform_endpoint_messages")),
    },
];
const OPTED_OUT_PATH: &str = "/_waystation/sns/opted-out";

/// The endpoints, for a server started with `--test-endpoints`. `defaults` are account and region of requests that name
/// none.
pub(crate) fn routes(sns: &Arc<Sns>, defaults: &Defaults) -> Vec<InternalRoute> {
    let mut routes = vec![opt_out_route(sns, defaults)];
    for shelf in SHELVES {
        for method in [Method::GET, Method::DELETE] {
            let (sns, defaults) = (Arc::clone(sns), defaults.clone());
            routes.push(InternalRoute {
                method,
                path: shelf.path,
                handler: Arc::new(move |request: Request| {
                    let (sns, defaults) = (Arc::clone(&sns), defaults.clone());
                    Box::pin(async move { answered(shelf.answer(&sns, &defaults, &request).await) })
                }),
            });
        }
    }
    routes
}

fn opt_out_route(sns: &Arc<Sns>, defaults: &Defaults) -> InternalRoute {
    let (sns, defaults) = (Arc::clone(sns), defaults.clone());
    InternalRoute {
        method: Method::POST,
        path: OPTED_OUT_PATH,
        handler: Arc::new(move |request: Request| {
            let (sns, defaults) = (Arc::clone(&sns), defaults.clone());
            Box::pin(async move { answered(opt_out(&sns, &defaults, &request).await) })
        }),
    }
}

async fn opt_out(sns: &Sns, defaults: &Defaults, request: &Request) -> Result<Value, ApiError> {
    let [account, region] = place(request, OWN.parameters, defaults)?;
    let number = with_plus(parameter(request, "PhoneNumber").unwrap_or_default());
    sns.opt_out(&account, &region, &number).await?;
    Ok(json!({}))
}

fn answered(outcome: Result<Value, ApiError>) -> Response {
    match outcome {
        Ok(body) => reply(200, &body),
        Err(error) => reply(error.kind.status, &json!({ "message": error.message })),
    }
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.query.as_deref().unwrap_or_default();
    form::first(query.as_bytes(), name).filter(|value| !value.is_empty())
}

/// Account and region that a request is about.
fn place(
    request: &Request,
    parameters: [&str; 3],
    defaults: &Defaults,
) -> Result<[String; 2], ApiError> {
    let [account, region, _] = parameters.map(|name| parameter(request, name));
    let account = account.unwrap_or_else(|| defaults.account.to_string());
    let region = region.unwrap_or_else(|| defaults.region.to_string());
    if !is_account(&account) {
        return Err(invalid(parameters[0], &account, "Must be twelve digits."));
    }
    if !is_region(&region) {
        return Err(invalid(parameters[1], &region, "Must be a region."));
    }
    Ok([account, region])
}

/// A plus sign in a query stands for a blank; whoever wrote one before a phone number meant it.
fn with_plus(text: String) -> String {
    match text.strip_prefix(' ') {
        Some(digits) => format!("+{digits}"),
        None => text,
    }
}

impl Shelf {
    async fn answer(
        self,
        sns: &Sns,
        defaults: &Defaults,
        request: &Request,
    ) -> Result<Value, ApiError> {
        let [account, region] = place(request, self.parameters, defaults)?;
        let endpoint = parameter(request, self.parameters[2]).map(with_plus);
        let kind = match self.by_endpoint {
            Some((kind, _)) => Some(kind),
            None => parameter(request, "Kind").map(kind_of).transpose()?,
        };
        let wanted = Captures {
            account: &account,
            region: &region,
            kind,
            endpoint: endpoint.as_deref(),
        };
        if request.method == Method::DELETE {
            sns.clear_captured(wanted).await?;
            return Ok(json!({}));
        }
        let marker = parameter(request, "Marker").map(marker_of).transpose()?;
        let page = sns.captured(wanted, marker).await?;
        let mut answer = match self.by_endpoint {
            None => {
                let shown = page
                    .messages
                    .iter()
                    .map(|(at_ms, message)| own(*at_ms, message));
                json!({ "Messages": shown.collect::<Vec<_>>() })
            }
            Some((_, member)) => {
                let mut by_endpoint = Map::new();
                if let Some(endpoint) = &endpoint {
                    by_endpoint.insert(endpoint.clone(), json!([]));
                }
                for (_, message) in &page.messages {
                    let list = by_endpoint
                        .entry(message.endpoint.clone())
                        .or_insert_with(|| json!([]));
                    if let Value::Array(list) = list {
                        list.push(self.shown(message));
                    }
                }
                json!({ "accountId": account, "region": region, member: by_endpoint })
            }
        };
        if let Some(next) = page.next {
            answer["NextMarker"] = json!(next.to_string());
        }
        Ok(answer)
    }

    /// A message below its endpoint: what the publish said of it.
    fn shown(self, message: &CapturedMessage) -> Value {
        let mut shown = json!({
            "MessageId": message.message_id,
            "Message": message.body,
            "TopicArn": message.topic_arn,
            "SubscriptionArn": message.subscription_arn,
            "Details": message.details,
        });
        let name = match message.kind {
            CapturedKind::Sms => "PhoneNumber",
            _ => "TargetArn",
        };
        shown[name] = json!(message.endpoint);
        shown
    }
}

fn kind_of(name: String) -> Result<CapturedKind, ApiError> {
    CapturedKind::of_name(&name)
        .ok_or_else(|| invalid("Kind", &name, "Must be email, sms or push."))
}

fn marker_of(text: String) -> Result<u64, ApiError> {
    text.parse()
        .map_err(|_| invalid("Marker", &text, "Must be a number."))
}

fn invalid(name: &str, value: &str, reason: &str) -> ApiError {
    errors::INVALID_PARAMETER_VALUE.with(format!(
        "Value {value} for parameter {name} is invalid. Reason: {reason}"
    ))
}

/// A message in our own form.
fn own(at_ms: u64, message: &CapturedMessage) -> Value {
    let mut shown = json!({
        "Kind": message.kind.name(),
        "Endpoint": message.endpoint,
        "MessageId": message.message_id,
        "Timestamp": timestamp::iso8601(Timestamp::from_ms(at_ms)),
        "Body": message.body,
        "Details": message.details,
    });
    for (name, text) in [
        ("TopicArn", &message.topic_arn),
        ("SubscriptionArn", &message.subscription_arn),
        ("Subject", &message.subject),
    ] {
        if let Some(text) = text {
            shown[name] = json!(text);
        }
    }
    if message.kind == CapturedKind::Sms {
        shown["Parts"] = json!(sms_parts(&message.body));
    }
    shown
}
