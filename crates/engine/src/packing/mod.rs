//! Packing: what still lives of mostly dead segments moves into packs, so that a handful of old messages does not keep 64 MB
//! each, and what is kept for days does not keep what was gone in minutes. References stay as they are; storage translates
//! them. `choice` says which places move, `listing` what is wanted of them, `drafts` what goes together (decision 20).
//!
//! The list of wanted bodies must be complete, but shards are asked one after the other, and a body
//! that moves between queues meanwhile could be missed by both. So of a place the list counts only when no
//! record since its beginning referred to it; otherwise the next checkpoint tries again. And shards run ahead of
//! the disk: what they no longer refer to may be wanted again after a crash, so nothing moves before the journal is durable
//! up to the end of the listing.

mod choice;
mod drafts;
mod listing;

use std::sync::Arc;

use waystation_storage::{Journal, Lsn, Place, StorageError, View};

use crate::ids::ShardId;
use crate::reply::{Reply, promise};
use crate::shared::{Letter, Shared};

pub(crate) use choice::choose;
pub(crate) use listing::{Listing, Wanted};

/// Some places on their way into packs.
pub(crate) struct Packing {
    places: Vec<Place>,
    began: Lsn,
    /// The listed state is durable once the journal is up to here; known when nobody is waited for any more.
    pub(crate) listed: Lsn,
    waiting: Vec<Reply<Listing>>,
    listings: Vec<Listing>,
}

impl Packing {
    /// Asks every shard what it refers to in these places.
    pub(crate) fn begin(shared: &Arc<Shared>, places: Vec<Place>) -> Packing {
        let began = shared.journal.position().end;
        let segments = places
            .iter()
            .flat_map(|place| place.segments.iter().copied());
        let wanted = Arc::new(Wanted::new(segments.collect()));
        let mut waiting = Vec::new();
        for shard in 0..=ShardId::MAX {
            let (promise, reply) = promise();
            let letter = Letter::ListBodies {
                shard,
                wanted: wanted.clone(),
                promise,
            };
            shared.post(shard, letter);
            waiting.push(reply);
        }
        Packing {
            places,
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
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::PackedEarly) {
            return true;
        }
        journal.durable() >= self.listed
    }

    /// Moves the bodies of the places whose list is complete; returns the bytes that were copied. A full disk only means
    /// not now.
    pub(crate) fn finish(
        self,
        view: &dyn View,
        journal: &Journal,
        now_ms: u64,
    ) -> Result<u64, StorageError> {
        assert!(
            self.is_durable(journal),
            "what a crash takes back may want its bodies"
        );
        // Under a relaxed durability the journal may have only been written.
        journal.flush()?;
        let mut bodies = Vec::new();
        for mut listing in self.listings {
            if !listing.complete(view)? {
                return Ok(0);
            }
            bodies.append(&mut listing.bodies);
        }
        let untouched = |segment: &u32| {
            let since = journal.last_reference(*segment);
            since.is_none_or(|at| at < self.began)
        };
        let mut places = self.places;
        places.retain(|place| place.segments.iter().all(untouched));
        let mut copied = 0;
        for (draft, bodies) in drafts::of(places, bodies, journal, now_ms) {
            match journal.pack(&draft, &bodies) {
                Ok(packed) => copied += packed.bytes,
                Err(error) if is_no_reason_to_die(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }
}

/// Packing saves room and nothing else depends on it: places simply stay when the disk is full, when a
/// body in them rotted (its receiver will be told), or when one listed here was deleted and its other segments
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
