//! The threads of a running engine: workers, committer, readers, checkpointer, segment preparer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use waystation_storage::{Lsn, StorageError};

use crate::checkpoint::{Capture, Checkpoint, Step};
use crate::engine::Engine;
use crate::ids::ShardId;
use crate::open::Opened;
use crate::relocation::Relocation;
use crate::reply::promise;
use crate::shared::{Letter, Shared};

/// Journal growth after which a checkpoint starts.
const CHECKPOINT_EVERY_BYTES: u64 = 256 << 20;
/// How often the checkpointer looks at the journal's growth.
const CHECKPOINT_LOOK: Duration = Duration::from_secs(1);
/// Looks after which a checkpoint starts if anything was written at all: 60 s.
const CHECKPOINT_LOOKS_MAX: u32 = 60;
/// How often the segment preparer looks even when nobody asked.
const PREPARE_LOOK: Duration = Duration::from_secs(1);
/// Threads that read bodies and pages.
const READERS: usize = 2;

/// An engine with its threads.
pub struct Running {
    engine: Engine,
    workers: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StorageError> {
    Builder::new()
        .name(name.to_string())
        .spawn(run)
        .map_err(StorageError::io("start a thread", name))
}

impl Running {
    /// Starts the threads of an opened engine.
    pub fn start(opened: Opened) -> Result<Running, StorageError> {
        let engine = opened.engine;
        let shared = engine.shared.clone();
        let mut running = Running {
            engine,
            workers: Vec::new(),
            others: Vec::new(),
        };
        for (number, worker) in opened.workers.into_iter().enumerate() {
            if let Some(station) = shared.stations.get(number) {
                station.employ(worker);
            }
            let keeper = shared.clone();
            let keep_time = move || {
                if let Some(station) = keeper.stations.get(number) {
                    station.keep_time(&*keeper.clock);
                }
            };
            let name = format!("shards-{number}");
            running.workers.push(spawn(&name, keep_time)?);
        }
        shared.callers_run.store(true, Ordering::Relaxed);
        let committer = shared.clone();
        running.others.push(spawn("committer", move || {
            if let Err(error) = committer.journal.run_committer() {
                committer.fail(error);
            }
        })?);
        for number in 0..READERS {
            let reader = shared.clone();
            let name = format!("reader-{number}");
            running.others.push(spawn(&name, move || {
                while reader.fetches.wait(None) {
                    while reader.fetch_next() {}
                }
            })?);
        }
        let preparer = shared.clone();
        running
            .others
            .push(spawn("preparer", move || prepare(&preparer))?);
        running
            .others
            .push(spawn("checkpointer", move || checkpoint_loop(&shared))?);
        Ok(running)
    }

    /// The handle.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Answers what is under way, ends parked receives, flushes, and ends the threads.
    pub fn stop(self) {
        let shared = &self.engine.shared;
        for station in &shared.stations {
            station.inbox.close();
        }
        for worker in self.workers {
            let _panicked = worker.join();
        }
        shared.journal.stop();
        shared.fetches.close();
        shared.checkpoints.close();
        for thread in self.others {
            let _panicked = thread.join();
        }
    }
}

fn prepare(shared: &Shared) {
    while shared.journal.await_preparation_due(PREPARE_LOOK) {
        // A full disk is no failure: producers are refused until room comes back.
        if let Err(error) = shared.journal.prepare_next()
            && !matches!(error, StorageError::StorageFull)
        {
            return shared.fail(error);
        }
    }
}

fn checkpoint_loop(shared: &Arc<Shared>) {
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
        covered = end;
        match checkpoint(shared) {
            Ok(()) => shared.checkpoint_wanted.store(false, Ordering::Relaxed),
            Err(error) => return shared.fail(error),
        }
    }
}

/// One checkpoint over all shards; gives up quietly when the engine stops meanwhile.
fn checkpoint(shared: &Arc<Shared>) -> Result<(), StorageError> {
    let mut captures: Vec<Capture> = Vec::new();
    for shard in 0..=ShardId::MAX {
        let (promise, reply) = promise();
        shared.send(shard, Letter::Capture { shard, promise });
        match reply.wait() {
            Some(capture) => captures.push(capture),
            None => return Ok(()),
        }
    }
    let mut checkpoint = Checkpoint::new(captures, shared.segment_bytes);
    loop {
        match checkpoint.step(&*shared.view, &shared.journal)? {
            Step::More => {}
            Step::AwaitDurable(lsn) => {
                if !await_durable(shared, lsn) {
                    return Ok(());
                }
            }
            Step::Sealed(shard, generation) => {
                shared.send(shard, Letter::Sealed { shard, generation });
            }
            Step::Finished => break,
        }
    }
    for segment in checkpoint.sparse {
        let mut relocation = Relocation::begin(shared, segment);
        if !relocation.wait() {
            return Ok(());
        }
        relocation.finish(&*shared.view, &shared.journal)?;
    }
    Ok(())
}

fn await_durable(shared: &Shared, lsn: Lsn) -> bool {
    let (promise, reply) = promise();
    let give = Box::new(move || promise.fill(()));
    shared.journal.when_durable(lsn, give);
    reply.wait().is_some()
}
