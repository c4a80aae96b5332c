//! The service's rows in the catalog, and the loop that changes a stream.
//!
//! Paths within the scope of an account and region; names hold no slash, so none is a prefix of another's:
//! ```text
//! kinesis/account                       settings of the account, and the condition of its quotas: account.rs
//! kinesis/stream/<name>                 settings of a stream
//! kinesis/shard/<stream>/<index>        a shard; the index as four bytes, so that rows stand in order
//! kinesis/consumer/<stream>/<name>      a registered consumer
//! kinesis/queue/<id>                    a queue over a stream; the id as eight bytes
//! kinesis/queue-name/<name>             the id of the queue that has the name
//! kinesis/cursor/<queue>/<shard>        how far the queue is in the shard: queue_feed.rs
//! ```
//! Whoever writes a shard's row writes the stream's row with it: shards are read anew when that has another version.

use std::sync::{Arc, OnceLock};

use waystation_delivery::contention::{self, Attempts};
use waystation_delivery::stored::Malformed;
use waystation_engine::{CatalogChange, CatalogEffect, Engine, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located, Target};
use crate::shard_rows::Shard;
use crate::shards::Shards;
use crate::stream_settings::StreamSettings;
use crate::{Kinesis, errors};

/// What all rows of the service start with.
pub(crate) const ROWS: &[u8] = b"kinesis/";
/// The row of an account.
pub(crate) const ACCOUNT: &[u8] = b"kinesis/account";
/// What all streams' paths start with.
pub(crate) const STREAMS: &[u8] = b"kinesis/stream/";
/// What all shards' paths start with.
pub(crate) const SHARDS: &[u8] = b"kinesis/shard/";
/// What all consumers' paths start with.
pub(crate) const CONSUMERS: &[u8] = b"kinesis/consumer/";

pub(crate) fn stream_path(name: &str) -> Vec<u8> {
    [STREAMS, name.as_bytes()].concat()
}

/// What the paths of a stream's shards start with.
pub(crate) fn shards_of(stream: &str) -> Vec<u8> {
    [SHARDS, stream.as_bytes(), b"/"].concat()
}

pub(crate) fn shard_path(stream: &str, index: u32) -> Vec<u8> {
    let index = index.to_be_bytes();
    [SHARDS, stream.as_bytes(), b"/", &index].concat()
}

/// What the paths of a stream's consumers start with.
pub(crate) fn consumers_of(stream: &str) -> Vec<u8> {
    [CONSUMERS, stream.as_bytes(), b"/"].concat()
}

pub(crate) fn consumer_path(stream: &str, name: &str) -> Vec<u8> {
    [CONSUMERS, stream.as_bytes(), b"/", name.as_bytes()].concat()
}

/// The index at the end of a shard's path.
pub(crate) fn shard_index(path: &[u8]) -> Option<u32> {
    path.last_chunk::<4>().copied().map(u32::from_be_bytes)
}

/// A stream as its row says, with its shards once somebody asked for them.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) settings: StreamSettings,
    shards: OnceLock<Result<Arc<Shards>, Malformed>>,
}

/// The stream in a row, decoded once per row.
pub(crate) fn stream(row: &Row) -> Result<Arc<Stream>, ApiError> {
    let decoded = row.decoded(|bytes| {
        let settings = StreamSettings::decode(bytes)?;
        Ok(Arc::new(Stream {
            settings,
            shards: OnceLock::new(),
        }))
    });
    let stream: &Result<Arc<Stream>, Malformed> = &decoded;
    stream.clone().map_err(errors::internal)
}

impl Stream {
    /// The stream's shards, at least as new as the row.
    pub(crate) fn shards(
        &self,
        engine: &Engine,
        scope: &Scope,
        name: &str,
    ) -> Result<Arc<Shards>, ApiError> {
        let made = self.shards.get_or_init(|| {
            let rows = engine
                .catalog()
                .range(scope, &shards_of(name), None, usize::MAX);
            let mut shards = Vec::with_capacity(rows.len());
            for (path, row) in rows {
                let shard = Shard::decode(shard_index(&path).ok_or(Malformed)?, row.bytes())?;
                if shard.stream == self.settings.id {
                    shards.push(Arc::new(shard));
                }
            }
            Ok(Arc::new(Shards::new(shards)))
        });
        made.clone().map_err(errors::internal)
    }
}

/// A row's new value; `effects` say what it means for logs and queues.
pub(crate) fn put(
    path: Vec<u8>,
    expect: Expect,
    value: bytes::Bytes,
    effects: Vec<CatalogEffect>,
) -> CatalogChange {
    CatalogChange {
        path,
        expect,
        value: Some(value),
        effects,
    }
}

/// A row's end.
pub(crate) fn removal(path: Vec<u8>, row: &Row, effects: Vec<CatalogEffect>) -> CatalogChange {
    CatalogChange {
        path,
        expect: Expect::Version(row.version()),
        value: None,
        effects,
    }
}

/// Changes an existing stream. `change` may be called several times: whenever another request was faster, with what that
/// one left behind. It may add rows that are written together with the stream's.
pub(crate) async fn update(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &Target<'_>,
    mut change: impl FnMut(
        &Located,
        &mut StreamSettings,
        &mut Vec<CatalogChange>,
    ) -> Result<(), ApiError>,
) -> Result<Located, ApiError> {
    let mut attempts = kinesis.attempts();
    while attempts.another() {
        let located = addressing::locate(kinesis, caller, target)?;
        let mut after = located.stream.settings.clone();
        let mut more = Vec::new();
        change(&located, &mut after, &mut more)?;
        if more.is_empty() && after == located.stream.settings {
            return Ok(located);
        }
        more.push(stream_row(&located, &after));
        if try_write(&mut attempts, &located.scope, more).await? {
            kinesis.reshards.tell();
            return addressing::locate(kinesis, caller, target);
        }
    }
    Err(errors::changing_too_fast())
}

/// A stream's new row, on the condition that it is as it was seen.
pub(crate) fn stream_row(located: &Located, after: &StreamSettings) -> CatalogChange {
    put(
        stream_path(&located.name),
        Expect::Version(located.row.version()),
        after.encode(),
        Vec::new(),
    )
}

/// Writes a stream's row and others with it, once; `false` when it had changed meanwhile.
pub(crate) async fn write_stream(
    engine: &Engine,
    located: &Located,
    after: &StreamSettings,
    mut more: Vec<CatalogChange>,
) -> Result<bool, ApiError> {
    more.push(stream_row(located, after));
    write(engine, &located.scope, more).await
}

/// Writes all rows or none; `false` when the change has to be made anew from what the catalog shows now.
pub(crate) async fn try_write(
    attempts: &mut Attempts<'_>,
    scope: &Scope,
    changes: Vec<CatalogChange>,
) -> Result<bool, ApiError> {
    let written = attempts.write(scope, changes).await;
    written.map_err(errors::from_engine)
}

/// The same, once.
pub(crate) async fn write(
    engine: &Engine,
    scope: &Scope,
    changes: Vec<CatalogChange>,
) -> Result<bool, ApiError> {
    let written = contention::write(engine, scope, changes).await;
    written.map_err(errors::from_engine)
}

/// Waits until everything shows that was written so far.
pub(crate) async fn catch_up(engine: &Engine, scope: &Scope) -> Result<(), ApiError> {
    let caught_up = contention::catch_up(engine, scope).await;
    caught_up.map_err(errors::from_engine)
}
