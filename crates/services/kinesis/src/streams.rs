//! `CreateStream`, `DeleteStream` and `ListStreams` (section 4).

use std::collections::BTreeMap;

use waystation_engine::{CatalogChange, CatalogEffect, Expect, LogConfig, Scope};
use waystation_wire::{ApiError, Caller, Str, Timestamp};

use crate::addressing::{self, Located, find_row};
use crate::api::{
    CreateStreamInput, DeleteStreamInput, ListStreamsInput, ListStreamsOutput, StreamModeDetails,
    StreamSummary,
};
use crate::errors::{changing_too_fast, in_use, invalid, refused};
use crate::shard_rows::Shard;
use crate::stream_settings::{Mode, Phase, Status, StreamSettings, Work};
use crate::tokens::Purpose;
use crate::{
    Kinesis, account, catalog, consumers, limits, modes, queue_catalog, rates, shards, tags, work,
};

/// `CreateStream`: the stream is visible at once, `CREATING` for a moment, and answers when all its shards are durable or a
/// runner makes the rest (KIN-041).
pub(crate) async fn create(
    kinesis: &Kinesis,
    caller: &Caller,
    input: CreateStreamInput,
) -> Result<(), ApiError> {
    kinesis
        .rates
        .count(rates::CREATE_STREAM, caller, "", kinesis.now_ms())?;
    let scope = Scope::new(&caller.account, &caller.region);
    let name = &*input.stream_name;
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        if let Some(located) = find_row(&kinesis.engine, &scope, name)? {
            if located.status != Status::Gone {
                return Err(in_use(format_args!(
                    "Stream {name} under account {} already exists.",
                    caller.account
                )));
            }
            // KIN-040: what the former stream of the name left goes first.
            work::clear_away(&kinesis.engine, &located).await?;
        }
        let now_ms = kinesis.now_ms();
        let (settings, count) = wanted(kinesis, &scope, &input, now_ms)?;
        let counted = account::check_streams(kinesis, &scope, &settings, count)?;
        let mut changes = first_rows(kinesis, name, settings, count);
        changes.push(counted);
        if catalog::try_write(&mut attempts, &scope, changes).await? {
            work::start(kinesis, &scope, name);
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

/// The settings that a request describes, and the number of shards.
fn wanted(
    kinesis: &Kinesis,
    scope: &Scope,
    input: &CreateStreamInput,
    now_ms: u64,
) -> Result<(StreamSettings, u32), ApiError> {
    let mut settings = StreamSettings::new(kinesis.engine.new_queue_id().0, now_ms);
    settings.mode = match &input.stream_mode_details {
        Some(details) => modes::mode(&details.stream_mode),
        None => Mode::Provisioned, // KIN-044
    };
    let count = shard_count(settings.mode, input.shard_count)?;
    settings.record_kib = input
        .max_record_size_in_ki_b
        .and_then(|kib| u32::try_from(kib).ok())
        .unwrap_or(settings.record_kib);
    if let Some(mibps) = input.warm_throughput_mi_bps {
        settings.warm_mibps = Some(modes::warm_throughput(
            kinesis,
            scope,
            settings.mode,
            mibps,
        )?);
    }
    if let Some(strategy) = &input.record_distribution_strategy {
        settings.distribution = modes::distribution(settings.mode, strategy)?;
    }
    settings.tags = match &input.tags {
        Some(given) => tags::merged(given, &BTreeMap::new(), &input.stream_name, scope.account())?,
        None => BTreeMap::new(),
    };
    Ok((settings, count))
}

/// KIN-045, KIN-046
fn shard_count(mode: Mode, given: Option<i32>) -> Result<u32, ApiError> {
    match (mode, given) {
        (Mode::Provisioned, Some(count)) => {
            u32::try_from(count).map_err(|_| invalid(format_args!("Invalid ShardCount: {count}")))
        }
        (Mode::Provisioned, None) => Err(refused(
            "ShardCount must be specified for a stream in PROVISIONED mode.",
        )),
        (Mode::OnDemand, None) => Ok(limits::ON_DEMAND_SHARDS),
        (Mode::OnDemand, Some(_)) => Err(refused(
            "ShardCount must not be specified for a stream in ON_DEMAND mode.",
        )),
    }
}

/// The stream's row and as many shards as one write takes; the rest is work.
fn first_rows(
    kinesis: &Kinesis,
    name: &str,
    mut settings: StreamSettings,
    count: u32,
) -> Vec<CatalogChange> {
    let mut changes = new_shards(&kinesis.engine, name, &mut settings, count);
    changes.push(catalog::put(
        catalog::stream_path(name),
        Expect::Absent,
        settings.encode(),
        Vec::new(),
    ));
    changes
}

/// The next slice of a new stream's shards; notes in the settings what is left to do.
pub(crate) fn new_shards(
    engine: &waystation_engine::Engine,
    name: &str,
    settings: &mut StreamSettings,
    count: u32,
) -> Vec<CatalogChange> {
    let from = settings.next_shard;
    let to = count.min(from.saturating_add(limits::SHARDS_PER_WRITE as u32));
    settings.next_shard = to;
    settings.work = match to == count {
        true => Work::None,
        false => Work::Create(count),
    };
    (from..to)
        .map(|index| {
            let shard = Shard {
                index,
                stream: settings.id,
                log: engine.new_log_id(),
                created_s: settings.created_s(),
                opened_ms: settings.created_ms,
                range: shards::even_range(index, count),
                parent: None,
                adjacent_parent: None,
                closed_ms: None,
            };
            new_shard(name, &shard, settings)
        })
        .collect()
}

/// The row of a new shard, with its log.
pub(crate) fn new_shard(name: &str, shard: &Shard, settings: &StreamSettings) -> CatalogChange {
    let config = LogConfig {
        retention_ms: settings.retention_ms(),
    };
    catalog::put(
        catalog::shard_path(name, shard.index),
        Expect::Any,
        shard.encode(),
        vec![CatalogEffect::ConfigureLog(shard.log, config)],
    )
}

/// `DeleteStream` (KIN-063 to KIN-067)
pub(crate) async fn delete(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DeleteStreamInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::DELETE_STREAM, caller, "", kinesis.now_ms())?;
    let enforce = input.enforce_consumer_deletion.unwrap_or_default();
    let located = catalog::update(kinesis, caller, &target, |located, settings, _| {
        if located.status == Status::Deleting {
            return located.require_active();
        }
        check_unused(kinesis, located, enforce)?;
        let newest_s = located
            .shards(&kinesis.engine)?
            .all()
            .iter()
            .map(|shard| shard.created_s)
            .max();
        settings.phase = Phase::Deleting;
        settings.work = Work::None;
        // A stream created anew under the name has later seconds in its sequence numbers (KIN-108).
        let later_ms = newest_s.map_or(0, |newest_s| (newest_s + 1) * 1_000);
        settings.settled_ms = later_ms.max(located.now_ms + limits::TRANSITION_MS);
        Ok(())
    })
    .await?;
    kinesis.subscriptions.look_again(located.stream.settings.id);
    work::start(kinesis, &located.scope, &located.name);
    Ok(())
}

/// KIN-065, KIN-066
fn check_unused(kinesis: &Kinesis, located: &Located, enforce: bool) -> Result<(), ApiError> {
    let (name, account) = (&located.name, located.account());
    if queue_catalog::count(kinesis, located)? > 0 {
        return Err(in_use(format_args!(
            "Stream {name} under account {account} has queues. Delete them before deleting the stream."
        )));
    }
    if !enforce && consumers::count(kinesis, located)? > 0 {
        return Err(in_use(format_args!(
            "Stream {name} under account {account} has registered consumers. Deregister them, or set \
             EnforceConsumerDeletion to true."
        )));
    }
    Ok(())
}

/// `ListStreams` (KIN-060 to KIN-062)
pub(crate) async fn list(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListStreamsInput,
) -> Result<ListStreamsOutput, ApiError> {
    let now_ms = kinesis.now_ms();
    kinesis
        .rates
        .count(rates::LIST_STREAMS, caller, "", now_ms)?;
    let after = match (&input.next_token, &input.exclusive_start_stream_name) {
        (Some(token), _) => Some(kinesis.tokens.next(Purpose::ListStreams, token, now_ms)?),
        (None, Some(name)) => Some(name.as_bytes().to_vec()),
        (None, None) => None,
    };
    let after = after.map(|name| [catalog::STREAMS, &name].concat());
    let max = input
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(limits::LISTED_STREAMS_MAX, |limit| {
            limit.min(limits::LISTED_STREAMS_MAX)
        });
    let scope = Scope::new(&caller.account, &caller.region);
    let rows =
        kinesis
            .engine
            .catalog()
            .range(&scope, catalog::STREAMS, after.as_deref(), usize::MAX);
    let mut summaries = Vec::new();
    let mut has_more = false;
    for (path, row) in rows {
        let name = path.get(catalog::STREAMS.len()..).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let settings = &catalog::stream(&row)?.settings;
        let status = settings.status(now_ms);
        if status == Status::Gone {
            continue;
        }
        if summaries.len() == max {
            has_more = true;
            break;
        }
        summaries.push(summary(&scope, name, settings, status));
    }
    let last = summaries.last().filter(|_| has_more);
    let next_token = last.map(|last: &StreamSummary| {
        let name = last.stream_name.as_bytes();
        kinesis.tokens.issue(Purpose::ListStreams, now_ms, name)
    });
    Ok(ListStreamsOutput {
        stream_names: summaries
            .iter()
            .map(|one| one.stream_name.clone())
            .collect(),
        has_more_streams: has_more,
        next_token,
        stream_summaries: Some(summaries),
    })
}

fn summary(
    scope: &Scope,
    name: String,
    settings: &StreamSettings,
    status: Status,
) -> StreamSummary {
    let arn = crate::names::stream_arn(scope.region(), scope.account(), &name);
    StreamSummary {
        stream_name: Str::from(name),
        stream_arn: Str::from(arn),
        stream_status: Str::from_static(status.as_str()),
        stream_mode_details: Some(StreamModeDetails {
            stream_mode: Str::from_static(modes::mode_text(settings.mode)),
        }),
        stream_creation_timestamp: Some(seconds(settings.created_s())),
    }
}

/// Whole seconds as the API shows them.
pub(crate) fn seconds(seconds: u64) -> Timestamp {
    Timestamp(seconds as f64)
}
