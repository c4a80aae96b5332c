//! The handle that services hold: commands in, futures out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use waystation_storage::{StorageError, WantedBody};

use crate::catalog::Catalog;
use crate::command::{CatalogChange, Command, Delivered, Leased, Outgoing, ReceiveRequest, Sent};
use crate::config::{EngineError, ReceiptError};
use crate::ids::{QueueId, Receipt, Scope};
use crate::queue::QueueCounts;
use crate::reply::{Promise, Reply, promise};
use crate::shared::{Fetch, Letter, Shared};

/// An engine; clones are the same engine. All futures work in any runtime, and dropping one takes
/// the question back: a parked receive that is dropped gets no message.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// One queue of an engine.
#[derive(Clone, Debug)]
pub struct QueueHandle {
    pub(crate) engine: Engine,
    pub(crate) id: QueueId,
}

pub(crate) async fn answer<T>(reply: Reply<Result<T, EngineError>>) -> Result<T, EngineError> {
    reply.await.unwrap_or(Err(EngineError::Stopping))
}

impl Engine {
    /// A queue id that was never used and never will be again.
    pub fn new_queue_id(&self) -> QueueId {
        let count = self.shared.queue_ids.fetch_add(1, Ordering::Relaxed);
        let epoch = self.shared.journal.epoch();
        let low = (epoch & 0xffff_ffff) << 24 | u64::from(count) & 0xff_ffff;
        let shard = xxhash_rust::xxh3::xxh3_64(&low.to_le_bytes()) & 0xff;
        QueueId(shard << 56 | low)
    }

    /// Names and settings, as durable as they are visible.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// The secret of this data directory.
    pub fn message_key(&self) -> [u8; 32] {
        self.shared.secret
    }

    /// Engine time now, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }

    /// A queue by its id; whether it exists shows when it is used.
    pub fn queue(&self, id: QueueId) -> QueueHandle {
        QueueHandle {
            engine: self.clone(),
            id,
        }
    }

    pub(crate) fn ask<T>(&self, make: impl FnOnce(Promise<T>) -> Command) -> Reply<T> {
        let (promise, reply) = promise();
        let command = make(promise);
        self.shared.send(command.shard(), Letter::Command(command));
        reply
    }

    /// Writes all rows or none; returns their version. Resolves when the rows are durable and
    /// visible and their effects on queues took place. `Conflict` names the row that was not as
    /// expected.
    pub async fn write_catalog(
        &self,
        scope: &Scope,
        changes: Vec<CatalogChange>,
    ) -> Result<u64, EngineError> {
        let shard = scope.shard();
        let head = scope.key(b"").len();
        let changes = changes
            .into_iter()
            .map(|change| CatalogChange {
                path: scope.key(&change.path),
                ..change
            })
            .collect();
        let written = answer(self.ask(|promise| Command::WriteCatalog {
            changes,
            shard,
            promise,
        }));
        let (version, awaited) = written.await.map_err(|error| match error {
            EngineError::Conflict { path } => EngineError::Conflict {
                path: path.get(head..).unwrap_or_default().to_vec(),
            },
            other => other,
        })?;
        let arrive = |(destination, through)| {
            self.ask(|promise| Command::AwaitEffect {
                shard: destination,
                source: shard,
                through,
                promise,
            })
        };
        let arrivals: Vec<_> = awaited.into_iter().map(arrive).collect();
        for arrival in arrivals {
            // Who stops has it done: the row is durable, and its effects with it.
            let arrived = arrival.await.ok_or(EngineError::Stopping)?;
            arrived.unwrap_or_default();
        }
        Ok(version)
    }

    /// Keeps the test clock's distance from the wall clock across restarts, then wakes every shard.
    pub async fn move_clock(&self, offset_ms: i64) -> Result<(), EngineError> {
        answer(self.ask(|promise| Command::MoveClock { offset_ms, promise })).await?;
        self.tick();
        Ok(())
    }

    /// Tells every worker to look at the clock.
    pub fn tick(&self) {
        for station in &self.shared.stations {
            let _closed = station.inbox.send(Letter::Tick);
        }
    }

    /// Answers every parked receive empty, now and from now on: the server is about to stop.
    pub fn end_waiting(&self) {
        for station in &self.shared.stations {
            let _closed = station.inbox.send(Letter::EndWaiting);
        }
    }

    /// What the journal did and holds.
    pub fn journal_statistics(&self) -> waystation_storage::JournalStatistics {
        self.shared.journal.statistics()
    }

    /// How much of the node's budgets is used.
    pub fn usage(&self) -> &crate::index::Usage {
        &self.shared.usage
    }

    /// Bodies by reference, owner and sequence: from memory, else from a reader thread.
    pub(crate) async fn bodies(
        &self,
        wanted: Vec<WantedBody>,
    ) -> Result<Vec<Result<Bytes, StorageError>>, EngineError> {
        let journal = &self.shared.journal;
        let from_memory = wanted
            .iter()
            .map(|(body, owner, sequence)| journal.read_body_from_memory(*body, *owner, *sequence));
        let found: Vec<Option<Bytes>> = from_memory.collect();
        let missing = wanted.into_iter().zip(&found);
        let missing = missing.filter_map(|(body, found)| found.is_none().then_some(body));
        let missing: Vec<WantedBody> = missing.collect();
        let mut read = Vec::new().into_iter();
        if !missing.is_empty() {
            let (promise, reply) = promise();
            let _closed = self.shared.fetches.send(Fetch::Bodies {
                bodies: missing,
                promise,
            });
            read = reply.await.ok_or(EngineError::Stopping)?.into_iter();
        }
        let found = found.into_iter().map(|body| match body {
            Some(body) => Ok(body),
            None => read
                .next()
                .unwrap_or_else(|| unreachable!("every body asked for is answered")),
        });
        Ok(found.collect())
    }

    pub(crate) async fn with_bodies(
        &self,
        leased: Vec<Leased>,
    ) -> Result<Vec<Delivered>, EngineError> {
        let wanted = leased.iter().map(|message| {
            let owner = message.owner;
            (message.body, owner.queue.0, owner.sequence)
        });
        let bodies = self.bodies(wanted.collect()).await?;
        let mut delivered = Vec::with_capacity(leased.len());
        for (message, body) in leased.into_iter().zip(bodies) {
            let body = match body {
                Ok(body) => body,
                // Deleted or purged since, and its segment is gone already.
                Err(StorageError::BodyMissing { .. }) => continue,
                Err(error) => return Err(EngineError::Unreadable(error.to_string())),
            };
            delivered.push(Delivered {
                sequence: message.sequence,
                identity: message.identity,
                body,
                receive_count: message.receive_count,
                sent_ms: message.sent_ms,
                first_received_ms: message.first_received_ms,
                receipt: message.receipt,
                moved_from: message.moved_from,
                label: message.label,
            });
        }
        Ok(delivered)
    }
}

impl QueueHandle {
    /// Stores messages; the outer error means none was. Each result is durable when it arrives.
    pub async fn send(
        &self,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Result<Sent, EngineError>>, EngineError> {
        let queue = self.id;
        answer(self.engine.ask(|promise| Command::Send {
            queue,
            messages,
            results: Vec::new(),
            promise,
        }))
        .await
    }

    /// Receives up to `max` messages, waiting for the first if asked to.
    pub async fn receive(&self, request: ReceiveRequest) -> Result<Vec<Delivered>, EngineError> {
        let queue = self.id;
        let leased = answer(self.engine.ask(|promise| Command::Receive {
            queue,
            request,
            deadline_ms: None,
            promise,
        }))
        .await?;
        self.engine.with_bodies(leased).await
    }

    /// Deletes messages by receipt, durably.
    pub async fn delete(
        &self,
        receipts: Vec<Receipt>,
    ) -> Result<Vec<Result<(), ReceiptError>>, EngineError> {
        let queue = self.id;
        answer(self.engine.ask(|promise| Command::Delete {
            queue,
            receipts,
            promise,
        }))
        .await
    }

    /// Changes how long received messages stay invisible, in milliseconds from now.
    pub async fn change_visibility(
        &self,
        changes: Vec<(Receipt, u64)>,
    ) -> Result<Vec<Result<(), ReceiptError>>, EngineError> {
        let queue = self.id;
        answer(self.engine.ask(|promise| Command::ChangeVisibility {
            queue,
            changes,
            promise,
        }))
        .await
    }

    /// Throws every message away.
    pub async fn purge(&self) -> Result<(), EngineError> {
        let queue = self.id;
        answer(self.engine.ask(|promise| Command::Purge { queue, promise })).await
    }

    /// How many messages there are.
    pub async fn counts(&self) -> Result<QueueCounts, EngineError> {
        let queue = self.id;
        answer(
            self.engine
                .ask(|promise| Command::Counts { queue, promise }),
        )
        .await
    }
}
