//! Brings the records of a stream to its queues, and clears away what a deleted queue leaves (section 14).
//!
//! For each queue and shard one task reads the shard's log, puts a reference to each record into the engine's queue, and
//! notes in the catalog how far it is. A crash between the last two brings some records a second time, as AWS allows. The
//! task waits in the log for what comes, and rests while the queue holds more than consumers soon take.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::Notify;
use waystation_delivery::event::Event;
use waystation_delivery::stored::{Input, Malformed};
use waystation_engine::{
    CatalogEffect, Engine, EngineError, Expect, LogEntry, LogId, LogRead, LogSpot, Outgoing, Scope,
};
use waystation_wire::ApiError;

use crate::addressing::{self, Located};
use crate::errors::from_engine;
use crate::get_records::children;
use crate::positions::locate;
use crate::queue_catalog::{self, Found};
use crate::shard_rows::Shard;
use crate::stream_settings::Status;
use crate::{Kinesis, Spawn, catalog, limits};

/// Where a record is; what the engine's queues hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) log: LogId,
    pub(crate) position: u64,
}

impl Reference {
    /// The stored form: log id and position, u64 little-endian each.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(16);
        out.put_u64_le(self.log.0);
        out.put_u64_le(self.position);
        out.freeze()
    }

    /// The reverse.
    pub(crate) fn decode(stored: &[u8]) -> Result<Reference, Malformed> {
        let mut input = Input::new(stored);
        let reference = Reference {
            log: LogId(input.u64()?),
            position: input.u64()?,
        };
        input.end()?;
        Ok(reference)
    }
}

/// The tasks that run, and who waits for room.
#[derive(Debug, Default)]
pub(crate) struct Feeds {
    running: Mutex<HashSet<(u64, u32)>>,
    room: Mutex<HashMap<u64, Arc<Notify>>>,
}

impl Feeds {
    /// Somebody took records from a queue.
    pub(crate) fn note_room(&self, queue: u64) {
        self.room_of(queue).notify_waiters();
    }

    fn room_of(&self, queue: u64) -> Arc<Notify> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(room.entry(queue).or_default())
    }

    fn begin(&self, queue: u64, shard: u32) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert((queue, shard))
    }

    fn end(&self, queue: u64, shard: u32) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&(queue, shard));
        if !running.iter().any(|(other, _)| *other == queue) {
            let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
            room.remove(&queue);
        }
    }
}

/// Starts the tasks of a queue.
pub(crate) fn start(kinesis: &Kinesis, scope: &Scope, queue: u64) {
    let feeder = Feeder {
        engine: kinesis.engine.clone(),
        reshards: kinesis.reshards.clone(),
        feeds: Arc::clone(&kinesis.feeds),
        spawn: Arc::clone(&kinesis.spawn),
        scope: scope.clone(),
        queue,
    };
    feeder.start_all();
}

/// Starts the tasks of all queues, and the removal of those that are going.
pub(crate) fn start_all(kinesis: &Kinesis) {
    for scope in kinesis.engine.catalog().scopes() {
        let rows = kinesis
            .engine
            .catalog()
            .range(&scope, queue_catalog::QUEUES, None, usize::MAX);
        for (path, _) in rows {
            let id = queue_catalog::queue_id(&path).unwrap_or_default();
            start(kinesis, &scope, id);
            start_removal(kinesis, &scope, id);
        }
    }
}

/// Works for one queue.
#[derive(Clone)]
struct Feeder {
    engine: Engine,
    reshards: Event,
    feeds: Arc<Feeds>,
    spawn: Spawn,
    scope: Scope,
    queue: u64,
}

impl Feeder {
    /// A task for every shard that has none. What cannot be read was logged.
    fn start_all(&self) {
        let Ok(Some(found)) = self.find() else {
            return;
        };
        let Ok(Some(located)) = self.stream(&found) else {
            return;
        };
        let Ok(shards) = located.shards(&self.engine) else {
            return;
        };
        for shard in shards.all() {
            // Shards that ended before the queue's time have nothing for it.
            let start_ms = found.queue.start_ms;
            let is_over = shard
                .closed_ms
                .is_some_and(|closed_ms| closed_ms < start_ms);
            if !is_over && self.feeds.begin(self.queue, shard.index) {
                let (feeder, index) = (self.clone(), shard.index);
                (self.spawn)(Box::pin(async move { feeder.run(index).await }));
            }
        }
    }

    fn find(&self) -> Result<Option<Found>, ApiError> {
        let found = queue_catalog::find(&self.engine, &self.scope, self.queue)?;
        Ok(found.filter(|found| found.status != Status::Deleting))
    }

    async fn run(&self, shard: u32) {
        loop {
            match self.slice(shard).await {
                Ok(true) => {}
                Ok(false) => break,
                // A full disk or a budget that is used up passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(limits::RUNNER_PAUSE_MS)).await,
            }
        }
        self.feeds.end(self.queue, shard);
    }

    /// Brings what the shard has; false when nothing more will come of it: the queue is gone, the shard expired, or it was read
    /// to its end.
    async fn slice(&self, index: u32) -> Result<bool, ApiError> {
        let Some(found) = self.find()? else {
            return Ok(false);
        };
        self.await_room(&found).await?;
        let Some(located) = self.stream(&found)? else {
            return Ok(false);
        };
        let Some(shard) = located.shards(&self.engine)?.get(index).cloned() else {
            return Ok(false);
        };
        let from = self.cursor(&found, &shard).await?;
        let read = LogRead {
            from,
            entries_max: limits::FED_RECORDS,
            bytes_max: limits::FED_BYTES,
            wait_ms: limits::FEED_WAIT_MS,
        };
        let log = self.engine.log(shard.log);
        let batch = log.read(read).await.map_err(from_engine)?;
        if self.find()?.is_none() {
            return Ok(false);
        }
        self.send(&found, &shard, &batch.entries).await?;
        if batch.next != from {
            self.note(index, batch.next).await?;
        }
        if batch.ended {
            // Its children may have no task yet.
            children(&self.engine, &located, index).await?;
            self.start_all();
        }
        Ok(!batch.ended)
    }

    /// The queue's stream.
    fn stream(&self, found: &Found) -> Result<Option<Located>, ApiError> {
        let stream = addressing::find_row(&self.engine, &self.scope, &found.queue.stream_name)?;
        Ok(stream.filter(|located| located.stream.settings.id == found.queue.stream))
    }

    /// Rests while the queue has plenty.
    async fn await_room(&self, found: &Found) -> Result<(), ApiError> {
        loop {
            let room = self.feeds.room_of(self.queue);
            let noted = room.notified();
            let counts = self.engine.queue(found.queue.ready).counts().await;
            if counts.map_err(from_engine)?.visible < limits::FED_AHEAD {
                return Ok(());
            }
            tokio::select! {
                () = noted => {}
                () = tokio::time::sleep(Duration::from_millis(limits::FEED_WAIT_MS)) => {}
            }
            if self.find()?.is_none() {
                return Ok(());
            }
        }
    }

    /// How far the queue is in the shard.
    async fn cursor(&self, found: &Found, shard: &Shard) -> Result<u64, ApiError> {
        let path = queue_catalog::cursor_path(self.queue, shard.index);
        let row = self.engine.catalog().get(&self.scope, &path);
        match row.and_then(|row| row.bytes().first_chunk::<8>().copied()) {
            Some(position) => Ok(u64::from_be_bytes(position)),
            None => {
                let spot = LogSpot::Time(found.queue.start_ms);
                Ok(locate(&self.engine, &self.reshards, shard.log, spot)
                    .await?
                    .position)
            }
        }
    }

    async fn send(
        &self,
        found: &Found,
        shard: &Shard,
        entries: &[LogEntry],
    ) -> Result<(), ApiError> {
        let references = entries.iter().map(|entry| {
            let reference = Reference {
                log: shard.log,
                position: entry.position,
            };
            outgoing(reference, entry.body.len())
        });
        let messages: Vec<Outgoing> = references.collect();
        if messages.is_empty() {
            return Ok(());
        }
        let queue = self.engine.queue(found.queue.ready);
        let sent = queue.send(messages).await.map_err(from_engine)?;
        sent.into_iter()
            .try_for_each(|one| one.map(drop).map_err(from_engine))
    }

    async fn note(&self, shard: u32, position: u64) -> Result<(), ApiError> {
        let path = queue_catalog::cursor_path(self.queue, shard);
        let value = position.to_be_bytes().to_vec().into();
        let row = catalog::put(path, Expect::Any, value, Vec::new());
        catalog::write(&self.engine, &self.scope, vec![row])
            .await
            .map(drop)
    }
}

/// A message of the engine that refers to a record.
pub(crate) fn outgoing(reference: Reference, size_bytes: usize) -> Outgoing {
    Outgoing {
        body: reference.encode(),
        delay_ms: None,
        group: None,
        dedup: None,
        size_bytes: size_bytes as u32,
    }
}

/// The record that a reference leads to; `None` when the stream does not keep it any more (KIN-245).
pub(crate) async fn load(
    engine: &Engine,
    reference: Reference,
) -> Result<Option<LogEntry>, ApiError> {
    let log = engine.log(reference.log);
    let read = LogRead {
        from: reference.position,
        entries_max: 1,
        bytes_max: 1,
        wait_ms: 0,
    };
    match log.read(read).await {
        Ok(batch) => Ok(batch
            .entries
            .into_iter()
            .find(|entry| entry.position == reference.position)),
        Err(EngineError::NoSuchLog) => Ok(None),
        Err(error) => Err(from_engine(error)),
    }
}

/// Removes a queue once it is gone.
pub(crate) fn start_removal(kinesis: &Kinesis, scope: &Scope, queue: u64) {
    let found = queue_catalog::find_row(&kinesis.engine, scope, queue);
    let is_going = |found: &Found| matches!(found.status, Status::Deleting | Status::Gone);
    if !matches!(found, Ok(Some(found)) if is_going(&found)) {
        return;
    }
    let (engine, scope) = (kinesis.engine.clone(), scope.clone());
    (kinesis.spawn)(Box::pin(async move {
        while !matches!(remove(&engine, &scope, queue).await, Ok(true)) {
            tokio::time::sleep(Duration::from_millis(limits::RUNNER_PAUSE_MS)).await;
        }
    }));
}

/// Removes what a deleted queue left, its own row last; whether all is done.
async fn remove(engine: &Engine, scope: &Scope, queue: u64) -> Result<bool, ApiError> {
    let Some(found) = queue_catalog::find_row(engine, scope, queue)? else {
        return Ok(true);
    };
    if found.status != Status::Gone {
        return Ok(false);
    }
    let catalog = engine.catalog();
    let cursors = queue_catalog::cursors_of(queue);
    let mut changes = Vec::new();
    for (path, row) in catalog.range(scope, &cursors, None, limits::SHARDS_PER_WRITE) {
        changes.push(catalog::removal(path, &row, Vec::new()));
    }
    let is_last = changes.len() < limits::SHARDS_PER_WRITE;
    if is_last {
        let path = queue_catalog::name_path(&found.queue.name);
        let row = catalog.get(scope, &path);
        if let Some(row) = row.filter(|row| queue_catalog::queue_id(row.bytes()) == Some(queue)) {
            changes.push(catalog::removal(path, &row, Vec::new()));
        }
        let effects = [found.queue.ready, found.queue.dead].map(CatalogEffect::Remove);
        let path = queue_catalog::queue_path(queue);
        changes.push(catalog::removal(path, &found.row, effects.into()));
    }
    let is_written = catalog::write(engine, scope, changes).await?;
    Ok(is_last && is_written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_survive_the_round_trip() {
        let reference = Reference {
            log: LogId(u64::MAX - 5),
            position: 1 << 40,
        };
        let stored = reference.encode();
        assert_eq!(Reference::decode(&stored), Ok(reference));
        assert_eq!(Reference::decode(&stored[1..]), Err(Malformed));
    }
}
