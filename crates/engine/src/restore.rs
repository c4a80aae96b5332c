//! Restart: read what the last checkpoint says, then replay the journal over it.

use std::sync::Arc;

use waystation_storage::{Lsn, Record as Stored, StorageError, View};

use crate::checkpoint::{Manifest, ROOT_ROW_VERSION, catalog_key, root_key};
use crate::codec::{Malformed, Reader};
use crate::ids::{LogId, QueueId, SHARDS, ShardId};
use crate::index::Usage;
use crate::limits::Budgets;
use crate::log::Log;
use crate::need::Need;
use crate::outbox::Outbox;
use crate::page::Page;
use crate::queue::Queue;
use crate::record::Record;
use crate::row_key::{RowKey, intents, manifests, rows_after};
use crate::shard::{At, Shard};

/// The state found in the view, ready for replay.
pub(crate) struct Restored {
    pub(crate) shards: Vec<Shard>,
    manifests: Vec<Option<Manifest>>,
    view: Arc<dyn View>,
    budgets: Budgets,
    /// Segments that moved bodies lie in, with the record that moved them.
    pub(crate) references: Vec<(u32, Lsn)>,
    /// Latest engine time seen.
    pub(crate) latest_ms: u64,
}

/// A row that cannot be read.
pub(crate) fn damaged(what: Malformed) -> StorageError {
    StorageError::View {
        operation: "restore a checkpoint",
        what: what.to_string(),
    }
}

fn missing(key: &RowKey) -> StorageError {
    StorageError::View {
        operation: "restore a checkpoint",
        what: format!("row {key:?} is missing"),
    }
}

/// One row that a sealed checkpoint names.
pub(crate) fn row(view: &dyn View, key: &RowKey) -> Result<bytes::Bytes, StorageError> {
    view.get(&key.bytes())?.ok_or_else(|| missing(key))
}

/// Reads one index page.
pub(crate) fn read_page(view: &dyn View, key: &RowKey) -> Result<Page, StorageError> {
    Page::decode(&row(view, key)?).map_err(damaged)
}

impl Restored {
    /// Reads every shard's last checkpoint.
    pub(crate) fn read(
        view: Arc<dyn View>,
        usage: &Arc<Usage>,
        segment_bytes: u64,
        budgets: &Budgets,
    ) -> Result<Restored, StorageError> {
        let mut found: Vec<Option<Manifest>> = vec![None; SHARDS];
        for (shard, bytes) in manifests(&*view)? {
            if let Some(slot) = found.get_mut(usize::from(shard)) {
                *slot = Some(Manifest::decode(&bytes).map_err(damaged)?);
            }
        }
        let abandoned = abandoned_generations(&*view, &found)?;
        let mut shards = Vec::with_capacity(SHARDS);
        for id in 0..=ShardId::MAX {
            let mut shard = Shard::new(id, usage.clone(), segment_bytes);
            shard.index.outbox_chunk_effects = budgets.outbox_chunk_effects;
            shard.index.log_page_entries = budgets.log_page_entries;
            shard.index.log_block_pages = budgets.log_block_pages;
            shard.index.bucket_entries_max = budgets.deduplication_bucket_entries_max;
            if let Some(manifest) = found.get(usize::from(id)).copied().flatten() {
                read_shard(&*view, &mut shard, &manifest)?;
            }
            let burnt = abandoned.iter().filter(|(s, _)| *s == id);
            for (_, generation) in burnt {
                shard.generation = shard.generation.max(*generation);
            }
            shards.push(shard);
        }
        let latest_ms = found.iter().flatten().map(|m| m.time_ms).max().unwrap_or(0);
        Ok(Restored {
            shards,
            manifests: found,
            view,
            budgets: budgets.clone(),
            references: Vec::new(),
            latest_ms,
        })
    }

    /// Where replay must start; `None` for the very beginning.
    pub(crate) fn replay_start(&self) -> Option<Lsn> {
        let frames: Option<Vec<Lsn>> = self
            .manifests
            .iter()
            .map(|m| Some(m.as_ref()?.frame))
            .collect();
        frames?.into_iter().min()
    }

    /// Takes in one record of the journal, unless its shard's checkpoint has it already.
    pub(crate) fn replay(&mut self, stored: &Stored<'_>) -> Result<(), StorageError> {
        self.latest_ms = self.latest_ms.max(stored.time_ms);
        let index = usize::from(stored.shard);
        let covered = self.manifests.get(index).copied().flatten();
        if covered.is_some_and(|manifest| stored.lsn < manifest.applied) {
            return Ok(());
        }
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::ReplaySkips)
            && covered.is_some_and(|manifest| stored.lsn == manifest.applied)
        {
            return Ok(());
        }
        let Some(shard) = self.shards.get_mut(index) else {
            return Err(unknown(stored, "a shard out of range"));
        };
        let record = Record::decode(stored.kind, stored.version, stored.meta)
            .map_err(|what| unknown(stored, &what.to_string()))?;
        bring_to(&*self.view, shard, stored.time_ms, &self.budgets)?;
        for need in shard.missing(&record) {
            load(&*self.view, shard, need)?;
        }
        let at = At {
            end: stored.end.0,
            time_ms: stored.time_ms,
            body_lsn: stored.body.map_or(0, |body| body.reference.lsn.0),
            body_bytes: stored.body.map_or(0, |body| body.reference.bytes),
            occupies: stored.occupies.iter().collect(),
        };
        shard.apply(&record, &at);
        for segment in shard.references.drain(..) {
            self.references.push((segment, stored.lsn));
        }
        Ok(())
    }
}

fn unknown(stored: &Stored<'_>, what: &str) -> StorageError {
    StorageError::UnknownFormat {
        file: "journal".into(),
        what: format!("the record at {} is {what}", stored.lsn),
    }
}

/// Lets time pass in the shard as it did at runtime: pages with something due are read first.
fn bring_to(
    view: &dyn View,
    shard: &mut Shard,
    time_ms: u64,
    budgets: &Budgets,
) -> Result<(), StorageError> {
    loop {
        shard.advance(time_ms);
        let Some(need) = shard.far_until(shard.time_ms).next() else {
            return Ok(());
        };
        load(view, shard, need)?;
        shard.give_back(need, budgets);
    }
}

/// Brings what a record needs into memory.
fn load(view: &dyn View, shard: &mut Shard, need: Need) -> Result<(), StorageError> {
    if let Some(key) = shard.row_of(need) {
        let contents = need.read(view, &key)?;
        shard.install(need, key.generation, contents);
    }
    Ok(())
}

/// Removes rows of checkpoints that were never sealed, and returns the latest of their generations: none of them is used
/// again. The latest has the intent, but one before it may have been given up too.
fn abandoned_generations(
    view: &dyn View,
    manifests: &[Option<Manifest>],
) -> Result<Vec<(ShardId, u64)>, StorageError> {
    let mut abandoned = Vec::new();
    for (shard, bytes) in intents(view)? {
        let mut input = Reader::new(&bytes, "intent");
        let generation = input.u64().map_err(damaged)?;
        let sealed = manifests.get(usize::from(shard)).copied().flatten();
        let rows = rows_after(view, shard, sealed.map_or(0, |sealed| sealed.generation))?;
        let batch: Vec<_> = rows.into_iter().map(|key| (key, None)).collect();
        view.write(&batch)?;
        abandoned.push((shard, generation));
    }
    Ok(abandoned)
}

fn read_shard(view: &dyn View, shard: &mut Shard, manifest: &Manifest) -> Result<(), StorageError> {
    shard.time_ms = manifest.time_ms;
    shard.generation = manifest.generation;
    shard.root = manifest.generation;
    shard.applied_end = manifest.applied.0;
    if manifest.generation == 0 {
        return Ok(());
    }
    let bytes = row(view, &root_key(shard.id, manifest.generation))?;
    let mut input = Reader::new(&bytes, "root row");
    let mut read = || -> Result<_, Malformed> {
        let row_version = input.u8()?;
        if !(1..=ROOT_ROW_VERSION).contains(&row_version) {
            return Err(input.malformed());
        }
        let version = input.u64()?;
        let offset_ms = input.u64()? as i64;
        let queues = input.list(|input| Ok((input.u64()?, input.u64()?)))?;
        let buckets = input.list(|input| Ok((input.u16()?, input.u64()?)))?;
        let logs = match row_version {
            1 | 2 => Vec::new(),
            _ => input.list(|input| Ok((input.u64()?, input.u64()?)))?,
        };
        Ok((
            version,
            offset_ms,
            queues,
            buckets,
            logs,
            Outbox::decode(row_version, &mut input, &mut shard.index)?,
        ))
    };
    let (version, offset_ms, queues, buckets, logs, outbox) = read().map_err(damaged)?;
    shard.table.version = version;
    shard.clock_offset_ms = offset_ms;
    shard.outbox = outbox;
    for (bucket, generation) in buckets {
        let bytes = row(view, &catalog_key(shard.id, bucket, generation))?;
        shard.table.restore(&bytes).map_err(damaged)?;
        shard.table.stored.insert(bucket, generation);
    }
    for (queue, generation) in queues {
        read_queue(view, shard, QueueId(queue), generation)?;
    }
    for (log, generation) in logs {
        read_log(view, shard, LogId(log), generation)?;
    }
    Ok(())
}

fn read_queue(
    view: &dyn View,
    shard: &mut Shard,
    id: QueueId,
    generation: u64,
) -> Result<(), StorageError> {
    let key = RowKey {
        shard: shard.id,
        kind: crate::row_key::RowKind::Queue,
        id: id.0,
        number: 0,
        generation,
    };
    let bytes = row(view, &key)?;
    let (mut queue, remembered) =
        Queue::decode(id, generation, &bytes, &mut shard.index).map_err(damaged)?;
    for listed in remembered {
        let keys = listed.keys(shard.id, id);
        let rows: Result<Vec<_>, _> = keys.iter().map(|key| row(view, key)).collect();
        let deduplication = &mut queue.deduplication;
        let restored = deduplication.restore(&listed, &rows?, &shard.index);
        queue.dirty |= restored.map_err(damaged)?;
    }
    shard.dirty |= queue.dirty;
    for (number, stored) in queue.pages_of_tenants() {
        let page = read_page(view, &queue.page_key(shard.id, number, stored))?;
        queue.meet_tenants(number, page);
    }
    shard.index.usage.queues.add(1);
    shard.queues.insert(id, queue);
    shard.retention_known(id);
    Ok(())
}

fn read_log(
    view: &dyn View,
    shard: &mut Shard,
    id: LogId,
    generation: u64,
) -> Result<(), StorageError> {
    let bytes = row(view, &Log::row_key(shard.id, id, generation))?;
    let (mut log, blocks) = Log::decode(id, generation, &bytes).map_err(damaged)?;
    for (first, generation) in blocks {
        let bytes = row(view, &log.block_key(shard.id, first, generation))?;
        let restored = log.restore_block(first, generation, &bytes, &mut shard.index);
        restored.map_err(damaged)?;
    }
    shard.index.usage.logs.add(1);
    shard.logs.insert(id, log);
    shard.look_again(id);
    Ok(())
}
