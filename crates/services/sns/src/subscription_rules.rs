//! What the endpoint and the attributes of a subscription may be (sections 6, 7 and 26).

use http::Uri;
use serde_json::Value;
use waystation_delivery::arn::Arn;
use waystation_wire::ApiError;

use crate::catalog::Located;
use crate::errors::{Context, invalid, invalid_attribute, not_implemented};
use crate::names::FIFO_SUFFIX;
use crate::subscription_settings::SubscriptionSettings;
use crate::topic_settings::TopicSettings;
use crate::{delivery_policy, email, filter, limits, replay};

/// Table 6.1
const PROTOCOLS: [&str; 9] = [
    "sqs",
    "lambda",
    "http",
    "https",
    "email",
    "email-json",
    "sms",
    "application",
    "firehose",
];

/// Checks protocol and endpoint for a topic (SNS-056 to SNS-068).
pub(crate) fn check_endpoint(
    topic: &TopicSettings,
    protocol: &str,
    endpoint: &str,
) -> Result<(), ApiError> {
    if !PROTOCOLS.contains(&protocol) {
        return Err(invalid(format_args!(
            "Amazon SNS does not support this protocol string: {protocol}"
        )));
    }
    if endpoint.is_empty() || endpoint.len() > limits::ENDPOINT_BYTES_MAX {
        return Err(invalid("Endpoint"));
    }
    // SNS-068, SNS-358
    if topic.is_fifo && protocol != "sqs" {
        return Err(invalid(format_args!(
            "Invalid parameter: Endpoint Reason: FIFO topics do not support the protocol {protocol}"
        )));
    }
    match protocol {
        "sqs" => check_queue(topic, endpoint),
        "http" | "https" if !endpoint.starts_with(&format!("{protocol}://")) => {
            Err(invalid("Endpoint must match the specified protocol")) // SNS-060
        }
        "http" | "https" => check_url(endpoint),
        "lambda" => check_function(endpoint),
        "sms" if !is_phone_number(endpoint) => Err(crate::api::INVALID_PARAMETER_EXCEPTION.with(
            format!("Invalid parameter: Invalid SMS endpoint: {endpoint}"),
        )), // SNS-063
        "email" | "email-json" if !email::is_address(endpoint) => Err(invalid("Email address")),
        // Whether there is such a platform endpoint is asked where the catalog is.
        "sms" | "email" | "email-json" | "application" => Ok(()),
        other => Err(not_implemented(format_args!(
            "Subscribing the protocol {other}"
        ))),
    }
}

/// SNS-058, SNS-059, SNS-066, SNS-067
fn check_queue(topic: &TopicSettings, endpoint: &str) -> Result<(), ApiError> {
    let queue = Arn::parse(endpoint)
        .filter(|arn| arn.service == "sqs" && !arn.resource.contains([':', '/']));
    let Some(queue) = queue else {
        return Err(invalid("SQS endpoint ARN"));
    };
    if queue.resource.ends_with(FIFO_SUFFIX) && !topic.is_fifo {
        return Err(invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        ));
    }
    Ok(())
}

/// `function:<name>`, perhaps with an alias or a version.
fn check_function(endpoint: &str) -> Result<(), ApiError> {
    let function = Arn::parse(endpoint).filter(|arn| arn.service == "lambda");
    let name = function.and_then(|arn| arn.resource.strip_prefix("function:"));
    let mut parts = name.unwrap_or_default().split(':');
    let is_given = |part: Option<&str>| part.is_some_and(|part| !part.is_empty());
    if is_given(parts.next()) && parts.next() != Some("") && parts.next().is_none() {
        return Ok(());
    }
    Err(invalid("Lambda endpoint ARN"))
}

/// SNS-062
fn check_url(endpoint: &str) -> Result<(), ApiError> {
    let uri = endpoint.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host);
    if host.is_some_and(|host| !host.is_empty() && !host.contains('_')) {
        return Ok(());
    }
    Err(invalid("Endpoint"))
}

/// SNS-064: digits with single separators between them, perhaps after a plus sign.
fn is_phone_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.split(['/', '-', '.']).all(is_part)
}

/// Sets an attribute; an empty value takes it away where AWS allows that (table 7.1).
pub(crate) fn apply(
    topic: &Located<'_>,
    settings: &mut SubscriptionSettings,
    name: &str,
    value: &str,
    context: Context,
) -> Result<(), ApiError> {
    let invalid = |text: String| Err(invalid_attribute(context, text));
    let mut kept = value.to_owned();
    match name {
        // SNS-084
        "RawMessageDelivery" if !matches!(value, "true" | "false") => {
            return invalid(format!(
                "RawMessageDelivery: Invalid value [{value}]. Must be true or false."
            ));
        }
        "RawMessageDelivery" if value == "true" && !takes_raw(&settings.protocol) => {
            return invalid(format!(
                "Delivery protocol [{}] does not support raw message delivery.",
                settings.protocol
            ));
        }
        "RawMessageDelivery" => {}
        // SNS-085
        "FilterPolicyScope" if !matches!(value, "MessageBody" | "MessageAttributes") => {
            return invalid(format!(
                "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            ));
        }
        "FilterPolicyScope" => {
            let former = settings.attributes.insert(name.to_owned(), kept);
            return filter::check_scope_change(settings, context).inspect_err(|_| {
                match former {
                    Some(former) => settings.attributes.insert(name.to_owned(), former),
                    None => settings.attributes.remove(name),
                };
            });
        }
        // SNS-081
        "FilterPolicy" if filter::is_none(value) => {
            settings.attributes.remove("FilterPolicyScope");
            kept.clear();
        }
        "FilterPolicy" => filter::check(value, settings.filter_dialect(), context)?,
        "RedrivePolicy" => check_redrive(topic, settings, value, context)?,
        "DeliveryPolicy" if value.is_empty() => {}
        "DeliveryPolicy" if matches!(&*settings.protocol, "http" | "https") => {
            kept = delivery_policy::subscription(value, settings.form(), context)?;
        }
        "DeliveryPolicy" => {
            return invalid("DeliveryPolicy: only http and https endpoints have one".to_owned());
        }
        "SubscriptionRoleArn" if value.len() > limits::ATTRIBUTE_BYTES_MAX => {
            return invalid("SubscriptionRoleArn".to_owned());
        }
        "SubscriptionRoleArn" => {}
        // An empty one ends a replay. What its times mean at the topic is asked when the whole subscription is known.
        replay::POLICY if replay::window(value, context)?.is_none() => kept.clear(),
        replay::POLICY => {}
        // SNS-083
        _ => return invalid("AttributeName".to_owned()),
    }
    if kept.is_empty() {
        settings.attributes.remove(name);
    } else {
        settings.attributes.insert(name.to_owned(), kept);
    }
    Ok(())
}

/// Table 6.1
fn takes_raw(protocol: &str) -> bool {
    matches!(protocol, "sqs" | "http" | "https" | "firehose")
}

/// The queue that a redrive policy names.
pub(crate) fn dead_letter_arn(policy: &str) -> Option<String> {
    let document: Value = serde_json::from_str(policy).ok()?;
    document
        .get("deadLetterTargetArn")?
        .as_str()
        .map(str::to_owned)
}

/// SNS-086, SNS-087, SNS-343 to SNS-345, SNS-357
fn check_redrive(
    topic: &Located<'_>,
    settings: &SubscriptionSettings,
    value: &str,
    context: Context,
) -> Result<(), ApiError> {
    if value.is_empty() {
        return Ok(());
    }
    let invalid = |text: String| {
        Err(invalid_attribute(
            context,
            format_args!("RedrivePolicy: {text}"),
        ))
    };
    if value.len() > limits::ATTRIBUTE_BYTES_MAX {
        return invalid("too long".to_owned());
    }
    if let Err(error) = serde_json::from_str::<Value>(value) {
        return invalid(format!("failed to parse JSON. {error}"));
    }
    let arn = dead_letter_arn(value);
    let Some(queue) = arn
        .as_deref()
        .and_then(Arn::parse)
        .filter(|arn| arn.service == "sqs")
    else {
        return invalid("deadLetterTargetArn is an invalid arn".to_owned());
    };
    let is_fifo_subscription = topic.settings.is_fifo && settings.endpoint.ends_with(FIFO_SUFFIX);
    let is_fifo_queue = queue.resource.ends_with(FIFO_SUFFIX);
    if is_fifo_subscription && !is_fifo_queue {
        return invalid(
            "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.".to_owned(),
        );
    }
    if is_fifo_queue && !is_fifo_subscription {
        return invalid(
            "must use a standard queue as DLQ for a Subscription to a standard Topic.".to_owned(),
        );
    }
    if queue.account != settings.owner || queue.region != topic.topic.region {
        return invalid(
            "the dead-letter queue must be in the account and Region of the subscription"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(is_fifo: bool) -> TopicSettings {
        TopicSettings {
            id: 1,
            created_ms: 0,
            is_fifo,
            attributes: Default::default(),
            tags: Default::default(),
            data_protection: None,
            archive: None,
        }
    }

    fn message(outcome: Result<(), ApiError>) -> String {
        outcome.expect_err("refused").message
    }

    #[test]
    fn endpoints_fit_their_protocol() {
        // SNS-056, SNS-058, SNS-059, SNS-060, SNS-063, SNS-064, SNS-066, SNS-067, SNS-068
        let check =
            |is_fifo, protocol, endpoint| check_endpoint(&topic(is_fifo), protocol, endpoint);
        let (queue, fifo) = (
            "arn:aws:sqs:us-east-1:1:q",
            "arn:aws:sqs:us-east-1:1:q.fifo",
        );
        assert!(check(false, "sqs", queue).is_ok());
        assert!(check(true, "sqs", queue).is_ok());
        assert!(check(true, "sqs", fifo).is_ok());
        assert_eq!(
            message(check(false, "sqs", fifo)),
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        );
        assert_eq!(
            message(check(false, "sqs", "http://localhost/1/q")),
            "Invalid parameter: SQS endpoint ARN"
        );
        assert_eq!(
            message(check(false, "pigeon", "x")),
            "Invalid parameter: Amazon SNS does not support this protocol string: pigeon"
        );
        assert_eq!(
            message(check(false, "http", "https://x")),
            "Invalid parameter: Endpoint must match the specified protocol"
        );
        for bad in ["+15--551234567", "/1", "1.", "x"] {
            assert_eq!(
                message(check(false, "sms", bad)),
                format!("Invalid parameter: Invalid SMS endpoint: {bad}")
            );
        }
        let function = "arn:aws:lambda:us-east-1:1:function:f";
        assert!(check(false, "lambda", function).is_ok());
        assert!(
            check(
                false,
                "lambda",
                "arn:aws:lambda:us-east-1:1:function:f:alias"
            )
            .is_ok()
        );
        for bad in [
            "x",
            queue,
            "arn:aws:lambda:us-east-1:1:function:",
            "arn:aws:lambda:us-east-1:1:function:f:1:2",
        ] {
            assert_eq!(
                message(check(false, "lambda", bad)),
                "Invalid parameter: Lambda endpoint ARN"
            );
        }
        assert!(check(false, "https", "https://user:password@host/").is_ok());
        assert!(is_phone_number("+12/34-567.890"));
        assert!(check(true, "http", "http://x").is_err());
    }
}
