//! Subscriptions come and are listed (sections 6 and 10), and the rows that go with them.

use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use waystation_delivery::arn::{Arn, partition};
use waystation_delivery::contention::Attempts;
use waystation_delivery::post;
use waystation_engine::{CatalogChange, CatalogEffect, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    ListSubscriptionsByTopicInput, ListSubscriptionsByTopicResponse, ListSubscriptionsInput,
    ListSubscriptionsResponse, SubscribeInput, SubscribeResponse, Subscription,
};
use crate::catalog::{Located, endpoint_path, locate, subscription_path, token_path};
use crate::errors::{Context, changing_too_fast, internal, invalid};
use crate::names::TopicName;
use crate::subscription_settings::SubscriptionSettings;
use crate::{
    Limits, Sns, api, captured, catalog, confirm, deliveries, email, limits, pages, push, replay,
    subscription_rules, topic_rules,
};

impl Sns {
    /// Under what the catalog finds a subscription by what it subscribes.
    pub(crate) fn endpoint_hash(&self, topic: u64, protocol: &str, endpoint: &str) -> u128 {
        let length = [protocol.len().min(255) as u8];
        let parts: [&[u8]; 5] = [
            b"sns endpoint",
            &topic.to_be_bytes(),
            &length,
            protocol.as_bytes(),
            endpoint.as_bytes(),
        ];
        self.keys.message_id.hash_128(&parts)
    }
}

/// `Subscribe`: a new subscription, or the existing one of this endpoint (SNS-056 to SNS-076).
pub(crate) async fn subscribe(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: SubscribeInput,
) -> Result<SubscribeResponse, ApiError> {
    let (mut attempts, mut is_reachable) = (sns.attempts(), false);
    while attempts.another() {
        let located = locate(sns, caller, &input.topic_arn, "Subscribe")?;
        let mut wanted = wanted(sns, caller, &located, &input)?;
        let name = located.topic.name;
        let hash = sns.endpoint_hash(wanted.topic, &wanted.protocol, &wanted.endpoint);
        let index = endpoint_path(name, hash);
        if let Some(row) = sns.engine.catalog().get(&located.scope, &index) {
            let id = std::str::from_utf8(row.bytes()).map_err(internal)?;
            let Some(row) = sns
                .engine
                .catalog()
                .get(&located.scope, &subscription_path(name, id))
            else {
                continue; // It goes at this moment, both rows at once.
            };
            let existing = catalog::subscription_settings(&row)?;
            if existing.is_expired(sns.now_ms()) {
                remove(sns, &mut attempts, &located.scope, name, id, &row).await?;
                continue;
            }
            check_equal(&existing, &wanted)?;
            drop(attempts);
            if existing.is_pending {
                confirm::ask(sns, caller, &located, id, &existing).await?; // SNS-075
            }
            return Ok(subscribed(&located.topic, id, &existing, &input));
        }
        check_limits(sns, &located, &wanted)?;
        if !is_reachable {
            check_reachable(&wanted).await?;
            is_reachable = true;
        }
        captured::prepare(sns, &located.scope, &wanted.protocol).await?;
        if let Some(policy) = wanted.attributes.get(replay::POLICY) {
            wanted.replay =
                replay::plan(sns, &located, policy, None, None, Context::Create).await?;
        }
        let id = sns.new_id();
        let mut changes = rows(sns, name, &id, &wanted, index);
        // The topic must still be there; its row is written as it was.
        changes.push(CatalogChange {
            path: catalog::topic_path(name),
            expect: Expect::Version(located.row.version()),
            value: Some(located.settings.encode()),
            effects: Vec::new(),
        });
        if catalog::try_write(&mut attempts, &located.scope, changes).await? {
            sns.subscribers.refresh(sns, &located.scope, name, &id)?;
            if let Some(queue) = wanted.queue {
                sns.start_delivery(&located.topic, &id, queue);
            }
            sns.go_on_replaying(&located.topic, &id, &wanted);
            if wanted.is_pending {
                confirm::ask(sns, caller, &located, &id, &wanted).await?;
            }
            return Ok(subscribed(&located.topic, &id, &wanted, &input));
        }
    }
    Err(changing_too_fast())
}

/// The rows of a new subscription.
fn rows(
    sns: &Sns,
    name: &str,
    id: &str,
    wanted: &SubscriptionSettings,
    index: Vec<u8>,
) -> Vec<CatalogChange> {
    let row = |path, value| CatalogChange {
        path,
        expect: Expect::Absent,
        value: Some(value),
        effects: Vec::new(),
    };
    let mut changes = vec![
        CatalogChange {
            effects: wanted
                .queue
                .map(|queue| CatalogEffect::Configure(queue, deliveries::queue_config()))
                .into_iter()
                .chain(wanted.replay.map(|replay| replay.opened(id)))
                .collect(),
            ..row(subscription_path(name, id), wanted.encode())
        },
        row(index, Bytes::from(id.to_owned())),
    ];
    if wanted.is_pending {
        let place = Bytes::from(format!("{name}/{id}"));
        changes.push(row(token_path(&sns.token(id)), place));
    }
    changes
}

/// SNS-069, SNS-070
fn subscribed(
    topic: &TopicName<'_>,
    id: &str,
    settings: &SubscriptionSettings,
    input: &SubscribeInput,
) -> SubscribeResponse {
    let shows_arn = !settings.is_pending || input.return_subscription_arn == Some(true);
    let text = if shows_arn {
        format!("{}:{id}", topic.arn())
    } else {
        "pending confirmation".to_owned()
    };
    SubscribeResponse {
        subscription_arn: Some(Str::from(text)),
    }
}

/// The subscription that a request describes.
fn wanted(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    input: &SubscribeInput,
) -> Result<SubscriptionSettings, ApiError> {
    let endpoint = input.endpoint.as_deref().unwrap_or_default();
    let given: Vec<(&Str, &Str)> = input.attributes.iter().flat_map(Map::iter).collect();
    let has_role = given
        .iter()
        .any(|(name, _)| &***name == "SubscriptionRoleArn");
    if &*input.protocol == "firehose" && !has_role {
        return Err(invalid(
            "Attributes Reason: SubscriptionRoleArn is required",
        )); // SNS-065
    }
    subscription_rules::check_endpoint(&located.settings, &input.protocol, endpoint)?;
    if &*input.protocol == "application" {
        push::check_endpoint(sns, caller, endpoint)?;
    }
    let (is_web, is_signed) = (
        input.protocol.starts_with("http"),
        caller.access_key.is_some(),
    );
    let queue = Arn::parse(endpoint).filter(|arn| arn.service == "sqs");
    let is_of_another = queue.is_some_and(|queue| is_signed && queue.account != &*caller.account);
    let needs_confirmation = is_web || is_of_another || email::is_email(&input.protocol); // SNS-093
    let owns_queue = is_web || &*input.protocol == "lambda";
    let mut settings = SubscriptionSettings {
        topic: located.settings.id,
        since_ms: sns.now_ms(),
        is_authenticated: !needs_confirmation,
        is_pending: needs_confirmation,
        needs_authentication: false,
        has_left: false,
        queue: owns_queue.then(|| sns.engine.new_queue_id()),
        protocol: input.protocol.to_string(),
        endpoint: endpoint.to_owned(),
        owner: caller.account.to_string(),
        principal: format!(
            "arn:{}:iam::{}:root",
            partition(&caller.region),
            caller.account
        ),
        attributes: Default::default(),
        replay: None,
    };
    // They decide how policies are read, in whatever order they are given (SNS-243, SNS-278).
    let (first, others): (Vec<_>, Vec<_>) = given
        .into_iter()
        .partition(|(name, _)| matches!(&***name, "FilterPolicyScope" | "RawMessageDelivery"));
    for (name, value) in first.into_iter().chain(others) {
        subscription_rules::apply(located, &mut settings, name, value, Context::Create)?;
    }
    Ok(settings)
}

/// SNS-071 to SNS-073
fn check_equal(
    existing: &SubscriptionSettings,
    wanted: &SubscriptionSettings,
) -> Result<(), ApiError> {
    let is_same = |(name, value): (&String, &String)| {
        let default = if name == "RawMessageDelivery" {
            Some("false")
        } else {
            None
        };
        let current = existing
            .attributes
            .get(name)
            .map(String::as_str)
            .or(default);
        current.is_some_and(|current| topic_rules::is_same_text(current, value))
    };
    if wanted.attributes.iter().all(is_same) {
        return Ok(());
    }
    Err(invalid(
        "Attributes Reason: Subscription already exists with different attributes",
    ))
}

/// SNS-061. Addresses of this machine and of private networks are as good as public ones here (SNS-251).
async fn check_reachable(wanted: &SubscriptionSettings) -> Result<(), ApiError> {
    if !wanted.protocol.starts_with("http") {
        return Ok(());
    }
    match wanted.endpoint.parse::<Uri>() {
        Ok(uri) if post::is_reachable(&uri).await => Ok(()),
        _ => Err(invalid("Unreachable Endpoint")),
    }
}

/// SNS-051, SNS-052, SNS-273, SNS-374, SNS-489
fn check_limits(
    sns: &Sns,
    located: &Located<'_>,
    wanted: &SubscriptionSettings,
) -> Result<(), ApiError> {
    let subscribers = sns.subscribers.of(sns, located)?;
    let count = subscribers.count();
    let is_large = located.settings.message_bytes_max() > limits::MESSAGE_BYTES_DEFAULT;
    if is_large && count >= limits::LARGE_MESSAGE_SUBSCRIPTIONS_MAX {
        return Err(invalid(
            "Endpoint Reason: The topic's MaximumMessageSize allows no more subscriptions",
        ));
    }
    let most = if located.settings.is_fifo {
        limits::FIFO_SUBSCRIPTIONS_MAX
    } else {
        limits::SUBSCRIPTIONS_MAX
    };
    if count >= most {
        return Err(api::SUBSCRIPTION_LIMIT_EXCEEDED_EXCEPTION
            .with("Subscription limit exceeded for the topic"));
    }
    if wanted.attributes.contains_key("FilterPolicy") {
        check_filter_count(sns, located)?;
    }
    Ok(())
}

/// SNS-273: whether the topic may have one more filter policy.
pub(crate) fn check_filter_count(sns: &Sns, located: &Located<'_>) -> Result<(), ApiError> {
    let most = match sns.limits {
        Limits::None => limits::FILTER_POLICIES_MAX,
        Limits::Aws => limits::FILTER_POLICIES_MAX_AWS,
    };
    if sns.subscribers.of(sns, located)?.filtered_count() < most {
        return Ok(());
    }
    Err(api::FILTER_POLICY_LIMIT_EXCEEDED_EXCEPTION
        .with("Filter policy limit exceeded for the topic"))
}

/// Removes a subscription with everything that belongs to it; `false` when another request changed it meanwhile.
pub(crate) async fn remove(
    sns: &Sns,
    attempts: &mut Attempts<'_>,
    scope: &Scope,
    topic: &str,
    id: &str,
    row: &Row,
) -> Result<bool, ApiError> {
    let mut changes = removals(sns, topic, id, &*catalog::subscription_settings(row)?);
    if let Some(first) = changes.first_mut() {
        first.expect = Expect::Version(row.version());
    }
    let is_removed = catalog::try_write(attempts, scope, changes).await?;
    if is_removed {
        sns.subscribers.refresh(sns, scope, topic, id)?;
        sns.replays.forget(scope, id);
    }
    Ok(is_removed)
}

/// The rows of a subscription, its own first.
pub(crate) fn removals(
    sns: &Sns,
    topic: &str,
    id: &str,
    settings: &SubscriptionSettings,
) -> Vec<CatalogChange> {
    let hash = sns.endpoint_hash(settings.topic, &settings.protocol, &settings.endpoint);
    let mut paths = vec![subscription_path(topic, id)];
    if !settings.has_left {
        // Otherwise it may be that of another subscription by now.
        paths.push(endpoint_path(topic, hash));
    }
    if was_asked(settings) {
        paths.push(token_path(&sns.token(id)));
    }
    if settings.queue.is_some() {
        paths.push(token_path(&sns.restoring_token(id, settings)));
    }
    let mut effects = Vec::from_iter(settings.queue.map(CatalogEffect::Remove));
    effects.extend(settings.replay.map(|replay| replay.closed(id)));
    let change = |path| CatalogChange {
        path,
        expect: Expect::Any,
        value: None,
        effects: std::mem::take(&mut effects),
    };
    paths.into_iter().map(change).collect()
}

/// Whether somebody got a message with its token.
fn was_asked(settings: &SubscriptionSettings) -> bool {
    let queue = Arn::parse(&settings.endpoint);
    settings.queue.is_some()
        || email::is_email(&settings.protocol)
        || queue.is_some_and(|queue| queue.account != settings.owner)
}

/// A subscription as lists show it (SNS-119).
fn shown(topic: &TopicName<'_>, id: &str, settings: &SubscriptionSettings) -> Subscription {
    let arn = topic.arn();
    Subscription {
        // SNS-106
        subscription_arn: Some(Str::from(match settings.is_pending {
            true => "PendingConfirmation".to_owned(),
            false => format!("{arn}:{id}"),
        })),
        owner: Some(Str::from(settings.owner.clone())),
        protocol: Some(Str::from(settings.protocol.clone())),
        endpoint: Some(Str::from(settings.endpoint_shown())),
        topic_arn: Some(Str::from(arn)),
    }
}

/// `ListSubscriptions` (SNS-118 to SNS-120).
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListSubscriptionsInput,
) -> Result<ListSubscriptionsResponse, ApiError> {
    let scope = Scope::new(&caller.account, &caller.region);
    let page = pages::page(
        sns,
        &scope,
        catalog::SUBSCRIPTIONS,
        input.next_token.as_deref(),
        |rest, row| {
            let rest = String::from_utf8_lossy(rest);
            let Some((name, id)) = rest.split_once('/') else {
                return Ok(None);
            };
            let topic = TopicName {
                account: &caller.account,
                region: &caller.region,
                name,
            };
            let settings = catalog::subscription_settings(row)?;
            Ok((!settings.is_gone(sns.now_ms())).then(|| shown(&topic, id, &settings)))
        },
    )?;
    Ok(ListSubscriptionsResponse {
        subscriptions: Some(page.items),
        next_token: page.next_token,
    })
}

/// `ListSubscriptionsByTopic` (SNS-118 to SNS-121).
pub(crate) async fn list_by_topic(
    sns: &Sns,
    caller: &Caller,
    input: ListSubscriptionsByTopicInput,
) -> Result<ListSubscriptionsByTopicResponse, ApiError> {
    let located = locate(sns, caller, &input.topic_arn, "ListSubscriptionsByTopic")?;
    let prefix = catalog::subscriptions_of(located.topic.name);
    let page = pages::page(
        sns,
        &located.scope,
        &prefix,
        input.next_token.as_deref(),
        |id, row| {
            let settings = catalog::subscription_settings(row)?;
            let is_of_topic =
                settings.topic == located.settings.id && !settings.is_gone(sns.now_ms());
            Ok(is_of_topic.then(|| shown(&located.topic, &String::from_utf8_lossy(id), &settings)))
        },
    )?;
    Ok(ListSubscriptionsByTopicResponse {
        subscriptions: Some(page.items),
        next_token: page.next_token,
    })
}
