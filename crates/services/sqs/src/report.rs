//! What a queue reports of itself (SQS-091..094, SQS-112, SQS-427).

use waystation_engine::QueueCounts;
use waystation_wire::Str;

use crate::attributes::{Attribute, Form, TABLE};
use crate::settings::QueueSettings;

/// What attributes are reported from.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The queue's settings.
    pub(crate) settings: &'a QueueSettings,
    /// The queue's ARN.
    pub(crate) arn: &'a str,
    /// The counters, when one of them is wanted.
    pub(crate) counts: Option<QueueCounts>,
}

/// The value of an attribute; `None` when the queue has none (SQS-093, SQS-094).
pub(crate) fn report(attribute: Attribute, view: &View<'_>) -> Option<Str> {
    use Attribute::*;
    let settings = view.settings;
    let fifo = settings.fifo.as_ref();
    let number = |value: u64| Some(Str::from(value.to_string()));
    let seconds = |value: u32| number(value.into());
    let document = |text: Option<&String>| text.map(|text| Str::from(text.clone()));
    let flag = |flag: bool| Some(Str::from_static(if flag { "true" } else { "false" }));
    match attribute {
        ApproximateNumberOfMessages => view
            .counts
            .as_ref()
            .and_then(|counts| number(counts.visible)),
        ApproximateNumberOfMessagesNotVisible => view
            .counts
            .as_ref()
            .and_then(|counts| number(counts.in_flight)),
        ApproximateNumberOfMessagesDelayed => view
            .counts
            .as_ref()
            .and_then(|counts| number(counts.delayed)),
        CreatedTimestamp => number(settings.created_ms / 1_000),
        LastModifiedTimestamp => number(settings.modified_ms / 1_000),
        QueueArn => Some(Str::from(view.arn.to_owned())),
        DelaySeconds => seconds(settings.delay_seconds),
        MaximumMessageSize => seconds(settings.maximum_message_bytes),
        MessageRetentionPeriod => seconds(settings.retention_seconds),
        ReceiveMessageWaitTimeSeconds => seconds(settings.wait_time_seconds),
        VisibilityTimeout => seconds(settings.visibility_timeout_seconds),
        Policy => document(settings.policy.as_ref()),
        RedrivePolicy => document(settings.redrive_policy.as_ref().map(|policy| &policy.text)),
        RedriveAllowPolicy => document(
            settings
                .redrive_allow_policy
                .as_ref()
                .map(|policy| &policy.text),
        ),
        KmsMasterKeyId => document(settings.kms_key_id.as_ref()),
        KmsDataKeyReusePeriodSeconds => settings
            .kms_key_id
            .as_ref()
            .and_then(|_| seconds(settings.kms_reuse_period_seconds)),
        SqsManagedSseEnabled => flag(settings.managed_encryption),
        FifoQueue => fifo.and_then(|_| flag(true)),
        ContentBasedDeduplication => fifo.and_then(|fifo| flag(fifo.content_based_deduplication)),
        DeduplicationScope => fifo.map(|fifo| word(attribute, fifo.deduplication_scope as usize)),
        FifoThroughputLimit => fifo.map(|fifo| word(attribute, fifo.throughput_limit as usize)),
    }
}

/// The first or second word of an attribute that is a choice of two.
fn word(attribute: Attribute, index: usize) -> Str {
    let form = TABLE
        .iter()
        .find(|row| row.attribute == attribute)
        .map(|row| row.form);
    match form {
        Some(Form::Choice(first, second)) => {
            Str::from_static(if index == 0 { first } else { second })
        }
        _ => Str::default(),
    }
}

#[cfg(test)]
mod tests {
    use waystation_engine::QueueId;

    use super::*;
    use crate::fifo_settings::FifoSettings;

    fn standard() -> QueueSettings {
        QueueSettings::new(QueueId(1), 1_700_000_000_999, None)
    }

    fn fifo() -> QueueSettings {
        QueueSettings::new(QueueId(1), 1_700_000_000_999, Some(FifoSettings::default()))
    }

    fn reported(settings: &QueueSettings) -> Vec<(&'static str, String)> {
        let counts = Some(QueueCounts {
            visible: 1,
            in_flight: 2,
            delayed: 3,
            ..QueueCounts::default()
        });
        let view = View {
            settings,
            arn: "arn",
            counts,
        };
        let rows = TABLE.iter();
        rows.filter_map(|row| {
            report(row.attribute, &view).map(|value| (row.name, value.to_string()))
        })
        .collect()
    }

    #[test]
    fn a_new_standard_queue_reports_exactly_these() {
        // SQS-091, SQS-093, table 6.1
        let expected = [
            ("ApproximateNumberOfMessages", "1"),
            ("ApproximateNumberOfMessagesNotVisible", "2"),
            ("ApproximateNumberOfMessagesDelayed", "3"),
            ("CreatedTimestamp", "1700000000"),
            ("DelaySeconds", "0"),
            ("LastModifiedTimestamp", "1700000000"),
            ("MaximumMessageSize", "1048576"),
            ("MessageRetentionPeriod", "345600"),
            ("QueueArn", "arn"),
            ("ReceiveMessageWaitTimeSeconds", "0"),
            ("VisibilityTimeout", "30"),
            ("SqsManagedSseEnabled", "true"),
        ];
        assert_eq!(
            reported(&standard()),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn a_new_fifo_queue_reports_four_more() {
        // SQS-092
        let expected = [
            ("FifoQueue", "true"),
            ("ContentBasedDeduplication", "false"),
            ("DeduplicationScope", "queue"),
            ("FifoThroughputLimit", "perQueue"),
        ];
        assert_eq!(
            reported(&fifo())[12..],
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn key_settings_show_only_with_a_key() {
        // SQS-093, SQS-427
        let shows = |settings: &QueueSettings| {
            reported(settings)
                .iter()
                .filter(|(name, _)| name.starts_with("Kms"))
                .count()
        };
        assert_eq!(shows(&standard()), 0);
        assert_eq!(
            shows(&QueueSettings {
                kms_key_id: Some("k".to_owned()),
                ..standard()
            }),
            2
        );
    }
}
