//! `UpdateShardCount` (KIN-154 to KIN-156), and which splits and merges lead to so many even shards.
//!
//! `next_steps` looks at the open shards alone, so that whoever goes on after a restart needs to know nothing but the number
//! that is wanted.

use std::sync::Arc;

use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located};
use crate::api::{UpdateShardCountInput, UpdateShardCountOutput};
use crate::errors::{invalid, limit_exceeded};
use crate::limits::Limits;
use crate::reshard::{Step, on_demand};
use crate::shard_rows::Shard;
use crate::shards::{Shards, even_range};
use crate::stream_settings::{Mode, Use, Work};
use crate::{Kinesis, account, catalog, limits, rates, work};

/// `UpdateShardCount`
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UpdateShardCountInput,
) -> Result<UpdateShardCountOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::UPDATE_SHARD_COUNT, caller, "", kinesis.now_ms())?;
    let mut current = 0;
    let wanted = u32::try_from(input.target_shard_count).unwrap_or_default();
    let located = catalog::update(kinesis, caller, &target, |located, settings, rows| {
        located.require_active()?;
        if settings.mode == Mode::OnDemand {
            return Err(on_demand(located));
        }
        current = located.shards(&kinesis.engine)?.open_count() as u32;
        check(kinesis, located, current, wanted)?;
        let more = wanted.saturating_sub(current);
        rows.push(account::check_shards(kinesis, &located.scope, more)?);
        settings.note_use(Use::Scaling, located.now_ms);
        settings.begin_update(located.now_ms);
        settings.work = Work::Scale(wanted);
        Ok(())
    })
    .await?;
    work::start(kinesis, &located.scope, &located.name);
    Ok(UpdateShardCountOutput {
        stream_arn: Some(Str::from(located.arn())),
        stream_name: Some(Str::from(located.name)),
        current_shard_count: Some(current as i32),
        target_shard_count: Some(wanted as i32),
    })
}

/// KIN-155
fn check(kinesis: &Kinesis, located: &Located, current: u32, wanted: u32) -> Result<(), ApiError> {
    let counts = format!("Current open shard count: {current} Target shard count: {wanted}");
    if wanted > limits::SHARDS_PER_STREAM_MAX {
        return Err(limit_exceeded(format_args!(
            "UpdateShardCount cannot scale a stream to more than {} shards. {counts}",
            limits::SHARDS_PER_STREAM_MAX
        )));
    }
    if wanted > current.saturating_mul(2) {
        return Err(invalid(format_args!(
            "UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )));
    }
    if wanted.saturating_mul(2) < current {
        return Err(invalid(format_args!(
            "UpdateShardCount cannot scale down below half your current open shard count. {counts}"
        )));
    }
    let settings = &located.stream.settings;
    let uses = settings.uses_within_a_day(Use::Scaling, located.now_ms);
    if kinesis.limits == Limits::Aws && uses >= limits::SCALINGS_PER_DAY_MAX {
        return Err(limit_exceeded(format_args!(
            "UpdateShardCount was called {uses} times for stream {} under account {} within 24 hours.",
            located.name,
            located.account()
        )));
    }
    Ok(())
}

/// The next splits or merges, none of which touch the same shard, at most so many; none when all is done. First every bound
/// that is wanted is made, in the middle of those that a shard lacks, then what lies between two of them is merged in
/// pairs: so the number of generations grows with the logarithm of the number of shards.
pub(crate) fn next_steps(shards: &Shards, target: u32, max: usize) -> Vec<Step> {
    let bounds: Vec<u128> = (0..target)
        .map(|index| even_range(index, target).first)
        .collect();
    let open: Vec<&Arc<Shard>> = shards.open().collect();
    let mut steps = Vec::new();
    for shard in &open {
        let from = bounds.partition_point(|bound| *bound <= shard.range.first);
        let to = bounds.partition_point(|bound| *bound <= shard.range.last);
        if from < to
            && let Some(at) = bounds.get(from + (to - from) / 2)
        {
            steps.push(Step::Split(Arc::clone(shard), *at));
        }
    }
    if steps.is_empty() {
        steps = merges(&open, &bounds);
    }
    steps.truncate(max);
    steps
}

/// Pairs of neighbours between which no bound lies.
fn merges(open: &[&Arc<Shard>], bounds: &[u128]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = open.iter();
    while let Some(first) = rest.next() {
        let Some(second) = rest.as_slice().first() else {
            break;
        };
        if bounds.binary_search(&second.range.first).is_err() {
            steps.push(Step::Merge(Arc::clone(first), Arc::clone(second)));
            rest.next();
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use waystation_engine::LogId;

    use super::*;
    use crate::shard_rows::HashRange;

    fn stream(ranges: impl Iterator<Item = HashRange>) -> Shards {
        let shards = ranges.enumerate().map(|(index, range)| {
            Arc::new(Shard {
                index: index as u32,
                stream: 1,
                log: LogId(index as u64),
                created_s: 1,
                opened_ms: 1_000,
                range,
                parent: None,
                adjacent_parent: None,
                closed_ms: None,
            })
        });
        Shards::new(shards.collect())
    }

    /// The open ranges after a round of steps, which must not touch a shard twice.
    fn after(shards: &Shards, steps: &[Step]) -> Shards {
        let mut ranges: Vec<HashRange> = shards.open().map(|shard| shard.range).collect();
        let mut take = |shard: &Shard| {
            let place = ranges.iter().position(|range| *range == shard.range);
            ranges.remove(place.expect("an open shard that no other step took"))
        };
        let mut made = Vec::new();
        for step in steps {
            match step {
                Step::Split(shard, at) => {
                    let HashRange { first, last } = take(shard);
                    assert!(first < *at && *at <= last);
                    made.push(HashRange {
                        first,
                        last: at - 1,
                    });
                    made.push(HashRange { first: *at, last });
                }
                Step::Merge(one, other) => {
                    let (one, other) = (take(one), take(other));
                    assert_eq!(one.last + 1, other.first);
                    made.push(HashRange {
                        first: one.first,
                        last: other.last,
                    });
                }
            }
        }
        ranges.extend(made);
        ranges.sort();
        stream(ranges.into_iter())
    }

    #[test]
    fn every_target_is_reached_in_few_rounds() {
        // KIN-154
        for current in [1_u32, 2, 3, 5, 8, 100, 1_000] {
            for target in [
                current.div_ceil(2),
                current,
                current + 1,
                current * 3 / 2,
                current * 2,
            ] {
                let mut shards = stream((0..current).map(|index| even_range(index, current)));
                let mut rounds = 0;
                loop {
                    let steps = next_steps(&shards, target, usize::MAX);
                    if steps.is_empty() {
                        break;
                    }
                    shards = after(&shards, &steps);
                    rounds += 1;
                    assert!(rounds <= 6, "{current} to {target}");
                }
                let reached: Vec<HashRange> = shards.open().map(|shard| shard.range).collect();
                let wanted: Vec<HashRange> =
                    (0..target).map(|index| even_range(index, target)).collect();
                assert_eq!(reached, wanted, "{current} to {target}");
            }
        }
    }

    #[test]
    fn a_doubling_splits_and_a_halving_merges_only() {
        let four = stream((0..4).map(|index| even_range(index, 4)));
        assert!(
            next_steps(&four, 8, 100)
                .iter()
                .all(|step| matches!(step, Step::Split(..)))
        );
        assert_eq!(next_steps(&four, 8, 100).len(), 4);
        assert_eq!(next_steps(&four, 8, 3).len(), 3);
        assert!(
            next_steps(&four, 2, 100)
                .iter()
                .all(|step| matches!(step, Step::Merge(..)))
        );
        assert_eq!(next_steps(&four, 2, 100).len(), 2);
    }
}
