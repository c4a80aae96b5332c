//! Confirming a subscription (section 8): until its endpoint has shown that it wants to hear, it hears of nothing else.

use waystation_delivery::message::Message;
use waystation_delivery::{hexadecimal, md5};
use waystation_engine::{CatalogChange, Expect, Scope};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{ConfirmSubscriptionInput, ConfirmSubscriptionResponse};
use crate::catalog::{subscription_path, token_path};
use crate::email::Question;
use crate::errors::{changing_too_fast, from_engine, invalid};
use crate::http_message::{HttpMessage, Kind};
use crate::names::TopicName;
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, api, captured, catalog, email, envelope, limits, names};

/// SNS-102
const TOKEN_BYTES: usize = 144;

impl Sns {
    /// The token of a subscription: nobody who does not get its message can know it.
    pub(crate) fn token(&self, id: &str) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        for part in 0..TOKEN_BYTES / 16 {
            let piece = self
                .ids
                .key
                .hash_128(&[b"token", &[part as u8], id.as_bytes()]);
            bytes.extend_from_slice(&piece.to_be_bytes());
        }
        hexadecimal::encode(&bytes)
    }
}

/// Asks the endpoint of a pending subscription: by a mail, or by a message in the subscription's queue, whose deliveries
/// post it (SNS-092, SNS-107).
pub(crate) async fn ask(
    sns: &Sns,
    caller: &Caller,
    topic: &TopicName<'_>,
    id: &str,
    settings: &SubscriptionSettings,
) -> Result<(), ApiError> {
    let (message_id, arn, token) = (sns.new_id(), topic.arn(), sns.token(id));
    let url = format!(
        "{}://{}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}",
        caller.endpoint.scheme, caller.endpoint.host
    );
    let envelope = envelope::confirmation(&message_id, &token, &arn, &url, sns.now_ms());
    let Some(queue) = settings.queue else {
        let mail = email::confirmation(Question {
            protocol: &settings.protocol,
            address: &settings.endpoint,
            topic_arn: &arn,
            subscription_arn: format!("{arn}:{id}"),
            message_id,
            url: &url,
            envelope,
        });
        return captured::keep(sns, &Scope::new(topic.account, topic.region), &mail).await;
    };
    let body = Str::from(envelope);
    let message = HttpMessage {
        kind: Kind::SubscriptionConfirmation,
        is_raw: false,
        id: message_id,
        message: Message {
            body_md5: md5::of_body(body.as_bytes()),
            body,
            attributes: Vec::new(),
            attributes_md5: None,
            sender_id: Str::default(),
            group_id: None,
            deduplication_id: None,
            trace_header: None,
        },
    };
    let outgoing = message.outgoing();
    let sent = sns
        .engine
        .queue(queue)
        .send(vec![outgoing])
        .await
        .map_err(from_engine)?;
    sent.into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(from_engine)?;
    Ok(())
}

/// `ConfirmSubscription` (SNS-096 to SNS-105).
pub(crate) async fn confirm(
    sns: &Sns,
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
    for _ in 0..limits::CATALOG_RETRIES_MAX {
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
        if settings.is_expired(sns.now_ms()) {
            return Err(unknown());
        }
        let topic = TopicName { name, ..named };
        let confirmed = ConfirmSubscriptionResponse {
            subscription_arn: Some(Str::from(format!("{}:{id}", topic.arn()))),
        };
        if !settings.is_pending {
            return Ok(confirmed); // SNS-097
        }
        let is_signed = caller.access_key.is_some();
        let after = SubscriptionSettings {
            is_pending: false,
            is_authenticated: is_signed,
            needs_authentication: is_signed
                && input.authenticate_on_unsubscribe.as_deref() == Some("true"),
            ..SubscriptionSettings::clone(&settings)
        };
        let changes = vec![CatalogChange {
            path,
            expect: Expect::Version(row.version()),
            value: Some(after.encode()),
            effects: Vec::new(),
        }];
        if catalog::write(sns, &scope, changes).await? {
            sns.subscribers.refresh(sns, &scope, name, id)?;
            return Ok(confirmed);
        }
    }
    Err(changing_too_fast())
}
