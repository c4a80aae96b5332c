//! Filter policies as attributes of subscriptions (section 22): the language is `waystation_pattern`'s.

use serde_json::{Map, Value};
use waystation_pattern::{Dialect, Pattern, PatternError};
use waystation_wire::ApiError;

use crate::errors::{Context, invalid_attribute};
use crate::subscription_settings::SubscriptionSettings;

/// SNS-277, SNS-281, SNS-282
fn refused(error: PatternError, context: Context) -> ApiError {
    if error.is_about_scope {
        return invalid_attribute(context, error);
    }
    invalid_attribute(context, format_args!("FilterPolicy: {error}"))
}

/// Whether a text takes the policy away: nothing, or an object without keys (SNS-081).
pub(crate) fn is_none(policy: &str) -> bool {
    let has_no_key = |document: Map<String, Value>| document.is_empty();
    policy.is_empty() || serde_json::from_str(policy).is_ok_and(has_no_key)
}

/// Checks a policy.
pub(crate) fn check(policy: &str, dialect: Dialect, context: Context) -> Result<(), ApiError> {
    match Pattern::parse(policy, dialect) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error, context)),
    }
}

/// A new scope must fit the policy there is (SNS-278).
pub(crate) fn check_scope_change(
    settings: &SubscriptionSettings,
    context: Context,
) -> Result<(), ApiError> {
    match settings.attributes.get("FilterPolicy") {
        Some(policy) => check(policy, settings.filter_dialect(), context),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_where_the_policy_came_from() {
        // SNS-277, SNS-281
        let first_line = |policy, dialect, context| {
            let message = check(policy, dialect, context)
                .expect_err("refused")
                .message;
            message.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(
            first_line(r#"{"a":[]}"#, Dialect::SnsBody, Context::Set),
            "Invalid parameter: FilterPolicy: Empty arrays are not allowed"
        );
        assert_eq!(
            first_line(r#"{"a":[]}"#, Dialect::SnsBody, Context::Create),
            "Invalid parameter: Attributes Reason: FilterPolicy: Empty arrays are not allowed"
        );
        assert_eq!(
            first_line(r#"{"a":{"b":["c"]}}"#, Dialect::SnsAttributes, Context::Set),
            "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy"
        );
    }
}
