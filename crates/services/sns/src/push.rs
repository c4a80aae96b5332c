//! Push notifications: published to a platform endpoint, or brought by a topic (section 34).

use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{self, PublishInput, PublishResponse};
use crate::captured_message::{CapturedKind, CapturedMessage};
use crate::errors::invalid;
use crate::notice::{Draft, Notice};
use crate::platform_catalog::{Endpoint, find_application, find_endpoint};
use crate::platform_events::{self, Event};
use crate::platform_names;
use crate::subscribers::Subscriber;
use crate::topic_settings::TopicSettings;
use crate::{Sns, captured};

/// What the names of attributes begin with that control a push request (SNS-464).
const CONTROLS: &str = "AWS.SNS.MOBILE.";

/// Whether an ARN is that of a platform endpoint, as far as its form tells.
pub(crate) fn is_endpoint_arn(arn: &str) -> bool {
    arn.splitn(6, ':')
        .nth(5)
        .is_some_and(|path| path.starts_with("endpoint/"))
}

/// Why an endpoint gets nothing.
enum Refusal {
    Missing,
    Disabled,
    ApplicationDisabled,
}

/// The endpoint of a name, if something can be sent to it (SNS-458 to SNS-460).
fn reachable<'a>(
    sns: &Sns,
    name: platform_names::EndpointName<'a>,
) -> Result<Result<Endpoint<'a>, Refusal>, ApiError> {
    let application = find_application(sns, name.application)?;
    let endpoint = find_endpoint(sns, name)?;
    Ok(match (application, endpoint) {
        (Some(application), Some(endpoint))
            if endpoint.settings.application == application.settings.id =>
        {
            if !application.settings.is_enabled() {
                Err(Refusal::ApplicationDisabled)
            } else if !endpoint.settings.is_enabled {
                Err(Refusal::Disabled)
            } else {
                Ok(endpoint)
            }
        }
        _ => Err(Refusal::Missing),
    })
}

/// `Publish` with the ARN of an endpoint (SNS-123, SNS-129, SNS-459, SNS-460, SNS-462).
pub(crate) async fn publish(
    sns: &Sns,
    caller: &Caller,
    arn: &str,
    input: PublishInput,
) -> Result<PublishResponse, ApiError> {
    let name = platform_names::endpoint(caller, arn, "TargetArn")?;
    let no_topic = TopicSettings::none();
    let notice = Draft::from(input).ready(&no_topic, caller, sns.new_id(), sns.now_ms())?;
    let endpoint = match reachable(sns, name)? {
        Ok(endpoint) => endpoint,
        Err(refusal) => {
            if let Some(application) = find_application(sns, name.application)? {
                platform_events::tell(sns, caller, &application, Event::Failed, name.id).await;
            }
            return Err(match refusal {
                Refusal::Missing => {
                    invalid("TargetArn Reason: No endpoint found for the target arn specified")
                }
                Refusal::Disabled => api::ENDPOINT_DISABLED_EXCEPTION.with("Endpoint is disabled"),
                Refusal::ApplicationDisabled => api::PLATFORM_APPLICATION_DISABLED_EXCEPTION
                    .with("Platform application is disabled"),
            });
        }
    };
    let scope = Scope::new(name.application.account, name.application.region);
    captured::keep(sns, &scope, &message(&endpoint, &notice)).await?;
    Ok(PublishResponse {
        message_id: Some(Str::from(notice.id)),
        sequence_number: None,
    })
}

/// The push request for an endpoint: the text for its platform, and of the attributes only those that control the request
/// (SNS-163, SNS-462, SNS-464).
fn message(endpoint: &Endpoint<'_>, notice: &Notice) -> CapturedMessage {
    let application = &endpoint.name.application;
    let controls = notice.attributes.iter().filter_map(|attribute| {
        let name = attribute.name.strip_prefix(CONTROLS)?;
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        Some((name.to_owned(), value))
    });
    let of_endpoint = [
        ("Platform", application.platform),
        ("Token", &*endpoint.settings.token),
    ];
    CapturedMessage {
        kind: CapturedKind::Push,
        endpoint: application.endpoint_arn(endpoint.name.id),
        message_id: notice.id.clone(),
        topic_arn: None,
        subscription_arn: None,
        subject: None,
        body: notice.text_for(application.platform).to_owned(),
        details: of_endpoint
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .chain(controls)
            .collect(),
    }
}

/// The push request that a subscription makes; `None` when its endpoint takes none.
pub(crate) fn notification(
    sns: &Sns,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Result<Option<CapturedMessage>, ApiError> {
    let Some(name) = platform_names::of_subscription(&subscriber.settings.endpoint) else {
        return Ok(None);
    };
    let endpoint = reachable(sns, name)?;
    Ok(endpoint.ok().map(|endpoint| CapturedMessage {
        topic_arn: Some(topic_arn.to_owned()),
        subscription_arn: Some(format!("{topic_arn}:{}", subscriber.id)),
        ..message(&endpoint, notice)
    }))
}

/// Whether an `application` subscription may name this endpoint.
pub(crate) fn check_endpoint(sns: &Sns, caller: &Caller, arn: &str) -> Result<(), ApiError> {
    let name = platform_names::endpoint(caller, arn, "Endpoint")?;
    match find_endpoint(sns, name)? {
        Some(_) => Ok(()),
        None => Err(invalid("Endpoint Reason: Endpoint does not exist")),
    }
}
