//! Mostly dead journal segments: the few live bodies move to a packed file, so that a handful of
//! old messages does not keep 64 MB each. References stay as they are; storage translates them.
//!
//! The list of live bodies must be complete, but shards are asked one after the other, and a body
//! that moves between queues meanwhile could be missed by both. So the list counts only when no
//! record since its beginning referred to the segment; otherwise the next checkpoint tries again. And shards run ahead of
//! the disk: what they no longer refer to may be wanted again after a crash, so nothing moves before the journal is durable
//! up to the end of the listing.

use std::sync::Arc;

use waystation_storage::{BodyRef, Journal, Lsn, StorageError, View};

use crate::effect::Effect;
use crate::extra::Extra;
use crate::ids::{LogId, QueueId, ShardId};
use crate::log::{Log, LogPage};
use crate::need::{Contents, Need};
use crate::page::{EntryState, Page};
use crate::queue::Queue;
use crate::reply::{Reply, promise};
use crate::row_key::RowKey;
use crate::shard::Shard;
use crate::shared::{Letter, Shared};

/// A body, its owner and its sequence.
type LiveBody = (BodyRef, u64, u64);

/// What one shard refers to in a segment.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    bodies: Vec<LiveBody>,
    /// What may refer to it and is not in memory.
    spilled: Vec<(Need, RowKey)>,
}

impl Listing {
    /// Everything the shard refers to in `segment`.
    pub(crate) fn take(shard: &Shard, segment: u32) -> Listing {
        let mut listing = Listing::default();
        for queue in shard.queues.values() {
            listing.add_queue(shard.id, queue, segment);
        }
        for log in shard.logs.values() {
            listing.add_log(shard.id, log, segment);
        }
        listing.add_outbox(shard, segment);
        listing
    }

    fn add_outbox(&mut self, shard: &Shard, segment: u32) {
        for (destination, chunk) in shard.outbox.chunks() {
            if !chunk.live().0.contains_key(&segment) {
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
                    self.spilled.push((need, key));
                }
            }
        }
    }

    /// All bodies that the effects carry: storage picks those in the segment.
    fn add_effects(&mut self, effects: &[Effect]) {
        let bodies = effects.iter().filter_map(Effect::body);
        let bodies = bodies.map(|(body, owner)| (body, owner.queue.0, owner.sequence));
        self.bodies.extend(bodies);
    }

    fn add_queue(&mut self, shard: ShardId, queue: &Queue, segment: u32) {
        for (number, slot) in &queue.pages {
            if !slot.segments.iter().any(|(s, _)| *s == segment) {
                continue;
            }
            match slot.kept.page() {
                Some(page) => self.add_page(queue.id, *number, page),
                None => {
                    let key = queue.page_key(shard, *number, slot.kept.rows.generation());
                    let need = Need::Page {
                        queue: queue.id,
                        number: *number,
                    };
                    self.spilled.push((need, key));
                }
            }
        }
    }

    fn add_log(&mut self, shard: ShardId, log: &Log, segment: u32) {
        for slot in log.pages_in(segment) {
            match slot.kept.page() {
                Some(page) => self.add_log_page(log.id, slot.first, page),
                None => {
                    let need = Need::LogPage {
                        log: log.id,
                        first: slot.first,
                    };
                    let key = log.page_row(shard, slot.first);
                    self.spilled.extend(key.map(|key| (need, key)));
                }
            }
        }
    }

    /// All entries of the page: storage picks those in the segment.
    fn add_log_page(&mut self, log: LogId, first: u64, page: &LogPage) {
        for (position, entry) in (first..).zip(page.from(0)) {
            let body = BodyRef {
                lsn: Lsn(entry.lsn),
                bytes: entry.bytes,
            };
            self.bodies.push((body, log.0, position));
        }
    }

    fn add_contents(&mut self, need: Need, contents: &Contents) {
        match (need, contents) {
            (Need::Page { queue, number }, Contents::Page(page)) => {
                self.add_page(queue, number, page);
            }
            (Need::LogPage { log, first }, Contents::LogPage(page)) => {
                self.add_log_page(log, first, page);
            }
            (_, Contents::OutboxChunk(effects)) => self.add_effects(effects),
            _ => unreachable!("a need is answered in kind"),
        }
    }

    /// All messages of the page: storage picks those in the segment.
    fn add_page(&mut self, queue: QueueId, number: u64, page: &Page) {
        for position in 0..page.len() {
            let Some(entry) = page.entry(position) else {
                continue;
            };
            if entry.state() == EntryState::Gone {
                continue;
            }
            let own = (
                queue.0,
                number * crate::limits::PAGE_ENTRIES + u64::from(position),
            );
            let origin = page.extra(position).and_then(Extra::origin);
            let (owner, sequence) =
                origin.map_or(own, |origin| (origin.owner.queue.0, origin.owner.sequence));
            let body = BodyRef {
                lsn: Lsn(entry.body_lsn()),
                bytes: entry.body_bytes(),
            };
            self.bodies.push((body, owner, sequence));
        }
    }
}

/// One segment on its way to a packed file.
pub(crate) struct Relocation {
    segment: u32,
    began: Lsn,
    /// The listed state is durable once the journal is up to here; known when nobody is waited for any more.
    pub(crate) listed: Lsn,
    waiting: Vec<Reply<Listing>>,
    listings: Vec<Listing>,
}

impl Relocation {
    /// Asks every shard what it refers to in the segment.
    pub(crate) fn begin(shared: &Arc<Shared>, segment: u32) -> Relocation {
        let began = shared.journal.position().end;
        let mut waiting = Vec::new();
        for shard in 0..=ShardId::MAX {
            let (promise, reply) = promise();
            let letter = Letter::ListBodies {
                shard,
                segment,
                promise,
            };
            shared.post(shard, letter);
            waiting.push(reply);
        }
        Relocation {
            segment,
            began,
            listed: began,
            waiting,
            listings: Vec::new(),
        }
    }

    /// Takes the answers that are there; true when none is missing.
    pub(crate) fn collect(&mut self, journal: &Journal) -> bool {
        let listings = &mut self.listings;
        let before = self.waiting.len();
        self.waiting.retain_mut(|reply| match reply.try_take() {
            Some(listing) => {
                listings.push(listing);
                false
            }
            None => true,
        });
        if self.waiting.len() < before {
            self.listed = journal.position().end;
        }
        self.waiting.is_empty()
    }

    /// Waits for the answers; false when the engine stops.
    pub(crate) fn wait(&mut self, journal: &Journal) -> bool {
        for reply in std::mem::take(&mut self.waiting) {
            match reply.wait() {
                Some(listing) => self.listings.push(listing),
                None => return false,
            }
        }
        self.listed = journal.position().end;
        true
    }

    /// The journal has everything that the listed state knows.
    pub(crate) fn is_durable(&self, journal: &Journal) -> bool {
        journal.durable() >= self.listed
    }

    /// Moves the bodies, if the list is complete; a full disk only means not now.
    pub(crate) fn finish(self, view: &dyn View, journal: &Journal) -> Result<(), StorageError> {
        assert!(
            self.is_durable(journal),
            "what a crash takes back may want its bodies"
        );
        // Under a relaxed durability the journal may have only been written.
        journal.flush()?;
        let mut all = Listing::default();
        for listing in self.listings {
            all.bodies.extend(listing.bodies);
            for (need, key) in listing.spilled {
                match need.read(view, &key) {
                    Ok(contents) => all.add_contents(need, &contents),
                    // Rewritten by a checkpoint or dropped since: not now.
                    Err(StorageError::View { .. }) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
        let since = journal.last_reference(self.segment);
        if since.is_some_and(|at| at >= self.began) {
            return Ok(());
        }
        match journal.relocate(self.segment, &all.bodies) {
            Ok(_) => Ok(()),
            Err(error) if is_no_reason_to_die(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Packing saves room and nothing else depends on it: the segment simply stays when the disk is full, when a
/// body in it rotted (its receiver will be told), or when one listed here was deleted and its other segments
/// were reclaimed since.
fn is_no_reason_to_die(error: &StorageError) -> bool {
    match error {
        StorageError::StorageFull
        | StorageError::BodyMissing { .. }
        | StorageError::UnknownFormat { .. }
        | StorageError::Corrupt { .. } => true,
        StorageError::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
        _ => false,
    }
}
