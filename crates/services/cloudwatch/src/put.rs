//! `PutMetricData`: all metrics of a request are checked before the first is kept.

use waystation_wire::{ApiError, Caller};

use crate::api::{MetricDatum, PutMetricDataInput};
use crate::{CloudWatch, Series, Statistics, rules};

/// Keeps the metrics of a request.
pub(crate) async fn put_metric_data(
    cloudwatch: &CloudWatch,
    caller: &Caller,
    input: PutMetricDataInput,
) -> Result<(), ApiError> {
    let datums = rules::check(&input, caller.wall_ms)?;
    let entries = datums.into_iter().map(|datum| {
        let series = series(caller, &input.namespace, datum);
        (series, statistics(datum))
    });
    cloudwatch.store.add(entries);
    Ok(())
}

/// The series that a metric belongs to. Its texts are copied: they outlive the request.
fn series(caller: &Caller, namespace: &str, datum: &MetricDatum) -> Series {
    let dimensions = datum.dimensions.iter().flatten();
    let mut dimensions: Vec<(String, String)> = dimensions
        .map(|dimension| (dimension.name.to_string(), dimension.value.to_string()))
        .collect();
    dimensions.sort();
    Series {
        account: caller.account.to_string(),
        region: caller.region.to_string(),
        namespace: namespace.to_owned(),
        metric: datum.metric_name.to_string(),
        dimensions,
        unit: datum.unit.as_deref().unwrap_or("None").to_owned(),
    }
}

/// What a metric says, in whichever of its three forms.
fn statistics(datum: &MetricDatum) -> Statistics {
    if let Some(set) = &datum.statistic_values {
        return Statistics {
            samples: set.sample_count,
            sum: set.sum,
            minimum: set.minimum,
            maximum: set.maximum,
        };
    }
    let values = datum.values.as_deref().unwrap_or_default();
    let counts = datum.counts.as_deref().unwrap_or_default();
    let single = datum.value.map(|value| (value, 1.0));
    let counted = values.iter().enumerate();
    let counted = counted.map(|(at, value)| (*value, counts.get(at).copied().unwrap_or(1.0)));
    let mut all = Statistics::default();
    for (value, count) in single.into_iter().chain(counted) {
        all.add(&Statistics {
            samples: count,
            sum: value * count,
            minimum: value,
            maximum: value,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::StatisticSet;

    #[test]
    fn the_three_forms_say_the_same() {
        let single = |value| MetricDatum {
            value: Some(value),
            ..MetricDatum::default()
        };
        let mut one_by_one = statistics(&single(2.0));
        one_by_one.add(&statistics(&single(2.0)));
        one_by_one.add(&statistics(&single(5.0)));
        let counted = statistics(&MetricDatum {
            values: Some(vec![2.0, 5.0]),
            counts: Some(vec![2.0, 1.0]),
            ..MetricDatum::default()
        });
        let set = statistics(&MetricDatum {
            statistic_values: Some(StatisticSet {
                sample_count: 3.0,
                sum: 9.0,
                minimum: 2.0,
                maximum: 5.0,
            }),
            ..MetricDatum::default()
        });
        assert_eq!(one_by_one, counted);
        assert_eq!(counted, set);
    }
}
