//! Text messages: published to a phone number, or brought by a topic (section 35).

use std::collections::BTreeMap;

use waystation_delivery::message::Attribute;
use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{PublishInput, PublishResponse};
use crate::captured_message::{CapturedKind, CapturedMessage};
use crate::catalog::Located;
use crate::errors::invalid;
use crate::notice::{Draft, Notice};
use crate::rates::Messages;
use crate::subscribers::Subscriber;
use crate::topic_settings::TopicSettings;
use crate::{Sns, captured, limits, rates, sms_attributes, sms_numbers, sms_sandbox};

/// SNS-468: message attributes that control one SMS, and what they are called beside it.
const DETAILS: [(&str, &str); 6] = [
    ("AWS.SNS.SMS.SenderID", "SenderID"),
    ("AWS.SNS.SMS.SMSType", "SMSType"),
    ("AWS.SNS.SMS.MaxPrice", "MaxPrice"),
    ("AWS.MM.SMS.OriginationNumber", "OriginationNumber"),
    ("AWS.MM.SMS.EntityId", "EntityId"),
    ("AWS.MM.SMS.TemplateId", "TemplateId"),
];

/// `Publish` with `PhoneNumber` (SNS-465 to SNS-468). A number that opted out gets nothing, and the publisher is not told.
pub(crate) async fn publish(
    sns: &Sns,
    caller: &Caller,
    number: Str,
    input: PublishInput,
) -> Result<PublishResponse, ApiError> {
    if !sms_numbers::is_e164(&number) {
        return Err(invalid(format_args!(
            "PhoneNumber Reason: {number} is not valid to publish to"
        ))); // SNS-466
    }
    let no_topic = TopicSettings::none();
    let notice = Draft::from(input).ready(&no_topic, caller, sns.new_id(), sns.now_ms())?;
    check_details(&notice.attributes)?;
    let scope = Scope::new(&caller.account, &caller.region);
    let text = notice.text_for("sms").to_owned();
    if text.chars().count() > limits::SMS_LENGTH_MAX {
        return Err(invalid("Message too long")); // SNS-467
    }
    rates::count_messages(sns, &scope, Messages::Sms, 1)?;
    if reaches(sns, &scope, &number)? {
        let message = CapturedMessage {
            kind: CapturedKind::Sms,
            endpoint: number.to_string(),
            message_id: notice.id.clone(),
            topic_arn: None,
            subscription_arn: None,
            subject: None,
            body: text,
            details: details(sns, &scope, &notice.attributes)?,
        };
        captured::keep(sns, &scope, &message).await?;
    }
    Ok(PublishResponse {
        message_id: Some(Str::from(notice.id)),
        sequence_number: None,
    })
}

/// The SMS that a subscription gets; `None` when its number gets none (SNS-478).
pub(crate) fn notification(
    sns: &Sns,
    located: &Located<'_>,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Result<Option<CapturedMessage>, ApiError> {
    let number = &subscriber.settings.endpoint;
    if !reaches(sns, &located.scope, number)? {
        return Ok(None);
    }
    let text = notice.text_for("sms");
    let name = located.settings.attributes.get("DisplayName");
    let body = match name {
        Some(name) => {
            let name: String = name.chars().take(limits::SMS_NAME_LENGTH_MAX).collect();
            format!("{name}> {text}")
        }
        None => text.to_owned(),
    };
    Ok(Some(CapturedMessage {
        kind: CapturedKind::Sms,
        endpoint: number.clone(),
        message_id: notice.id.clone(),
        topic_arn: Some(topic_arn.to_owned()),
        subscription_arn: Some(format!("{topic_arn}:{}", subscriber.id)),
        subject: None,
        body: body.chars().take(limits::SMS_LENGTH_MAX).collect(),
        details: details(sns, &located.scope, &notice.attributes)?,
    }))
}

/// Whether a number would get what is sent to it (SNS-473, SNS-475).
fn reaches(sns: &Sns, scope: &Scope, number: &str) -> Result<bool, ApiError> {
    let number = sms_numbers::plain(number);
    if sms_numbers::is_opted_out(sns, scope, &number)? {
        tracing::info!("an SMS is not delivered: its number opted out");
        return Ok(false);
    }
    if !sms_sandbox::lets_through(sns, scope, &number)? {
        tracing::info!("an SMS is not delivered: its number is not verified in the sandbox");
        return Ok(false);
    }
    Ok(true)
}

/// What the gateway would be told: what the message says, else what is set for the account (SNS-468, SNS-469).
fn details(
    sns: &Sns,
    scope: &Scope,
    attributes: &[Attribute],
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut details = BTreeMap::new();
    let set = sms_attributes::current(sns, scope)?;
    for (name, attribute) in [
        ("SenderID", "DefaultSenderID"),
        ("SMSType", "DefaultSMSType"),
    ] {
        if let Some(value) = set.get(attribute) {
            details.insert(name.to_owned(), value.clone());
        }
    }
    details
        .entry("SMSType".to_owned())
        .or_insert_with(|| sms_attributes::TYPES[0].to_owned());
    for (attribute, detail) in DETAILS {
        if let Some(found) = attributes.iter().find(|found| *found.name == *attribute) {
            let value = String::from_utf8_lossy(&found.value).into_owned();
            details.insert(detail.to_owned(), value);
        }
    }
    Ok(details)
}

/// SNS-468
fn check_details(attributes: &[Attribute]) -> Result<(), ApiError> {
    for attribute in attributes {
        let value = String::from_utf8_lossy(&attribute.value);
        let is_valid = match &*attribute.name {
            "AWS.SNS.SMS.SenderID" => sms_attributes::is_sender_id(&value),
            "AWS.SNS.SMS.SMSType" => sms_attributes::TYPES.contains(&&*value),
            "AWS.SNS.SMS.MaxPrice" => value.parse::<f64>().is_ok_and(|price| price >= 0.0),
            _ => true,
        };
        if !is_valid {
            return Err(invalid(format_args!(
                "MessageAttributes Reason: {} is invalid",
                attribute.name
            )));
        }
    }
    Ok(())
}
