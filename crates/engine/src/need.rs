//! What a plan may need of the view before it can decide, and what is read for it.
//!
//! A plan that meets something that is not in memory says so with a `Need`; a reader thread reads
//! its row, the worker installs the `Contents` and plans again. Replay loads what a record needs
//! in the same way, at once.

use std::sync::Arc;

use waystation_storage::{StorageError, View};

use crate::codec::Malformed;
use crate::effect::Effect;
use crate::ids::{LogId, QueueId, Resource, ShardId};
use crate::log::LogPage;
use crate::page::Page;
use crate::queue::{Row, decode_entries};
use crate::restore::{damaged, row};
use crate::row_key::RowKey;
use crate::shard::Shard;

/// Something that is in the view and not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Need {
    /// An index page of a queue.
    Page { queue: QueueId, number: u64 },
    /// An index page of a log, by the position of its first entry.
    LogPage { log: LogId, first: u64 },
    /// Effects of `source` that wait for `destination`, from number `first` on.
    OutboxChunk {
        source: ShardId,
        destination: ShardId,
        first: u64,
    },
    /// Entries of a spilled deduplication bucket.
    Deduplication {
        queue: QueueId,
        bucket: u64,
        row: u32,
    },
}

/// What the row of a `Need` holds.
#[derive(Debug)]
pub(crate) enum Contents {
    Page(Arc<Page>),
    LogPage(Arc<LogPage>),
    OutboxChunk(Arc<Vec<Effect>>),
    Deduplication(Row),
}

impl Need {
    /// The shard that needs it.
    pub(crate) fn shard(&self) -> ShardId {
        match self {
            Need::Page { queue, .. } | Need::Deduplication { queue, .. } => queue.shard(),
            Need::LogPage { log, .. } => log.shard(),
            Need::OutboxChunk { source, .. } => *source,
        }
    }

    /// What it belongs to.
    pub(crate) fn resource(&self) -> Option<Resource> {
        match self {
            Need::Page { queue, .. } | Need::Deduplication { queue, .. } => {
                Some(Resource::Queue(*queue))
            }
            Need::LogPage { log, .. } => Some(Resource::Log(*log)),
            Need::OutboxChunk { .. } => None,
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Contents, Malformed> {
        match self {
            Need::Page { .. } => Ok(Contents::Page(Arc::new(Page::decode(bytes)?))),
            Need::LogPage { .. } => Ok(Contents::LogPage(Arc::new(LogPage::decode(bytes)?))),
            Need::OutboxChunk { .. } => {
                let effects = crate::outbox::decode_chunk(bytes)?;
                Ok(Contents::OutboxChunk(Arc::new(effects)))
            }
            Need::Deduplication { .. } => {
                Ok(Contents::Deduplication(Arc::new(decode_entries(bytes)?)))
            }
        }
    }

    /// Reads its row. `StorageError::View` when there is none, or a damaged one.
    pub(crate) fn read(&self, view: &dyn View, key: &RowKey) -> Result<Contents, StorageError> {
        self.decode(&row(view, key)?).map_err(damaged)
    }
}

impl Shard {
    /// It exists and is not in memory.
    pub(crate) fn is_missing(&self, need: Need) -> bool {
        match need {
            Need::Page { queue, number } => self
                .queues
                .get(&queue)
                .is_some_and(|state| state.is_spilled(number)),
            Need::LogPage { log, first } => self
                .logs
                .get(&log)
                .is_some_and(|state| state.is_spilled(first)),
            Need::OutboxChunk {
                destination, first, ..
            } => {
                let chunk = self.outbox.chunk(destination, first);
                chunk.is_some_and(|chunk| chunk.effects().is_none())
            }
            Need::Deduplication { queue, bucket, row } => {
                let held = self.index.deduplication_rows.get((queue, bucket, row));
                held.is_none() && self.row_of(need).is_some()
            }
        }
    }

    /// The row that holds it; `None` when it no longer exists.
    pub(crate) fn row_of(&self, need: Need) -> Option<RowKey> {
        match need {
            Need::Page { queue, number } => {
                let state = self.queues.get(&queue)?;
                let slot = state.pages.get(&number)?;
                Some(state.page_key(self.id, number, slot.kept.rows.generation()))
            }
            Need::LogPage { log, first } => self.logs.get(&log)?.page_row(self.id, first),
            Need::OutboxChunk {
                destination, first, ..
            } => {
                let chunk = self.outbox.chunk(destination, first)?;
                Some(chunk.stored_row(self.id, destination))
            }
            Need::Deduplication { queue, bucket, row } => {
                let state = self.queues.get(&queue)?;
                state.deduplication.row_key(self.id, bucket, row)
            }
        }
    }

    /// Takes in what was read under `generation`, unless it changed or went meanwhile.
    pub(crate) fn install(&mut self, need: Need, generation: u64, contents: Contents) {
        match (need, contents) {
            (Need::Page { queue, number }, Contents::Page(page)) => {
                if let Some(state) = self.queues.get_mut(&queue) {
                    state.install(number, generation, page, &mut self.index);
                }
                self.pass_deadlines();
            }
            (Need::LogPage { log, first }, Contents::LogPage(page)) => {
                if let Some(state) = self.logs.get_mut(&log) {
                    state.install(first, generation, page);
                }
            }
            (
                Need::OutboxChunk {
                    destination, first, ..
                },
                Contents::OutboxChunk(effects),
            ) => self.outbox.install(destination, first, generation, effects),
            (Need::Deduplication { queue, bucket, row }, Contents::Deduplication(entries)) => {
                // A row of a bucket that is gone would never be looked for, nor leave the cache with it.
                if self.is_stored(need, generation) {
                    let (place, index) = ((queue, bucket, row), &mut self.index);
                    index
                        .deduplication_rows
                        .insert(place, entries, &index.usage);
                }
            }
            (need, contents) => unreachable!("{contents:?} was read for {need:?}"),
        }
    }

    /// It is in the view only, under this generation: its row must be there.
    pub(crate) fn is_stored(&self, need: Need, generation: u64) -> bool {
        match need {
            Need::Page { queue, number } => self
                .queues
                .get(&queue)
                .is_some_and(|state| state.is_stored(number, generation)),
            Need::LogPage { log, first } => self
                .logs
                .get(&log)
                .is_some_and(|state| state.is_stored(first, generation)),
            Need::OutboxChunk {
                destination, first, ..
            } => {
                let chunk = self.outbox.chunk(destination, first);
                chunk.is_some_and(|chunk| chunk.is_stored(generation))
            }
            Need::Deduplication { .. } => {
                let key = self.row_of(need);
                key.is_some_and(|key| key.generation == generation)
            }
        }
    }
}
