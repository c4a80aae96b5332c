//! Access policies as documents: what a `Policy` attribute may hold (SQS-410..413).
//!
//! Policies are stored and returned; who may do what is decided by `auth` once it evaluates them.

use serde_json::{Map, Value};
use waystation_wire::ApiError;

use crate::errors::invalid_attribute_value;
use crate::{api, limits};

/// SQS-412.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// Checks a policy that a caller submits.
pub(crate) fn check(text: &str) -> Result<(), ApiError> {
    let invalid = || invalid_attribute_value("Policy");
    if text.len() > limits::POLICY_BYTES_MAX {
        return Err(invalid());
    }
    let Ok(Value::Object(document)) = serde_json::from_str::<Value>(text) else {
        return Err(invalid());
    };
    if document.get("Version").is_some_and(|version| {
        !version
            .as_str()
            .is_some_and(|text| VERSIONS.contains(&text))
    }) {
        return Err(invalid());
    }
    let statements = statements(&document).ok_or_else(invalid)?;
    if statements.len() > limits::POLICY_STATEMENTS_MAX {
        return Err(too_many_statements(statements.len()));
    }
    if !statements.iter().all(is_statement) {
        return Err(invalid());
    }
    let principals: usize = statements
        .iter()
        .map(|statement| statement.get("Principal").map_or(0, leaves))
        .sum();
    let conditions: usize = statements
        .iter()
        .map(|statement| statement.get("Condition").map_or(0, condition_keys))
        .sum();
    if principals > limits::POLICY_PRINCIPALS_MAX || conditions > limits::POLICY_CONDITIONS_MAX {
        return Err(invalid());
    }
    Ok(())
}

/// SQS-410.
pub(crate) fn too_many_statements(count: usize) -> ApiError {
    api::OVER_LIMIT.with(format!(
        "{count} statements were found in the submitted policy, max allowed is {}",
        limits::POLICY_STATEMENTS_MAX
    ))
}

/// The statements of a document: an array, or one alone.
pub(crate) fn statements(document: &Map<String, Value>) -> Option<&[Value]> {
    match document.get("Statement")? {
        Value::Array(statements) => Some(statements),
        statement @ Value::Object(_) => Some(std::slice::from_ref(statement)),
        _ => None,
    }
}

/// Whether two documents say the same, however they are written (SQS-067).
pub(crate) fn equals(one: &str, other: &str) -> bool {
    one == other
        || match (
            serde_json::from_str::<Value>(one),
            serde_json::from_str::<Value>(other),
        ) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

fn is_statement(statement: &Value) -> bool {
    let exactly_one = |names: [&str; 2]| {
        names
            .iter()
            .filter(|name| statement.get(name).is_some())
            .count()
            == 1
    };
    matches!(
        statement.get("Effect").and_then(Value::as_str),
        Some("Allow" | "Deny")
    ) && exactly_one(["Principal", "NotPrincipal"])
        && exactly_one(["Action", "NotAction"])
        && exactly_one(["Resource", "NotResource"])
}

/// The texts inside a principal: `"*"`, or a map of kinds to one text or several.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

/// The keys under all operators of a condition block.
fn condition_keys(value: &Value) -> usize {
    let operators = value
        .as_object()
        .into_iter()
        .flat_map(|operators| operators.values());
    operators
        .map(|keys| keys.as_object().map_or(0, Map::len))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: usize, extra: &str) -> String {
        let statement = format!(
            "{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"SQS:*\",\"Resource\":\"*\"{extra}}}"
        );
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}",
            vec![statement; statements].join(",")
        )
    }

    #[test]
    fn documents_must_be_policies() {
        // SQS-411, SQS-412
        assert!(check(&policy(1, "")).is_ok());
        assert!(check(&policy(0, "")).is_ok());
        assert!(check("{\"Statement\":{\"Effect\":\"Deny\",\"NotPrincipal\":\"*\",\"NotAction\":\"a\",\"Resource\":\"*\"}}").is_ok());
        let missing =
            "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"SQS:*\"}]}";
        let version = policy(1, "").replace("2012", "2013");
        for bad in ["text", "[]", "{}", "{\"Statement\":[1]}", missing, &version] {
            let error = check(bad).expect_err(bad);
            assert_eq!(error.kind.shape, "InvalidAttributeValue");
            assert_eq!(error.message, "Invalid value for the parameter Policy.");
        }
    }

    #[test]
    fn policies_are_bounded() {
        // SQS-410, SQS-413
        assert!(check(&policy(20, "")).is_ok());
        let error = check(&policy(21, "")).expect_err("21 statements");
        assert_eq!(error.kind.shape, "OverLimit");
        assert_eq!(
            error.message,
            "21 statements were found in the submitted policy, max allowed is 20"
        );
        assert!(check(&policy(1, &format!(",\"Sid\":\"{}\"", "s".repeat(8_192)))).is_err());
        let principals = |count: usize| {
            policy(1, "").replace(
                "\"*\",\"Action\"",
                &format!(
                    "{{\"AWS\":[{}]}},\"Action\"",
                    vec!["\"1\""; count].join(",")
                ),
            )
        };
        assert!(check(&principals(50)).is_ok());
        assert!(check(&principals(51)).is_err());
        let conditions = |count: usize| {
            let keys: Vec<String> = (0..count)
                .map(|index| format!("\"k{index}\":\"v\""))
                .collect();
            policy(
                1,
                &format!(",\"Condition\":{{\"StringEquals\":{{{}}}}}", keys.join(",")),
            )
        };
        assert!(check(&conditions(10)).is_ok());
        assert!(check(&conditions(11)).is_err());
    }

    #[test]
    fn equality_ignores_layout() {
        // SQS-067
        assert!(equals("{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }"));
        assert!(!equals("{\"a\":1}", "{\"a\":2}"));
    }
}
