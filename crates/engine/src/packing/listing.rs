//! What shards refer to in some segments: what has to move with them.

use std::collections::BTreeSet;

use waystation_storage::{BodyRef, Lsn, StorageError, View};

use crate::effect::Effect;
use crate::extra::Extra;
use crate::ids::ShardId;
use crate::log::{Log, LogPage};
use crate::need::{Contents, Need};
use crate::page::{EntryState, Page};
use crate::queue::Queue;
use crate::row_key::RowKey;
use crate::shard::Shard;

/// When nobody can tell how long a body is wanted.
pub(super) const UNKNOWN_MS: u64 = u64::MAX;

/// A body that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Living {
    pub(super) body: BodyRef,
    pub(super) owner: u64,
    pub(super) sequence: u64,
    /// When it outlives its retention at the latest.
    pub(super) expires_ms: u64,
}

/// Segments whose bodies are asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Ascending.
    segments: Vec<u32>,
}

impl Wanted {
    pub(super) fn new(mut segments: Vec<u32>) -> Wanted {
        segments.sort_unstable();
        Wanted { segments }
    }

    pub(super) fn has(&self, segment: u32) -> bool {
        self.segments.binary_search(&segment).is_ok()
    }

    fn has_some(&self, occupied: &[(u32, u32)]) -> bool {
        occupied.iter().any(|(segment, _)| self.has(*segment))
    }
}

/// What one shard refers to.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(super) bodies: Vec<Living>,
    /// What may refer to it and is not in memory: where it is, and the retention of what is in it.
    spilled: Vec<(Need, RowKey, u64)>,
}

impl Listing {
    /// Everything the shard refers to in the wanted segments, and perhaps more.
    pub(crate) fn take(shard: &Shard, wanted: &Wanted) -> Listing {
        let mut listing = Listing::default();
        for queue in shard.queues.values() {
            listing.add_queue(shard.id, queue, wanted);
        }
        for log in shard.logs.values() {
            listing.add_log(shard.id, log, wanted);
        }
        listing.add_outbox(shard, wanted);
        listing
    }

    fn add_outbox(&mut self, shard: &Shard, wanted: &Wanted) {
        for (destination, chunk) in shard.outbox.chunks() {
            if !chunk.live().0.keys().any(|segment| wanted.has(*segment)) {
                continue;
            }
            match chunk.effects() {
                Some(effects) => self.add_effects(effects),
                None => {
                    let need = Need::OutboxChunk {
                        source: shard.id,
                        destination,
                        first: chunk.first,
                    };
                    let key = chunk.stored_row(shard.id, destination);
                    self.spilled.push((need, key, UNKNOWN_MS));
                }
            }
        }
    }

    /// All bodies that the effects carry.
    fn add_effects(&mut self, effects: &[Effect]) {
        for (body, owner) in effects.iter().filter_map(Effect::body) {
            self.bodies.push(Living {
                body,
                owner: owner.queue.0,
                sequence: owner.sequence,
                expires_ms: UNKNOWN_MS,
            });
        }
    }

    fn add_queue(&mut self, shard: ShardId, queue: &Queue, wanted: &Wanted) {
        let retention_ms = queue.config.retention_ms;
        for (number, slot) in &queue.pages {
            if !wanted.has_some(&slot.segments) {
                continue;
            }
            let need = Need::Page {
                queue: queue.id,
                number: *number,
            };
            match slot.kept.page() {
                Some(page) => self.add_page(queue.id.0, *number, page, retention_ms),
                None => {
                    let key = queue.page_key(shard, *number, slot.kept.rows.generation());
                    self.spilled.push((need, key, retention_ms));
                }
            }
        }
    }

    fn add_log(&mut self, shard: ShardId, log: &Log, wanted: &Wanted) {
        let retention_ms = log.config.retention_ms;
        let mut seen = BTreeSet::new();
        for slot in wanted
            .segments
            .iter()
            .flat_map(|segment| log.pages_in(*segment))
        {
            // It may hold entries of several segments.
            if !seen.insert(slot.first) {
                continue;
            }
            match slot.kept.page() {
                Some(page) => self.add_log_page(log.id.0, slot.first, page, retention_ms),
                None => {
                    let need = Need::LogPage {
                        log: log.id,
                        first: slot.first,
                    };
                    let key = log.page_row(shard, slot.first);
                    self.spilled
                        .extend(key.map(|key| (need, key, retention_ms)));
                }
            }
        }
    }

    /// All entries of the page.
    fn add_log_page(&mut self, log: u64, first: u64, page: &LogPage, retention_ms: u64) {
        for (position, entry) in (first..).zip(page.from(0)) {
            self.bodies.push(Living {
                body: BodyRef {
                    lsn: Lsn(entry.lsn),
                    bytes: entry.bytes,
                },
                owner: log,
                sequence: position,
                expires_ms: entry.time_ms.saturating_add(retention_ms),
            });
        }
    }

    /// All messages of the page.
    fn add_page(&mut self, queue: u64, number: u64, page: &Page, retention_ms: u64) {
        for position in 0..page.len() {
            let Some(entry) = page.entry(position) else {
                continue;
            };
            if entry.state() == EntryState::Gone {
                continue;
            }
            let own = (
                queue,
                number * crate::limits::PAGE_ENTRIES + u64::from(position),
            );
            let origin = page.extra(position).and_then(Extra::origin);
            let (owner, sequence) =
                origin.map_or(own, |origin| (origin.owner.queue.0, origin.owner.sequence));
            self.bodies.push(Living {
                body: BodyRef {
                    lsn: Lsn(entry.body_lsn()),
                    bytes: entry.body_bytes(),
                },
                owner,
                sequence,
                expires_ms: entry.sent_ms().saturating_add(retention_ms),
            });
        }
    }

    fn add_contents(&mut self, need: Need, contents: &Contents, retention_ms: u64) {
        match (need, contents) {
            (Need::Page { queue, number }, Contents::Page(page)) => {
                self.add_page(queue.0, number, page, retention_ms);
            }
            (Need::LogPage { log, first }, Contents::LogPage(page)) => {
                self.add_log_page(log.0, first, page, retention_ms);
            }
            (_, Contents::OutboxChunk(effects)) => self.add_effects(effects),
            _ => unreachable!("a need is answered in kind"),
        }
    }

    /// Reads what is not in memory; false when a checkpoint wrote some of it anew, or it was dropped since.
    pub(super) fn complete(&mut self, view: &dyn View) -> Result<bool, StorageError> {
        for (need, key, retention_ms) in std::mem::take(&mut self.spilled) {
            match need.read(view, &key) {
                Ok(contents) => self.add_contents(need, &contents, retention_ms),
                Err(StorageError::View { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
