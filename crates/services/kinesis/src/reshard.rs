//! `SplitShard` and `MergeShards` (section 8), and the rows of one split or merge.
//!
//! A reshard is one catalog write: the parents are closed and their logs sealed, the children are there with theirs. A put
//! that meets a sealed log waits for that write to show and goes to a child.

use std::sync::Arc;

use waystation_engine::{CatalogChange, CatalogEffect, Engine, Expect};
use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located, Target};
use crate::api::{MergeShardsInput, SplitShardInput};
use crate::errors::{invalid, no_shard, refused};
use crate::shard_rows::{HashRange, Shard};
use crate::stream_settings::{Mode, StreamSettings};
use crate::{Kinesis, account, catalog, names, rates, streams};

/// One split or merge of open shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The upper part begins at this hash key.
    Split(Arc<Shard>, u128),
    /// The second one begins where the first one ends.
    Merge(Arc<Shard>, Arc<Shard>),
}

impl Step {
    /// Its rows; numbers the children.
    pub(crate) fn rows(
        &self,
        engine: &Engine,
        name: &str,
        settings: &mut StreamSettings,
        now_ms: u64,
    ) -> Vec<CatalogChange> {
        match self {
            Step::Split(parent, at) => {
                let lower = HashRange {
                    first: parent.range.first,
                    last: at.saturating_sub(1),
                };
                let upper = HashRange {
                    first: *at,
                    last: parent.range.last,
                };
                let mut rows = vec![closed(name, parent, now_ms)];
                for range in [lower, upper] {
                    rows.push(child(
                        engine,
                        name,
                        settings,
                        range,
                        [parent, parent],
                        now_ms,
                    ));
                }
                rows
            }
            Step::Merge(first, second) => {
                let range = HashRange {
                    first: first.range.first,
                    last: second.range.last,
                };
                vec![
                    closed(name, first, now_ms),
                    closed(name, second, now_ms),
                    child(engine, name, settings, range, [first, second], now_ms),
                ]
            }
        }
    }
}

fn closed(name: &str, shard: &Shard, now_ms: u64) -> CatalogChange {
    let after = Shard {
        closed_ms: Some(now_ms),
        ..shard.clone()
    };
    catalog::put(
        catalog::shard_path(name, shard.index),
        Expect::Any,
        after.encode(),
        vec![CatalogEffect::SealLog(shard.log)],
    )
}

fn child(
    engine: &Engine,
    name: &str,
    settings: &mut StreamSettings,
    range: HashRange,
    [parent, adjacent]: [&Arc<Shard>; 2],
    now_ms: u64,
) -> CatalogChange {
    let shard = Shard {
        index: settings.next_shard,
        stream: settings.id,
        log: engine.new_log_id(),
        // KIN-094: what a child starts with is above what its parents end with.
        created_s: (now_ms / 1_000).max(parent.created_s.max(adjacent.created_s) + 1),
        opened_ms: now_ms,
        range,
        parent: Some(parent.index),
        adjacent_parent: (adjacent.index != parent.index).then_some(adjacent.index),
        closed_ms: None,
    };
    settings.next_shard += 1;
    streams::new_shard(name, &shard, settings)
}

/// `SplitShard` (KIN-143 to KIN-147)
pub(crate) async fn split(
    kinesis: &Kinesis,
    caller: &Caller,
    input: SplitShardInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::SPLIT_SHARD, caller, "", kinesis.now_ms())?;
    let index = shard_index(&input.shard_to_split, &target)?;
    let key = &*input.new_starting_hash_key;
    let update = catalog::update(kinesis, caller, &target, |located, settings, rows| {
        check_stream(located)?;
        let shard = find(kinesis, located, index)?;
        rows.push(account::check_shards(kinesis, &located.scope, 1)?);
        check_open(located, &shard)?;
        let HashRange { first, last } = shard.range;
        let at = key
            .parse()
            .ok()
            .filter(|at: &u128| *at > first.saturating_add(1) && *at < last);
        let at = at.ok_or_else(|| {
            invalid(format_args!(
                "NewStartingHashKey {key} used in SplitShard() on shard {} in stream {} under account {} is not both \
                 greater than one plus the shard's StartingHashKey {first} and less than the shard's EndingHashKey \
                 {last}.",
                names::shard_id(index),
                located.name,
                located.account()
            ))
        })?;
        reshard(kinesis, located, settings, rows, Step::Split(shard, at));
        Ok(())
    });
    update.await.map(drop)
}

/// `MergeShards` (KIN-148, KIN-149)
pub(crate) async fn merge(
    kinesis: &Kinesis,
    caller: &Caller,
    input: MergeShardsInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::MERGE_SHARDS, caller, "", kinesis.now_ms())?;
    let first = shard_index(&input.shard_to_merge, &target)?;
    let second = shard_index(&input.adjacent_shard_to_merge, &target)?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, rows| {
        check_stream(located)?;
        let first = find(kinesis, located, first)?;
        let second = find(kinesis, located, second)?;
        check_open(located, &first)?;
        check_open(located, &second)?;
        if first.range.last.checked_add(1) != Some(second.range.first) {
            return Err(invalid(format_args!(
                "Shards {} and {} in stream {} under account {} are not an adjacent pair of shards eligible for merging",
                names::shard_id(first.index),
                names::shard_id(second.index),
                located.name,
                located.account()
            )));
        }
        reshard(kinesis, located, settings, rows, Step::Merge(first, second));
        Ok(())
    });
    update.await.map(drop)
}

fn reshard(
    kinesis: &Kinesis,
    located: &Located,
    settings: &mut StreamSettings,
    rows: &mut Vec<CatalogChange>,
    step: Step,
) {
    let now_ms = located.now_ms;
    settings.begin_update(now_ms);
    rows.extend(step.rows(&kinesis.engine, &located.name, settings, now_ms));
}

/// KIN-038
fn shard_index(id: &str, target: &Target<'_>) -> Result<u32, ApiError> {
    names::parse_shard_id(id).ok_or_else(|| no_shard(id, target.name, target.account))
}

/// KIN-069, KIN-151
fn check_stream(located: &Located) -> Result<(), ApiError> {
    located.require_active()?;
    if located.stream.settings.mode == Mode::OnDemand {
        return Err(on_demand(located));
    }
    Ok(())
}

/// KIN-151, KIN-156
pub(crate) fn on_demand(located: &Located) -> ApiError {
    refused(format_args!(
        "Request is invalid. Stream {} under account {} is in On-Demand mode.",
        located.name,
        located.account()
    ))
}

/// KIN-145
fn find(kinesis: &Kinesis, located: &Located, index: u32) -> Result<Arc<Shard>, ApiError> {
    let horizon_ms = located.stream.settings.horizon_ms(located.now_ms);
    let shards = located.shards(&kinesis.engine)?;
    let shard = shards
        .get(index)
        .filter(|shard| shard.is_listed(horizon_ms));
    shard
        .cloned()
        .ok_or_else(|| no_shard(&names::shard_id(index), &located.name, located.account()))
}

/// KIN-150
fn check_open(located: &Located, shard: &Shard) -> Result<(), ApiError> {
    if shard.is_open() {
        return Ok(());
    }
    Err(invalid(format_args!(
        "Shard {} in stream {} under account {} is closed.",
        names::shard_id(shard.index),
        located.name,
        located.account()
    )))
}
