//! `EnableEnhancedMonitoring` and `DisableEnhancedMonitoring` (KIN-214, KIN-215).

use waystation_wire::{ApiError, Caller, Str};

use crate::addressing;
use crate::api::{
    DisableEnhancedMonitoringInput, EnableEnhancedMonitoringInput, EnhancedMetrics,
    EnhancedMonitoringOutput,
};
use crate::{Kinesis, catalog, rates};

/// The shard metrics; a stream's row has a bit for each.
const METRICS: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
];
const ALL: u8 = 0x7f;

/// The metrics as `DescribeStream` shows them (KIN-053).
pub(crate) fn shown(metrics: u8) -> Vec<EnhancedMetrics> {
    vec![EnhancedMetrics {
        shard_level_metrics: Some(names(metrics)),
    }]
}

fn names(metrics: u8) -> Vec<Str> {
    let chosen = METRICS
        .iter()
        .enumerate()
        .filter(|(bit, _)| metrics & (1 << bit) != 0);
    chosen.map(|(_, name)| Str::from_static(name)).collect()
}

fn bits(names: &[Str]) -> u8 {
    names.iter().fold(0, |bits, name| {
        let bit = METRICS.iter().position(|metric| **name == **metric);
        bits | bit.map_or(ALL, |bit| 1 << bit)
    })
}

/// `EnableEnhancedMonitoring`
pub(crate) async fn enable(
    kinesis: &Kinesis,
    caller: &Caller,
    input: EnableEnhancedMonitoringInput,
) -> Result<EnhancedMonitoringOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::ENABLE_MONITORING, caller, "", kinesis.now_ms())?;
    let more = bits(&input.shard_level_metrics);
    set(kinesis, caller, &target, |metrics| metrics | more).await
}

/// `DisableEnhancedMonitoring`
pub(crate) async fn disable(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DisableEnhancedMonitoringInput,
) -> Result<EnhancedMonitoringOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::DISABLE_MONITORING, caller, "", kinesis.now_ms())?;
    let fewer = bits(&input.shard_level_metrics);
    set(kinesis, caller, &target, |metrics| metrics & !fewer).await
}

async fn set(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &addressing::Target<'_>,
    change: impl Fn(u8) -> u8,
) -> Result<EnhancedMonitoringOutput, ApiError> {
    let (mut before, mut after) = (0, 0);
    let located = catalog::update(kinesis, caller, target, |located, settings, _| {
        located.require_active()?;
        before = settings.metrics;
        after = change(before);
        if after != before {
            settings.metrics = after;
            settings.begin_update(located.now_ms);
        }
        Ok(())
    })
    .await?;
    Ok(EnhancedMonitoringOutput {
        stream_arn: Some(Str::from(located.arn())),
        stream_name: Some(Str::from(located.name)),
        current_shard_level_metrics: Some(names(before)),
        desired_shard_level_metrics: Some(names(after)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stands_for_seven() {
        // KIN-215
        assert_eq!(bits(&[Str::from("ALL")]), ALL);
        assert_eq!(names(ALL).len(), 7);
        assert_eq!(
            bits(&[Str::from("IncomingBytes"), Str::from("OutgoingRecords")]),
            0b1001
        );
        assert_eq!(names(0b1001), ["IncomingBytes", "OutgoingRecords"]);
    }
}
