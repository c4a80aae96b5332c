//! The attributes of a queue as a table (table 6.1): name, who may set it, what values it takes.
//!
//! Everything that treats attributes alike (creating, comparing, setting, reporting) walks this table; what is special
//! about one of them stands in `apply.rs` and in the two policies' own files.

use waystation_wire::ApiError;

use crate::errors::{invalid_attribute_value, unknown_attribute};
use crate::{api, limits};

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the API")]
pub(crate) enum Attribute {
    ApproximateNumberOfMessages,
    ApproximateNumberOfMessagesDelayed,
    ApproximateNumberOfMessagesNotVisible,
    ContentBasedDeduplication,
    CreatedTimestamp,
    DeduplicationScope,
    DelaySeconds,
    FifoQueue,
    FifoThroughputLimit,
    KmsDataKeyReusePeriodSeconds,
    KmsMasterKeyId,
    LastModifiedTimestamp,
    MaximumMessageSize,
    MessageRetentionPeriod,
    Policy,
    QueueArn,
    ReceiveMessageWaitTimeSeconds,
    RedriveAllowPolicy,
    RedrivePolicy,
    SqsManagedSseEnabled,
    VisibilityTimeout,
}

/// Which queues have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Both kinds.
    Both,
    /// FIFO queues alone.
    Fifo,
}

/// What values it takes, and thereby whether it can be set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole number in a range.
    Number(u32, u32),
    /// `true` or `false`.
    Boolean,
    /// One of two words; the first is the default.
    Choice(&'static str, &'static str),
    /// Text with a rule of its own, removed by the empty text (SQS-100).
    Document,
    /// Reported only (SQS-101).
    ReadOnly,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Which attribute.
    pub(crate) attribute: Attribute,
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// Which queues have it.
    pub(crate) on: On,
    /// What values it takes.
    pub(crate) form: Form,
}

const fn row(attribute: Attribute, name: &'static str, on: On, form: Form) -> Row {
    Row {
        attribute,
        name,
        on,
        form,
    }
}

/// Table 6.1, in the order in which `All` reports.
pub(crate) static TABLE: [Row; 21] = {
    use Attribute::*;
    use Form::*;
    use On::*;
    [
        row(
            ApproximateNumberOfMessages,
            "ApproximateNumberOfMessages",
            Both,
            ReadOnly,
        ),
        row(
            ApproximateNumberOfMessagesNotVisible,
            "ApproximateNumberOfMessagesNotVisible",
            Both,
            ReadOnly,
        ),
        row(
            ApproximateNumberOfMessagesDelayed,
            "ApproximateNumberOfMessagesDelayed",
            Both,
            ReadOnly,
        ),
        row(CreatedTimestamp, "CreatedTimestamp", Both, ReadOnly),
        row(DelaySeconds, "DelaySeconds", Both, Number(0, 900)),
        row(
            LastModifiedTimestamp,
            "LastModifiedTimestamp",
            Both,
            ReadOnly,
        ),
        row(
            MaximumMessageSize,
            "MaximumMessageSize",
            Both,
            Number(1_024, 1_048_576),
        ),
        row(
            MessageRetentionPeriod,
            "MessageRetentionPeriod",
            Both,
            Number(60, 1_209_600),
        ),
        row(QueueArn, "QueueArn", Both, ReadOnly),
        row(
            ReceiveMessageWaitTimeSeconds,
            "ReceiveMessageWaitTimeSeconds",
            Both,
            Number(0, 20),
        ),
        row(
            VisibilityTimeout,
            "VisibilityTimeout",
            Both,
            Number(0, 43_200),
        ),
        row(Policy, "Policy", Both, Document),
        row(RedrivePolicy, "RedrivePolicy", Both, Document),
        row(RedriveAllowPolicy, "RedriveAllowPolicy", Both, Document),
        row(KmsMasterKeyId, "KmsMasterKeyId", Both, Document),
        row(
            KmsDataKeyReusePeriodSeconds,
            "KmsDataKeyReusePeriodSeconds",
            Both,
            Number(60, 86_400),
        ),
        row(SqsManagedSseEnabled, "SqsManagedSseEnabled", Both, Boolean),
        row(FifoQueue, "FifoQueue", Fifo, Boolean),
        row(
            ContentBasedDeduplication,
            "ContentBasedDeduplication",
            Fifo,
            Boolean,
        ),
        row(
            DeduplicationScope,
            "DeduplicationScope",
            Fifo,
            Choice("queue", "messageGroup"),
        ),
        row(
            FifoThroughputLimit,
            "FifoThroughputLimit",
            Fifo,
            Choice("perQueue", "perMessageGroupId"),
        ),
    ]
};

/// The row of a name (SQS-095).
pub(crate) fn find(name: &str) -> Result<&'static Row, ApiError> {
    TABLE
        .iter()
        .find(|row| row.name == name)
        .ok_or_else(|| unknown_attribute(name))
}

/// A value of the right form for its attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Of [`Form::Number`].
    Number(u32),
    /// Of [`Form::Boolean`], or whether it is the second word of [`Form::Choice`].
    Flag(bool),
    /// Of [`Form::Document`], not empty.
    Text(&'a str),
    /// The empty text for a [`Form::Document`] (SQS-100).
    Removed,
}

impl Row {
    /// Checks form and range of a value that a caller sets (SQS-096..098, SQS-101).
    pub(crate) fn parse<'a>(&self, text: &'a str) -> Result<Value<'a>, ApiError> {
        let value = match self.form {
            Form::Number(min, max) => number(text)
                .filter(|value| (min..=max).contains(value))
                .map(Value::Number),
            Form::Boolean => flag(text, "false", "true").map(Value::Flag),
            Form::Choice(first, second) if text == first || text == second => {
                Some(Value::Flag(text == second))
            }
            Form::Choice(..) => None,
            Form::Document if text.is_empty() => Some(Value::Removed),
            Form::Document if self.attribute == Attribute::KmsMasterKeyId => {
                (text.len() <= limits::KMS_KEY_ID_LENGTH_MAX).then_some(Value::Text(text))
            }
            Form::Document => Some(Value::Text(text)),
            Form::ReadOnly => return Err(unknown_attribute(self.name)),
        };
        value.ok_or_else(|| invalid_attribute_value(self.name))
    }

    /// The error of setting this attribute of FIFO queues on a standard queue (SQS-102, SQS-105..107).
    pub(crate) fn fifo_only(&self) -> ApiError {
        match self.attribute {
            Attribute::DeduplicationScope | Attribute::FifoThroughputLimit => {
                api::INVALID_ATTRIBUTE_NAME.with(format!(
                    "You can specify the {} only when FifoQueue is set to true.",
                    self.name
                ))
            }
            _ => unknown_attribute(self.name),
        }
    }
}

/// SQS-097: digits and nothing else.
fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// SQS-098: either word in any casing.
fn flag(text: &str, off: &str, on: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case(on) {
        Some(true)
    } else if text.eq_ignore_ascii_case(off) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(name: &str, text: &'a str) -> Result<Value<'a>, String> {
        let row = find(name).map_err(|error| error.message)?;
        row.parse(text)
            .map_err(|error| format!("{}: {}", error.kind.shape, error.message))
    }

    #[test]
    fn numbers_are_plain_and_in_range() {
        // SQS-096, SQS-097, table 6.1
        for (name, min, max) in [
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1_024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
            ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
        ] {
            assert_eq!(parse(name, &min.to_string()), Ok(Value::Number(min)));
            assert_eq!(parse(name, &max.to_string()), Ok(Value::Number(max)));
            let error = Err(format!(
                "InvalidAttributeValue: Invalid value for the parameter {name}."
            ));
            for bad in [
                &*(max + 1).to_string(),
                &(i64::from(min) - 1).to_string(),
                "",
                " ",
                "65.2",
                "+70",
                "7e1",
                "99999999999",
            ] {
                assert_eq!(parse(name, bad), error, "{name} = {bad}");
            }
        }
    }

    #[test]
    fn booleans_ignore_casing() {
        // SQS-098
        for text in ["true", "True", "TRUE"] {
            assert_eq!(parse("SqsManagedSseEnabled", text), Ok(Value::Flag(true)));
        }
        assert_eq!(
            parse("ContentBasedDeduplication", "False"),
            Ok(Value::Flag(false))
        );
        for bad in ["", "yes", "1"] {
            assert!(parse("FifoQueue", bad).is_err());
        }
    }

    #[test]
    fn words_documents_and_names() {
        // SQS-095, SQS-100, SQS-101
        assert_eq!(
            parse("DeduplicationScope", "messageGroup"),
            Ok(Value::Flag(true))
        );
        assert_eq!(
            parse("FifoThroughputLimit", "perQueue"),
            Ok(Value::Flag(false))
        );
        assert!(parse("FifoThroughputLimit", "perMessageGroup").is_err());
        assert_eq!(parse("Policy", ""), Ok(Value::Removed));
        assert_eq!(parse("Policy", "{}"), Ok(Value::Text("{}")));
        assert_eq!(
            parse("QueueArn", "x"),
            Err("InvalidAttributeName: Unknown Attribute QueueArn.".to_owned())
        );
        assert_eq!(
            parse("delayseconds", "1"),
            Err("Unknown Attribute delayseconds.".to_owned())
        );
    }

    #[test]
    fn fifo_attributes_on_standard_queues() {
        // SQS-102, SQS-105, SQS-106, SQS-107
        let message = |name: &str| find(name).expect("known").fifo_only().message;
        assert_eq!(message("FifoQueue"), "Unknown Attribute FifoQueue.");
        assert_eq!(
            message("ContentBasedDeduplication"),
            "Unknown Attribute ContentBasedDeduplication."
        );
        assert_eq!(
            message("DeduplicationScope"),
            "You can specify the DeduplicationScope only when FifoQueue is set to true."
        );
        assert_eq!(
            message("FifoThroughputLimit"),
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true."
        );
    }
}
