//! The threads of a running engine: workers, committer, readers, checkpointer, segment preparer.

use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use waystation_storage::StorageError;
use waystation_storage::priority::{Role, settle};

use crate::checkpointer::checkpoint_loop;
use crate::engine::Engine;
use crate::open::{Opened, Room};
use crate::shared::Shared;

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

/// Ends the process when a thread of the engine panics: what it left behind may be half done, and
/// the journal is the safe place to start from.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn spawn(
    name: &str,
    role: Role,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StorageError> {
    Builder::new()
        .name(name.to_string())
        .spawn(move || {
            let _guard = AbortOnPanic;
            settle(role);
            run();
        })
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
            running
                .workers
                .push(spawn(&name, Role::Foreground, keep_time)?);
        }
        shared.callers_run.store(true, Ordering::Relaxed);
        let committer = shared.clone();
        running
            .others
            .push(spawn("committer", Role::Committer, move || {
                if let Err(error) = committer.journal.run_committer() {
                    committer.fail(error);
                }
            })?);
        for number in 0..READERS {
            let reader = shared.clone();
            let name = format!("reader-{number}");
            running.others.push(spawn(&name, Role::Foreground, move || {
                while reader.fetches.wait(None) {
                    while reader.fetch_next() {}
                }
            })?);
        }
        let preparer = shared.clone();
        running
            .others
            .push(spawn("preparer", Role::Foreground, move || {
                prepare(&preparer)
            })?);
        running
            .others
            .push(spawn("checkpointer", Role::Background, move || {
                checkpoint_loop(&shared)
            })?);
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
        let room = match shared.journal.prepare_next() {
            Ok(prepared) if !prepared.storage_full => Room::Enough,
            // A full disk is no failure: producers are refused until room comes back.
            Ok(_) | Err(StorageError::StorageFull) => Room::Full,
            Err(error) => return shared.fail(error),
        };
        (shared.on_room)(room);
        if room == Room::Full {
            // What consumers delete becomes room only when a checkpoint lets the journal go.
            shared.want_checkpoint();
        }
    }
}
