//! Queues in the catalog: by ARN, of a stream, and the loop that changes one.

use std::sync::Arc;

use waystation_engine::{CatalogChange, CatalogEffect, Engine, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located};
use crate::errors::{changing_too_fast, internal, invalid, not_found};
use crate::names::{self, KinesisArn, Resource};
use crate::queue_rows::QueueRow;
use crate::stream_settings::Status;
use crate::{Kinesis, catalog};

/// What all queues' paths start with; the id follows as eight bytes.
pub(crate) const QUEUES: &[u8] = b"kinesis/queue/";
const NAMES: &[u8] = b"kinesis/queue-name/";
const CURSORS: &[u8] = b"kinesis/cursor/";

pub(crate) fn queue_path(id: u64) -> Vec<u8> {
    [QUEUES, &id.to_be_bytes()].concat()
}

/// The row that keeps a name for one queue.
pub(crate) fn name_path(name: &str) -> Vec<u8> {
    [NAMES, name.as_bytes()].concat()
}

/// What the paths of a queue's cursors start with.
pub(crate) fn cursors_of(queue: u64) -> Vec<u8> {
    [CURSORS, &queue.to_be_bytes(), b"/"].concat()
}

/// How far a queue has taken in a shard.
pub(crate) fn cursor_path(queue: u64, shard: u32) -> Vec<u8> {
    [CURSORS, &queue.to_be_bytes(), b"/", &shard.to_be_bytes()].concat()
}

/// The id at the end of a queue's path.
pub(crate) fn queue_id(path: &[u8]) -> Option<u64> {
    path.last_chunk::<8>().copied().map(u64::from_be_bytes)
}

/// A queue, as the catalog showed it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) scope: Scope,
    pub(crate) id: u64,
    pub(crate) row: Arc<Row>,
    pub(crate) queue: QueueRow,
    pub(crate) status: Status,
}

impl Found {
    pub(crate) fn arn(&self) -> String {
        names::queue_arn(self.scope.region(), self.scope.account(), self.id)
    }

    pub(crate) fn stream_arn(&self) -> String {
        let (region, account) = (self.scope.region(), self.scope.account());
        names::stream_arn(region, account, &self.queue.stream_name)
    }
}

/// The queue of an id, unless it is gone.
pub(crate) fn find(engine: &Engine, scope: &Scope, id: u64) -> Result<Option<Found>, ApiError> {
    let found = find_row(engine, scope, id)?;
    Ok(found.filter(|found| found.status != Status::Gone))
}

/// The queue of an id, whatever its status.
pub(crate) fn find_row(engine: &Engine, scope: &Scope, id: u64) -> Result<Option<Found>, ApiError> {
    let Some(row) = engine.catalog().get(scope, &queue_path(id)) else {
        return Ok(None);
    };
    let queue = QueueRow::decode(row.bytes()).map_err(internal)?;
    Ok(Some(Found {
        scope: scope.clone(),
        id,
        row,
        status: queue.status(engine.now_ms()),
        queue,
    }))
}

/// The queue of an ARN.
pub(crate) fn by_arn(kinesis: &Kinesis, caller: &Caller, arn: &str) -> Result<Found, ApiError> {
    let Some(KinesisArn {
        account,
        region,
        resource: Resource::Queue(id),
    }) = KinesisArn::parse(arn)
    else {
        return Err(invalid(format_args!("Invalid QueueARN: {arn}")));
    };
    let missing = || not_found(format_args!("Queue {arn} not found."));
    if region != &*caller.region {
        return Err(missing());
    }
    let found = find(&kinesis.engine, &Scope::new(account, region), id)?.ok_or_else(missing)?;
    let has_policy = found.queue.policy.is_some();
    addressing::check_access(caller, account, has_policy, &|| arn.to_owned())?;
    Ok(found)
}

/// The queues of an account and region that are there, in order of id.
pub(crate) fn all(
    engine: &Engine,
    scope: &Scope,
    after: Option<u64>,
) -> Result<Vec<Found>, ApiError> {
    let after = after.map(queue_path);
    let rows = engine
        .catalog()
        .range(scope, QUEUES, after.as_deref(), usize::MAX);
    let mut queues = Vec::new();
    for (path, _) in rows {
        queues.extend(find(engine, scope, queue_id(&path).unwrap_or_default())?);
    }
    Ok(queues)
}

/// How many queues a stream has.
pub(crate) fn count(kinesis: &Kinesis, located: &Located) -> Result<usize, ApiError> {
    let queues = all(&kinesis.engine, &located.scope, None)?;
    let stream = located.stream.settings.id;
    Ok(queues
        .iter()
        .filter(|found| found.queue.stream == stream)
        .count())
}

/// Changes a queue. `change` may be called several times: whenever another request was faster.
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    arn: &str,
    mut change: impl FnMut(&Found, &mut QueueRow) -> Result<(), ApiError>,
) -> Result<Found, ApiError> {
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let found = by_arn(kinesis, caller, arn)?;
        let mut after = found.queue.clone();
        change(&found, &mut after)?;
        let effects = match after.receives_max == found.queue.receives_max {
            true => Vec::new(),
            false => vec![CatalogEffect::Configure(after.ready, after.ready_config())],
        };
        let change = CatalogChange {
            path: queue_path(found.id),
            expect: Expect::Version(found.row.version()),
            value: Some(after.encode()),
            effects,
        };
        if catalog::try_write(&mut attempts, &found.scope, vec![change]).await? {
            return by_arn(kinesis, caller, arn);
        }
    }
    Err(changing_too_fast())
}
