//! Effects between shards: offering them, taking them in, forgetting them.

use waystation_storage::{Funding, Urgency};

use super::Turn;
use crate::config::EngineError;
use crate::effect::Effect;
use crate::ids::ShardId;
use crate::need::Need;
use crate::outbox::Slice;
use crate::record::Record;

/// Effects on their way from one shard to another, numbered.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) source: ShardId,
    pub(crate) destination: ShardId,
    pub(crate) effects: Vec<(u64, Effect)>,
}

/// What the source of a lane has for its destination.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// Nothing now.
    Nothing,
    Offer(Offer),
    /// This must be in memory first.
    Fetch(Need),
}

impl Turn<'_> {
    /// Whether new effects may wait in the outbox: it is bounded for the whole node.
    pub(super) fn outbox_has_room(&self) -> bool {
        self.shard.index.usage.outbox_bytes.get() < self.budgets.outbox_bytes_max
    }

    /// Pages that taking in the offer needs and that are not in memory.
    pub(crate) fn missing_for(&self, offer: &Offer) -> Vec<Need> {
        let effects = offer.effects.iter().map(|(_, effect)| effect);
        let mut pages: Vec<Need> = effects
            .flat_map(|effect| self.shard.missing_for(effect))
            .collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// The destination has everything through `through`: drops it here and looks for the next slice.
    pub(crate) fn pulled(
        &mut self,
        destination: ShardId,
        through: u64,
    ) -> Result<Pulled, EngineError> {
        if self.shard.outbox.can_trim(destination, through) {
            let record = Record::OutboxTrimmed {
                destination,
                through,
            };
            self.commit(&record, None, Urgency::Lazy, Funding::Consumer)?;
        }
        let effects = match self.shard.outbox.slice(destination, through) {
            Slice::Empty => return Ok(Pulled::Nothing),
            Slice::Effects(effects) => effects,
            Slice::Spilled(first) => {
                return Ok(Pulled::Fetch(Need::OutboxChunk {
                    source: self.shard.id,
                    destination,
                    first,
                }));
            }
        };
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::OutboxTrimmed)
            && let Some((through, _)) = effects.last()
        {
            let through = *through;
            let record = Record::OutboxTrimmed {
                destination,
                through,
            };
            self.commit(&record, None, Urgency::Lazy, Funding::Consumer)?;
        }
        Ok(Pulled::Offer(Offer {
            source: self.shard.id,
            destination,
            effects,
        }))
    }
}
