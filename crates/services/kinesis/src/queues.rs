//! Queues over a stream: `CreateQueue`, `DescribeQueue`, `ListQueues`, `UpdateQueue`, `DeleteQueue` (section 14).
//!
//! A queue is two queues of the engine, one of records to deliver and one of dead-letter records. What they hold says where
//! in the stream a record is; `queue_feed` brings it there, `queue_records` gives it out.

use std::collections::BTreeMap;

use waystation_engine::{CatalogChange, CatalogEffect, Expect, LogSpot, Scope};
use waystation_wire::{ApiError, Caller, Str, Timestamp};

use crate::addressing::{self, Located};
use crate::api::{
    CreateQueueInput, CreateQueueOutput, DeadLetterConfiguration, DeleteQueueInput,
    DescribeQueueInput, DescribeQueueOutput, ListQueuesInput, ListQueuesOutput, QueueAttributes,
    QueueDescription, QueueStartingPosition, QueueStreamConfiguration, QueueStreamIdentifier,
    QueueSummary, UpdateQueueInput, UpdateQueueOutput,
};
use crate::errors::{changing_too_fast, in_use, internal, invalid, refused};
use crate::list_shards::is_creation;
use crate::names::{self, KinesisArn, Resource};
use crate::positions::locate;
use crate::queue_catalog::{self, Found};
use crate::queue_rows::{QueueRow, StartKind};
use crate::stream_settings::{Mode, Phase, Status};
use crate::streams::seconds;
use crate::tokens::Purpose;
use crate::{Kinesis, catalog, consumers, limits, queue_feed, tags};

/// `CreateQueue` (KIN-235 to KIN-237)
pub(crate) async fn create(
    kinesis: &Kinesis,
    caller: &Caller,
    input: CreateQueueInput,
) -> Result<CreateQueueOutput, ApiError> {
    let [stream] = input.stream_configuration_list.as_slice() else {
        return Err(refused(
            "StreamConfigurationList must have exactly one entry.",
        ));
    };
    let target = addressing::by_arn(caller, &stream.stream_arn)?;
    let (start_kind, timestamp_ms) = starting_position(stream.starting_position.as_ref())?;
    let id = kinesis.engine.new_queue_id().0;
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let located = addressing::locate(kinesis, caller, &target)?;
        check_stream(kinesis, &located)?;
        let now_ms = located.now_ms;
        let mut queue = QueueRow {
            name: input.queue_name.to_string(),
            stream: located.stream.settings.id,
            stream_name: located.name.clone(),
            created_s: now_ms / 1_000,
            phase: Phase::Creating,
            settled_ms: now_ms + limits::TRANSITION_MS,
            start_ms: match start_kind {
                StartKind::Latest => now_ms,
                StartKind::TrimHorizon => 0,
                StartKind::AtTimestamp => timestamp_ms,
            },
            start_kind,
            visibility_s: limits::QUEUE_VISIBILITY_S,
            receives_max: Some(limits::QUEUE_RECEIVES_MAX),
            ready: kinesis.engine.new_queue_id(),
            dead: kinesis.engine.new_queue_id(),
            policy: None,
            tags: match &input.tags {
                Some(given) => tags::merged(given, &BTreeMap::new(), target.name, target.account)?,
                None => BTreeMap::new(),
            },
        };
        if let Some(attributes) = &input.queue_attributes {
            set_attributes(&mut queue, attributes)?;
        }
        let mut changes = vec![name_row(kinesis, &located.scope, &queue.name, id)?];
        changes.extend(cursors(kinesis, &located, &queue, id).await?);
        let effects = vec![
            CatalogEffect::Configure(queue.dead, QueueRow::dead_config()),
            CatalogEffect::Configure(queue.ready, queue.ready_config()),
        ];
        changes.push(catalog::put(
            queue_catalog::queue_path(id),
            Expect::Absent,
            queue.encode(),
            effects,
        ));
        // With the stream's row as it was seen: a deletion or a change of mode meanwhile wins.
        changes.push(catalog::stream_row(&located, &located.stream.settings));
        if catalog::try_write(&mut attempts, &located.scope, changes).await? {
            queue_feed::start(kinesis, &located.scope, id);
            let found = queue_catalog::find(&kinesis.engine, &located.scope, id)?;
            let found = found.ok_or_else(|| internal("a new queue is not in the catalog"))?;
            return Ok(CreateQueueOutput {
                queue_description: description(kinesis, &found)?,
            });
        }
    }
    Err(changing_too_fast())
}

fn check_stream(kinesis: &Kinesis, located: &Located) -> Result<(), ApiError> {
    located.require_active_or_updating()?;
    if located.stream.settings.mode == Mode::Provisioned {
        return Err(refused(format_args!(
            "Queues are supported only on streams in ON_DEMAND mode. Stream {} under account {} is in PROVISIONED mode.",
            located.name,
            located.account()
        )));
    }
    let consumers = consumers::count(kinesis, located)?;
    consumers::check_count(kinesis, located, consumers)
}

/// KIN-235, KIN-236
fn starting_position(given: Option<&QueueStartingPosition>) -> Result<(StartKind, u64), ApiError> {
    let Some(given) = given else {
        return Ok((StartKind::Latest, 0));
    };
    match (&*given.r#type, given.timestamp) {
        ("AT_TIMESTAMP", Some(at)) => Ok((StartKind::AtTimestamp, at.as_ms().max(0) as u64)),
        ("AT_TIMESTAMP", None) => Err(refused(
            "Timestamp must be specified for a starting position of type AT_TIMESTAMP.",
        )),
        (kind, Some(_)) => Err(refused(format_args!(
            "Timestamp must not be specified for a starting position of type {kind}."
        ))),
        ("TRIM_HORIZON", None) => Ok((StartKind::TrimHorizon, 0)),
        _ => Ok((StartKind::Latest, 0)),
    }
}

/// KIN-237
fn set_attributes(queue: &mut QueueRow, given: &QueueAttributes) -> Result<(), ApiError> {
    if let Some(seconds) = given.visibility_timeout_seconds {
        queue.visibility_s = u32::try_from(seconds).unwrap_or_default();
    }
    if let Some(dead_letters) = &given.dead_letter_configuration {
        queue.receives_max = match (&*dead_letters.target_type, dead_letters.max_receive_count) {
            ("NONE", _) => None,
            (_, Some(count)) => Some(u16::try_from(count).unwrap_or(u16::MAX)),
            (_, None) => {
                return Err(refused(
                    "MaxReceiveCount must be specified when TargetType is BUILT_IN.",
                ));
            }
        };
    }
    Ok(())
}

/// The row that keeps the name for this queue, unless another one has it.
fn name_row(
    kinesis: &Kinesis,
    scope: &Scope,
    name: &str,
    id: u64,
) -> Result<CatalogChange, ApiError> {
    let path = queue_catalog::name_path(name);
    let before = kinesis.engine.catalog().get(scope, &path);
    let owner = before
        .as_ref()
        .and_then(|row| queue_catalog::queue_id(row.bytes()));
    if let Some(owner) = owner
        && queue_catalog::find(&kinesis.engine, scope, owner)?.is_some()
    {
        return Err(in_use(format_args!(
            "Queue {name} under account {} already exists.",
            scope.account()
        )));
    }
    let expect = before.map_or(Expect::Absent, |row| Expect::Version(row.version()));
    let value = id.to_be_bytes().to_vec().into();
    Ok(catalog::put(path, expect, value, Vec::new()))
}

/// Where the queue begins in the shards that are there, if that is after what they hold; elsewhere the time decides.
async fn cursors(
    kinesis: &Kinesis,
    located: &Located,
    queue: &QueueRow,
    id: u64,
) -> Result<Vec<CatalogChange>, ApiError> {
    if queue.start_kind != StartKind::Latest {
        return Ok(Vec::new());
    }
    let mut changes = Vec::new();
    for shard in located.shards(&kinesis.engine)?.all() {
        let tip = locate(&kinesis.engine, &kinesis.reshards, shard.log, LogSpot::Tip).await?;
        changes.push(catalog::put(
            queue_catalog::cursor_path(id, shard.index),
            Expect::Any,
            tip.position.to_be_bytes().to_vec().into(),
            Vec::new(),
        ));
    }
    Ok(changes)
}

/// A queue as the API shows it.
fn description(kinesis: &Kinesis, found: &Found) -> Result<QueueDescription, ApiError> {
    let queue = &found.queue;
    let target_type = match queue.receives_max {
        Some(_) => "BUILT_IN",
        None => "NONE",
    };
    let attributes = QueueAttributes {
        visibility_timeout_seconds: Some(queue.visibility_s as i32),
        dead_letter_configuration: Some(DeadLetterConfiguration {
            target_type: Str::from_static(target_type),
            max_receive_count: queue.receives_max.map(i32::from),
        }),
    };
    Ok(QueueDescription {
        queue_name: Str::from(queue.name.clone()),
        queue_arn: Str::from(found.arn()),
        queue_status: Str::from_static(found.status.as_str()),
        queue_creation_timestamp: seconds(queue.created_s),
        stream_configuration_list: vec![QueueStreamConfiguration {
            stream_arn: Str::from(found.stream_arn()),
            starting_position: Some(position(kinesis, found)?),
        }],
        queue_attributes: Some(attributes),
    })
}

/// Where the queue starts: as given while it is in creation, then with the time that this came to.
fn position(kinesis: &Kinesis, found: &Found) -> Result<QueueStartingPosition, ApiError> {
    let queue = &found.queue;
    let (kind, given_ms) = match queue.start_kind {
        StartKind::Latest => ("LATEST", None),
        StartKind::TrimHorizon => ("TRIM_HORIZON", None),
        StartKind::AtTimestamp => ("AT_TIMESTAMP", Some(queue.start_ms)),
    };
    let stream = addressing::find_row(&kinesis.engine, &found.scope, &queue.stream_name)?;
    let earliest_ms = stream.map_or(0, |located| {
        let settings = &located.stream.settings;
        settings.horizon_ms(located.now_ms).max(settings.created_ms)
    });
    let at_ms = match found.status {
        Status::Creating => given_ms,
        _ => Some(queue.start_ms.max(earliest_ms)),
    };
    Ok(QueueStartingPosition {
        r#type: Str::from_static(kind),
        timestamp: at_ms.map(Timestamp::from_ms),
    })
}

/// `DescribeQueue`
pub(crate) async fn describe(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DescribeQueueInput,
) -> Result<DescribeQueueOutput, ApiError> {
    let found = queue_catalog::by_arn(kinesis, caller, &input.queue_arn)?;
    Ok(DescribeQueueOutput {
        queue_description: description(kinesis, &found)?,
    })
}

/// `UpdateQueue` (KIN-247)
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateQueueInput,
) -> Result<UpdateQueueOutput, ApiError> {
    let found = queue_catalog::update(kinesis, caller, &input.queue_arn, |found, queue| {
        require_active(found)?;
        set_attributes(queue, &input.queue_attributes)?;
        queue.begin(Phase::Updating, kinesis.now_ms());
        Ok(())
    })
    .await?;
    Ok(UpdateQueueOutput {
        queue_description: description(kinesis, &found)?,
    })
}

fn require_active(found: &Found) -> Result<(), ApiError> {
    match found.status {
        Status::Active => Ok(()),
        status => Err(in_use(format_args!(
            "Queue {} not ACTIVE, instead in state {}",
            found.arn(),
            status.as_str()
        ))),
    }
}

/// `DeleteQueue` (KIN-248)
pub(crate) async fn delete(
    kinesis: &Kinesis,
    caller: &Caller,
    input: DeleteQueueInput,
) -> Result<(), ApiError> {
    let found = queue_catalog::update(kinesis, caller, &input.queue_arn, |found, queue| {
        if found.status != Status::Deleting {
            queue.begin(Phase::Deleting, kinesis.now_ms());
        }
        Ok(())
    })
    .await?;
    queue_feed::start_removal(kinesis, &found.scope, found.id);
    Ok(())
}

/// `ListQueues` (KIN-249)
pub(crate) async fn list(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListQueuesInput,
) -> Result<ListQueuesOutput, ApiError> {
    let now_ms = kinesis.now_ms();
    let scope = Scope::new(&caller.account, &caller.region);
    let after = match input.next_token.as_deref() {
        Some(token) => {
            let content = kinesis.tokens.next(Purpose::ListQueues, token, now_ms)?;
            let id = queue_catalog::queue_id(&content);
            Some(id.ok_or_else(|| invalid("Invalid NextToken."))?)
        }
        None => None,
    };
    let max = input.max_results.and_then(|max| usize::try_from(max).ok());
    let max = max.map_or(limits::LISTED_CONSUMERS_MAX, |max| {
        max.min(limits::LISTED_CONSUMERS_MAX)
    });
    let filters = input.stream_filter.unwrap_or_default();
    let mut matching = Vec::new();
    for found in queue_catalog::all(&kinesis.engine, &scope, after)? {
        let Some(stream) = stream_of(kinesis, &found)? else {
            continue;
        };
        let passes = filters.iter().any(|filter| {
            let name = KinesisArn::parse(&filter.stream_arn).map(|arn| arn.resource);
            let created = filter.stream_creation_timestamp;
            name == Some(Resource::Stream(&found.queue.stream_name))
                && created.is_none_or(|at| is_creation(at, stream.stream.settings.created_s()))
        });
        if filters.is_empty() || passes {
            matching.push((found, stream));
        }
    }
    let last = matching
        .get(max.saturating_sub(1))
        .filter(|_| matching.len() > max);
    let next_token = last.map(|(found, _)| {
        kinesis
            .tokens
            .issue(Purpose::ListQueues, now_ms, &found.id.to_be_bytes())
    });
    let page = matching
        .iter()
        .take(max)
        .map(|(found, stream)| summary(found, stream));
    Ok(ListQueuesOutput {
        queue_summaries: page.collect(),
        next_token,
    })
}

/// The stream of a queue, which cannot go before the queue does.
fn stream_of(kinesis: &Kinesis, found: &Found) -> Result<Option<Located>, ApiError> {
    let stream = addressing::find_row(&kinesis.engine, &found.scope, &found.queue.stream_name)?;
    Ok(stream.filter(|located| located.stream.settings.id == found.queue.stream))
}

fn summary(found: &Found, stream: &Located) -> QueueSummary {
    QueueSummary {
        queue_name: Str::from(found.queue.name.clone()),
        queue_arn: Str::from(found.arn()),
        queue_status: Str::from_static(found.status.as_str()),
        queue_creation_timestamp: seconds(found.queue.created_s),
        streams: vec![QueueStreamIdentifier {
            stream_arn: Str::from(names::stream_arn(
                found.scope.region(),
                found.scope.account(),
                &found.queue.stream_name,
            )),
            stream_creation_timestamp: seconds(stream.stream.settings.created_s()),
        }],
    }
}
