//! Throwing everything away, for tests: every stream, consumer and queue of every account and region.

use waystation_engine::{CatalogEffect, Row, Scope};
use waystation_wire::ApiError;

use crate::errors::{changing_too_fast, internal};
use crate::queue_rows::QueueRow;
use crate::shard_rows::Shard;
use crate::{Kinesis, catalog, limits, queue_catalog};

impl Kinesis {
    /// Removes every stream with its records, durably; returns how many streams there were. What is created meanwhile may
    /// stay.
    pub async fn reset(&self) -> Result<usize, ApiError> {
        let mut removed = 0;
        for scope in self.engine.catalog().scopes() {
            removed += self.reset_scope(&scope).await?;
        }
        self.figures.retain(|_| false);
        Ok(removed)
    }

    async fn reset_scope(&self, scope: &Scope) -> Result<usize, ApiError> {
        let mut removed = 0;
        let mut attempts = self.attempts();
        loop {
            let catalog = self.engine.catalog();
            let rows = catalog.range(scope, catalog::ROWS, None, limits::RESET_ROWS_PER_WRITE);
            if rows.is_empty() {
                return Ok(removed);
            }
            let streams = rows
                .iter()
                .filter(|(path, _)| path.starts_with(catalog::STREAMS));
            let streams = streams.count();
            let mut changes = Vec::with_capacity(rows.len());
            for (path, row) in rows {
                let effects = effects(&path, &row)?;
                changes.push(catalog::removal(path, &row, effects));
            }
            if catalog::try_write(&mut attempts, scope, changes).await? {
                removed += streams;
            } else if !attempts.another() {
                return Err(changing_too_fast());
            }
        }
    }
}

/// What goes with a row.
fn effects(path: &[u8], row: &Row) -> Result<Vec<CatalogEffect>, ApiError> {
    if path.starts_with(catalog::SHARDS) {
        let shard = Shard::decode(0, row.bytes()).map_err(internal)?;
        return Ok(vec![CatalogEffect::RemoveLog(shard.log)]);
    }
    if path.starts_with(queue_catalog::QUEUES) {
        let queue = QueueRow::decode(row.bytes()).map_err(internal)?;
        return Ok([queue.ready, queue.dead].map(CatalogEffect::Remove).into());
    }
    Ok(Vec::new())
}
