//! Confirming a subscription (section 8): until its endpoint has shown that it wants to hear, it hears of nothing else.

use std::sync::Arc;

use bytes::Bytes;
use waystation_delivery::hexadecimal;
use waystation_delivery::message::Message;
use waystation_delivery::notification::{Form, Kind, Notification};
use waystation_engine::{CatalogChange, EngineError, Expect, Outgoing, Scope};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{ConfirmSubscriptionInput, ConfirmSubscriptionResponse};
use crate::catalog::{Located, endpoint_path, subscription_path, token_path};
use crate::email::Question;
use crate::errors::{changing_too_fast, from_engine, invalid};
use crate::names::TopicName;
use crate::stored_forms::{SENDER_ID, base_url, signature_version};
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, api, captured, catalog, email, fan_out, names};

/// SNS-102
const TOKEN_BYTES: usize = 144;

impl Sns {
    /// The token of a subscription: nobody who does not get its message can know it.
    pub(crate) fn token(&self, id: &str) -> String {
        self.token_of(&[b"token"], id)
    }

    /// The token that restores a subscription; another one each time that it was left (SNS-114).
    pub(crate) fn restoring_token(&self, id: &str, settings: &SubscriptionSettings) -> String {
        self.token_of(&[b"restore", &settings.since_ms.to_be_bytes()], id)
    }

    fn token_of(&self, purpose: &[&[u8]], id: &str) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        for part in 0..TOKEN_BYTES / 16 {
            let number = [part as u8];
            let parts: [&[u8]; 2] = [&number, id.as_bytes()];
            let piece = self.ids.key.hash_128(&[purpose, &parts].concat());
            bytes.extend_from_slice(&piece.to_be_bytes());
        }
        hexadecimal::encode(&bytes)
    }
}

/// Asks whoever is subscribed (SNS-092, SNS-093, SNS-107).
pub(crate) async fn ask(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    id: &str,
    settings: &SubscriptionSettings,
) -> Result<(), ApiError> {
    let kind = Kind::SubscriptionConfirmation;
    say(sns, caller, located, id, settings, kind).await
}

/// Sends a confirmation to an endpoint: into the queue of its deliveries, into the queue that it is, or by a mail.
pub(crate) async fn say(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    id: &str,
    settings: &SubscriptionSettings,
    kind: Kind,
) -> Result<(), ApiError> {
    let arn = located.topic.arn();
    // SNS-197, SNS-199
    let (text, token) = match kind {
        Kind::UnsubscribeConfirmation => (
            format!(
                "You have chosen to deactivate subscription {arn}:{id}.\nTo cancel this operation and restore the \
                 subscription, visit the SubscribeURL included in this message."
            ),
            sns.restoring_token(id, settings),
        ),
        Kind::Notification | Kind::SubscriptionConfirmation => (
            format!(
                "You have chosen to subscribe to the topic {arn}.\nTo confirm the subscription, visit the SubscribeURL \
                 included in this message."
            ),
            sns.token(id),
        ),
    };
    let notification = Notification {
        kind,
        form: Form::Envelope,
        is_replayed: false,
        signature: signature_version(&located.settings),
        published_ms: sns.now_ms(),
        id: Str::from(sns.new_id()),
        topic_arn: Str::from(arn),
        base_url: base_url(caller),
        subject: None,
        sequence_number: None,
        token: Some(Str::from(token)),
        message: Message {
            body: Str::from(text),
            body_md5: [0; 16],
            attributes: Vec::new(),
            attributes_md5: None,
            sender_id: SENDER_ID,
            group_id: None,
            deduplication_id: None,
            trace_header: None,
        },
    };
    let sent = match settings.queue {
        Some(queue) => {
            // Nobody else sees that queue, and nobody tallies its bytes.
            let outgoing = Outgoing {
                body: notification.encode(),
                delay_ms: None,
                group: None,
                dedup: None,
                size_bytes: 0,
            };
            let sent = sns.engine.queue(queue).send(vec![outgoing]).await;
            sent.and_then(|sent| sent.into_iter().collect::<Result<Vec<_>, _>>().map(drop))
        }
        None if email::is_email(&settings.protocol) => {
            return by_mail(sns, located, id, settings, notification).await;
        }
        None => to_queue(sns, settings, notification).await,
    };
    sent.map_err(from_engine)
}

/// The mail that asks whether its reader wants more (section 21).
async fn by_mail(
    sns: &Sns,
    located: &Located<'_>,
    id: &str,
    settings: &SubscriptionSettings,
    notification: Notification,
) -> Result<(), ApiError> {
    let (arn, message_id) = (located.topic.arn(), notification.id.to_string());
    let url = notification.subscribe_url().unwrap_or_default();
    let envelope = notification.read(None, &sns.signer).await;
    let mail = email::confirmation(Question {
        protocol: &settings.protocol,
        address: &settings.endpoint,
        topic_arn: &arn,
        subscription_arn: format!("{arn}:{id}"),
        message_id,
        url: &url,
        envelope: envelope.map_err(from_engine)?.body.to_string(),
    });
    captured::keep(sns, &located.scope, &mail).await
}

/// SNS-093. A queue that is not there, or lets nobody in, cannot confirm.
async fn to_queue(
    sns: &Sns,
    settings: &SubscriptionSettings,
    notification: Notification,
) -> Result<(), EngineError> {
    let Some(target) = fan_out::find(sns, settings, &settings.endpoint) else {
        tracing::warn!(endpoint = %settings.endpoint, "a queue cannot be asked for its confirmation");
        return Ok(());
    };
    let message = notification.read(None, &sns.signer).await?;
    fan_out::send(sns, &target, message).await
}

/// `ConfirmSubscription` (SNS-096 to SNS-105).
pub(crate) async fn confirm(
    sns: &Arc<Sns>,
    caller: &Caller,
    input: ConfirmSubscriptionInput,
) -> Result<ConfirmSubscriptionResponse, ApiError> {
    // SNS-098, SNS-099: only account and region count.
    let named = names::topic(caller, &input.topic_arn, "Topic").map_err(|_| invalid("Topic"))?;
    let is_token = input.token.len() == 2 * TOKEN_BYTES
        && input
            .token
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_token {
        return Err(api::INVALID_PARAMETER_EXCEPTION.with("Invalid token")); // SNS-101
    }
    let scope = Scope::new(named.account, named.region);
    let unknown = || invalid("Token"); // SNS-100
    let mut attempts = sns.attempts();
    while attempts.another() {
        let row = sns
            .engine
            .catalog()
            .get(&scope, &token_path(&input.token))
            .ok_or_else(unknown)?;
        let place = String::from_utf8_lossy(row.bytes()).into_owned();
        let (name, id) = place.split_once('/').ok_or_else(unknown)?;
        let path = subscription_path(name, id);
        let row = sns
            .engine
            .catalog()
            .get(&scope, &path)
            .ok_or_else(unknown)?;
        let settings = catalog::subscription_settings(&row)?;
        let is_restored = input.token == sns.restoring_token(id, &settings).as_str();
        if settings.is_expired(sns.now_ms()) || settings.has_left && !is_restored {
            return Err(unknown());
        }
        let topic = TopicName { name, ..named };
        let confirmed = ConfirmSubscriptionResponse {
            subscription_arn: Some(Str::from(format!("{}:{id}", topic.arn()))),
        };
        if !settings.is_pending && !settings.has_left {
            return Ok(confirmed); // SNS-097
        }
        let is_signed = caller.access_key.is_some();
        let after = SubscriptionSettings {
            is_pending: false,
            has_left: false,
            is_authenticated: is_signed,
            needs_authentication: is_signed
                && input.authenticate_on_unsubscribe.as_deref() == Some("true"),
            ..SubscriptionSettings::clone(&settings)
        };
        let mut changes = vec![CatalogChange {
            path,
            expect: Expect::Version(row.version()),
            value: Some(after.encode()),
            effects: Vec::new(),
        }];
        if settings.has_left {
            changes.push(found_again(sns, &scope, name, id, &after)?);
        }
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            sns.subscribers.refresh(sns, &scope, name, id)?;
            sns.go_on_replaying(&topic, id, &after);
            return Ok(confirmed);
        }
    }
    Err(changing_too_fast())
}

/// A restored subscription is found by its endpoint again, unless that has subscribed anew.
fn found_again(
    sns: &Sns,
    scope: &Scope,
    topic: &str,
    id: &str,
    settings: &SubscriptionSettings,
) -> Result<CatalogChange, ApiError> {
    let hash = sns.endpoint_hash(settings.topic, &settings.protocol, &settings.endpoint);
    let path = endpoint_path(topic, hash);
    if sns.engine.catalog().get(scope, &path).is_some() {
        return Err(invalid("Token"));
    }
    Ok(CatalogChange {
        path,
        expect: Expect::Absent,
        value: Some(Bytes::from(id.to_owned())),
        effects: Vec::new(),
    })
}
