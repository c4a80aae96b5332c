//! What is done to a stream in slices, after the request that wants it was answered or with it: the shards of a large new
//! stream, the way to another number of shards, the retention of many logs, and what a deleted stream leaves.
//!
//! All that is left to do stands in the stream's row, so whoever starts next goes on.

use std::sync::Arc;
use std::time::Duration;

use waystation_delivery::contention::{Attempts, Contention};
use waystation_delivery::event::Event;
use waystation_engine::{CatalogChange, CatalogEffect, Engine, Expect, LogConfig, Scope};
use waystation_wire::ApiError;

use crate::addressing::{self, Located};
use crate::errors::{changing_too_fast, internal};
use crate::shard_rows::Shard;
use crate::stream_settings::{Phase, Status, StreamSettings, Work};
use crate::{Kinesis, catalog, limits, scaling, streams};

/// How a slice left the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// There is more to do.
    More,
    /// Another request changed the stream first.
    Lost,
    /// Nothing can be done before time has passed.
    Wait,
    Done,
}

/// Starts a runner when there is something for it to do.
pub(crate) fn start(kinesis: &Kinesis, scope: &Scope, name: &str) {
    // What cannot be read was logged.
    let Ok(Some(located)) = addressing::find_row(&kinesis.engine, scope, name) else {
        return;
    };
    let settings = &located.stream.settings;
    if settings.work == Work::None && settings.phase != Phase::Deleting {
        return;
    }
    let runner = Runner {
        engine: kinesis.engine.clone(),
        contention: Arc::clone(&kinesis.contention),
        reshards: kinesis.reshards.clone(),
        scope: scope.clone(),
        name: name.to_owned(),
        stream: settings.id,
    };
    (kinesis.spawn)(Box::pin(runner.run()));
}

/// Starts a runner for every stream that a restart left with work.
pub(crate) fn start_all(kinesis: &Kinesis) {
    let catalog = kinesis.engine.catalog();
    for scope in catalog.scopes() {
        for (path, _) in catalog.range(&scope, catalog::STREAMS, None, usize::MAX) {
            let name = path.get(catalog::STREAMS.len()..).unwrap_or_default();
            start(kinesis, &scope, &String::from_utf8_lossy(name));
        }
    }
}

/// Works on one stream.
struct Runner {
    engine: Engine,
    contention: Arc<Contention>,
    reshards: Event,
    scope: Scope,
    name: String,
    /// A stream created anew under the name is none of its business.
    stream: u64,
}

impl Runner {
    async fn run(self) {
        loop {
            match self.slice().await {
                Ok(Progress::More) => self.reshards.tell(),
                Ok(Progress::Lost) => {}
                Ok(Progress::Done) => return,
                // A full disk or a budget that is used up passes; who stops goes on at the next start.
                Ok(Progress::Wait) | Err(_) => {
                    tokio::time::sleep(Duration::from_millis(limits::RUNNER_PAUSE_MS)).await;
                }
            }
        }
    }

    async fn slice(&self) -> Result<Progress, ApiError> {
        let mut attempts = self.contention.attempts(&self.engine);
        while attempts.another() {
            let located = addressing::find_row(&self.engine, &self.scope, &self.name)?;
            let located = located.filter(|located| located.stream.settings.id == self.stream);
            let Some(located) = located else {
                return Ok(Progress::Done);
            };
            match slice(&self.engine, &mut attempts, &located).await? {
                Progress::Lost => {}
                progress => return Ok(progress),
            }
        }
        Ok(Progress::Lost)
    }
}

/// Does a slice of what the row says is left.
async fn slice(
    engine: &Engine,
    attempts: &mut Attempts<'_>,
    located: &Located,
) -> Result<Progress, ApiError> {
    match (located.status, located.stream.settings.work) {
        (Status::Gone, _) => remove(engine, located).await,
        (Status::Deleting, _) => Ok(Progress::Wait),
        (_, Work::None) => Ok(Progress::Done),
        (_, Work::Create(count)) => {
            let mut after = located.stream.settings.clone();
            let rows = streams::new_shards(engine, &located.name, &mut after, count);
            write(attempts, located, after, rows).await
        }
        (_, Work::Scale(target)) => scale(engine, attempts, located, target).await,
        (_, Work::Retain(from)) => {
            let mut after = located.stream.settings.clone();
            let rows = retain(engine, located, &mut after, from)?;
            write(attempts, located, after, rows).await
        }
    }
}

async fn write(
    attempts: &mut Attempts<'_>,
    located: &Located,
    after: StreamSettings,
    mut rows: Vec<CatalogChange>,
) -> Result<Progress, ApiError> {
    rows.push(catalog::stream_row(located, &after));
    // Whoever was faster left what is still to do in the row.
    match catalog::try_write(attempts, &located.scope, rows).await? {
        true => Ok(Progress::More),
        false => Ok(Progress::Lost),
    }
}

async fn scale(
    engine: &Engine,
    attempts: &mut Attempts<'_>,
    located: &Located,
    target: u32,
) -> Result<Progress, ApiError> {
    let mut after = located.stream.settings.clone();
    // A split has three rows.
    let steps_max = limits::SHARDS_PER_WRITE / 3;
    let steps = scaling::next_steps(&*located.shards(engine)?, target, steps_max);
    let mut rows = Vec::new();
    for step in &steps {
        rows.extend(step.rows(engine, &located.name, &mut after, located.now_ms));
    }
    if steps.is_empty() {
        after.work = Work::None;
    }
    write(attempts, located, after, rows).await
}

/// Tells the next logs how long the stream keeps records now; notes in the settings what is left to do.
pub(crate) fn retain(
    engine: &Engine,
    located: &Located,
    settings: &mut StreamSettings,
    from: u32,
) -> Result<Vec<CatalogChange>, ApiError> {
    let config = LogConfig {
        retention_ms: settings.retention_ms(),
    };
    let shards = located.shards(engine)?;
    let mut rest = shards.all().iter().filter(|shard| shard.index >= from);
    let slice = rest.by_ref().take(limits::SHARDS_PER_WRITE);
    let rows = slice.map(|shard| {
        catalog::put(
            catalog::shard_path(&located.name, shard.index),
            Expect::Any,
            shard.encode(),
            vec![CatalogEffect::ConfigureLog(shard.log, config)],
        )
    });
    let rows = rows.collect();
    settings.work = rest
        .next()
        .map_or(Work::None, |shard| Work::Retain(shard.index));
    Ok(rows)
}

/// Removes what a deleted stream left, its own row last.
async fn remove(engine: &Engine, located: &Located) -> Result<Progress, ApiError> {
    let (scope, name) = (&located.scope, &located.name);
    let catalog = engine.catalog();
    let shards = catalog::shards_of(name);
    let mut changes = Vec::new();
    for (path, row) in catalog.range(scope, &shards, None, limits::SHARDS_PER_WRITE) {
        let index = catalog::shard_index(&path).unwrap_or_default();
        let shard = Shard::decode(index, row.bytes()).map_err(internal)?;
        let effects = vec![CatalogEffect::RemoveLog(shard.log)];
        changes.push(catalog::removal(path, &row, effects));
    }
    let consumers = catalog::consumers_of(name);
    for (path, row) in catalog.range(scope, &consumers, None, limits::SHARDS_PER_WRITE) {
        changes.push(catalog::removal(path, &row, Vec::new()));
    }
    let is_last = changes.is_empty();
    if is_last {
        let path = catalog::stream_path(name);
        changes.push(catalog::removal(path, &located.row, Vec::new()));
    }
    let is_written = catalog::write(engine, scope, changes).await?;
    match is_last && is_written {
        true => Ok(Progress::Done),
        false => Ok(Progress::More),
    }
}

/// Removes what a deleted stream left, now, because its name is wanted.
pub(crate) async fn clear_away(engine: &Engine, located: &Located) -> Result<(), ApiError> {
    for _ in 0..limits::SHARDS_PER_STREAM_MAX {
        let left = addressing::find_row(engine, &located.scope, &located.name)?;
        match left.filter(|left| left.status == Status::Gone) {
            Some(left) => remove(engine, &left).await?,
            None => return Ok(()),
        };
    }
    Err(changing_too_fast())
}
