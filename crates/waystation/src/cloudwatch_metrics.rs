//! Metrics that applications put to CloudWatch, as Prometheus series. Names of dimensions are free there and not here, so all
//! of them stand in one label.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use waystation_cloudwatch::{Series, Statistics, Store};

/// Name, whether it only grows, where the value stands, and help.
type Row = (
    &'static str,
    MetricType,
    fn(&Statistics) -> f64,
    &'static str,
);

const ROWS: &[Row] = &[
    (
        "waystation_cloudwatch_samples",
        MetricType::Counter,
        |said| said.samples,
        "SampleCount since the start",
    ),
    (
        "waystation_cloudwatch_sum",
        MetricType::Gauge,
        |said| said.sum,
        "Sum since the start",
    ),
    (
        "waystation_cloudwatch_minimum",
        MetricType::Gauge,
        |said| said.minimum,
        "Minimum since the start",
    ),
    (
        "waystation_cloudwatch_maximum",
        MetricType::Gauge,
        |said| said.maximum,
        "Maximum since the start",
    ),
];

/// Reads the store when somebody asks for metrics.
#[derive(Debug)]
pub(crate) struct CloudWatchMetrics(pub(crate) Arc<Store>);

impl Collector for CloudWatchMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (all, without_place) = self.0.all();
        for (name, kind, value, help) in ROWS {
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            for (series, said) in &all {
                let labels = labels(series);
                let mut metric = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => {
                        metric.encode_counter::<NoLabelSet, _, f64>(&value(said), None)?;
                    }
                    _ => metric.encode_gauge(&value(said))?,
                }
            }
        }
        let mut left_out = encoder.encode_descriptor(
            "waystation_cloudwatch_left_out",
            "Metrics put to series that had no place",
            None,
            MetricType::Counter,
        )?;
        left_out.encode_counter::<NoLabelSet, _, f64>(&without_place, None)
    }
}

fn labels(series: &Series) -> Vec<(&'static str, String)> {
    let dimensions = series.dimensions.iter();
    let dimensions: Vec<String> = dimensions
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    vec![
        ("account", series.account.clone()),
        ("region", series.region.clone()),
        ("namespace", series.namespace.clone()),
        ("metric", series.metric.clone()),
        ("dimensions", dimensions.join(",")),
        ("unit", series.unit.clone()),
    ]
}
