//! Writing names and settings: all rows of a write or none.

use waystation_storage::{Funding, Lsn, Urgency};

use super::{Outcome, Turn};
use crate::command::{Awaited, CatalogChange, CatalogEffect, Command, Expect};
use crate::config::EngineError;
use crate::effect::Effect;
use crate::record::{Record, RowChange};
use crate::reply::Promise;

impl Turn<'_> {
    /// `changes` carry full keys. The answer leaves after the flush and after the rows are
    /// published; the caller then awaits the effects it names.
    pub(super) fn write_catalog(
        &mut self,
        changes: Vec<CatalogChange>,
        promise: Promise<Result<(u64, Awaited), EngineError>>,
    ) {
        if let Some(conflict) = changes.iter().find(|change| !self.holds(change)) {
            let path = conflict.path.clone();
            return promise.fill(Err(EngineError::Conflict { path }));
        }
        let version = self.shard.table.version + 1;
        let effects: Vec<Effect> = changes
            .iter()
            .flat_map(|change| &change.effects)
            .map(|effect| of_version(effect, version))
            .collect();
        if !effects.is_empty() && !self.outbox_has_room() {
            return promise.fill(Err(EngineError::Overloaded));
        }
        let rows: Vec<RowChange> = changes
            .into_iter()
            .map(|change| RowChange {
                key: change.path,
                value: change.value.map(|value| value.to_vec()),
            })
            .collect();
        let destinations: Vec<_> = effects
            .iter()
            .map(|effect| effect.resource().shard())
            .collect();
        let record = Record::CatalogWritten {
            version,
            changes: rows.clone(),
            effects,
        };
        match self.commit(&record, None, Urgency::Sync, Funding::Consumer) {
            Err(error) => promise.fill(Err(error)),
            Ok(end) => {
                let awaited: Awaited = destinations
                    .into_iter()
                    .map(|shard| (shard, self.shard.outbox.last(shard)))
                    .collect();
                let catalog = self.catalog.clone();
                let give = Box::new(move || {
                    catalog.publish(version, rows);
                    promise.fill(Ok((version, awaited)));
                });
                self.journal.when_durable(Lsn(end), give);
            }
        }
    }

    fn holds(&self, change: &CatalogChange) -> bool {
        let row = self.shard.table.rows.get(&change.path);
        match change.expect {
            Expect::Any => true,
            Expect::Absent => row.is_none(),
            Expect::Version(version) => row.is_some_and(|row| row.version == version),
        }
    }

    /// Answers once the effect took place here, durably.
    pub(super) fn await_effect(&mut self, command: Command) -> Outcome {
        match command {
            Command::AwaitEffect {
                source,
                through,
                promise,
                ..
            } if self.shard.outbox.applied_from(source) >= through => {
                let back = self.shard.outbox.last(source);
                self.reply(promise, Ok(back), self.shard.applied_end);
                Outcome::Done
            }
            command => Outcome::Wait(command),
        }
    }
}

/// The effect as the outbox carries it.
fn of_version(effect: &CatalogEffect, version: u64) -> Effect {
    match *effect {
        CatalogEffect::Configure(queue, config) => Effect::Configure {
            queue,
            version,
            config,
        },
        CatalogEffect::Remove(queue) => Effect::Remove { queue },
        CatalogEffect::ConfigureLog(log, config) => Effect::ConfigureLog {
            log,
            version,
            config,
        },
        CatalogEffect::SealLog(log) => Effect::SealLog { log },
        CatalogEffect::RemoveLog(log) => Effect::RemoveLog { log },
        CatalogEffect::OpenCursor(log, name, cursor) => Effect::OpenCursor { log, name, cursor },
        CatalogEffect::CloseCursor(log, name) => Effect::CloseCursor { log, name },
    }
}
