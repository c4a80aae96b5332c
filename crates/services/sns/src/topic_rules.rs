//! What the attributes of a topic may be (table 5.1).

use serde_json::Value;
use waystation_wire::ApiError;

use crate::errors::{Context, invalid_attribute};
use crate::topic_settings::TopicSettings;
use crate::{archive, delivery_policy, limits, permissions};

/// `true` or `false`.
pub(crate) fn flag(context: Context, name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid_value(
            context,
            name,
            value,
            "Must be true or false.",
        )),
    }
}

fn invalid_value(context: Context, name: &str, value: &str, reason: &str) -> ApiError {
    invalid_attribute(
        context,
        format_args!("{name}: Invalid value [{value}]. {reason}"),
    )
}

/// Sets an attribute. An empty value takes it back to its default (SNS-046).
pub(crate) fn apply(
    settings: &mut TopicSettings,
    name: &str,
    value: &str,
    context: Context,
) -> Result<(), ApiError> {
    let invalid = |reason: &str| Err(invalid_value(context, name, value, reason));
    if !is_known(settings.is_fifo, name) {
        return Err(unknown(context, name));
    }
    // An archive goes by its empty policy only (SNS-377).
    if value.is_empty() && name != archive::POLICY {
        settings.attributes.remove(name);
        return Ok(());
    }
    if value.len() > limits::POLICY_BYTES_MAX {
        return invalid("Too long.");
    }
    match name {
        "DisplayName" if value.chars().count() > limits::DISPLAY_NAME_LENGTH_MAX => {
            return invalid("Too long.");
        }
        "Policy" => permissions::check(value, context)?,
        "DeliveryPolicy" => {
            let kept = delivery_policy::topic(value, context)?;
            settings.attributes.insert(name.to_owned(), kept);
            return Ok(());
        }
        // SNS-053
        "MaximumMessageSize"
            if !value
                .parse()
                .is_ok_and(|bytes| limits::MESSAGE_BYTES.contains(&bytes)) =>
        {
            return invalid("Must be between 1024 and 1048576.");
        }
        "SignatureVersion" if !matches!(value, "1" | "2") => return invalid("Must be 1 or 2."),
        "TracingConfig" if !matches!(value, "PassThrough" | "Active") => {
            return invalid("Must be PassThrough or Active.");
        }
        // SNS-055
        "TracingConfig" if value == "Active" && settings.is_fifo => {
            return invalid("FIFO topics do not support Active.");
        }
        "ContentBasedDeduplication" => {
            flag(context, name, value)?;
        }
        "FifoThroughputScope" => check_scope(settings, value, context)?,
        archive::POLICY if archive::days(value, context)?.is_none() => {
            settings.attributes.remove(name);
            return Ok(());
        }
        name if name.ends_with("SuccessFeedbackSampleRate")
            && !value.parse::<u8>().is_ok_and(|rate| rate <= 100) =>
        {
            return invalid("Must be between 0 and 100.");
        }
        _ => {}
    }
    settings
        .attributes
        .insert(name.to_owned(), value.to_owned());
    Ok(())
}

/// SNS-365, SNS-366
fn check_scope(settings: &TopicSettings, value: &str, context: Context) -> Result<(), ApiError> {
    let name = "FifoThroughputScope";
    let current = settings.attributes.get(name).map(String::as_str);
    match value {
        "MessageGroup" => Ok(()),
        "Topic" if current != Some("MessageGroup") => Ok(()),
        "Topic" => Err(invalid_value(
            context,
            name,
            value,
            "The scope cannot be changed back to Topic.",
        )),
        _ => Err(invalid_value(
            context,
            name,
            value,
            "Must be Topic or MessageGroup.",
        )),
    }
}

/// SNS-045
fn unknown(context: Context, name: &str) -> ApiError {
    match context {
        Context::Set => invalid_attribute(context, "AttributeName"),
        Context::Create => invalid_attribute(context, format_args!("Unknown attribute {name}")),
    }
}

fn is_known(is_fifo: bool, name: &str) -> bool {
    let feedback = || {
        let endpoints = ["HTTP", "Firehose", "Lambda", "Application", "SQS"];
        let rest = endpoints
            .iter()
            .find_map(|endpoint| name.strip_prefix(endpoint));
        matches!(
            rest,
            Some("SuccessFeedbackRoleArn" | "SuccessFeedbackSampleRate" | "FailureFeedbackRoleArn")
        )
    };
    match name {
        "DisplayName" | "Policy" | "DeliveryPolicy" | "MaximumMessageSize" | "KmsMasterKeyId"
        | "SignatureVersion" | "TracingConfig" => true,
        "ContentBasedDeduplication" | "FifoThroughputScope" | archive::POLICY => is_fifo,
        _ => feedback(),
    }
}

/// Whether two values of an attribute say the same; JSON may be laid out differently.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || (one.starts_with('{') && json(one).is_some_and(|one| Some(one) == json(other)))
}
