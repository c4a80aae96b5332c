//! What every queue did since the start and holds now, for whoever watches.
//!
//! Tallies are counters of this process, kept where a plan commits: they are no state, nothing decides by them, and a
//! restart begins them anew. Because a shard has one writer they cost an addition, and they count what was committed.

use crate::command::Command;
use crate::config::EngineError;
use crate::engine::Engine;
use crate::ids::{QueueId, SHARDS, ShardId};
use crate::limits::{OLDEST_PAGES_MAX, POISON_RECEIVES};
use crate::page::EntryState;
use crate::queue::{Queue, QueueCounts};

/// Upper bounds of the sizes that are counted apart, in bytes; the last bucket has the rest.
pub const SIZE_BOUNDS_BYTES: [u64; 6] = [256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10];

/// Sizes of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Messages by size: up to each bound but above the one before, and the rest.
    pub buckets: [u64; SIZE_BOUNDS_BYTES.len() + 1],
    /// All together, in bytes.
    pub sum_bytes: u64,
}

impl Sizes {
    fn count(&mut self, bytes: u64) {
        let place = SIZE_BOUNDS_BYTES.iter().position(|bound| bytes <= *bound);
        if let Some(bucket) = self
            .buckets
            .get_mut(place.unwrap_or(SIZE_BOUNDS_BYTES.len()))
        {
            *bucket += 1;
        }
        self.sum_bytes += bytes;
    }

    /// Adds those of another queue.
    pub fn add(&mut self, other: &Sizes) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.sum_bytes += other.sum_bytes;
    }
}

/// What a queue did since this process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages stored by sends; moves between queues do not count (`SQS-437`).
    pub sent: u64,
    /// Their sizes as their senders count them.
    pub sizes: Sizes,
    /// Sends that were duplicates.
    pub deduplicated: u64,
    /// Messages returned by receives.
    pub received: u64,
    /// Receives that returned nothing (`SQS-439`).
    pub empty_receives: u64,
    /// Deletes with a valid receipt, repeated ones too (`SQS-438`).
    pub deleted: u64,
}

impl Tally {
    pub(crate) fn note_sent(&mut self, size_bytes: u32) {
        self.sent += 1;
        self.sizes.count(u64::from(size_bytes));
    }

    pub(crate) fn note_receive(&mut self, messages: usize) {
        self.received += messages as u64;
        self.empty_receives += u64::from(messages == 0);
    }

    /// Adds what another queue did.
    pub fn add(&mut self, other: &Tally) {
        self.sent += other.sent;
        self.sizes.add(&other.sizes);
        self.deduplicated += other.deduplicated;
        self.received += other.received;
        self.empty_receives += other.empty_receives;
        self.deleted += other.deleted;
    }
}

/// One queue at the moment of the survey.
#[derive(Clone, Copy, Debug)]
pub struct QueueSurvey {
    /// Which queue.
    pub queue: QueueId,
    /// What it holds.
    pub counts: QueueCounts,
    /// Engine time from which the age of its oldest message counts, after a dead-letter move that of the move
    /// (`SQS-322`). On standard queues messages that were received often without being deleted are passed over
    /// (`SQS-207`).
    pub oldest_ms: Option<u64>,
    /// What it did.
    pub tally: Tally,
}

impl Engine {
    /// Every queue there is, in no order. Counts are those of the moment; a crash may still take the latest ones back.
    pub async fn survey(&self) -> Result<Vec<QueueSurvey>, EngineError> {
        let mut all = Vec::new();
        for shard in 0..SHARDS {
            let shard = shard as ShardId;
            let asked = self.ask(|promise| Command::Survey { shard, promise });
            all.extend(asked.await.unwrap_or(Err(EngineError::Stopping))?);
        }
        Ok(all)
    }
}

impl Queue {
    pub(crate) fn survey(&self) -> QueueSurvey {
        QueueSurvey {
            queue: self.id,
            counts: self.counts(),
            oldest_ms: self.oldest_ms(),
            tally: self.tally,
        }
    }

    /// The oldest send, or dead-letter move, of a message that counts. Looks into a bounded number of pages, those that
    /// may hold the oldest first; beyond them, and for pages that are not in memory, the bound that is kept of every
    /// page must do.
    fn oldest_ms(&self) -> Option<u64> {
        let mut oldest_ms: Option<u64> = None;
        let mut looked = 0;
        for (bound_ms, number) in self.ages() {
            if oldest_ms.is_some_and(|known| known <= bound_ms) {
                break;
            }
            let Some(slot) = self.pages.get(&number).filter(|slot| slot.live > 0) else {
                continue;
            };
            let Some(page) = slot.kept.page().filter(|_| looked < OLDEST_PAGES_MAX) else {
                oldest_ms = Some(oldest_ms.map_or(bound_ms, |known| known.min(bound_ms)));
                break;
            };
            looked += 1;
            let counted = (0..page.len()).filter(|position| {
                let poison = !self.is_fifo() && page.receives_here(*position) >= POISON_RECEIVES;
                let entry = page.entry(*position);
                entry.is_some_and(|entry| entry.state() != EntryState::Gone) && !poison
            });
            let here = counted.filter_map(|at| page.aged_from_ms(at)).min();
            oldest_ms = oldest_ms.into_iter().chain(here).min();
        }
        oldest_ms
    }
}
