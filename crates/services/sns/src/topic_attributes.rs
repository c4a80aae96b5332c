//! The attributes of a topic (section 5).

use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{GetTopicAttributesInput, GetTopicAttributesResponse, SetTopicAttributesInput};
use crate::catalog::{self, locate};
use crate::errors::{Context, invalid};
use crate::{Sns, archive, delivery_policy, limits, permissions, topic_rules};

/// `GetTopicAttributes` (SNS-042 to SNS-044).
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetTopicAttributesInput,
) -> Result<GetTopicAttributesResponse, ApiError> {
    let located = locate(sns, caller, &input.topic_arn, "GetTopicAttributes")?;
    let settings = &located.settings;
    let subscribers = sns.subscribers.of(sns, &located)?;
    let confirmed = subscribers.count();
    let mut attributes: Map<Str> = Map::default();
    let mut put = |name: &'static str, value: String| {
        attributes.insert(name, Str::from(value));
    };
    put("TopicArn", input.topic_arn.to_string());
    put("Owner", located.topic.account.to_owned());
    put("DisplayName", String::new());
    put("Policy", permissions::default_policy(&located.topic));
    let of_topic = settings
        .attributes
        .get("DeliveryPolicy")
        .map(String::as_str);
    put(
        "EffectiveDeliveryPolicy",
        delivery_policy::effective_of_topic(of_topic),
    );
    put("SubscriptionsConfirmed", confirmed.to_string());
    put(
        "SubscriptionsPending",
        subscribers.pending_count().to_string(),
    );
    put("SubscriptionsDeleted", "0".to_owned());
    if settings.is_fifo {
        put("FifoTopic", "true".to_owned());
        put("ContentBasedDeduplication", "false".to_owned());
    }
    if let Some(begins) = settings.beginning_archive_time(sns.now_ms()) {
        put("BeginningArchiveTime", begins);
    }
    for (name, value) in &settings.attributes {
        attributes.insert(Str::from(name.clone()), Str::from(value.clone()));
    }
    Ok(GetTopicAttributesResponse {
        attributes: Some(attributes),
    })
}

/// `SetTopicAttributes` (SNS-045 to SNS-054).
pub(crate) async fn set(
    sns: &Sns,
    caller: &Caller,
    input: SetTopicAttributesInput,
) -> Result<(), ApiError> {
    let value = input.attribute_value.unwrap_or_default();
    catalog::update(
        sns,
        caller,
        &input.topic_arn,
        "SetTopicAttributes",
        |located, settings| {
            topic_rules::apply(settings, &input.attribute_name, &value, Context::Set)?;
            archive::settle(sns, &located.settings, settings);
            // SNS-051, SNS-052; the protocols here all take large messages.
            if settings.message_bytes_max() > limits::MESSAGE_BYTES_DEFAULT
                && sns.subscribers.of(sns, located)?.count()
                    > limits::LARGE_MESSAGE_SUBSCRIPTIONS_MAX
            {
                return Err(invalid(
                    "MaximumMessageSize Reason: The topic has too many subscriptions",
                ));
            }
            Ok(())
        },
    )
    .await
}
