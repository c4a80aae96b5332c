//! AWS's CloudWatch metrics of every topic as Prometheus series, labelled by account, region and topic.
//!
//! How many topics have series of their own is bounded; the rest is one row, `other` in every label, which no account is
//! called.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use waystation_sns::{Count, Sns, TopicFigures, TopicSurvey};

/// Label of the topics beyond the limit.
const OTHER: &str = "other";

/// Name, where the value stands, and help.
type Row = (&'static str, fn(&TopicFigures) -> u64, &'static str);

const COUNTERS: &[Row] = &[
    (
        "waystation_sns_messages_published",
        |topic| topic.get(Count::Published),
        "NumberOfMessagesPublished",
    ),
    (
        "waystation_sns_notifications_delivered",
        |topic| topic.get(Count::Delivered),
        "NumberOfNotificationsDelivered",
    ),
    (
        "waystation_sns_notifications_failed",
        |topic| topic.get(Count::Failed),
        "NumberOfNotificationsFailed",
    ),
    (
        "waystation_sns_notifications_filtered_out",
        |topic| topic.filtered_out(),
        "NumberOfNotificationsFilteredOut",
    ),
    (
        "waystation_sns_notifications_filtered_out_message_attributes",
        |topic| topic.get(Count::FilteredByAttributes),
        "NumberOfNotificationsFilteredOut-MessageAttributes",
    ),
    (
        "waystation_sns_notifications_filtered_out_message_body",
        |topic| topic.get(Count::FilteredByBody),
        "NumberOfNotificationsFilteredOut-MessageBody",
    ),
    (
        "waystation_sns_notifications_filtered_out_invalid_attributes",
        |topic| topic.get(Count::InvalidAttributes),
        "NumberOfNotificationsFilteredOut-InvalidAttributes",
    ),
    (
        "waystation_sns_notifications_filtered_out_no_message_attributes",
        |topic| topic.get(Count::NoAttributes),
        "NumberOfNotificationsFilteredOut-NoMessageAttributes",
    ),
    (
        "waystation_sns_notifications_filtered_out_invalid_message_body",
        |topic| topic.get(Count::InvalidBody),
        "NumberOfNotificationsFilteredOut-InvalidMessageBody",
    ),
    (
        "waystation_sns_notifications_redriven_to_dlq",
        |topic| topic.get(Count::Redriven),
        "NumberOfNotificationsRedrivenToDlq",
    ),
    (
        "waystation_sns_notifications_failed_to_redrive_to_dlq",
        |topic| topic.get(Count::RedriveFailed),
        "NumberOfNotificationsFailedToRedriveToDlq",
    ),
];

/// Asks the service when somebody asks for metrics.
pub(crate) struct TopicMetrics(pub(crate) Arc<Sns>);

impl fmt::Debug for TopicMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TopicMetrics")
    }
}

/// Labels and figures of every row.
type Rows<'a> = Vec<([(&'static str, &'a str); 3], &'a TopicFigures)>;

fn rows(survey: &TopicSurvey) -> Rows<'_> {
    let labels =
        |account, region, topic| [("account", account), ("region", region), ("topic", topic)];
    let topics = survey.topics.iter();
    let own = topics.map(|topic| {
        let labels = labels(&*topic.account, &*topic.region, &*topic.name);
        (labels, &topic.figures)
    });
    let others = survey.others.iter();
    own.chain(others.map(|figures| (labels(OTHER, OTHER, OTHER), figures)))
        .collect()
}

impl Collector for TopicMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let survey = self.0.survey();
        let rows = rows(&survey);
        for (name, value, help) in COUNTERS {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, figures) in &rows {
                let mut counter = counter.encode_family(labels)?;
                counter.encode_counter::<NoLabelSet, _, u64>(&value(figures), None)?;
            }
        }
        let mut size = encoder.encode_descriptor(
            "waystation_sns_published_message_size",
            "PublishSize",
            Some(&Unit::Bytes),
            MetricType::Counter,
        )?;
        for (labels, figures) in &rows {
            let mut counter = size.encode_family(labels)?;
            let bytes = figures.get(Count::PublishedBytes);
            counter.encode_counter::<NoLabelSet, _, u64>(&bytes, None)?;
        }
        Ok(())
    }
}
