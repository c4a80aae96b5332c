//! What platforms there are, and what the attributes of applications and endpoints may be (section 34).

use std::collections::BTreeMap;

use waystation_wire::{ApiError, Map, Str};

use crate::errors::invalid;
use crate::limits;
use crate::platform_settings::EndpointSettings;

/// SNS-439
const PLATFORMS: [&str; 11] = [
    "ADM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "BAIDU",
    "GCM",
    "MACOS",
    "MACOS_SANDBOX",
    "MPNS",
    "WNS",
];

/// Attributes of an application that name a topic (SNS-463).
pub(crate) const EVENTS: [&str; 4] = [
    "EventDeliveryFailure",
    "EventEndpointCreated",
    "EventEndpointDeleted",
    "EventEndpointUpdated",
];

/// The other attributes of an application that can be set (SNS-444).
const ATTRIBUTES: [&str; 8] = [
    "ApplePlatformBundleID",
    "ApplePlatformTeamID",
    "Enabled",
    "FailureFeedbackRoleArn",
    "PlatformCredential",
    "PlatformPrincipal",
    "SuccessFeedbackRoleArn",
    "SuccessFeedbackSampleRate",
];

/// SNS-439
pub(crate) fn check_platform(platform: &str) -> Result<(), ApiError> {
    if PLATFORMS.contains(&platform) {
        return Ok(());
    }
    Err(invalid(format_args!(
        "Platform Reason: {platform} is not supported"
    )))
}

/// SNS-440, SNS-441
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let reason = if name.is_empty() {
        "cannot be empty"
    } else if name.chars().count() > limits::APPLICATION_NAME_LENGTH_MAX {
        "must be at most 256 characters long"
    } else if !name.bytes().all(is_legal) {
        "must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"
    } else {
        return Ok(());
    };
    Err(invalid(format_args!("{name} Reason: {reason}")))
}

fn invalid_name(name: &str) -> ApiError {
    invalid(format_args!(
        "Attributes Reason: Invalid attribute name: {name}"
    ))
}

fn invalid_value(name: &str, reason: &str) -> ApiError {
    invalid(format_args!(
        "Attributes Reason: Invalid value for attribute: {name}: {reason}"
    ))
}

/// Checks attributes of an application of this platform. Empty values are kept: they take an attribute away.
pub(crate) fn application(
    platform: &str,
    attributes: &Map<Str>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let has = |name| attributes.get(name).is_some();
    // SNS-443. The service of GCM knows an application by its key alone.
    if has("PlatformPrincipal") && !has("PlatformCredential") {
        return Err(invalid(
            "Attributes Reason: PlatformPrincipal attribute provided without PlatformCredential",
        ));
    }
    if has("PlatformCredential") && !has("PlatformPrincipal") && platform != "GCM" {
        return Err(invalid(
            "Attributes Reason: PlatformCredential attribute provided without PlatformPrincipal",
        ));
    }
    let mut checked = BTreeMap::new();
    for (name, value) in attributes.iter() {
        check_application_attribute(name, value)?;
        checked.insert(name.to_string(), value.to_string());
    }
    Ok(checked)
}

fn check_application_attribute(name: &str, value: &str) -> Result<(), ApiError> {
    if !ATTRIBUTES.contains(&name) && !EVENTS.contains(&name) {
        return Err(invalid_name(name));
    }
    if value.len() > limits::ATTRIBUTE_BYTES_MAX {
        return Err(invalid_value(name, "too long"));
    }
    match name {
        "Enabled" if !matches!(value, "true" | "false") => {
            Err(invalid_value(name, "must be true or false"))
        }
        "SuccessFeedbackSampleRate"
            if !value.is_empty() && !value.parse::<u8>().is_ok_and(|rate| rate <= 100) =>
        {
            Err(invalid_value(name, "must be between 0 and 100"))
        }
        event if EVENTS.contains(&event) && !value.is_empty() && !is_topic_arn(value) => {
            Err(invalid_value(name, "must be the ARN of a topic"))
        }
        _ => Ok(()),
    }
}

fn is_topic_arn(text: &str) -> bool {
    let arn = waystation_delivery::arn::Arn::parse(text);
    arn.is_some_and(|arn| arn.service == "sns" && crate::names::is_topic_name(arn.resource))
}

/// Sets attributes of an endpoint (SNS-450, SNS-453, SNS-454).
pub(crate) fn apply_to_endpoint(
    settings: &mut EndpointSettings,
    attributes: &Map<Str>,
) -> Result<(), ApiError> {
    for (name, value) in attributes.iter() {
        match &**name {
            "CustomUserData" => settings.user_data = user_data(value)?,
            "Enabled" => {
                settings.is_enabled = match &*value.to_ascii_lowercase() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(invalid_value(name, "must be true or false")),
                };
            }
            "Token" => settings.token = token(value)?,
            _ => return Err(invalid_name(name)),
        }
    }
    Ok(())
}

/// SNS-450, SNS-454
pub(crate) fn user_data(text: &str) -> Result<Option<String>, ApiError> {
    if text.len() > limits::USER_DATA_BYTES_MAX {
        return Err(invalid_value(
            "CustomUserData",
            "must be at most 2048 bytes long in UTF-8 encoding",
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The token of a device.
pub(crate) fn token(text: &str) -> Result<String, ApiError> {
    if text.is_empty() || text.len() > limits::ATTRIBUTE_BYTES_MAX {
        return Err(invalid("Token Reason: must be between 1 and 8192 bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        // SNS-440, SNS-441
        for good in ["a", "A-b_9.x", &"n".repeat(256)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let message = |name: &str| check_name(name).expect_err(name).message;
        assert_eq!(message(""), "Invalid parameter:  Reason: cannot be empty");
        let long = "n".repeat(257);
        assert_eq!(
            message(&long),
            format!("Invalid parameter: {long} Reason: must be at most 256 characters long")
        );
        assert_eq!(
            message("a b"),
            "Invalid parameter: a b Reason: must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"
        );
    }
}
