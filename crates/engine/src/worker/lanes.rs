//! Effects between shards: nudge, pull, offer, take in; and again later when the disk is full.

use super::Worker;
use crate::ids::ShardId;
use crate::limits::RETRY_MS;
use crate::parked::Work;
use crate::plan::{Offer, Pulled};
use crate::shared::Letter;

impl Worker {
    /// The destination asks for what it does not have yet.
    pub(super) fn pull(&self, source: ShardId, destination: ShardId) {
        if let Some(state) = self.shards.get(&destination) {
            let through = state.outbox.applied_from(source);
            let pull = Letter::Pull {
                source,
                destination,
                through,
            };
            self.shared.post(source, pull);
        }
    }

    /// The source forgets what has arrived and offers more.
    pub(super) fn answer_pull(
        &mut self,
        source: ShardId,
        destination: ShardId,
        through: u64,
        now_ms: u64,
    ) {
        if !self.keeps_up(source, now_ms) {
            let pull = Letter::Pull {
                source,
                destination,
                through,
            };
            return self.line_up(source, pull);
        }
        match self.turn(source, now_ms, |turn| turn.pulled(destination, through)) {
            Some(Ok(Pulled::Offer(offer))) => {
                self.shared.post(destination, Letter::Offer(offer));
            }
            Some(Ok(Pulled::Fetch(need))) => {
                let pull = Work::Pull {
                    source,
                    destination,
                    through,
                };
                self.fetch(pull, &[need]);
            }
            Some(Ok(Pulled::Nothing)) | None => {
                self.nudged.remove(&(source, destination));
            }
            Some(Err(_)) => self.stall(source, destination, now_ms),
        }
    }

    pub(super) fn take_in(&mut self, offer: Offer, now_ms: u64) {
        let (source, destination) = (offer.source, offer.destination);
        if !self.keeps_up(destination, now_ms) {
            return self.line_up(destination, Letter::Offer(offer));
        }
        let missing = self.turn(destination, now_ms, |turn| turn.missing_for(&offer));
        if let Some(needs) = missing.filter(|needs| !needs.is_empty()) {
            return self.fetch(Work::Offer(offer), &needs);
        }
        match self.turn(destination, now_ms, |turn| turn.take_in(offer)) {
            Some(Ok(Some((need, rest)))) => self.fetch(Work::Offer(rest), &[need]),
            Some(Ok(None)) => {
                for command in self.parked.take_effects(destination) {
                    self.plan(command, now_ms);
                }
                self.pull(source, destination);
            }
            Some(Err(_)) => self.stall(source, destination, now_ms),
            None => {}
        }
    }

    /// A lane found no room on the disk: whichever end noticed begins anew a little later.
    fn stall(&mut self, source: ShardId, destination: ShardId, now_ms: u64) {
        self.stalled
            .insert((now_ms + RETRY_MS, source, destination));
    }

    pub(super) fn resume_stalled(&mut self, now_ms: u64) {
        while let Some((when, source, destination)) = self.stalled.first().copied()
            && when <= now_ms
        {
            self.stalled.pop_first();
            let nudge = Letter::Nudge {
                source,
                destination,
            };
            self.shared.post(destination, nudge);
        }
    }
}
