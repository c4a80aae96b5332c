//! The attributes of a subscription (section 7).

use std::sync::Arc;

use waystation_engine::{CatalogChange, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    GetSubscriptionAttributesInput, GetSubscriptionAttributesResponse,
    SetSubscriptionAttributesInput,
};
use crate::catalog::{find, subscription_path};
use crate::errors::{Context, changing_too_fast, not_authorized, subscription_does_not_exist};
use crate::names::TopicName;
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, catalog, delivery_policy, names, replay, subscription_rules, subscriptions};

/// A subscription that a request addresses.
struct Found<'a> {
    topic: TopicName<'a>,
    id: &'a str,
    scope: Scope,
    row: Arc<Row>,
    settings: Arc<SubscriptionSettings>,
}

/// SNS-082
fn locate<'a>(
    sns: &Sns,
    caller: &Caller,
    arn: &'a str,
    action: &str,
) -> Result<Found<'a>, ApiError> {
    let (topic, id) = names::subscription(caller, arn)?;
    let scope = Scope::new(topic.account, topic.region);
    let row = sns
        .engine
        .catalog()
        .get(&scope, &subscription_path(topic.name, id));
    let row = row.ok_or_else(subscription_does_not_exist)?;
    let settings = catalog::subscription_settings(&row)?;
    if settings.is_gone(sns.now_ms()) {
        return Err(subscription_does_not_exist());
    }
    let may = [topic.account, &settings.owner].contains(&&*caller.account);
    if caller.access_key.is_some() && !may {
        return Err(not_authorized(&caller.account, action, arn));
    }
    Ok(Found {
        topic,
        id,
        scope,
        row,
        settings,
    })
}

/// `GetSubscriptionAttributes` (SNS-077 to SNS-081).
pub(crate) async fn get(
    sns: &Sns,
    caller: &Caller,
    input: GetSubscriptionAttributesInput,
) -> Result<GetSubscriptionAttributesResponse, ApiError> {
    let found = locate(
        sns,
        caller,
        &input.subscription_arn,
        "GetSubscriptionAttributes",
    )?;
    let settings = &found.settings;
    let mut attributes: Map<Str> = Map::default();
    let mut put = |name: &'static str, value: String| {
        attributes.insert(name, Str::from(value));
    };
    put("SubscriptionArn", input.subscription_arn.to_string());
    put("TopicArn", found.topic.arn());
    put("Owner", settings.owner.clone());
    put("Protocol", settings.protocol.clone());
    put("Endpoint", settings.endpoint_shown());
    put("SubscriptionPrincipal", settings.principal.clone());
    put(
        "ConfirmationWasAuthenticated",
        settings.is_authenticated.to_string(),
    );
    put("PendingConfirmation", settings.is_pending.to_string());
    if settings.protocol.starts_with("http") {
        let own = settings.delivery_policy();
        put("EffectiveDeliveryPolicy", effective(sns, &found, own)?);
    }
    put("RawMessageDelivery", "false".to_owned());
    let has_filter = settings.attributes.contains_key("FilterPolicy");
    if has_filter {
        put("FilterPolicyScope", "MessageAttributes".to_owned());
    }
    for (name, value) in &settings.attributes {
        // SNS-080
        if has_filter || name != "FilterPolicyScope" {
            attributes.insert(Str::from(name.clone()), Str::from(value.clone()));
        }
    }
    if let Some(replay) = settings.replay {
        attributes.insert("ReplayStatus", Str::from(replay.status.name())); // SNS-390
    }
    Ok(GetSubscriptionAttributesResponse {
        attributes: Some(attributes),
    })
}

/// SNS-089
fn effective(sns: &Sns, found: &Found<'_>, own: Option<&str>) -> Result<String, ApiError> {
    let topic = find(sns, found.topic)?;
    let of_topic = topic
        .as_ref()
        .and_then(|topic| topic.settings.delivery_policy());
    Ok(delivery_policy::effective_of_subscription(of_topic, own))
}

/// `SetSubscriptionAttributes` (SNS-080 to SNS-087).
pub(crate) async fn set(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: SetSubscriptionAttributesInput,
) -> Result<(), ApiError> {
    let value = input.attribute_value.unwrap_or_default();
    let mut attempts = sns.attempts();
    while attempts.another() {
        let found = locate(
            sns,
            caller,
            &input.subscription_arn,
            "SetSubscriptionAttributes",
        )?;
        // Its topic goes at this moment.
        let topic = find(sns, found.topic)?.ok_or_else(subscription_does_not_exist)?;
        let mut after = SubscriptionSettings::clone(&found.settings);
        subscription_rules::apply(
            &topic,
            &mut after,
            &input.attribute_name,
            &value,
            Context::Set,
        )?;
        if &*input.attribute_name == replay::POLICY {
            let (former, id) = (found.settings.replay, Some(found.id));
            // Setting the same policy again starts anew (SNS-386).
            after.replay = replay::plan(sns, &topic, &value, former, id, Context::Set).await?;
        }
        if after == *found.settings {
            return Ok(());
        }
        let has_filter =
            |settings: &SubscriptionSettings| settings.attributes.contains_key("FilterPolicy");
        if has_filter(&after) && !has_filter(&found.settings) {
            subscriptions::check_filter_count(sns, &topic)?;
        }
        let mut changes = vec![CatalogChange {
            path: subscription_path(found.topic.name, found.id),
            expect: Expect::Version(found.row.version()),
            value: Some(after.encode()),
            effects: replay::effects(found.id, found.settings.replay, after.replay),
        }];
        if after.replay != found.settings.replay {
            // The archive must still be that of the topic; its row is written as it was.
            changes.push(CatalogChange {
                path: catalog::topic_path(found.topic.name),
                expect: Expect::Version(topic.row.version()),
                value: Some(topic.settings.encode()),
                effects: Vec::new(),
            });
        }
        if catalog::try_write(&mut attempts, &found.scope, changes).await? {
            sns.subscribers
                .refresh(sns, &found.scope, found.topic.name, found.id)?;
            if after.replay != found.settings.replay {
                sns.replays.forget(&found.scope, found.id);
                sns.go_on_replaying(&found.topic, found.id, &after);
            }
            return Ok(());
        }
    }
    Err(changing_too_fast())
}
