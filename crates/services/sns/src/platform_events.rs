//! What an application's topics hear of its endpoints (SNS-463). An event follows the change it tells of: it is published
//! before the answer to the request, and a crash in between loses it.

use serde_json::json;
use waystation_wire::{ApiError, Caller, Str};

use crate::notice::Draft;
use crate::platform_catalog::Application;
use waystation_delivery::envelope;

use crate::{Sns, catalog, limits, publish};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Created,
    Deleted,
    Updated,
    /// A message published to the endpoint itself cannot be delivered.
    Failed,
}

impl Event {
    /// The attribute of the application that names the topic.
    fn attribute(self) -> &'static str {
        match self {
            Event::Created => "EventEndpointCreated",
            Event::Deleted => "EventEndpointDeleted",
            Event::Updated => "EventEndpointUpdated",
            Event::Failed => "EventDeliveryFailure",
        }
    }

    fn name(self) -> &'static str {
        self.attribute().trim_start_matches("Event")
    }
}

/// Publishes the event to the topic that the application names, if it names one. The request went well whatever comes of it.
pub(crate) async fn tell(
    sns: &Sns,
    caller: &Caller,
    application: &Application<'_>,
    event: Event,
    endpoint: &str,
) {
    let Some(topic) = application.settings.attributes.get(event.attribute()) else {
        return;
    };
    if let Err(error) = publish_to(sns, caller, topic, application, event, endpoint).await {
        tracing::warn!(%topic, event = event.name(), reason = %error.message, "an event of a platform application is lost");
    }
}

async fn publish_to(
    sns: &Sns,
    caller: &Caller,
    topic: &str,
    application: &Application<'_>,
    event: Event,
    endpoint: &str,
) -> Result<(), ApiError> {
    let located = catalog::locate(sns, caller, topic, "Publish")?;
    let now_ms = sns.now_ms();
    let name = &application.name;
    let message = json!({
        "EventType": event.name(),
        "Resource": name.arn(),
        "EndpointArn": name.endpoint_arn(endpoint),
        "Service": "SNS",
        "Time": envelope::timestamp(now_ms),
    });
    let subject = format!(
        "{} event for app {} ({})",
        event.name(),
        name.name,
        name.platform
    );
    let subject: String = subject.chars().take(limits::SUBJECT_LENGTH_MAX).collect();
    let draft = Draft::of(Str::from(message.to_string()), Str::from(subject));
    let notice = draft.ready(&located.settings, caller, sns.new_id(), now_ms)?;
    publish::all(sns, caller, &located, topic, vec![notice]).await?;
    Ok(())
}
