//! What becomes of published messages where they arrive: decided when the effects are taken in.

use rustc_hash::FxHashSet;
use waystation_storage::{Funding, Urgency};

use super::{Offer, Turn};
use crate::config::EngineError;
use crate::delivery::{Delivery, Verdict};
use crate::effect::Effect;
use crate::ids::{QueueId, ShardId};
use crate::need::Need;
use crate::queue::Lookup;
use crate::record::Record;

/// Effects of one offer that go into one record. A decision looks at the shard's state only, so whatever it depends
/// on must not be in the same record before it.
#[derive(Debug, Default)]
pub(super) struct Intake {
    effects: Vec<Effect>,
    /// Queues change their settings, come or go.
    changes: bool,
    ids: FxHashSet<(QueueId, u128)>,
    lost: u64,
}

impl Intake {
    fn add(&mut self, effect: Effect) {
        match &effect {
            Effect::Configure { .. } | Effect::Remove { .. } => self.changes = true,
            Effect::Deliver(delivery) => {
                let id = delivery.deduplication;
                self.ids.extend(id.map(|id| (delivery.queue, id)));
                self.lost += u64::from(delivery.verdict == Verdict::Lost);
            }
            _ => {}
        }
        self.effects.push(effect);
    }

    fn is_in_the_way_of(&self, delivery: &Delivery) -> bool {
        let id = delivery.deduplication;
        #[cfg(feature = "planted-bugs")]
        let id = id.filter(|_| !crate::plant::is(crate::plant::Plant::DeliveryIds));
        self.changes || id.is_some_and(|id| self.ids.contains(&(delivery.queue, id)))
    }
}

impl Turn<'_> {
    /// Takes in what is new of the offer, once, in as few records as decisions allow. Ends early where something must
    /// be read first, and returns what is left then.
    pub(crate) fn take_in(&mut self, offer: Offer) -> Result<Option<(Need, Offer)>, EngineError> {
        let source = offer.source;
        let mut through = self.shard.outbox.applied_from(source);
        let mut intake = Intake::default();
        let mut effects = offer.effects.into_iter();
        while let Some((number, mut effect)) = effects.next() {
            if number <= through {
                continue;
            }
            assert_eq!(number, through + 1, "a lane has no gaps");
            if let Effect::Deliver(delivery) = &mut effect {
                if intake.is_in_the_way_of(delivery) {
                    self.commit_intake(source, through, std::mem::take(&mut intake))?;
                }
                match self.judge(delivery) {
                    Ok(verdict) => delivery.verdict = verdict,
                    Err(need) => {
                        self.commit_intake(source, through, intake)?;
                        let left = std::iter::once((number, effect)).chain(effects);
                        let left = Offer {
                            effects: left.collect(),
                            ..offer
                        };
                        return Ok(Some((need, left)));
                    }
                }
            }
            intake.add(effect);
            through = number;
        }
        self.commit_intake(source, through, intake)?;
        Ok(None)
    }

    fn commit_intake(
        &mut self,
        source: ShardId,
        through: u64,
        intake: Intake,
    ) -> Result<(), EngineError> {
        if intake.effects.is_empty() {
            return Ok(());
        }
        let record = Record::EffectsApplied {
            source,
            through,
            effects: intake.effects,
        };
        self.commit(&record, None, Urgency::Sync, Funding::Consumer)?;
        self.shard.index.usage.deliveries_lost.add(intake.lost);
        if let Record::EffectsApplied { effects, .. } = &record {
            self.tally_deliveries(effects);
        }
        Ok(())
    }

    /// For the queue they were sent to as any other message; their size is that of the stored body.
    fn tally_deliveries(&mut self, effects: &[Effect]) {
        for effect in effects {
            let Effect::Deliver(delivery) = effect else {
                continue;
            };
            let verdict = delivery.verdict;
            self.tally(delivery.queue, |tally| match verdict {
                Verdict::Taken { .. } => tally.note_sent(delivery.body.bytes),
                Verdict::Duplicate => tally.deduplicated += 1,
                Verdict::Open | Verdict::Lost => {}
            });
        }
    }

    /// What becomes of it now; an error says what must be read to know.
    fn judge(&self, delivery: &Delivery) -> Result<Verdict, Need> {
        let now_ms = self.shard.time_ms;
        let Some(queue) = self.shard.queues.get(&delivery.queue) else {
            return Ok(Verdict::Lost);
        };
        if let Some(id) = delivery.deduplication {
            let cache = &self.shard.index.deduplication_rows;
            match queue.deduplication.find(id, now_ms, cache) {
                Lookup::New => {}
                Lookup::Seen { .. } => return Ok(Verdict::Duplicate),
                Lookup::Unread { bucket, row } => {
                    return Err(Need::Deduplication {
                        queue: delivery.queue,
                        bucket,
                        row,
                    });
                }
            }
        }
        let delay_ms = queue.config.delay_ms;
        let available_ms = if delay_ms > 0 { now_ms + delay_ms } else { 0 };
        Ok(Verdict::Taken { available_ms })
    }
}
