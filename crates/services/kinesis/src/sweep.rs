//! Removes rows of what is gone and nobody sees any more: closed shards after their retention, deregistered consumers.
//!
//! What is gone is so by time alone, so nobody waits for this, and a restart loses nothing.

use std::time::Duration;

use waystation_engine::{CatalogEffect, Engine, Scope};
use waystation_wire::ApiError;

use crate::addressing::{self, Located};
use crate::consumer_rows::{Consumer, Status};
use crate::errors::internal;
use crate::{catalog, limits};

/// Sweeps for as long as the process lives.
pub(crate) async fn run(engine: Engine) {
    loop {
        tokio::time::sleep(Duration::from_millis(limits::SWEEP_MS)).await;
        for scope in engine.catalog().scopes() {
            // What cannot be read was logged; what finds no room now does so later.
            let _later = sweep(&engine, &scope).await;
        }
    }
}

async fn sweep(engine: &Engine, scope: &Scope) -> Result<(), ApiError> {
    for (path, _) in engine
        .catalog()
        .range(scope, catalog::STREAMS, None, usize::MAX)
    {
        let name = path.get(catalog::STREAMS.len()..).unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        if let Some(located) = addressing::find_row(engine, scope, &name)? {
            shards(engine, &located).await?;
            consumers(engine, &located).await?;
        }
    }
    Ok(())
}

/// KIN-058
async fn shards(engine: &Engine, located: &Located) -> Result<(), ApiError> {
    let settings = &located.stream.settings;
    let horizon_ms = settings.horizon_ms(located.now_ms);
    let all = located.shards(engine)?;
    let gone = all
        .all()
        .iter()
        .filter(|shard| !shard.is_listed(horizon_ms));
    let mut changes = Vec::new();
    for shard in gone.take(limits::SHARDS_PER_WRITE) {
        let path = catalog::shard_path(&located.name, shard.index);
        if let Some(row) = engine.catalog().get(&located.scope, &path) {
            let effects = vec![CatalogEffect::RemoveLog(shard.log)];
            changes.push(catalog::removal(path, &row, effects));
        }
    }
    if !changes.is_empty() {
        catalog::write_stream(engine, located, settings, changes).await?;
    }
    Ok(())
}

async fn consumers(engine: &Engine, located: &Located) -> Result<(), ApiError> {
    let prefix = catalog::consumers_of(&located.name);
    let mut changes = Vec::new();
    for (path, row) in engine
        .catalog()
        .range(&located.scope, &prefix, None, usize::MAX)
    {
        let consumer = Consumer::decode(row.bytes()).map_err(internal)?;
        if consumer.status(located) == Status::Gone && changes.len() < limits::SHARDS_PER_WRITE {
            changes.push(catalog::removal(path, &row, Vec::new()));
        }
    }
    if !changes.is_empty() {
        catalog::write(engine, &located.scope, changes).await?;
    }
    Ok(())
}
