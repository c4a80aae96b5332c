//! Throwing everything away, for tests: every queue of every account and region.

use waystation_engine::{CatalogChange, CatalogEffect, Expect, Row, Scope};
use waystation_wire::ApiError;

use crate::errors::changing_too_fast;
use crate::{Sqs, catalog, limits};

/// What all rows of the service start with.
const ROWS: &[u8] = b"sqs/";

impl Sqs {
    /// Removes every queue with its messages and everything remembered of it, durably; returns how many queues there
    /// were. Queues that are created meanwhile may stay.
    pub async fn reset(&self) -> Result<usize, ApiError> {
        let mut removed = 0;
        for scope in self.engine.catalog().scopes() {
            removed += self.reset_scope(&scope).await?;
        }
        self.waiting.clear();
        Ok(removed)
    }

    async fn reset_scope(&self, scope: &Scope) -> Result<usize, ApiError> {
        let mut removed = 0;
        let mut attempts = self.attempts();
        loop {
            let catalog = self.engine.catalog();
            let rows = catalog.range(scope, ROWS, None, limits::RESET_ROWS_PER_WRITE);
            if rows.is_empty() {
                return Ok(removed);
            }
            let changes = rows
                .iter()
                .map(|(path, row)| removal(path, row))
                .collect::<Result<Vec<_>, _>>()?;
            let queues = changes.iter().filter(|change| !change.effects.is_empty());
            let queues = queues.count();
            if catalog::try_write(&mut attempts, scope, changes).await? {
                removed += queues;
            } else if !attempts.another() {
                return Err(changing_too_fast());
            }
        }
    }
}

fn removal(path: &[u8], row: &Row) -> Result<CatalogChange, ApiError> {
    let queue = match path.starts_with(catalog::QUEUES) {
        true => Some(CatalogEffect::Remove(catalog::settings(row)?.queue)),
        false => None,
    };
    Ok(CatalogChange {
        path: path.to_vec(),
        expect: Expect::Version(row.version()),
        value: None,
        effects: Vec::from_iter(queue),
    })
}
