//! Resource policies: `PutResourcePolicy`, `GetResourcePolicy`, `DeleteResourcePolicy` (KIN-211 to KIN-213). They are stored and
//! returned; `auth` will evaluate them.

use serde_json::Value;
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    DeleteResourcePolicyInput, GetResourcePolicyInput, GetResourcePolicyOutput,
    PutResourcePolicyInput,
};
use crate::errors::invalid;
use crate::resources::{self, Kind};
use crate::{Kinesis, limits};

/// What a policy may allow on each kind of resource (KIN-213).
const STREAM_ACTIONS: &[&str] = &[
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "PutRecord",
    "PutRecords",
];
const CONSUMER_ACTIONS: &[&str] = &["DescribeStreamConsumer", "SubscribeToShard"];
const QUEUE_ACTIONS: &[&str] = &[
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "DescribeQueue",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateQueueRecordsVisibility",
];

/// `PutResourcePolicy`
pub(crate) async fn put(
    kinesis: &Kinesis,
    caller: &Caller,
    input: PutResourcePolicyInput,
) -> Result<(), ApiError> {
    resources::update(kinesis, caller, &input.resource_arn, |resource| {
        check(&input.policy, resource.kind)?;
        *resource.policy = Some(input.policy.to_string());
        Ok(())
    })
    .await
}

/// `DeleteResourcePolicy`
pub(crate) async fn delete(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DeleteResourcePolicyInput,
) -> Result<(), ApiError> {
    resources::update(kinesis, caller, &input.resource_arn, |resource| {
        *resource.policy = None;
        Ok(())
    })
    .await
}

/// `GetResourcePolicy` (KIN-212)
pub(crate) async fn get(
    kinesis: &Kinesis,
    caller: &Caller,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput, ApiError> {
    let policy = resources::find(kinesis, caller, &input.resource_arn)?.policy;
    Ok(GetResourcePolicyOutput {
        policy: policy.map_or(Str::from_static("{}"), Str::from),
    })
}

/// Checks a policy that a caller submits.
fn check(text: &str, kind: Kind) -> Result<(), ApiError> {
    let refused = |why: &str| invalid(format_args!("Invalid resource policy: {why}"));
    if text.len() > limits::POLICY_BYTES_MAX {
        return Err(refused("it is too large."));
    }
    let document: Value = serde_json::from_str(text).map_err(|_| refused("it is not JSON."))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err(refused("it has no statement.")),
    };
    let actions = match kind {
        Kind::Stream => STREAM_ACTIONS,
        Kind::Consumer => CONSUMER_ACTIONS,
        Kind::Queue => QUEUE_ACTIONS,
    };
    for statement in statements {
        if !matches!(
            statement.get("Effect").and_then(Value::as_str),
            Some("Allow" | "Deny")
        ) {
            return Err(refused("a statement has no effect."));
        }
        if statement.get("Principal").is_none() {
            return Err(refused("a statement names no principal."));
        }
        let named = texts(statement.get("Action"));
        if named.is_empty() || !named.iter().all(|action| is_valid(action, actions)) {
            return Err(refused(
                "a statement names no action, or one that is not valid for the resource.",
            ));
        }
    }
    Ok(())
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    }
}

/// `kinesis:` and an action, or the start of some and a star.
fn is_valid(action: &str, actions: &[&str]) -> bool {
    let name = action
        .get(..8)
        .filter(|service| service.eq_ignore_ascii_case("kinesis:"));
    let Some(name) = name.and_then(|_| action.get(8..)) else {
        return action == "*";
    };
    let is_start = |start: &str, action: &&&str| {
        action
            .get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    match name.strip_suffix('*') {
        Some(start) => actions.iter().any(|action| is_start(start, &action)),
        None => actions
            .iter()
            .any(|action| action.eq_ignore_ascii_case(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(action: &str, extra: &str) -> String {
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":{action},\
             \"Resource\":\"*\"{extra}}}]}}"
        )
    }

    #[test]
    fn a_policy_names_a_principal_and_actions_of_its_resource() {
        // KIN-213
        let principal = ",\"Principal\":{\"AWS\":\"111111111111\"}";
        let allowed = |action: &str, kind| check(&policy(action, principal), kind).is_ok();
        assert!(allowed("\"kinesis:PutRecord\"", Kind::Stream));
        assert!(allowed(
            "[\"kinesis:Put*\",\"kinesis:ListShards\"]",
            Kind::Stream
        ));
        assert!(!allowed("\"kinesis:SubscribeToShard\"", Kind::Stream));
        assert!(allowed("\"kinesis:SubscribeToShard\"", Kind::Consumer));
        assert!(allowed("\"kinesis:ReceiveQueueRecords\"", Kind::Queue));
        assert!(!allowed("\"sqs:SendMessage\"", Kind::Stream));
        assert!(!allowed("[]", Kind::Stream));
        assert!(check(&policy("\"kinesis:PutRecord\"", ""), Kind::Stream).is_err());
        for bad in ["", "text", "[]", "{}", "{\"Statement\":[]}"] {
            assert!(check(bad, Kind::Stream).is_err(), "{bad}");
        }
    }
}
