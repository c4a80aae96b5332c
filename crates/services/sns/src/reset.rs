//! Throwing everything away, for tests: every topic and subscription of every account and region.

use waystation_engine::{CatalogChange, CatalogEffect, Expect, Row, Scope};
use waystation_wire::ApiError;

use crate::errors::changing_too_fast;
use crate::{Sns, captured, catalog, limits, topics};

/// What all rows of the service start with.
const ROWS: &[u8] = b"sns/";

impl Sns {
    /// Removes every topic with its subscriptions, durably; returns how many topics there were. What is created
    /// meanwhile may stay.
    pub async fn reset(&self) -> Result<usize, ApiError> {
        let mut removed = 0;
        for scope in self.engine.catalog().scopes() {
            removed += self.reset_scope(&scope).await?;
        }
        self.subscribers.clear();
        self.replays.clear();
        self.tallies.clear();
        Ok(removed)
    }

    async fn reset_scope(&self, scope: &Scope) -> Result<usize, ApiError> {
        let mut removed = 0;
        let mut attempts = self.attempts();
        loop {
            let rows =
                self.engine
                    .catalog()
                    .range(scope, ROWS, None, limits::REMOVED_PER_WRITE_MAX);
            if rows.is_empty() {
                return Ok(removed);
            }
            let topics = rows
                .iter()
                .filter(|(path, _)| path.starts_with(catalog::TOPICS))
                .count();
            let changes = rows.iter().map(|(path, row)| removal(path, row));
            let changes = changes.collect::<Result<_, _>>()?;
            if catalog::try_write(&mut attempts, scope, changes).await? {
                removed += topics;
            } else if !attempts.another() {
                return Err(changing_too_fast());
            }
        }
    }
}

fn removal(path: &[u8], row: &Row) -> Result<CatalogChange, ApiError> {
    let effects = if path.starts_with(catalog::TOPICS) {
        topics::removed_with(&*catalog::topic_settings(row)?)
    } else if path.starts_with(catalog::SUBSCRIPTIONS) {
        let queue = catalog::subscription_settings(row)?.queue;
        Vec::from_iter(queue.map(CatalogEffect::Remove))
    } else if path == captured::PATH {
        vec![CatalogEffect::Remove(captured::queue_of(row)?)]
    } else {
        Vec::new()
    };
    Ok(CatalogChange {
        path: path.to_vec(),
        expect: Expect::Version(row.version()),
        value: None,
        effects,
    })
}
