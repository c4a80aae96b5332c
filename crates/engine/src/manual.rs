//! The engine by hand: the same workers, journal and checkpoints as `threads`, run step by step by
//! whoever holds this. The simulator does, in the order its seed says; it may drop the whole thing
//! between any two steps, which is a crash.

use std::collections::VecDeque;

use waystation_storage::{Committed, JournalStatistics, Place, Prepared, StorageError, Wait};

use crate::checkpoint::{Capture, Checkpoint, Step};
use crate::engine::Engine;
use crate::ids::ShardId;
use crate::index::Usage;
use crate::open::Opened;
use crate::packing::{self, Packing};
use crate::reply::{Reply, promise};
use crate::shared::Letter;
use crate::worker::Worker;

/// What a checkpoint step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Something was done; call again.
    More,
    /// Nothing can be done before workers ran or the journal was committed.
    Blocked,
    /// The checkpoint is complete.
    Finished,
}

/// An engine without threads.
pub struct Manual {
    engine: Engine,
    workers: Vec<Worker>,
    captures: Vec<Reply<Capture>>,
    captured: Vec<Capture>,
    checkpoint: Option<Checkpoint>,
    places: Vec<Place>,
    packing: Option<Packing>,
    /// Letters between shards that are kept back, by worker; `None` while they are not.
    held: Option<Vec<VecDeque<Letter>>>,
}

impl Manual {
    /// Takes over an opened engine.
    pub fn new(opened: Opened) -> Manual {
        Manual {
            engine: opened.engine,
            workers: opened.workers,
            captures: Vec::new(),
            captured: Vec::new(),
            checkpoint: None,
            places: Vec::new(),
            packing: None,
            held: None,
        }
    }

    /// The handle. Futures it gives are polled by the holder.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Lets a worker handle its letters and whatever time brings.
    pub fn run_worker(&mut self, number: usize) {
        let shared = self.engine.shared.clone();
        if let (Some(worker), Some(station)) =
            (self.workers.get_mut(number), shared.stations.get(number))
        {
            let mut letters = station.inbox.take_all();
            if let Some(held) = self.held.as_mut().and_then(|held| held.get_mut(number)) {
                let (kept, passed) = letters.into_iter().partition(Letter::is_of_a_lane);
                held.extend::<VecDeque<Letter>>(kept);
                letters = passed;
            }
            worker.process(letters);
        }
    }

    /// From now on effects between shards do not arrive, as if their letters took forever.
    pub fn hold_lanes(&mut self) {
        let workers = self.workers.len();
        self.held
            .get_or_insert_with(|| (0..workers).map(|_| VecDeque::new()).collect());
    }

    /// Effects arrive again, those that were kept back first.
    pub fn release_lanes(&mut self) {
        for (held, worker) in self
            .held
            .take()
            .into_iter()
            .flatten()
            .zip(&mut self.workers)
        {
            worker.process(held);
        }
    }

    /// When something happens by itself next, in engine time.
    pub fn next_due(&self) -> Option<u64> {
        self.workers.iter().filter_map(Worker::next_due).min()
    }

    /// Reads one page or body that somebody waits for; false when nobody does.
    pub fn fetch_next(&self) -> bool {
        self.engine.shared.fetch_next()
    }

    /// One group commit.
    pub fn commit_next(&self) -> Result<Committed, StorageError> {
        self.engine.shared.journal.commit_next(Wait::Poll)
    }

    /// Prepares segments ahead of the journal's writer.
    pub fn prepare_next(&self) -> Result<Prepared, StorageError> {
        self.engine.shared.journal.prepare_next()
    }

    /// Numbers of the journal.
    pub fn journal_statistics(&self) -> JournalStatistics {
        self.engine.shared.journal.statistics()
    }

    /// Node-wide use of what budgets bound.
    pub fn usage(&self) -> &Usage {
        &self.engine.shared.usage
    }

    /// Bytes of bodies that anything still refers to, over all shards.
    pub fn live_bytes(&self) -> u64 {
        self.workers.iter().map(Worker::live_bytes).sum()
    }

    /// The next step of a checkpoint; begins one when none is under way.
    pub fn checkpoint_step(&mut self) -> Result<Advance, StorageError> {
        let shared = self.engine.shared.clone();
        let Some(checkpoint) = &mut self.checkpoint else {
            return Ok(self.capture_step());
        };
        match checkpoint.step(&*shared.view, &shared.journal)? {
            Step::More => Ok(Advance::More),
            Step::AwaitDurable(_) => Ok(Advance::Blocked),
            Step::Sealed(shard, generation, filters) => {
                let sealed = Letter::Sealed {
                    shard,
                    generation,
                    filters,
                };
                shared.send(shard, sealed);
                Ok(Advance::More)
            }
            Step::Finished => {
                self.places = std::mem::take(&mut checkpoint.places);
                self.checkpoint = None;
                Ok(Advance::Finished)
            }
        }
    }

    fn capture_step(&mut self) -> Advance {
        let shared = &self.engine.shared;
        if self.captures.is_empty() && self.captured.is_empty() {
            for shard in 0..=ShardId::MAX {
                let (promise, reply) = promise();
                shared.send(shard, Letter::Capture { shard, promise });
                self.captures.push(reply);
            }
            return Advance::More;
        }
        let captured = &mut self.captured;
        self.captures.retain_mut(|reply| match reply.try_take() {
            Some(capture) => {
                captured.push(capture);
                false
            }
            None => true,
        });
        if !self.captures.is_empty() {
            return Advance::Blocked;
        }
        self.checkpoint = Some(Checkpoint::new(std::mem::take(&mut self.captured)));
        Advance::More
    }

    /// The next step of packing what the last checkpoint found.
    pub fn packing_step(&mut self) -> Result<Advance, StorageError> {
        let shared = self.engine.shared.clone();
        let (journal, now_ms) = (&shared.journal, shared.clock.now_ms());
        let Some(mut packing) = self.packing.take() else {
            let segment_bytes = journal.segment_bytes();
            let chosen = packing::choose(&mut self.places, segment_bytes, &shared.budgets, now_ms);
            if chosen.is_empty() {
                return Ok(Advance::Finished);
            }
            self.packing = Some(Packing::begin(&shared, chosen));
            return Ok(Advance::More);
        };
        if packing.collect(journal) && packing.is_durable(journal) {
            packing.finish(&*shared.view, journal, now_ms)?;
            return Ok(Advance::More);
        }
        self.packing = Some(packing);
        Ok(Advance::Blocked)
    }
}
