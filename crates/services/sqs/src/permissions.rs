//! `AddPermission` and `RemovePermission`: statements of the queue's policy by label (SQS-400..410).

use serde_json::{Map, Value, json};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{self, AddPermissionRequest, RemovePermissionRequest};
use crate::catalog::Outcome;
use crate::errors::{internal, invalid_parameter, invalid_value, missing_parameter};
use crate::policy::{statements, too_many_statements};
use crate::{Sqs, catalog, limits, names};

/// The actions that can be granted, `*` included (SQS-403, SQS-408).
const ACTIONS: [&str; 21] = [
    "*",
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "CreateQueue",
    "DeleteMessage",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// `AddPermission`
pub(crate) async fn add(
    sqs: &Sqs,
    caller: &Caller,
    input: AddPermissionRequest,
) -> Result<(), ApiError> {
    check_label(&input.label)?;
    check_grant(&input.aws_account_ids, &input.actions)?;
    catalog::update(sqs, caller, &input.queue_url, |located, settings| {
        let arn = located.arn();
        let grant = statement(
            &input.label,
            located.region,
            &input.aws_account_ids,
            &input.actions,
            &arn,
        );
        settings.policy = Some(with_statement(
            settings.policy.as_deref(),
            &input.label,
            grant,
            &arn,
        )?);
        settings.modified_ms = sqs.now_ms();
        Ok(Outcome::Changed)
    })
    .await
}

/// `RemovePermission`
pub(crate) async fn remove(
    sqs: &Sqs,
    caller: &Caller,
    input: RemovePermissionRequest,
) -> Result<(), ApiError> {
    check_label(&input.label)?;
    catalog::update(sqs, caller, &input.queue_url, |_, settings| {
        settings.policy = without_statement(settings.policy.as_deref(), &input.label)?;
        settings.modified_ms = sqs.now_ms();
        Ok(Outcome::Changed)
    })
    .await
}

/// SQS-400
fn check_label(label: &str) -> Result<(), ApiError> {
    if label.is_empty() {
        return Err(missing_parameter("Label"));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if label.len() > limits::PERMISSION_LABEL_LENGTH_MAX || !label.bytes().all(legal) {
        let reason =
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
        return Err(invalid_value(label, "Label", reason));
    }
    Ok(())
}

/// SQS-408, SQS-409
fn check_grant(accounts: &[Str], actions: &[Str]) -> Result<(), ApiError> {
    if accounts.is_empty() {
        return Err(missing_parameter("AWSAccountIds"));
    }
    if actions.is_empty() {
        return Err(missing_parameter("Actions"));
    }
    if actions.len() > limits::PERMISSION_ACTIONS_MAX {
        let text = format!(
            "{} Actions were found, maximum allowed is {}.",
            actions.len(),
            limits::PERMISSION_ACTIONS_MAX
        );
        return Err(api::OVER_LIMIT.with(text));
    }
    if let Some(unknown) = actions
        .iter()
        .find(|action| !ACTIONS.contains(&action.as_str()))
    {
        let reason = "Please refer to the appropriate WSDL for a list of valid actions.";
        return Err(invalid_value(
            format!("SQS:{unknown}"),
            "ActionName",
            reason,
        ));
    }
    if let Some(wrong) = accounts.iter().find(|account| !names::is_account(account)) {
        return Err(invalid_value(wrong, "PrincipalId", "Unable to verify."));
    }
    Ok(())
}

/// SQS-402, SQS-403
fn statement(
    label: &str,
    region: &str,
    accounts: &[Str],
    actions: &[Str],
    queue_arn: &str,
) -> Value {
    let partition = names::partition(region);
    let principals = accounts
        .iter()
        .map(|account| format!("arn:{partition}:iam::{account}:root"))
        .collect();
    let actions = actions
        .iter()
        .map(|action| format!("SQS:{action}"))
        .collect();
    json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals) },
        "Action": one_or_many(actions),
        "Resource": queue_arn,
    })
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => Value::from(texts.remove(0)),
        _ => Value::from(texts),
    }
}

fn parse(policy: &str) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_str(policy).map_err(internal)
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

/// The policy with one more statement (SQS-401, SQS-405, SQS-410).
fn with_statement(
    policy: Option<&str>,
    label: &str,
    grant: Value,
    queue_arn: &str,
) -> Result<String, ApiError> {
    let mut document = match policy {
        Some(policy) => parse(policy)?,
        None => Map::from_iter([
            ("Version".to_owned(), Value::from("2008-10-17")),
            (
                "Id".to_owned(),
                Value::from(format!("{queue_arn}/SQSDefaultPolicy")),
            ),
        ]),
    };
    let mut all = statements(&document)
        .map(<[Value]>::to_vec)
        .unwrap_or_default();
    if all.iter().any(|statement| has_label(statement, label)) {
        return Err(invalid_value(label, "Label", "Already exists."));
    }
    all.push(grant);
    if all.len() > limits::POLICY_STATEMENTS_MAX {
        return Err(too_many_statements(all.len()));
    }
    document.insert("Statement".to_owned(), Value::from(all));
    let text = Value::from(document).to_string();
    if text.len() > limits::POLICY_BYTES_MAX {
        // SQS-413
        return Err(invalid_parameter(format!(
            "The policy would be longer than {} bytes.",
            limits::POLICY_BYTES_MAX
        )));
    }
    Ok(text)
}

/// The policy without the statement of a label; `None` when nothing is left (SQS-406, SQS-407).
fn without_statement(policy: Option<&str>, label: &str) -> Result<Option<String>, ApiError> {
    let mut document = policy.map(parse).transpose()?.unwrap_or_default();
    let all = statements(&document).unwrap_or_default();
    let rest: Vec<Value> = all
        .iter()
        .filter(|statement| !has_label(statement, label))
        .cloned()
        .collect();
    if rest.len() == all.len() {
        return Err(invalid_value(label, "Label", "can't find label."));
    }
    if rest.is_empty() {
        return Ok(None);
    }
    document.insert("Statement".to_owned(), Value::from(rest));
    Ok(Some(Value::from(document).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:q";

    fn grant(label: &str, actions: &[&'static str]) -> Value {
        let actions: Vec<Str> = actions.iter().map(|action| Str::from(*action)).collect();
        statement(
            label,
            "us-east-1",
            &[Str::from("111111111111")],
            &actions,
            ARN,
        )
    }

    #[test]
    fn the_generated_policy_is_that_of_aws() {
        // SQS-400, SQS-401, SQS-402, SQS-403
        let policy =
            with_statement(None, "one", grant("one", &["SendMessage"]), ARN).expect("valid");
        let policy = with_statement(
            Some(&policy),
            "two",
            grant("two", &["*", "ReceiveMessage"]),
            ARN,
        )
        .expect("valid");
        let expected = json!({
            "Version": "2008-10-17",
            "Id": "arn:aws:sqs:us-east-1:000000000000:q/SQSDefaultPolicy",
            "Statement": [
                { "Sid": "one", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
                  "Action": "SQS:SendMessage", "Resource": ARN },
                { "Sid": "two", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
                  "Action": ["SQS:*", "SQS:ReceiveMessage"], "Resource": ARN },
            ],
        });
        assert_eq!(
            serde_json::from_str::<Value>(&policy).expect("JSON"),
            expected
        );
        assert!(crate::policy::check(&policy).is_ok());
    }

    #[test]
    fn labels_are_unique_and_can_be_removed() {
        // SQS-405, SQS-406, SQS-407
        let one = with_statement(None, "one", grant("one", &["*"]), ARN).expect("valid");
        let message = with_statement(Some(&one), "one", grant("one", &["*"]), ARN)
            .expect_err("again")
            .message;
        assert_eq!(
            message,
            "Value one for parameter Label is invalid. Reason: Already exists."
        );
        let both = with_statement(Some(&one), "two", grant("two", &["*"]), ARN).expect("valid");
        assert_eq!(without_statement(Some(&both), "two"), Ok(Some(one.clone())));
        assert_eq!(without_statement(Some(&one), "one"), Ok(None));
        for policy in [Some(one.as_str()), None] {
            let message = without_statement(policy, "other")
                .expect_err("unknown")
                .message;
            assert_eq!(
                message,
                "Value other for parameter Label is invalid. Reason: can't find label."
            );
        }
    }

    #[test]
    fn grants_are_checked_and_bounded() {
        // SQS-400, SQS-408, SQS-409, SQS-410
        let accounts = [Str::from("111111111111")];
        let check = |actions: &[&'static str]| {
            let actions: Vec<Str> = actions.iter().map(|action| Str::from(*action)).collect();
            check_grant(&accounts, &actions).map_err(|error| error.message)
        };
        assert_eq!(check(&["SendMessage", "*"]), Ok(()));
        let text = "Value SQS:Nonsense for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL \
                    for a list of valid actions.";
        assert_eq!(check(&["Nonsense"]), Err(text.to_owned()));
        assert_eq!(
            check(&["*"; 8]),
            Err("8 Actions were found, maximum allowed is 7.".to_owned())
        );
        assert!(
            check_label("a b").is_err()
                && check_label(&"l".repeat(81)).is_err()
                && check_label("l-_9").is_ok()
        );
        let mut policy = None;
        for index in 0..20 {
            let label = index.to_string();
            policy = Some(
                with_statement(policy.as_deref(), &label, grant(&label, &["*"]), ARN)
                    .expect("valid"),
            );
        }
        let error =
            with_statement(policy.as_deref(), "last", grant("last", &["*"]), ARN).expect_err("21");
        assert_eq!(error.kind.shape, "OverLimit");
    }
}
