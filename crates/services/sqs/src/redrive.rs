//! `RedrivePolicy` of a source queue as a document (section 19). What it means between queues is in `dead_letter.rs`,
//! its counterpart on the target in `redrive_allow.rs`.

use serde_json::Value;
use waystation_wire::ApiError;

use crate::errors::{invalid_parameter, invalid_value};
use crate::limits;
use crate::names::{self, Arn};

/// A valid redrive policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedrivePolicy {
    /// The document as set (SQS-112).
    pub(crate) text: String,
    /// Name of the dead-letter queue, in the account and region of the source (SQS-311).
    pub(crate) target_name: String,
    /// `maxReceiveCount`
    pub(crate) receives_max: u16,
}

impl RedrivePolicy {
    /// Reads the document for a source queue; whether the target exists is a matter of the catalog (SQS-314).
    pub(crate) fn parse(text: &str, source: &Source<'_>) -> Result<RedrivePolicy, ApiError> {
        let refused = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
        let document = match serde_json::from_str(text) {
            Ok(Value::Object(document)) if text.len() <= limits::REDRIVE_POLICY_BYTES_MAX => {
                document
            }
            _ => {
                return Err(invalid_parameter(
                    "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.",
                ));
            }
        };
        let mandatory = |name: &str| {
            let missing = || {
                refused(&format!(
                    "Redrive policy does not contain mandatory attribute: {name}."
                ))
            };
            document.get(name).ok_or_else(missing)
        };
        // When both are missing the count is the one reported.
        let count = mandatory("maxReceiveCount")?;
        let target = mandatory("deadLetterTargetArn")?;
        if document.len() > 2 {
            return Err(refused(
                "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].",
            ));
        }
        let receives_max = receive_count(count).ok_or_else(|| {
            let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
            refused(&format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
        let target_name = source
            .target_name(target.as_str().unwrap_or_default())
            .map_err(refused)?;
        Ok(RedrivePolicy {
            text: text.to_owned(),
            target_name,
            receives_max,
        })
    }

    /// Whether both say the same, however they are written (SQS-067).
    pub(crate) fn equals(&self, other: &RedrivePolicy) -> bool {
        (&self.target_name, self.receives_max) == (&other.target_name, other.receives_max)
    }
}

/// SQS-310: a number or a numeric text.
fn receive_count(value: &Value) -> Option<u16> {
    let count = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    limits::RECEIVES_MAX
        .contains(&count)
        .then(|| u16::try_from(count).ok())?
}

/// The queue whose messages move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Its account.
    pub(crate) account: &'a str,
    /// Its region.
    pub(crate) region: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
}

/// SQS-314 and table 19.1.
pub(crate) const TARGET_MISSING: &str = "Dead letter target does not exist.";

impl Source<'_> {
    /// Name of the queue that a target ARN means, or the reason why it cannot be one (table 19.1).
    fn target_name(&self, arn: &str) -> Result<String, &'static str> {
        let target =
            Arn::parse(arn).ok_or("Dead-letter target ARN should be fully qualified ARN.")?;
        if target.service != "sqs" {
            Err("Only SQS queues are valid resources for deadLetterTargetArn.")
        } else if names::is_fifo_name(target.resource) != names::is_fifo_name(self.name) {
            Err("Dead-letter queue must be same type of queue as the source..") // SQS-312
        } else if target.account != self.account {
            Err("Dead-letter target owner should be same as the source.") // SQS-311
        } else if target.region != self.region {
            Err(TARGET_MISSING)
        } else if target.resource == self.name {
            Err("A queue cannot be its own dead-letter queue.") // SQS-326
        } else {
            Ok(target.resource.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source<'_> = Source {
        account: "000000000000",
        region: "us-east-1",
        name: "source",
    };
    const TARGET: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

    fn refusal(text: &str) -> String {
        let error = RedrivePolicy::parse(text, &SOURCE).expect_err(text);
        assert_eq!(error.kind.query_code, "InvalidParameterValue"); // SQS-313
        error.message
    }

    fn reason(text: &str) -> String {
        let message = refusal(text);
        let start = format!("Value {text} for parameter RedrivePolicy is invalid. Reason: ");
        message.strip_prefix(&start).expect(&message).to_owned()
    }

    #[test]
    fn counts_are_numbers_or_numeric_texts() {
        // SQS-309, SQS-310
        for count in ["1", "\"1\"", "1000", "\"1000\""] {
            let text =
                format!("{{\"deadLetterTargetArn\":\"{TARGET}\",\"maxReceiveCount\":{count}}}");
            let policy = RedrivePolicy::parse(&text, &SOURCE).expect("valid");
            assert_eq!(policy.target_name, "dead");
            assert_eq!(policy.receives_max.to_string(), count.trim_matches('"'));
            assert_eq!(policy.text, text); // SQS-112
        }
        for (count, shown) in [
            ("0", "0"),
            ("1001", "1001"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("\"x\"", "x"),
            ("null", "null"),
        ] {
            let text =
                format!("{{\"deadLetterTargetArn\":\"{TARGET}\",\"maxReceiveCount\":{count}}}");
            let expected = format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive."
            );
            assert_eq!(reason(&text), expected);
        }
    }

    #[test]
    fn both_members_are_mandatory_and_the_only_ones() {
        // SQS-309, table 19.1
        let missing = "Redrive policy does not contain mandatory attribute: ";
        assert_eq!(reason("{}"), format!("{missing}maxReceiveCount."));
        assert_eq!(
            reason(&format!("{{\"deadLetterTargetArn\":\"{TARGET}\"}}")),
            format!("{missing}maxReceiveCount.")
        );
        assert_eq!(
            reason("{\"maxReceiveCount\":1}"),
            format!("{missing}deadLetterTargetArn.")
        );
        let extra =
            format!("{{\"deadLetterTargetArn\":\"{TARGET}\",\"maxReceiveCount\":1,\"x\":1}}");
        assert!(reason(&extra).starts_with("Only following attributes"));
        for text in ["", "[]", "text", "{"] {
            assert!(
                refusal(text).ends_with("Redrive policy is not a valid JSON map."),
                "{text}"
            );
        }
    }

    #[test]
    fn targets_are_checked_before_the_catalog() {
        // SQS-311, SQS-312, SQS-314, SQS-326
        for (arn, start) in [
            ("dead", "Dead-letter target ARN should be fully"),
            ("arn:aws:sns:us-east-1:000000000000:dead", "Only SQS queues"),
            (
                "arn:aws:sqs:us-east-1:000000000000:dead.fifo",
                "Dead-letter queue must be same type",
            ),
            (
                "arn:aws:sqs:us-east-1:111111111111:dead",
                "Dead-letter target owner",
            ),
            ("arn:aws:sqs:eu-west-1:000000000000:dead", TARGET_MISSING),
            (
                "arn:aws:sqs:us-east-1:000000000000:source",
                "A queue cannot be its own",
            ),
        ] {
            let text = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":\"1\"}}");
            assert!(reason(&text).starts_with(start), "{arn}");
        }
    }
}
