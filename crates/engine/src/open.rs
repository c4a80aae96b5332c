//! Opening an engine: restore, replay, and hand out the parts that threads or a simulator run.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, OnceLock};

use waystation_storage::{Disk, Journal, JournalOptions, StorageError, View};

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::ids::SHARDS;
use crate::index::Usage;
use crate::limits::Budgets;
use crate::mailbox::Mailbox;
use crate::restore::Restored;
use crate::shared::Shared;
use crate::station::Station;
use crate::worker::Worker;

/// Everything an engine needs from outside.
pub struct Parts {
    /// Where the journal's segments are.
    pub disk: Arc<dyn Disk>,
    /// Where checkpoints are.
    pub view: Arc<dyn View>,
    /// Settings of the journal.
    pub journal: JournalOptions,
    /// Bounds of this node.
    pub budgets: Budgets,
    /// Number of shard workers, at least 1.
    pub workers: usize,
    /// Secret of the data directory.
    pub secret: [u8; 32],
    /// Makes the clock from the latest engine time found (milliseconds) and the kept offset of the
    /// test clock; its time starts at the former at least.
    pub clock: Box<dyn FnOnce(u64, i64) -> Arc<dyn Clock>>,
    /// Told about every second whether the disk has room: its owner gives back or takes reserves.
    pub on_room: Box<dyn Fn(Room) + Send + Sync>,
    /// Told once when the disk fails for good; ends the process.
    pub on_failure: Box<dyn Fn(&StorageError) + Send + Sync>,
}

/// Whether the disk has room for another journal segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It has.
    Enough,
    /// Producers are refused.
    Full,
}

/// An engine that nothing runs yet.
pub struct Opened {
    /// The handle.
    pub engine: Engine,
    pub(crate) workers: Vec<Worker>,
}

/// Opens an engine: after this every acknowledged effect of the past is in its state.
///
/// Errors: the storage's own, and `UnknownFormat` for records of a later version.
pub fn open(parts: Parts) -> Result<Opened, StorageError> {
    assert!(parts.workers >= 1, "an engine has at least one worker");
    let usage = Arc::new(Usage::default());
    let segment_bytes = parts.journal.segment_bytes;
    let mut restored = Restored::read(parts.view.clone(), &usage, segment_bytes, &parts.budgets)?;
    let start = restored.replay_start();
    let journal = Journal::open(parts.disk, parts.journal, start, &mut |record| {
        restored.replay(&record)
    })?;
    for (segment, at) in &restored.references {
        journal.note_reference(*segment, *at);
    }
    let catalog = Catalog::default();
    let mut offset_ms = 0;
    for shard in &restored.shards {
        for (key, row) in &shard.table.rows {
            catalog.restore(key.clone(), row.version, row.value.clone());
        }
        offset_ms += shard.clock_offset_ms;
    }
    let epoch = journal.epoch();
    let shared = Arc::new(Shared {
        journal: Arc::new(journal),
        view: parts.view,
        catalog: Arc::new(catalog),
        budgets: parts.budgets,
        usage,
        clock: (parts.clock)(restored.latest_ms, offset_ms),
        stations: (0..parts.workers).map(|_| Station::new()).collect(),
        callers_run: AtomicBool::new(false),
        fetches: Mailbox::default(),
        checkpoints: Mailbox::default(),
        checkpoint_wanted: AtomicBool::new(false),
        queue_ids: AtomicU32::new(0),
        secret: parts.secret,
        failure: OnceLock::new(),
        on_room: parts.on_room,
        on_failure: parts.on_failure,
    });
    let mut shares: Vec<Vec<_>> = (0..parts.workers).map(|_| Vec::new()).collect();
    assert_eq!(restored.shards.len(), SHARDS);
    for shard in restored.shards {
        let owner = usize::from(shard.id) % parts.workers;
        if let Some(share) = shares.get_mut(owner) {
            share.push(shard);
        }
    }
    let workers = shares
        .into_iter()
        .enumerate()
        .map(|(number, shards)| {
            // Tags of one epoch: every worker counts in its own sixteenth.
            #[cfg(feature = "planted-bugs")]
            let epoch = match crate::plant::is(crate::plant::Plant::Tags) {
                true => 1,
                false => epoch,
            };
            let first_tag = (epoch & 0xffff_ffff) << 32 | (number as u64 & 0xf) << 28;
            Worker::new(shared.clone(), shards, first_tag)
        })
        .collect();
    Ok(Opened {
        engine: Engine { shared },
        workers,
    })
}
