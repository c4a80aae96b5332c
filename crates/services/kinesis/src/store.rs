//! From a checked record to its shard's log: routing, one append for each shard, and what to do when a shard was split or
//! merged meanwhile (KIN-070, KIN-077, KIN-086, KIN-153).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use waystation_delivery::limits::LOOKS_MAX;
use waystation_delivery::md5;
use waystation_engine::{Appended, EngineError};
use waystation_wire::{ApiError, Str};

use crate::addressing::{self, Located, Target};
use crate::record::Record;
use crate::sequence::SequenceNumber;
use crate::shard_rows::Shard;
use crate::{Kinesis, growth, names};

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Into the shard of a hash key.
    At(u128),
    /// Into any, the next one in turn (KIN-232).
    Anywhere,
}

/// A record to store.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) placement: Placement,
    /// As AWS counts it.
    pub(crate) size_bytes: usize,
    pub(crate) record: Record,
}

/// A record is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) number: SequenceNumber,
    /// Shared by the records of a request that the shard took.
    pub(crate) shard_id: Str,
    pub(crate) size_bytes: usize,
    pub(crate) is_encrypted: bool,
}

/// Why a record was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The shard has no room this second (KIN-222).
    Throttled(u32),
    /// The stream was deleted meanwhile.
    StreamGone,
    Engine(EngineError),
}

/// The hash key of a partition key (KIN-070).
pub(crate) fn hash_of(partition_key: &str) -> u128 {
    u128::from_be_bytes(md5::of_body(partition_key.as_bytes()))
}

/// One append to the log of a shard.
struct Batch {
    shard: Arc<Shard>,
    /// Places of its records in the request.
    places: Vec<usize>,
}

/// Stores records; each has an outcome of its own, in their order.
pub(crate) async fn store(
    kinesis: &Kinesis,
    target: &Target<'_>,
    mut located: Located,
    entries: Vec<Entry>,
) -> Result<Vec<Result<Stored, Failure>>, ApiError> {
    let is_encrypted = located.stream.settings.key_id.is_some();
    let mut outcomes: Vec<Option<Result<Stored, Failure>>> = Vec::new();
    outcomes.resize_with(entries.len(), || None);
    let (mut batches, refused) = route(kinesis, &located, &entries, None)?;
    if refused
        .iter()
        .any(|(_, failure)| matches!(failure, Failure::Throttled(_)))
    {
        // A stream that finds no room to grow now does so when it refuses again.
        let _later = growth::note_refused(kinesis, &located).await;
    }
    for (place, failure) in refused {
        set(&mut outcomes, place, Err(failure));
    }
    let mut listener = None;
    for _ in 0..LOOKS_MAX {
        let mut again = Vec::new();
        for (batch, answer) in append_all(kinesis, batches, &entries).await {
            match answer {
                Ok(appended) => settle(&batch, &appended, &entries, is_encrypted, &mut outcomes),
                // Closed, or a child whose log is on its way: its records find their place in a newer catalog (KIN-153).
                Err(EngineError::LogSealed | EngineError::NoSuchLog) => again.extend(batch.places),
                Err(error) => {
                    for place in batch.places {
                        set(&mut outcomes, place, Err(Failure::Engine(error.clone())));
                    }
                }
            }
        }
        if again.is_empty() {
            break;
        }
        kinesis.reshards.before_next_look(&mut listener).await;
        let stream = located.stream.settings.id;
        match addressing::find(&kinesis.engine, target)? {
            Some(newer) if newer.stream.settings.id == stream => located = newer,
            _ => {
                for place in again {
                    set(&mut outcomes, place, Err(Failure::StreamGone));
                }
                break;
            }
        }
        again.sort_unstable();
        (batches, _) = route(kinesis, &located, &entries, Some(&again))?;
    }
    let unplaced = || Err(Failure::Engine(EngineError::NoSuchLog));
    Ok(outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(unplaced))
        .collect())
}

fn set(
    outcomes: &mut [Option<Result<Stored, Failure>>],
    place: usize,
    to: Result<Stored, Failure>,
) {
    if let Some(outcome) = outcomes.get_mut(place) {
        *outcome = Some(to);
    }
}

/// Records without a shard, by place in the request.
type Refused = Vec<(usize, Failure)>;

/// Puts records to their shards, in the order of the request. `again` are those that had a shard already: they are not
/// counted a second time.
fn route(
    kinesis: &Kinesis,
    located: &Located,
    entries: &[Entry],
    again: Option<&[usize]>,
) -> Result<(Vec<Batch>, Refused), ApiError> {
    let shards = located.shards(&kinesis.engine)?;
    let record_bytes_max = u64::from(located.stream.settings.record_kib) * 1_024;
    let mut batches: Vec<Batch> = Vec::new();
    let mut refused = Vec::new();
    let all: Vec<usize>;
    let places = match again {
        Some(places) => places,
        None => {
            all = (0..entries.len()).collect();
            &all
        }
    };
    for place in places.iter().copied() {
        let Some(entry) = entries.get(place) else {
            continue;
        };
        let shard = match entry.placement {
            Placement::At(hash) => shards.route(hash),
            Placement::Anywhere => shards.open_at(kinesis.turn.fetch_add(1, Ordering::Relaxed)),
        };
        let Some(shard) = shard else {
            refused.push((place, Failure::Engine(EngineError::NoSuchLog)));
            continue;
        };
        let (log, now_ms) = (shard.log, located.now_ms);
        let is_counted = again.is_some();
        if !is_counted
            && !kinesis
                .rates
                .write(log, entry.size_bytes, record_bytes_max, now_ms)
        {
            refused.push((place, Failure::Throttled(shard.index)));
            continue;
        }
        match batches
            .iter_mut()
            .find(|batch| batch.shard.index == shard.index)
        {
            Some(batch) => batch.places.push(place),
            None => batches.push(Batch {
                shard: Arc::clone(shard),
                places: vec![place],
            }),
        }
    }
    Ok((batches, refused))
}

type Answer = Result<Vec<Appended>, EngineError>;

/// Appends to all shards at once: one flush pays for all.
async fn append_all(
    kinesis: &Kinesis,
    batches: Vec<Batch>,
    entries: &[Entry],
) -> Vec<(Batch, Answer)> {
    let futures = batches.iter().map(|batch| {
        let bodies = batch.places.iter().filter_map(|place| entries.get(*place));
        let bodies = bodies.map(|entry| entry.record.encode()).collect();
        let log = kinesis.engine.log(batch.shard.log);
        async move { log.append(bodies).await }
    });
    let answers = all(futures.collect()).await;
    batches.into_iter().zip(answers).collect()
}

/// Begins all futures, then awaits one after the other: each is polled about twice, however many they are.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let begin = poll_fn(|context| {
        let begun = running.iter_mut();
        Poll::Ready(
            begun
                .map(|future| future.as_mut().poll(context))
                .collect::<Vec<_>>(),
        )
    });
    let begun = begin.await;
    let mut outputs = Vec::with_capacity(running.len());
    for (mut future, begun) in running.into_iter().zip(begun) {
        outputs.push(match begun {
            Poll::Ready(done) => done,
            Poll::Pending => future.as_mut().await,
        });
    }
    outputs
}

/// Notes what a shard took. It may have been fewer than given: then the disk filled up.
fn settle(
    batch: &Batch,
    appended: &[Appended],
    entries: &[Entry],
    is_encrypted: bool,
    outcomes: &mut [Option<Result<Stored, Failure>>],
) {
    let shard = &batch.shard;
    let shard_id = Str::from(names::shard_id(shard.index));
    for (index, place) in batch.places.iter().enumerate() {
        let outcome = match appended.get(index) {
            Some(Appended { position, time_ms }) => Ok(Stored {
                number: SequenceNumber::of_record(
                    shard.created_s,
                    shard.index,
                    *position,
                    *time_ms,
                ),
                shard_id: shard_id.clone(),
                size_bytes: entries.get(*place).map_or(0, |entry| entry.size_bytes),
                is_encrypted,
            }),
            None => Err(Failure::Engine(EngineError::StorageFull)),
        };
        set(outcomes, *place, outcome);
    }
}
