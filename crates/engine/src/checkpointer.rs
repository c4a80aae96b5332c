//! The checkpointer's thread: when to make a checkpoint, and what to do when the disk is full.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use waystation_storage::{Lsn, Place, StorageError};

use crate::checkpoint::{Capture, Checkpoint, Step};
use crate::ids::ShardId;
use crate::limits::{PACKED_BYTES_AT_ONCE, SEGMENT_LIVE_FRACTION};
use crate::packing::{self, Packing};
use crate::reply::promise;
use crate::shared::{Letter, Shared};

/// Journal growth after which a checkpoint starts.
const CHECKPOINT_EVERY_BYTES: u64 = 256 << 20;
/// How often the checkpointer looks at the journal's growth.
const CHECKPOINT_LOOK: Duration = Duration::from_secs(1);
/// Looks after which a checkpoint starts if anything was written at all: 60 s.
const CHECKPOINT_LOOKS_MAX: u32 = 60;

/// How a checkpoint ended.
#[derive(PartialEq, Eq)]
enum Ended {
    Complete,
    /// The engine stops.
    Stopped,
}

/// Makes checkpoints until the engine stops or the disk fails.
pub(crate) fn checkpoint_loop(shared: &Arc<Shared>) {
    let mut covered = shared.journal.position().end;
    let mut looks = 0;
    while shared.checkpoints.wait(Some(CHECKPOINT_LOOK)) {
        shared.checkpoints.take_all();
        looks += 1;
        let end = shared.journal.position().end;
        let grown = end.0 - covered.0;
        let due = grown >= CHECKPOINT_EVERY_BYTES
            || shared.checkpoint_wanted.load(Ordering::Relaxed)
            || looks >= CHECKPOINT_LOOKS_MAX;
        if !due || grown == 0 {
            continue;
        }
        looks = 0;
        match checkpoint(shared, grown) {
            Ok(Ended::Complete) => {
                covered = end;
                shared.checkpoint_wanted.store(false, Ordering::Relaxed);
            }
            Ok(Ended::Stopped) => return,
            Err(_) if shared.is_stopping() => return,
            // Without room there is no checkpoint, only a longer replay; it is tried again.
            Err(_) if shared.journal.statistics().storage_full => {}
            Err(error) => return shared.fail(error),
        }
    }
}

/// One checkpoint over all shards. After an error the shards hold everything it did not seal as
/// changed again, so that the next one writes it. The journal has grown by so many bytes since the last.
fn checkpoint(shared: &Arc<Shared>, grown: u64) -> Result<Ended, StorageError> {
    let mut captures: Vec<Capture> = Vec::new();
    for shard in 0..=ShardId::MAX {
        let (promise, reply) = promise();
        shared.post(shard, Letter::Capture { shard, promise });
        match reply.wait() {
            Some(capture) => captures.push(capture),
            None => return Ok(Ended::Stopped),
        }
    }
    let mut checkpoint = Checkpoint::new(captures);
    match run(shared, &mut checkpoint) {
        Ok(Ended::Complete) => {}
        Ok(Ended::Stopped) => return Ok(Ended::Stopped),
        Err(error) => {
            for letter in checkpoint.abandon() {
                if let Letter::Abandoned { shard, .. } = &letter {
                    shared.post(*shard, letter);
                }
            }
            return Err(error);
        }
    }
    pack(shared, checkpoint.places, grown)
}

/// Packs what is worth it of these places: once, and once more for all that lives when so many segments were written as
/// did since the last checkpoint and became sparse since, so that it keeps up at any rate.
fn pack(shared: &Arc<Shared>, mut places: Vec<Place>, grown: u64) -> Result<Ended, StorageError> {
    let journal = &shared.journal;
    for _ in 0..=grown / (PACKED_BYTES_AT_ONCE * SEGMENT_LIVE_FRACTION) {
        let now_ms = shared.clock.now_ms();
        let segment_bytes = journal.segment_bytes();
        let chosen = packing::choose(&mut places, segment_bytes, &shared.budgets, now_ms);
        if chosen.is_empty() {
            break;
        }
        let mut packing = Packing::begin(shared, chosen);
        if !packing.wait(journal) || !await_durable(shared, packing.listed) {
            return Ok(Ended::Stopped);
        }
        packing.finish(&*shared.view, journal, now_ms)?;
    }
    Ok(Ended::Complete)
}

fn run(shared: &Shared, checkpoint: &mut Checkpoint) -> Result<Ended, StorageError> {
    loop {
        match checkpoint.step(&*shared.view, &shared.journal)? {
            Step::More => {}
            Step::AwaitDurable(lsn) => {
                if !await_durable(shared, lsn) {
                    return Ok(Ended::Stopped);
                }
            }
            Step::Sealed(shard, generation, filters) => {
                let sealed = Letter::Sealed {
                    shard,
                    generation,
                    filters,
                };
                shared.post(shard, sealed);
            }
            Step::Finished => return Ok(Ended::Complete),
        }
    }
}

fn await_durable(shared: &Shared, lsn: Lsn) -> bool {
    let (promise, reply) = promise();
    let give = Box::new(move || promise.fill(()));
    shared.journal.when_durable(lsn, give);
    reply.wait().is_some()
}
