//! AWS's CloudWatch metrics of every stream as Prometheus series, labelled by account, region and stream, and by shard where a
//! stream is monitored so (KIN-253). They are read when somebody asks for `/metrics` and not before.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use waystation_kinesis::{FigureKind, Kinesis, Surveyed};

/// What names begin with.
const STREAM: &str = "waystation_kinesis_";
const SHARD: &str = "waystation_kinesis_shard_";

/// Reads the service.
pub(crate) struct StreamMetrics(pub(crate) Arc<Kinesis>);

impl fmt::Debug for StreamMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamMetrics")
    }
}

impl Collector for StreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // What cannot be read was logged.
        let survey = self.0.survey().unwrap_or_default();
        let (streams, shards): (Vec<&Surveyed>, Vec<&Surveyed>) =
            survey.iter().partition(|surveyed| surveyed.shard.is_none());
        write(&mut encoder, STREAM, &streams)?;
        write(&mut encoder, SHARD, &shards)
    }
}

/// One series after the other, each for all streams or shards.
fn write(encoder: &mut DescriptorEncoder<'_>, prefix: &str, all: &[&Surveyed]) -> fmt::Result {
    let Some(first) = all.first() else {
        return Ok(());
    };
    for (place, figure) in first.figures.iter().enumerate() {
        let name = format!("{prefix}{}", figure.name);
        let kind = match figure.kind {
            FigureKind::Counter => MetricType::Counter,
            FigureKind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(&name, figure.help, None, kind)?;
        for surveyed in all {
            let value = surveyed.figures.get(place).map_or(0, |figure| figure.value);
            let labels = [
                ("account", surveyed.account.as_str()),
                ("region", surveyed.region.as_str()),
                ("stream", surveyed.stream.as_str()),
                ("shard", surveyed.shard.as_deref().unwrap_or_default()),
            ];
            let mut row = family.encode_family(&labels)?;
            match figure.kind {
                FigureKind::Counter => row.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                FigureKind::Gauge => row.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?,
            }
        }
    }
    Ok(())
}
