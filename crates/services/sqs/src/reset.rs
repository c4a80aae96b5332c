//! Throwing everything away, for tests: every queue of every account and region.

use waystation_engine::{CatalogChange, CatalogEffect, EngineError, Expect, Row, Scope};
use waystation_wire::ApiError;

use crate::errors::{changing_too_fast, from_engine};
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
        let mut conflicts = 0;
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
            match self.engine.write_catalog(scope, changes).await {
                Ok(_) => removed += queues,
                Err(EngineError::Conflict { .. }) if conflicts < limits::CATALOG_RETRIES_MAX => {
                    conflicts += 1;
                    // Becomes durable after the write that was faster, which is then visible.
                    let after = self.engine.write_catalog(scope, Vec::new()).await;
                    after.map_err(from_engine)?;
                }
                Err(EngineError::Conflict { .. }) => return Err(changing_too_fast()),
                Err(error) => return Err(from_engine(error)),
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
