//! Attributes meet settings: setting and comparing them (section 6, section 26).

use waystation_wire::{ApiError, Map, Str};

use crate::attributes::{Attribute, On, Row, Value, find};
use crate::errors::invalid_attribute_value;
use crate::fifo_settings::{DeduplicationScope, FifoSettings, FifoThroughputLimit};
use crate::redrive::{RedrivePolicy, Source};
use crate::redrive_allow::RedriveAllowPolicy;
use crate::report::{View, report};
use crate::settings::QueueSettings;
use crate::{api, policy};

/// The attributes of a request: known names with values of the right form.
#[derive(Debug, Default)]
pub(crate) struct Requested<'a>(Vec<(&'static Row, Value<'a>)>);

impl<'a> Requested<'a> {
    /// Checks every name and the form of every value (SQS-095, SQS-096, SQS-101).
    pub(crate) fn parse(attributes: Option<&'a Map<Str>>) -> Result<Requested<'a>, ApiError> {
        let pairs = attributes.into_iter().flat_map(Map::iter);
        pairs
            .map(|(name, text)| find(name).and_then(|row| Ok((row, row.parse(text)?))))
            .collect::<Result<_, _>>()
            .map(Requested)
    }

    /// What `FifoQueue` was given as.
    pub(crate) fn fifo_queue(&self) -> Option<bool> {
        self.0.iter().rev().find_map(|(row, value)| match value {
            Value::Flag(flag) if row.attribute == Attribute::FifoQueue => Some(*flag),
            _ => None,
        })
    }

    /// Sets the attributes on a queue, whose kind is already decided. Nothing else changes (SQS-099).
    pub(crate) fn apply(
        &self,
        settings: &mut QueueSettings,
        source: &Source<'_>,
    ) -> Result<(), ApiError> {
        self.check_encryption()?;
        for (row, value) in &self.0 {
            set(settings, row, value, source)?;
        }
        check_throughput(settings)
    }

    /// The name of an attribute of this request whose value differs between two settings (SQS-068, SQS-069).
    pub(crate) fn first_difference(
        &self,
        one: &QueueSettings,
        other: &QueueSettings,
    ) -> Option<&'static str> {
        self.0
            .iter()
            .map(|(row, _)| row)
            .find(|row| !same(row.attribute, one, other))
            .map(|row| row.name)
    }

    /// SQS-423
    fn check_encryption(&self) -> Result<(), ApiError> {
        let given = |attribute, wanted: fn(&Value<'_>) -> bool| {
            self.0
                .iter()
                .any(|(row, value)| row.attribute == attribute && wanted(value))
        };
        if given(Attribute::KmsMasterKeyId, |value| *value != Value::Removed)
            && given(Attribute::SqsManagedSseEnabled, |value| {
                *value == Value::Flag(true)
            })
        {
            return Err(api::INVALID_ATTRIBUTE_NAME.with(
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
            ));
        }
        Ok(())
    }
}

/// SQS-108, SQS-109
fn check_throughput(settings: &QueueSettings) -> Result<(), ApiError> {
    let refused = settings.fifo.as_ref().is_some_and(|fifo| {
        fifo.throughput_limit == FifoThroughputLimit::PerMessageGroupId
            && fifo.deduplication_scope != DeduplicationScope::MessageGroup
    });
    if refused {
        return Err(api::INVALID_ATTRIBUTE_VALUE.with(
            "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is only allowed when \
             DeduplicationScope is set to messageGroup.",
        ));
    }
    Ok(())
}

fn set(
    settings: &mut QueueSettings,
    row: &Row,
    value: &Value<'_>,
    source: &Source<'_>,
) -> Result<(), ApiError> {
    if row.on == On::Fifo {
        let fifo = settings.fifo.as_mut().ok_or_else(|| row.fifo_only())?;
        return set_fifo(fifo, row, value);
    }
    match (row.attribute, value) {
        (Attribute::DelaySeconds, Value::Number(value)) => settings.delay_seconds = *value,
        (Attribute::MaximumMessageSize, Value::Number(value)) => {
            settings.maximum_message_bytes = *value
        }
        (Attribute::MessageRetentionPeriod, Value::Number(value)) => {
            settings.retention_seconds = *value
        }
        (Attribute::ReceiveMessageWaitTimeSeconds, Value::Number(value)) => {
            settings.wait_time_seconds = *value
        }
        (Attribute::VisibilityTimeout, Value::Number(value)) => {
            settings.visibility_timeout_seconds = *value
        }
        (Attribute::Policy, Value::Text(text)) => {
            policy::check(text)?;
            settings.policy = Some((*text).to_owned());
        }
        (Attribute::RedrivePolicy, Value::Text(text)) => {
            settings.redrive_policy = Some(RedrivePolicy::parse(text, source)?);
        }
        (Attribute::RedriveAllowPolicy, Value::Text(text)) => {
            settings.redrive_allow_policy = Some(RedriveAllowPolicy::parse(text)?);
        }
        (Attribute::Policy, _) => settings.policy = None,
        (Attribute::RedrivePolicy, _) => settings.redrive_policy = None,
        (Attribute::RedriveAllowPolicy, _) => settings.redrive_allow_policy = None,
        (Attribute::KmsMasterKeyId, Value::Text(key)) => {
            settings.kms_key_id = Some((*key).to_owned()); // SQS-428
            settings.managed_encryption = false; // SQS-424
        }
        (Attribute::KmsMasterKeyId, _) => remove_key(settings), // SQS-425
        (Attribute::KmsDataKeyReusePeriodSeconds, Value::Number(value)) => {
            settings.kms_reuse_period_seconds = *value
        }
        (Attribute::SqsManagedSseEnabled, Value::Flag(enabled)) => {
            settings.managed_encryption = *enabled;
            if *enabled {
                remove_key(settings); // SQS-426
            }
        }
        _ => return Err(invalid_attribute_value(row.name)),
    }
    Ok(())
}

/// SQS-427
fn remove_key(settings: &mut QueueSettings) {
    settings.kms_key_id = None;
    settings.kms_reuse_period_seconds = 300;
}

fn set_fifo(fifo: &mut FifoSettings, row: &Row, value: &Value<'_>) -> Result<(), ApiError> {
    let Value::Flag(flag) = *value else {
        return Err(invalid_attribute_value(row.name));
    };
    match row.attribute {
        Attribute::ContentBasedDeduplication => fifo.content_based_deduplication = flag,
        Attribute::DeduplicationScope => {
            fifo.deduplication_scope = if flag {
                DeduplicationScope::MessageGroup
            } else {
                DeduplicationScope::Queue
            };
        }
        Attribute::FifoThroughputLimit => {
            fifo.throughput_limit = if flag {
                FifoThroughputLimit::PerMessageGroupId
            } else {
                FifoThroughputLimit::PerQueue
            };
        }
        Attribute::FifoQueue if !flag => {
            // SQS-104
            return Err(api::INVALID_ATTRIBUTE_VALUE
                .with("Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."));
        }
        _ => {}
    }
    Ok(())
}

fn same(attribute: Attribute, one: &QueueSettings, other: &QueueSettings) -> bool {
    fn both<T>(one: Option<&T>, other: Option<&T>, equal: impl FnOnce(&T, &T) -> bool) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => equal(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
    match attribute {
        Attribute::Policy => both(one.policy.as_ref(), other.policy.as_ref(), |one, other| {
            policy::equals(one, other)
        }),
        Attribute::RedrivePolicy => both(
            one.redrive_policy.as_ref(),
            other.redrive_policy.as_ref(),
            RedrivePolicy::equals,
        ),
        Attribute::RedriveAllowPolicy => both(
            one.redrive_allow_policy.as_ref(),
            other.redrive_allow_policy.as_ref(),
            |one, other| one.permission == other.permission,
        ),
        _ => {
            report(
                attribute,
                &View {
                    settings: one,
                    arn: "",
                    counts: None,
                },
            ) == report(
                attribute,
                &View {
                    settings: other,
                    arn: "",
                    counts: None,
                },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use waystation_engine::QueueId;

    use super::*;

    const SOURCE: Source<'_> = Source {
        account: "000000000000",
        region: "us-east-1",
        name: "q",
    };

    fn standard() -> QueueSettings {
        QueueSettings::new(QueueId(1), 1_700_000_000_999, None)
    }

    fn fifo() -> QueueSettings {
        QueueSettings::new(QueueId(1), 1_700_000_000_999, Some(FifoSettings::default()))
    }

    fn map(pairs: &[(&'static str, &'static str)]) -> Map<Str> {
        pairs
            .iter()
            .map(|(name, value)| (Str::from(*name), Str::from(*value)))
            .collect()
    }

    fn applied(
        mut settings: QueueSettings,
        pairs: &[(&'static str, &'static str)],
    ) -> Result<QueueSettings, ApiError> {
        Requested::parse(Some(&map(pairs)))?.apply(&mut settings, &SOURCE)?;
        Ok(settings)
    }

    #[test]
    fn only_what_is_given_changes() {
        // SQS-099, SQS-100
        let settings = applied(
            standard(),
            &[
                ("DelaySeconds", "7"),
                ("RedriveAllowPolicy", "{\"redrivePermission\":\"denyAll\"}"),
            ],
        );
        let settings = settings.expect("valid");
        assert_eq!(
            (settings.delay_seconds, settings.visibility_timeout_seconds),
            (7, 30)
        );
        let settings = applied(settings, &[("RedriveAllowPolicy", "")]).expect("valid");
        assert_eq!(
            (settings.delay_seconds, settings.redrive_allow_policy),
            (7, None)
        );
    }

    #[test]
    fn the_kind_of_a_queue_is_fixed() {
        // SQS-006, SQS-102, SQS-104
        let message = |settings, value| {
            applied(settings, &[("FifoQueue", value)])
                .expect_err("refused")
                .message
        };
        assert_eq!(message(standard(), "true"), "Unknown Attribute FifoQueue.");
        assert_eq!(
            message(fifo(), "false"),
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
        );
        assert!(applied(fifo(), &[("FifoQueue", "true")]).is_ok());
    }

    #[test]
    fn high_throughput_needs_the_scope_of_groups() {
        // SQS-108, SQS-109
        assert!(applied(fifo(), &[("FifoThroughputLimit", "perMessageGroupId")]).is_err());
        let both = [
            ("FifoThroughputLimit", "perMessageGroupId"),
            ("DeduplicationScope", "messageGroup"),
        ];
        let settings = applied(fifo(), &both).expect("valid in any order");
        assert!(applied(settings, &[("DeduplicationScope", "queue")]).is_err());
        assert!(applied(fifo(), &[("DeduplicationScope", "messageGroup")]).is_ok());
    }

    #[test]
    fn one_kind_of_encryption_at_a_time() {
        // SQS-422..428
        let error = applied(
            standard(),
            &[("KmsMasterKeyId", "k"), ("SqsManagedSseEnabled", "true")],
        )
        .expect_err("both");
        assert_eq!(error.kind.shape, "InvalidAttributeName");
        let keyed = applied(
            standard(),
            &[
                ("KmsMasterKeyId", "k"),
                ("KmsDataKeyReusePeriodSeconds", "60"),
            ],
        )
        .expect("valid");
        assert_eq!(
            (keyed.managed_encryption, keyed.kms_reuse_period_seconds),
            (false, 60)
        );
        let removed = applied(keyed.clone(), &[("KmsMasterKeyId", "")]).expect("valid");
        assert_eq!(
            (removed.managed_encryption, removed.kms_key_id.clone()),
            (false, None)
        );
        let managed = applied(keyed, &[("SqsManagedSseEnabled", "true")]).expect("valid");
        assert_eq!(
            (managed.managed_encryption, managed.kms_key_id),
            (true, None)
        );
    }

    #[test]
    fn comparison_sees_only_what_was_given_and_what_it_means() {
        // SQS-067..072
        let difference = |current: &QueueSettings, pairs: &[(&'static str, &'static str)]| {
            let map = map(pairs);
            let requested = Requested::parse(Some(&map)).expect("valid");
            let mut wanted = if current.fifo.is_some() {
                fifo()
            } else {
                standard()
            };
            requested.apply(&mut wanted, &SOURCE).expect("valid");
            requested.first_difference(current, &wanted)
        };
        let current = applied(standard(), &[("DelaySeconds", "7")]).expect("valid");
        assert_eq!(difference(&current, &[]), None);
        assert_eq!(
            difference(
                &current,
                &[("DelaySeconds", "7"), ("VisibilityTimeout", "30")]
            ),
            None
        );
        assert_eq!(
            difference(
                &current,
                &[("VisibilityTimeout", "30"), ("DelaySeconds", "0")]
            ),
            Some("DelaySeconds")
        );
        let arn = "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:d\",\"maxReceiveCount\":3}";
        let other = "{ \"maxReceiveCount\": \"3\", \"deadLetterTargetArn\": \"arn:aws:sqs:us-east-1:000000000000:d\" }";
        let current = applied(standard(), &[("RedrivePolicy", arn)]).expect("valid");
        assert_eq!(difference(&current, &[("RedrivePolicy", other)]), None);
        assert_eq!(
            difference(&standard(), &[("RedrivePolicy", other)]),
            Some("RedrivePolicy")
        );
        assert_eq!(
            difference(&fifo(), &[("ContentBasedDeduplication", "False")]),
            None
        );
    }
}
