//! Retry policies of HTTP endpoints (section 25): checked, completed and merged. `retry` reads them.

use serde_json::{Map, Value, json};
use waystation_delivery::notification::Form;
use waystation_wire::ApiError;

use crate::errors::{Context, invalid_attribute};
use crate::limits;

/// Names and defaults of a healthy retry policy, in the order in which AWS writes them (SNS-047).
const RETRY: [(&str, u64); 6] = [
    ("minDelayTarget", 20),
    ("maxDelayTarget", 20),
    ("numRetries", 3),
    ("numMaxDelayRetries", 0),
    ("numNoDelayRetries", 0),
    ("numMinDelayRetries", 0),
];
const BACKOFF: &str = "linear";

/// SNS-242: content types of envelopes.
const CONTENT_TYPES: [&str; 2] = ["text/plain", "application/json"];
/// SNS-243: what raw messages may be beside those.
const RAW_CONTENT_TYPES: [&str; 10] = [
    "text/css",
    "text/csv",
    "text/html",
    "text/xml",
    "application/atom+xml",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
];

/// Whether messages of this form may have a content type; parameters such as the character set do not matter.
pub(crate) fn is_content_type(text: &str, form: Form) -> bool {
    let name = text.split(';').next().unwrap_or_default().trim();
    let is_in = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_in(&CONTENT_TYPES) || (form == Form::Raw && is_in(&RAW_CONTENT_TYPES))
}

/// One part of the policies in force: that of the subscription, unless the topic overrules it or has the only one (SNS-089,
/// SNS-090).
fn in_force(
    topic: Option<&str>,
    own: Option<&str>,
    [name, of_topic]: [&str; 2],
    member: &str,
) -> Option<Value> {
    let read = |text: Option<&str>| serde_json::from_str::<Value>(text?).ok();
    let (topic, own) = (read(topic), read(own));
    let http = topic.as_ref().and_then(|topic| topic.get("http"));
    let overrides = http.and_then(|http| http.get("disableSubscriptionOverrides"));
    let own = own
        .as_ref()
        .filter(|_| overrides != Some(&Value::Bool(true)));
    let given = |policy: Option<&Value>, name: &str| policy?.get(name)?.get(member).cloned();
    given(own, name).or_else(|| given(http, of_topic))
}

/// SNS-240
pub(crate) fn content_type(topic: Option<&str>, own: Option<&str>) -> Option<String> {
    let names = ["requestPolicy", "defaultRequestPolicy"];
    let wanted = in_force(topic, own, names, "headerContentType")?;
    wanted.as_str().map(str::to_owned)
}

/// SNS-335
pub(crate) fn receives_per_second(topic: Option<&str>, own: Option<&str>) -> Option<u64> {
    let names = ["throttlePolicy", "defaultThrottlePolicy"];
    in_force(topic, own, names, "maxReceivesPerSecond")?.as_u64()
}

fn bad(context: Context, reason: &str) -> ApiError {
    invalid_attribute(context, format_args!("DeliveryPolicy: {reason}"))
}

fn object(text: &str, context: Context) -> Result<Map<String, Value>, ApiError> {
    if text.len() > limits::ATTRIBUTE_BYTES_MAX {
        return Err(bad(context, "too long"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(policy)) => Ok(policy),
        _ => Err(bad(context, "failed to parse JSON.")),
    }
}

/// Checks a topic's policy and returns it as it is reported (SNS-048, SNS-049, SNS-329).
pub(crate) fn topic(text: &str, context: Context) -> Result<String, ApiError> {
    let mut policy = object(text, context)?;
    let Some(Value::Object(http)) = policy.get_mut("http") else {
        return Err(bad(context, "http must be an object"));
    };
    http.retain(|_, part| !part.is_null());
    for (name, part) in http.iter() {
        match name.as_str() {
            "defaultHealthyRetryPolicy" => check_retry(part, context)?,
            "defaultThrottlePolicy" => check_throttle(part, context)?,
            "defaultRequestPolicy" => check_request(part, Form::Envelope, context)?,
            "disableSubscriptionOverrides" if part.is_boolean() => {}
            "defaultSicklyRetryPolicy" => {}
            other => return Err(bad(context, &format!("unexpected attribute {other}"))),
        }
    }
    http.entry("disableSubscriptionOverrides")
        .or_insert(Value::Bool(false));
    Ok(Value::Object(policy).to_string())
}

/// Checks a subscription's policy and returns it completed (SNS-088, SNS-330).
pub(crate) fn subscription(text: &str, form: Form, context: Context) -> Result<String, ApiError> {
    let policy = object(text, context)?;
    let part = |name: &str| policy.get(name).filter(|part| !part.is_null());
    part("healthyRetryPolicy").map_or(Ok(()), |part| check_retry(part, context))?;
    part("throttlePolicy").map_or(Ok(()), |part| check_throttle(part, context))?;
    part("requestPolicy").map_or(Ok(()), |part| check_request(part, form, context))?;
    let shown = |name: &str| part(name).map_or("null".to_owned(), Value::to_string);
    let retry = part("healthyRetryPolicy").map_or("null".to_owned(), |part| completed(Some(part)));
    Ok(format!(
        r#"{{"healthyRetryPolicy":{retry},"sicklyRetryPolicy":{},"throttlePolicy":{},"requestPolicy":{},"guaranteed":false}}"#,
        shown("sicklyRetryPolicy"),
        shown("throttlePolicy"),
        shown("requestPolicy"),
    ))
}

pub(crate) fn number(policy: &Value, name: &str, default: u64) -> Option<u64> {
    match policy.get(name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_u64(),
    }
}

/// Table 25.2, SNS-332, SNS-334
fn check_retry(policy: &Value, context: Context) -> Result<(), ApiError> {
    if !policy.is_object() {
        return Err(bad(context, "healthyRetryPolicy must be an object"));
    }
    let [low, high, retries, at_high, at_once, at_low] =
        RETRY.map(|(name, default)| number(policy, name, default));
    let (Some(low), Some(high), Some(retries)) = (low, high, retries) else {
        return Err(bad(
            context,
            "healthyRetryPolicy has a value that is no number",
        ));
    };
    let (Some(at_high), Some(at_once), Some(at_low)) = (at_high, at_once, at_low) else {
        return Err(bad(
            context,
            "healthyRetryPolicy has a value that is no number",
        ));
    };
    if low < 1 || low > high {
        return Err(bad(
            context,
            "minDelayTarget must be between 1 and maxDelayTarget",
        ));
    }
    if high > limits::RETRY_SECONDS_MAX {
        return Err(bad(context, "maxDelayTarget must be at most 3600"));
    }
    if retries > limits::RETRIES_MAX {
        return Err(bad(context, "numRetries must be at most 100"));
    }
    let fixed = [at_high, at_once, at_low]
        .iter()
        .fold(0, |sum: u64, count| sum.saturating_add(*count));
    let Some(backoff) = retries.checked_sub(fixed) else {
        return Err(bad(
            context,
            "the retries of all phases must be at most numRetries",
        ));
    };
    let backoff_ok = match policy.get("backoffFunction") {
        None | Some(Value::Null) => true,
        Some(name) => matches!(
            name.as_str(),
            Some("linear" | "arithmetic" | "geometric" | "exponential")
        ),
    };
    if !backoff_ok {
        return Err(bad(
            context,
            "backoffFunction must be linear, arithmetic, geometric or exponential",
        ));
    }
    // The backoff phase is taken at the mean of its ends, as a linear one has it.
    let total = at_low * low + at_high * high + backoff * (low + high) / 2;
    if total > limits::RETRY_SECONDS_MAX {
        return Err(bad(context, "the retries may take 3600 seconds at most"));
    }
    Ok(())
}

fn check_throttle(policy: &Value, context: Context) -> Result<(), ApiError> {
    let rate = policy.get("maxReceivesPerSecond");
    match rate {
        None | Some(Value::Null) if policy.is_object() => Ok(()),
        Some(rate) if rate.as_u64().is_some_and(|rate| rate >= 1) => Ok(()),
        _ => Err(bad(context, "maxReceivesPerSecond must be at least 1")),
    }
}

/// SNS-242, SNS-243
fn check_request(policy: &Value, form: Form, context: Context) -> Result<(), ApiError> {
    match policy.get("headerContentType") {
        None | Some(Value::Null) if policy.is_object() => Ok(()),
        Some(Value::String(name)) if is_content_type(name, form) => Ok(()),
        _ => Err(bad(context, "headerContentType is not supported")),
    }
}

/// A healthy retry policy with all its members (SNS-050).
fn completed(policy: Option<&Value>) -> String {
    let nothing = Value::Null;
    let policy = policy.unwrap_or(&nothing);
    let mut text = String::from("{");
    for (name, default) in RETRY {
        let value = number(policy, name, default).unwrap_or(default);
        text.push_str(&format!("\"{name}\":{value},"));
    }
    let backoff = policy
        .get("backoffFunction")
        .and_then(Value::as_str)
        .unwrap_or(BACKOFF);
    text.push_str(&format!("\"backoffFunction\":\"{backoff}\"}}"));
    text
}

/// SNS-047, SNS-050
pub(crate) fn effective_of_topic(policy: Option<&str>) -> String {
    let policy: Value = policy
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null);
    let http = policy.get("http").cloned().unwrap_or(Value::Null);
    let overrides = http
        .get("disableSubscriptionOverrides")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let request = http
        .get("defaultRequestPolicy")
        .cloned()
        .unwrap_or_else(|| json!({"headerContentType": "text/plain; charset=UTF-8"}));
    let throttle = http
        .get("defaultThrottlePolicy")
        .map_or(String::new(), |part| {
            format!("\"defaultThrottlePolicy\":{part},")
        });
    format!(
        r#"{{"http":{{"defaultHealthyRetryPolicy":{},"disableSubscriptionOverrides":{overrides},{throttle}"defaultRequestPolicy":{request}}}}}"#,
        completed(http.get("defaultHealthyRetryPolicy")),
    )
}

/// The subscription's policy over the topic's, with the default in place of a missing one (SNS-089, SNS-090).
pub(crate) fn effective_of_subscription(topic: Option<&str>, own: Option<&str>) -> String {
    let read = |text: Option<&str>| {
        text.and_then(|text| serde_json::from_str::<Value>(text).ok())
            .unwrap_or(Value::Null)
    };
    let (topic, mut own) = (read(topic), read(own));
    let http = topic.get("http").cloned().unwrap_or(Value::Null);
    if http.get("disableSubscriptionOverrides") == Some(&Value::Bool(true)) {
        own = Value::Null;
    }
    let part = |name: &str, of_topic: &str| {
        let given =
            |policy: &Value, name: &str| policy.get(name).filter(|part| !part.is_null()).cloned();
        given(&own, name).or_else(|| given(&http, of_topic))
    };
    let shown = |part: Option<Value>| part.map_or("null".to_owned(), |part| part.to_string());
    format!(
        r#"{{"healthyRetryPolicy":{},"sicklyRetryPolicy":null,"throttlePolicy":{},"requestPolicy":{},"guaranteed":false}}"#,
        completed(part("healthyRetryPolicy", "defaultHealthyRetryPolicy").as_ref()),
        shown(part("throttlePolicy", "defaultThrottlePolicy")),
        shown(part("requestPolicy", "defaultRequestPolicy")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_that_of_aws() {
        // SNS-047
        assert_eq!(
            effective_of_topic(None),
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#
        );
    }

    #[test]
    fn policies_are_completed_and_checked() {
        // SNS-048, SNS-049, SNS-050, SNS-088, SNS-332, SNS-334
        let kept = topic(
            r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":5},"defaultThrottlePolicy":null}}"#,
            Context::Set,
        );
        let kept = kept.expect("valid");
        let value: Value = serde_json::from_str(&kept).expect("JSON");
        assert_eq!(
            value,
            json!({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "disableSubscriptionOverrides": false}})
        );
        assert!(
            effective_of_topic(Some(&kept)).contains(r#""numRetries":5,"numMaxDelayRetries":0"#)
        );
        let kept = subscription(
            r#"{"throttlePolicy":{"maxReceivesPerSecond":7}}"#,
            Form::Envelope,
            Context::Set,
        )
        .expect("valid");
        assert_eq!(
            kept,
            r#"{"healthyRetryPolicy":null,"sicklyRetryPolicy":null,"throttlePolicy":{"maxReceivesPerSecond":7},"requestPolicy":null,"guaranteed":false}"#
        );
        for bad in [
            "x",
            "[]",
            r#"{"healthyRetryPolicy":{"minDelayTarget":30}}"#,
            r#"{"healthyRetryPolicy":{"numRetries":101}}"#,
            r#"{"healthyRetryPolicy":{"numRetries":2,"numNoDelayRetries":3}}"#,
            r#"{"healthyRetryPolicy":{"numRetries":100,"maxDelayTarget":100}}"#,
            r#"{"healthyRetryPolicy":{"backoffFunction":"x"}}"#,
            r#"{"throttlePolicy":{"maxReceivesPerSecond":0}}"#,
            r#"{"requestPolicy":{"headerContentType":"text/csv"}}"#,
        ] {
            assert!(
                subscription(bad, Form::Envelope, Context::Set).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn raw_messages_have_more_content_types() {
        // SNS-240, SNS-242, SNS-243
        for name in ["text/plain; charset=UTF-8", "application/json"] {
            assert!(is_content_type(name, Form::Envelope) && is_content_type(name, Form::Raw));
        }
        assert!(!is_content_type("text/csv", Form::Envelope));
        assert!(is_content_type("text/csv; charset=utf-8", Form::Raw));
        assert!(!is_content_type("image/png", Form::Raw));
    }

    #[test]
    fn the_topic_fills_in_or_overrules() {
        // SNS-089, SNS-090, SNS-335
        let own = Some(r#"{"throttlePolicy":{"maxReceivesPerSecond":7}}"#);
        let topic = |disable| {
            format!(
                r#"{{"http":{{"defaultThrottlePolicy":{{"maxReceivesPerSecond":3}},"disableSubscriptionOverrides":{disable}}}}}"#
            )
        };
        assert_eq!(receives_per_second(Some(&topic(false)), own), Some(7));
        assert_eq!(receives_per_second(Some(&topic(true)), own), Some(3));
        assert_eq!(receives_per_second(Some(&topic(false)), None), Some(3));
        assert_eq!(receives_per_second(None, None), None);
    }
}
