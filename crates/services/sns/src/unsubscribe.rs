//! Subscriptions go (section 9): at once for whoever signs, and so that they can be restored when it was the link in a
//! message that was followed.

use std::sync::Arc;

use bytes::Bytes;
use waystation_delivery::contention::Attempts;
use waystation_delivery::notification::Kind;
use waystation_engine::{CatalogChange, CatalogEffect, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::api::UnsubscribeInput;
use crate::catalog::{endpoint_path, subscription_path, token_path};
use crate::errors::{changing_too_fast, invalid, not_authorized};
use crate::names::TopicName;
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, catalog, confirm, deliveries, names, subscriptions};

/// `Unsubscribe` (SNS-108 to SNS-115).
pub(crate) async fn unsubscribe(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: UnsubscribeInput,
) -> Result<(), ApiError> {
    if input.subscription_arn.is_empty() {
        return Err(invalid(
            "SubscriptionArn Reason: no value for required parameter",
        ));
    }
    let (topic, id) = names::subscription(caller, &input.subscription_arn)?;
    let scope = Scope::new(topic.account, topic.region);
    let path = subscription_path(topic.name, id);
    let mut attempts = sns.attempts();
    while attempts.another() {
        let Some(row) = sns.engine.catalog().get(&scope, &path) else {
            return Ok(());
        };
        let settings = catalog::subscription_settings(&row)?;
        if settings.is_gone(sns.now_ms()) {
            return Ok(());
        }
        let may = [topic.account, &settings.owner].contains(&&*caller.account);
        let is_signed = caller.access_key.is_some();
        // SNS-104
        if (is_signed && !may) || (!is_signed && settings.needs_authentication) {
            return Err(not_authorized(
                &caller.account,
                "Unsubscribe",
                &input.subscription_arn,
            ));
        }
        if settings.is_pending {
            return Err(invalid(
                "SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation",
            )); // SNS-095
        }
        let is_asked = !is_signed && settings.protocol.starts_with("http");
        let is_done = match is_asked {
            true => leave(sns, &mut attempts, caller, &topic, id, &row, &settings).await?,
            false => {
                subscriptions::remove(sns, &mut attempts, &scope, topic.name, id, &row).await?
            }
        };
        if is_done {
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

/// Nobody said who followed the link: the endpoint is told, and can take it back (SNS-114). What waited for the endpoint goes
/// with its queue; a new one holds the confirmation. `false` when another request changed the subscription meanwhile.
async fn leave(
    sns: &Arc<Sns>,
    attempts: &mut Attempts<'_>,
    caller: &Caller,
    topic: &TopicName<'_>,
    id: &str,
    row: &Row,
    settings: &SubscriptionSettings,
) -> Result<bool, ApiError> {
    let queue = sns.engine.new_queue_id();
    let after = SubscriptionSettings {
        has_left: true,
        since_ms: sns.now_ms(),
        queue: Some(queue),
        ..settings.clone()
    };
    let hash = sns.endpoint_hash(settings.topic, &settings.protocol, &settings.endpoint);
    let change = |path, expect, value, effect: Option<CatalogEffect>| CatalogChange {
        path,
        expect,
        value,
        effects: effect.into_iter().collect(),
    };
    let configure = CatalogEffect::Configure(queue, deliveries::queue_config());
    let place = Bytes::from(format!("{}/{id}", topic.name));
    let former = token_path(&sns.restoring_token(id, settings));
    let changes = vec![
        change(
            subscription_path(topic.name, id),
            Expect::Version(row.version()),
            Some(after.encode()),
            Some(configure),
        ),
        // Another subscription of this endpoint may come.
        change(
            endpoint_path(topic.name, hash),
            Expect::Any,
            None,
            settings.queue.map(CatalogEffect::Remove),
        ),
        change(former, Expect::Any, None, None),
        change(
            token_path(&sns.restoring_token(id, &after)),
            Expect::Any,
            Some(place),
            None,
        ),
    ];
    let scope = Scope::new(topic.account, topic.region);
    if !catalog::try_write(attempts, &scope, changes).await? {
        return Ok(false);
    }
    sns.subscribers.refresh(sns, &scope, topic.name, id)?;
    sns.start_delivery(topic, id, queue);
    if let Some(located) = catalog::find(sns, *topic)?
        && let Err(error) = confirm::say(
            sns,
            caller,
            &located,
            id,
            &after,
            Kind::UnsubscribeConfirmation,
        )
        .await
    {
        // It is unsubscribed all the same.
        tracing::warn!(subscription = %id, error = %error.message, "an endpoint is not told that it was unsubscribed");
    }
    Ok(true)
}
