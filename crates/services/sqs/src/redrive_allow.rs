//! `RedriveAllowPolicy` of a dead-letter queue as a document (section 20).

use serde_json::Value;
use waystation_wire::ApiError;

use crate::errors::{invalid_parameter, invalid_value};
use crate::limits;
use crate::names::Arn;

/// A valid redrive allow policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedriveAllowPolicy {
    /// The document as set (SQS-112).
    pub(crate) text: String,
    /// Whom it allows.
    pub(crate) permission: RedrivePermission,
}

/// Which queues may use a queue as their dead-letter queue (SQS-331).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedrivePermission {
    /// All of the account and region (SQS-332).
    AllowAll,
    /// None (SQS-333).
    DenyAll,
    /// Those with these ARNs; they need not exist (SQS-334, SQS-342).
    ByQueue(Vec<String>),
}

impl RedriveAllowPolicy {
    /// Reads the document.
    pub(crate) fn parse(text: &str) -> Result<RedriveAllowPolicy, ApiError> {
        let malformed = || {
            // SQS-341
            invalid_parameter(
                "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow \
                 policy, as it\u{2019}s in an unsupported format.",
            )
        };
        let refused = |reason: &str| {
            let reason = format!("Amazon SQS can't create the redrive allow policy. {reason}");
            Err(invalid_value(text, "RedriveAllowPolicy", &reason))
        };
        let document = match serde_json::from_str(text) {
            Ok(Value::Object(document)) if text.len() <= limits::REDRIVE_POLICY_BYTES_MAX => {
                document
            }
            _ => return Err(malformed()),
        };
        if document
            .keys()
            .any(|name| name != "redrivePermission" && name != "sourceQueueArns")
        {
            return Err(malformed());
        }
        let arns = document
            .get("sourceQueueArns")
            .map(|arns| queue_arns(arns).ok_or_else(malformed))
            .transpose()?;
        let permission = match (
            document.get("redrivePermission").and_then(Value::as_str),
            arns,
        ) {
            (Some("allowAll"), None) => RedrivePermission::AllowAll,
            (Some("denyAll"), None) => RedrivePermission::DenyAll,
            (Some("allowAll" | "denyAll"), Some(_)) => {
                // SQS-338
                return refused(
                    "To specify one or more source queue ARNs, you must set redrivePermission to byQueue.",
                );
            }
            (Some("byQueue"), arns) => match arns.unwrap_or_default() {
                // SQS-339
                arns if arns.is_empty() => {
                    return refused(
                        "When you specify the byQueue permission type, you must also specify one or more \
                         sourceQueueArns values.",
                    );
                }
                // SQS-340
                arns if arns.len() > limits::REDRIVE_ALLOW_ARNS_MAX => {
                    return refused(
                        "The maximum number of source queue ARNs you can specify is 10.",
                    );
                }
                arns => RedrivePermission::ByQueue(arns),
            },
            _ => return Err(malformed()),
        };
        Ok(RedriveAllowPolicy {
            text: text.to_owned(),
            permission,
        })
    }

    /// Whether the queue with this ARN may move messages here (SQS-332..334).
    pub(crate) fn allows(&self, source_arn: &str) -> bool {
        match &self.permission {
            RedrivePermission::AllowAll => true,
            RedrivePermission::DenyAll => false,
            RedrivePermission::ByQueue(arns) => arns.iter().any(|arn| arn == source_arn),
        }
    }
}

/// A list of ARNs of queues, or `None` when it is anything else.
fn queue_arns(value: &Value) -> Option<Vec<String>> {
    let is_queue = |arn: &&str| Arn::parse(arn).is_some_and(|arn| arn.service == "sqs");
    let arns = value.as_array()?.iter();
    arns.map(|arn| arn.as_str().filter(is_queue).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

    #[test]
    fn allow_policies_allow() {
        // SQS-331, SQS-332, SQS-333, SQS-334
        let allows = |text: &str| RedriveAllowPolicy::parse(text).expect(text).allows(TARGET);
        assert!(allows("{\"redrivePermission\":\"allowAll\"}"));
        assert!(!allows("{\"redrivePermission\":\"denyAll\"}"));
        let by_queue = |arn: &str| {
            format!("{{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[\"{arn}\"]}}")
        };
        assert!(allows(&by_queue(TARGET)));
        assert!(!allows(&by_queue(
            "arn:aws:sqs:us-east-1:000000000000:other"
        )));
    }

    #[test]
    fn malformed_allow_policies_are_refused() {
        // SQS-338, SQS-339, SQS-340, SQS-341
        let message = |text: &str| RedriveAllowPolicy::parse(text).expect_err(text).message;
        for permission in ["allowAll", "denyAll"] {
            let text = format!(
                "{{\"redrivePermission\":\"{permission}\",\"sourceQueueArns\":[\"{TARGET}\"]}}"
            );
            assert!(message(&text).ends_with("you must set redrivePermission to byQueue."));
        }
        for text in [
            "{\"redrivePermission\":\"byQueue\"}",
            "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[]}",
        ] {
            assert!(
                message(text)
                    .ends_with("you must also specify one or more sourceQueueArns values.")
            );
        }
        let arns = vec![format!("\"{TARGET}\""); 11].join(",");
        let text = format!("{{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[{arns}]}}");
        assert!(
            message(&text)
                .ends_with("The maximum number of source queue ARNs you can specify is 10.")
        );
        for text in [
            "",
            "[]",
            "{}",
            "{\"redrivePermission\":\"other\"}",
            "{\"redrivePermission\":\"allowAll\",\"x\":1}",
        ] {
            assert!(
                message(text).ends_with("as it\u{2019}s in an unsupported format."),
                "{text}"
            );
        }
    }
}
