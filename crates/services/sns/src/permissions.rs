//! The policy of a topic (section 30): its default, what may be set, and statements added and removed by label.

use serde_json::{Value, json};
use waystation_delivery::arn::partition;
use waystation_wire::{ApiError, Caller};

use crate::api::{AddPermissionInput, RemovePermissionInput};
use crate::errors::{Context, internal, invalid, invalid_attribute};
use crate::names::TopicName;
use crate::{Sns, catalog, limits};

/// SNS-410
const ACTIONS: [&str; 12] = [
    "*",
    "AddPermission",
    "DeleteTopic",
    "GetDataProtectionPolicy",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "PutDataProtectionPolicy",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

/// SNS-403
pub(crate) fn default_policy(topic: &TopicName<'_>) -> String {
    let (arn, account) = (topic.arn(), topic.account);
    format!(
        r#"{{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"{arn}","Condition":{{"StringEquals":{{"AWS:SourceOwner":"{account}"}}}}}}]}}"#
    )
}

/// Whether a text is a policy (SNS-411, SNS-413).
pub(crate) fn check(text: &str, context: Context) -> Result<(), ApiError> {
    let fault = || invalid_attribute(context, "Policy Error: null");
    let document: Value = serde_json::from_str(text).map_err(|_| fault())?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err(fault()),
    };
    let is_statement = |statement: &Value| {
        matches!(
            statement.get("Effect").and_then(Value::as_str),
            Some("Allow" | "Deny")
        ) && (statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some())
            && (statement.get("Action").is_some() || statement.get("NotAction").is_some())
    };
    if statements.len() > limits::POLICY_STATEMENTS_MAX || !statements.iter().all(is_statement) {
        return Err(fault());
    }
    Ok(())
}

/// The policy in force, as a document.
fn current(topic: &TopicName<'_>, policy: Option<&String>) -> Result<Value, ApiError> {
    let text = policy.cloned().unwrap_or_else(|| default_policy(topic));
    let mut document: Value = serde_json::from_str(&text).map_err(internal)?;
    if let Some(statement) = document.get_mut("Statement")
        && !statement.is_array()
    {
        *statement = Value::Array(vec![statement.take()]);
    }
    Ok(document)
}

fn statements(document: &mut Value) -> Result<&mut Vec<Value>, ApiError> {
    let statements = document.get_mut("Statement").and_then(Value::as_array_mut);
    statements.ok_or_else(|| internal("a stored policy has no statements"))
}

/// One value as itself, several as a list (SNS-404).
fn one_or_all(mut values: Vec<Value>) -> Value {
    match values.len() {
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

/// `AddPermission` (SNS-404 to SNS-407).
pub(crate) async fn add(
    sns: &Sns,
    caller: &Caller,
    input: AddPermissionInput,
) -> Result<(), ApiError> {
    if !input
        .action_name
        .iter()
        .all(|action| ACTIONS.contains(&&**action))
    {
        return Err(invalid("Policy statement action out of service scope!"));
    }
    catalog::update(
        sns,
        caller,
        &input.topic_arn,
        "AddPermission",
        |located, settings| {
            let topic = &located.topic;
            let mut document = current(topic, settings.attributes.get("Policy"))?;
            let list = statements(&mut document)?;
            if list
                .iter()
                .any(|statement| statement["Sid"] == *input.label)
            {
                return Err(invalid("Statement already exists"));
            }
            let accounts = input.aws_account_id.iter();
            let principals = accounts.map(|account| {
                json!(format!(
                    "arn:{}:iam::{account}:root",
                    partition(topic.region)
                ))
            });
            let actions = input
                .action_name
                .iter()
                .map(|action| json!(format!("SNS:{action}")));
            list.push(json!({
                "Sid": &*input.label,
                "Effect": "Allow",
                "Principal": {"AWS": one_or_all(principals.collect())},
                "Action": one_or_all(actions.collect()),
                "Resource": topic.arn(),
            }));
            let text = document.to_string();
            if text.len() > limits::POLICY_BYTES_MAX {
                return Err(invalid("Policy Reason: Policy is too long"));
            }
            check(&text, Context::Set)?;
            settings.attributes.insert("Policy".to_owned(), text);
            Ok(())
        },
    )
    .await
}

/// `RemovePermission` (SNS-407 to SNS-409).
pub(crate) async fn remove(
    sns: &Sns,
    caller: &Caller,
    input: RemovePermissionInput,
) -> Result<(), ApiError> {
    catalog::update(
        sns,
        caller,
        &input.topic_arn,
        "RemovePermission",
        |located, settings| {
            let Some(policy) = settings.attributes.get("Policy") else {
                return Ok(());
            };
            let mut document = current(&located.topic, Some(policy))?;
            let list = statements(&mut document)?;
            let before = list.len();
            list.retain(|statement| statement["Sid"] != *input.label);
            if list.len() < before {
                settings
                    .attributes
                    .insert("Policy".to_owned(), document.to_string());
            }
            Ok(())
        },
    )
    .await
}
