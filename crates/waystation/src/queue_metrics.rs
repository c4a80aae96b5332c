//! AWS's CloudWatch metrics of every queue as Prometheus series, labelled by account, region and queue.
//!
//! They are read when somebody asks for `/metrics` and not before. How many queues have series of their own is bounded;
//! the rest is one row, `other` in every label, which no account is called.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use waystation_engine::SIZE_BOUNDS_BYTES;
use waystation_frontdoor::Refresh;
use waystation_sqs::{QueueFigures, QuietFigures, Sqs, Survey};

/// Label of the queues beyond the limit.
const OTHER: &str = "other";

/// Name, where the value stands, and help.
type Row = (&'static str, fn(&QueueFigures) -> u64, &'static str);

const GAUGES: &[Row] = &[
    (
        "waystation_sqs_messages_visible",
        |queue| queue.visible,
        "ApproximateNumberOfMessagesVisible",
    ),
    (
        "waystation_sqs_messages_not_visible",
        |queue| queue.in_flight,
        "ApproximateNumberOfMessagesNotVisible",
    ),
    (
        "waystation_sqs_messages_delayed",
        |queue| queue.delayed,
        "ApproximateNumberOfMessagesDelayed",
    ),
];

/// Of queues whose messages have groups: name, where the value stands, and help.
type QuietRow = (&'static str, fn(&QuietFigures) -> u64, &'static str);

const QUIET_GAUGES: &[QuietRow] = &[
    (
        "waystation_sqs_noisy_groups",
        |quiet| quiet.noisy_groups,
        "ApproximateNumberOfNoisyGroups",
    ),
    (
        "waystation_sqs_quiet_messages_visible",
        |quiet| quiet.visible,
        "ApproximateNumberOfMessagesVisibleInQuietGroups",
    ),
    (
        "waystation_sqs_quiet_messages_not_visible",
        |quiet| quiet.in_flight,
        "ApproximateNumberOfMessagesNotVisibleInQuietGroups",
    ),
    (
        "waystation_sqs_quiet_messages_delayed",
        |quiet| quiet.delayed,
        "ApproximateNumberOfMessagesDelayedInQuietGroups",
    ),
];

const COUNTERS: &[Row] = &[
    (
        "waystation_sqs_messages_sent",
        |queue| queue.tally.sent,
        "NumberOfMessagesSent",
    ),
    (
        "waystation_sqs_messages_deduplicated",
        |queue| queue.tally.deduplicated,
        "NumberOfDeduplicatedSentMessages",
    ),
    (
        "waystation_sqs_messages_received",
        |queue| queue.tally.received,
        "NumberOfMessagesReceived",
    ),
    (
        "waystation_sqs_messages_deleted",
        |queue| queue.tally.deleted,
        "NumberOfMessagesDeleted",
    ),
    (
        "waystation_sqs_empty_receives",
        |queue| queue.tally.empty_receives,
        "NumberOfEmptyReceives",
    ),
];

/// The latest survey, for the collector.
#[derive(Clone, Default)]
pub(crate) struct QueueMetrics(Arc<Mutex<Survey>>);

impl fmt::Debug for QueueMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueMetrics")
    }
}

impl QueueMetrics {
    /// Takes a survey before metrics are written. A server that is stopping keeps the one it has.
    pub(crate) fn refresh(&self, sqs: &Arc<Sqs>) -> Refresh {
        let (metrics, sqs) = (self.clone(), Arc::clone(sqs));
        Arc::new(move || {
            let (metrics, sqs) = (metrics.clone(), Arc::clone(&sqs));
            Box::pin(async move {
                match sqs.survey().await {
                    Ok(survey) => *metrics.lock() = survey,
                    Err(error) => tracing::debug!("no survey of queues: {}", error.message),
                }
            })
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Survey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Labels and figures of every row.
type Rows<'a> = Vec<([(&'static str, &'a str); 3], &'a QueueFigures)>;

fn rows(survey: &Survey) -> Rows<'_> {
    let labels =
        |account, region, queue| [("account", account), ("region", region), ("queue", queue)];
    let queues = survey.queues.iter();
    let mut rows: Rows<'_> = queues
        .map(|queue| {
            let labels = labels(&*queue.account, &*queue.region, &*queue.name);
            (labels, &queue.figures)
        })
        .collect();
    if survey.others > 0 {
        rows.push((labels(OTHER, OTHER, OTHER), &survey.other_figures));
    }
    rows
}

impl Collector for QueueMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let survey = self.lock();
        let rows = rows(&survey);
        for (name, value, help) in GAUGES {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, figures) in &rows {
                let value = i64::try_from(value(figures)).unwrap_or(i64::MAX);
                gauge.encode_family(labels)?.encode_gauge(&value)?;
            }
        }
        for (name, value, help) in QUIET_GAUGES {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            let quiet = rows
                .iter()
                .filter_map(|(labels, row)| Some((labels, row.quiet?)));
            for (labels, figures) in quiet {
                let value = i64::try_from(value(&figures)).unwrap_or(i64::MAX);
                gauge.encode_family(labels)?.encode_gauge(&value)?;
            }
        }
        for (name, value, help) in COUNTERS {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, figures) in &rows {
                let mut counter = counter.encode_family(labels)?;
                counter.encode_counter::<NoLabelSet, _, u64>(&value(figures), None)?;
            }
        }
        ages(&mut encoder, &rows)?;
        sizes(&mut encoder, &rows)
    }
}

fn ages(encoder: &mut DescriptorEncoder<'_>, rows: &Rows<'_>) -> fmt::Result {
    let unit = Some(&Unit::Seconds);
    let mut age = encoder.encode_descriptor(
        "waystation_sqs_oldest_message_age",
        "ApproximateAgeOfOldestMessage",
        unit,
        MetricType::Gauge,
    )?;
    for (labels, figures) in rows {
        let seconds = figures.oldest_age_ms as f64 / 1e3;
        age.encode_family(labels)?.encode_gauge(&seconds)?;
    }
    let mut age = encoder.encode_descriptor(
        "waystation_sqs_quiet_oldest_message_age",
        "ApproximateAgeOfOldestMessageInQuietGroups",
        unit,
        MetricType::Gauge,
    )?;
    for (labels, figures) in rows {
        if let Some(quiet) = &figures.quiet {
            let seconds = quiet.oldest_age_ms as f64 / 1e3;
            age.encode_family(labels)?.encode_gauge(&seconds)?;
        }
    }
    Ok(())
}

/// Queues to which nothing was sent have no size.
fn sizes(encoder: &mut DescriptorEncoder<'_>, rows: &Rows<'_>) -> fmt::Result {
    let mut size = encoder.encode_descriptor(
        "waystation_sqs_sent_message_size",
        "SentMessageSize",
        Some(&Unit::Bytes),
        MetricType::Histogram,
    )?;
    let sent = rows.iter().filter(|(_, figures)| figures.tally.sent > 0);
    for (labels, figures) in sent {
        let sizes = &figures.tally.sizes;
        let bounds = SIZE_BOUNDS_BYTES.iter().map(|bytes| *bytes as f64);
        let buckets = bounds.chain([f64::MAX]).zip(sizes.buckets);
        let buckets: Vec<(f64, u64)> = buckets.collect();
        size.encode_family(labels)?.encode_histogram::<NoLabelSet>(
            sizes.sum_bytes as f64,
            figures.tally.sent,
            &buckets,
            None,
        )?;
    }
    Ok(())
}
