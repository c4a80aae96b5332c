//! What all threads of an engine share, and the letters they send each other.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use waystation_storage::{Journal, StorageError, View, WantedBody};

use crate::catalog::Catalog;
use crate::checkpoint::Capture;
use crate::clock::Clock;
use crate::command::Command;
use crate::ids::ShardId;
use crate::index::Usage;
use crate::limits::Budgets;
use crate::mailbox::Mailbox;
use crate::need::{Contents, Need};
use crate::open::Room;
use crate::packing::{Listing, Wanted};
use crate::plan::Offer;
use crate::queue::Filters;
use crate::reply::Promise;
use crate::row_key::RowKey;
use crate::station::Station;

/// A letter to a worker.
#[derive(Debug)]
pub(crate) enum Letter {
    Command(Command),
    /// `source` has effects for `destination`.
    Nudge {
        source: ShardId,
        destination: ShardId,
    },
    /// `destination` has everything through that number and has room for more.
    Pull {
        source: ShardId,
        destination: ShardId,
        through: u64,
    },
    Offer(Offer),
    /// What was asked for.
    Found {
        need: Need,
        generation: u64,
        contents: Contents,
    },
    /// The row that was asked for is not in the view.
    NotFound {
        need: Need,
        generation: u64,
        error: StorageError,
    },
    Capture {
        shard: ShardId,
        promise: Promise<Capture>,
    },
    /// The shard's rows of this generation count; filters of the deduplication buckets among them.
    Sealed {
        shard: ShardId,
        generation: u64,
        filters: Filters,
    },
    /// The checkpoint failed before these rows counted: they are changed again. `rows` may be in
    /// the view and must go with the next one.
    Abandoned {
        shard: ShardId,
        generation: u64,
        rows: Vec<RowKey>,
    },
    /// What refers to these segments of the journal?
    ListBodies {
        shard: ShardId,
        wanted: Arc<Wanted>,
        promise: Promise<Listing>,
    },
    /// The clock was moved.
    Tick,
    /// Waiting ends: parked receives are answered empty, now and from now on.
    EndWaiting,
}

impl Letter {
    /// It carries effects from shard to shard, or asks for them.
    pub(crate) fn is_of_a_lane(&self) -> bool {
        matches!(
            self,
            Letter::Nudge { .. } | Letter::Pull { .. } | Letter::Offer(_)
        )
    }
}

/// Something to read from the disk.
#[derive(Debug)]
pub(crate) enum Fetch {
    Row {
        need: Need,
        key: RowKey,
    },
    Bodies {
        bodies: Vec<WantedBody>,
        promise: Promise<Vec<Result<Bytes, StorageError>>>,
    },
}

/// Shared by workers, readers, the checkpointer and the handle.
pub(crate) struct Shared {
    pub(crate) journal: Arc<Journal>,
    pub(crate) view: Arc<dyn View>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) budgets: Budgets,
    pub(crate) usage: Arc<Usage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stations: Vec<Station>,
    /// Whether callers run workers themselves; not when somebody turns the crank by hand.
    pub(crate) callers_run: AtomicBool,
    pub(crate) fetches: Mailbox<Fetch>,
    /// Told to the checkpointer: `()` means soon.
    pub(crate) checkpoints: Mailbox<()>,
    pub(crate) checkpoint_wanted: AtomicBool,
    pub(crate) queue_ids: AtomicU32,
    pub(crate) secret: [u8; 32],
    /// The first fatal error.
    pub(crate) failure: OnceLock<StorageError>,
    pub(crate) on_room: Box<dyn Fn(Room) + Send + Sync>,
    pub(crate) on_failure: Box<dyn Fn(&StorageError) + Send + Sync>,
}

/// The engine stops: a command says so, everything else is dropped with its promise.
fn refuse(letter: Letter) {
    if let Letter::Command(command) = letter {
        command.refuse(crate::config::EngineError::Stopping);
    }
}

impl Shared {
    fn station(&self, shard: ShardId) -> Option<&Station> {
        self.stations.get(usize::from(shard) % self.stations.len())
    }

    /// Sends a letter to the worker that owns `shard`, from outside any worker.
    pub(crate) fn send(&self, shard: ShardId, letter: Letter) {
        let Some(station) = self.station(shard) else {
            return;
        };
        if !self.callers_run.load(Ordering::Relaxed) {
            return self.post(shard, letter);
        }
        match station.inbox.put(letter) {
            Ok(()) => station.run_if_free(),
            Err(letter) => refuse(letter),
        }
    }

    /// Sends a letter from within a worker or from a background thread: the worker's own thread
    /// takes it up.
    pub(crate) fn post(&self, shard: ShardId, letter: Letter) {
        if let Some(station) = self.station(shard)
            && let Err(letter) = station.inbox.send(letter)
        {
            refuse(letter);
        }
    }

    /// The engine takes no more commands.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stations
            .iter()
            .all(|station| station.inbox.is_closed())
    }

    /// Asks for a checkpoint soon.
    pub(crate) fn want_checkpoint(&self) {
        if !self.checkpoint_wanted.swap(true, Ordering::Relaxed) {
            let _closed = self.checkpoints.send(());
        }
    }

    /// The disk failed: nothing more is acknowledged; the owner ends the process.
    pub(crate) fn fail(&self, error: StorageError) {
        let _first = self.failure.set(error);
        if let Some(error) = self.failure.get() {
            (self.on_failure)(error);
        }
    }

    /// Reads one thing from the disk; false when there is nothing to read.
    pub(crate) fn fetch_next(&self) -> bool {
        let Some(fetch) = self.fetches.take_one() else {
            return false;
        };
        match fetch {
            Fetch::Bodies { bodies, promise } => {
                promise.fill(self.journal.read_bodies(&bodies));
            }
            Fetch::Row { need, key } => {
                let generation = key.generation;
                let letter = match need.read(&*self.view, &key) {
                    Ok(contents) => Letter::Found {
                        need,
                        generation,
                        contents,
                    },
                    Err(error @ StorageError::View { .. }) => Letter::NotFound {
                        need,
                        generation,
                        error,
                    },
                    Err(error) => {
                        self.fail(error);
                        return true;
                    }
                };
                self.send(key.shard, letter);
            }
        }
        true
    }
}
