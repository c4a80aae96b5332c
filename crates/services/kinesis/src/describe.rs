//! `DescribeStream` and `DescribeStreamSummary` (section 4), and a shard as the API shows it (KIN-056).

use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located};
use crate::api::{
    ChildShard, DescribeStreamInput, DescribeStreamOutput, DescribeStreamSummaryInput,
    DescribeStreamSummaryOutput, HashKeyRange, SequenceNumberRange, Shard as ShownShard,
    StreamDescription, StreamDescriptionSummary, StreamModeDetails, WarmThroughputObject,
};
use crate::errors::no_shard;
use crate::sequence::SequenceNumber;
use crate::shard_rows::{HashRange, Shard};
use crate::stream_settings::{Distribution, Mode, Status, StreamSettings};
use crate::streams::seconds;
use crate::{Kinesis, consumers, limits, modes, monitoring, names, queue_catalog, rates};

/// `DescribeStream`
pub(crate) async fn describe(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DescribeStreamInput,
) -> Result<DescribeStreamOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::DESCRIBE_STREAM, caller, "", kinesis.now_ms())?;
    let located = addressing::locate(kinesis, caller, &target)?;
    let after = match input.exclusive_start_shard_id.as_deref() {
        Some(id) => {
            let index = names::parse_shard_id(id);
            Some(index.ok_or_else(|| no_shard(id, target.name, target.account))?)
        }
        None => None,
    };
    // KIN-055: the most is the same whatever the limit, which only makes it less.
    let max = input
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(limits::DESCRIBED_SHARDS_MAX, |limit| {
            limit.min(limits::DESCRIBED_SHARDS_MAX)
        });
    let mut shards = listed(kinesis, &located)?
        .into_iter()
        .filter(|shard| after.is_none_or(|after| shard.index > after));
    let page: Vec<ShownShard> = shards
        .by_ref()
        .take(max)
        .map(|shard| shown(&shard))
        .collect();
    let settings = &located.stream.settings;
    Ok(DescribeStreamOutput {
        stream_description: StreamDescription {
            stream_name: Str::from(located.name.clone()),
            stream_arn: Str::from(located.arn()),
            stream_status: Str::from_static(located.status.as_str()),
            stream_mode_details: mode_details(settings),
            shards: page,
            has_more_shards: shards.next().is_some(),
            retention_period_hours: settings.retention_hours as i32,
            stream_creation_timestamp: seconds(settings.created_s()),
            enhanced_monitoring: monitoring::shown(settings.metrics),
            encryption_type: encryption_type(settings),
            key_id: settings.key_id.clone().map(Str::from),
        },
    })
}

/// `DescribeStreamSummary` (KIN-059)
pub(crate) async fn describe_summary(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DescribeStreamSummaryInput,
) -> Result<DescribeStreamSummaryOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::DESCRIBE_STREAM_SUMMARY, caller, "", kinesis.now_ms())?;
    let located = addressing::locate(kinesis, caller, &target)?;
    let settings = &located.stream.settings;
    let open = match located.status {
        Status::Creating => 0,
        _ => located.shards(&kinesis.engine)?.open_count(),
    };
    let is_on_demand = settings.mode == Mode::OnDemand;
    let strategy = match settings.distribution {
        Distribution::Auto => "AUTO",
        Distribution::UserPartitionKey => "USER_PARTITION_KEY",
    };
    Ok(DescribeStreamSummaryOutput {
        stream_description_summary: StreamDescriptionSummary {
            stream_name: Str::from(located.name.clone()),
            stream_arn: Str::from(located.arn()),
            stream_id: None,
            stream_status: Str::from_static(located.status.as_str()),
            stream_mode_details: mode_details(settings),
            retention_period_hours: settings.retention_hours as i32,
            stream_creation_timestamp: seconds(settings.created_s()),
            enhanced_monitoring: monitoring::shown(settings.metrics),
            encryption_type: encryption_type(settings),
            key_id: settings.key_id.clone().map(Str::from),
            open_shard_count: count(open),
            consumer_count: Some(count(consumers::count(kinesis, &located)?)),
            warm_throughput: warm_throughput(settings),
            max_record_size_in_ki_b: Some(settings.record_kib as i32),
            channel_count: Some(0),
            record_distribution_strategy: is_on_demand.then(|| Str::from_static(strategy)),
            queue_count: Some(count(queue_catalog::count(kinesis, &located)?)),
        },
    })
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn mode_details(settings: &StreamSettings) -> Option<StreamModeDetails> {
    Some(StreamModeDetails {
        stream_mode: Str::from_static(modes::mode_text(settings.mode)),
    })
}

/// Only streams that have one show it (KIN-059, KIN-229).
pub(crate) fn warm_throughput(settings: &StreamSettings) -> Option<WarmThroughputObject> {
    settings.warm_mibps.map(|mibps| WarmThroughputObject {
        target_mi_bps: Some(mibps as i32),
        current_mi_bps: Some(mibps as i32),
    })
}

fn encryption_type(settings: &StreamSettings) -> Option<Str> {
    Some(Str::from_static(match settings.key_id {
        Some(_) => "KMS",
        None => "NONE",
    }))
}

/// The shards that are listed now, in order; a stream in creation shows none (KIN-042, KIN-058).
pub(crate) fn listed(
    kinesis: &Kinesis,
    located: &Located,
) -> Result<Vec<std::sync::Arc<Shard>>, ApiError> {
    if located.status == Status::Creating {
        return Ok(Vec::new());
    }
    let horizon_ms = located.stream.settings.horizon_ms(located.now_ms);
    let shards = located.shards(&kinesis.engine)?;
    let listed = shards
        .all()
        .iter()
        .filter(|shard| shard.is_listed(horizon_ms));
    Ok(listed.cloned().collect())
}

/// A shard as the API shows it (KIN-056, KIN-057).
pub(crate) fn shown(shard: &Shard) -> ShownShard {
    let id = |index: u32| Str::from(names::shard_id(index));
    let (created_s, index) = (shard.created_s, shard.index);
    let end = |closed_ms| Str::from(SequenceNumber::end(created_s, index, closed_ms).text());
    ShownShard {
        shard_id: id(index),
        parent_shard_id: shard.parent.map(id),
        adjacent_parent_shard_id: shard.adjacent_parent.map(id),
        hash_key_range: range(shard.range),
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: Str::from(SequenceNumber::start(created_s, index).text()),
            ending_sequence_number: shard.closed_ms.map(end),
        },
    }
}

/// A child as whoever read its parent to the end learns of it (KIN-119, KIN-122).
pub(crate) fn child(shard: &Shard) -> ChildShard {
    let parents = [shard.parent, shard.adjacent_parent].into_iter().flatten();
    ChildShard {
        shard_id: Str::from(names::shard_id(shard.index)),
        parent_shards: parents
            .map(|index| Str::from(names::shard_id(index)))
            .collect(),
        hash_key_range: range(shard.range),
    }
}

fn range(range: HashRange) -> HashKeyRange {
    HashKeyRange {
        starting_hash_key: Str::from(range.first.to_string()),
        ending_hash_key: Str::from(range.last.to_string()),
    }
}
