//! What clients ask of logs: streams of one or more logs under a name, written, read, split, trimmed and removed.

use bytes::Bytes;
use fastrand::Rng;
use waystation_engine::{CatalogEffect, Engine, Expect, LogConfig, LogId, LogRead, LogSpot, Scope};

use crate::model::{LogModel, Model, Row};
use crate::operation::{Request, RowWrite, Subject};
use crate::workload::{Workload, pick};

/// A name and its logs, those included that never came to be.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    row: Row,
    pub(crate) logs: Vec<LogId>,
    /// Its retention was shortened and is to be long again.
    is_lowered: bool,
}

/// Streams at a time.
const STREAMS_MAX: usize = 3;

impl Workload {
    /// The next command on a log, if the dice and the state of the streams give one.
    pub(crate) fn next_on_log(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        engine: &Engine,
        step: u64,
    ) -> Option<Request> {
        let settled = self.settled_logs(model);
        let living = self.streams.iter().filter(|stream| {
            let mut logs = stream.logs.iter();
            logs.any(|log| settled.contains(log))
        });
        if settled.is_empty() || rng.u8(0..100) < 3 && living.count() < STREAMS_MAX {
            return Some(self.create_stream(rng, engine));
        }
        if rng.u8(0..100) == 0 {
            // Somebody who did not notice that the log is gone.
            let stream = &self.streams[rng.usize(0..self.streams.len())];
            let log = pick(rng, &stream.logs);
            return Some(Request::LogState { log });
        }
        let log = pick(rng, &settled);
        let known = model.logs.get(&log)?;
        let now_ms = engine.now_ms();
        // Soon, while the page that only a part of has outlived the short retention is still there.
        if let Some(log) = settled.into_iter().find(|log| self.is_lowered(*log))
            && rng.bool()
            && let Some(raise) = self.retain(rng, model, log, step, now_ms)
        {
            return Some(raise);
        }
        Some(match rng.u8(0..100) {
            0..38 => self.append(rng, log),
            38..70 => Request::Read {
                log,
                read: read(rng, known),
            },
            70..80 => Request::Locate {
                log,
                spot: spot(rng, known, now_ms),
            },
            80..83 => Request::LogState { log },
            83..86 => Request::Trim {
                log,
                before: rng.u64(0..=known.known_next() + 2),
            },
            86..94 => self.retain(rng, model, log, step, now_ms)?,
            94..97 => self.split(rng, model, engine, log, step)?,
            _ => self.remove_stream(rng, model, log, step)?,
        })
    }

    /// Logs that exist for sure.
    pub(crate) fn settled_logs(&self, model: &Model) -> Vec<LogId> {
        let logs = self.streams.iter().flat_map(|stream| &stream.logs).copied();
        let settled = logs.filter(|id| model.logs.get(id).is_some_and(LogModel::is_settled));
        settled.collect()
    }

    fn create_stream(&mut self, rng: &mut Rng, engine: &Engine) -> Request {
        let scope = Scope::new("000000000000", pick(rng, &["eu-west-1", "us-east-1"]));
        let config = config(rng);
        let logs: Vec<LogId> = (0..rng.u8(1..=2)).map(|_| engine.new_log_id()).collect();
        let path = format!("stream/{}", self.streams.len()).into_bytes();
        let row = Row {
            scope: scope.clone(),
            path,
        };
        let changes = logs
            .iter()
            .map(|log| CatalogEffect::ConfigureLog(*log, config));
        let write = self.write(&row, Expect::Absent, changes.collect());
        self.streams.push(Stream {
            row,
            logs,
            is_lowered: false,
        });
        Request::Write {
            scope,
            rows: vec![write],
        }
    }

    fn write(&mut self, row: &Row, expect: Expect, changes: Vec<CatalogEffect>) -> RowWrite {
        self.nonces += 1;
        RowWrite {
            path: row.path.clone(),
            expect,
            value: Some(Bytes::copy_from_slice(&self.nonces.to_le_bytes())),
            subject: Subject::Logs(changes),
        }
    }

    fn stream_of(&self, log: LogId) -> Option<usize> {
        let mut streams = self.streams.iter();
        streams.position(|stream| stream.logs.contains(&log))
    }

    fn is_lowered(&self, log: LogId) -> bool {
        let stream = self
            .stream_of(log)
            .and_then(|place| self.streams.get(place));
        stream.is_some_and(|stream| stream.is_lowered)
    }

    /// Other retention for all logs of the stream that exist: short ones and long ones in turn, so that what went would
    /// be seen if it came back.
    fn retain(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        log: LogId,
        step: u64,
        now_ms: u64,
    ) -> Option<Request> {
        let place = self.stream_of(log)?;
        let stream = self.streams.get(place)?.clone();
        let expect = self.expect(rng, model, &stream.row, step)?;
        let config = LogConfig {
            retention_ms: match stream.is_lowered {
                true => pick(rng, &[86_400_000, 604_800_000]),
                false => short(rng, model.logs.get(&log)?, now_ms),
            },
        };
        self.streams.get_mut(place)?.is_lowered = !stream.is_lowered;
        let settled = self.settled_logs(model);
        let logs = stream.logs.iter().filter(|log| settled.contains(log));
        let changes = logs.map(|log| CatalogEffect::ConfigureLog(*log, config));
        let write = self.write(&stream.row, expect, changes.collect());
        Some(Request::Write {
            scope: stream.row.scope,
            rows: vec![write],
        })
    }

    /// A log is sealed and two others come in its place.
    fn split(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        engine: &Engine,
        log: LogId,
        step: u64,
    ) -> Option<Request> {
        let place = self.stream_of(log)?;
        let row = self.streams.get(place)?.row.clone();
        let expect = self.expect(rng, model, &row, step)?;
        let config = config(rng);
        let children = [engine.new_log_id(), engine.new_log_id()];
        let mut changes = vec![CatalogEffect::SealLog(log)];
        changes.extend(children.map(|log| CatalogEffect::ConfigureLog(log, config)));
        let write = self.write(&row, expect, changes);
        self.streams.get_mut(place)?.logs.extend(children);
        Some(Request::Write {
            scope: row.scope,
            rows: vec![write],
        })
    }

    fn remove_stream(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        log: LogId,
        step: u64,
    ) -> Option<Request> {
        let stream = self.streams.get(self.stream_of(log)?)?;
        let expect = self.expect(rng, model, &stream.row, step)?;
        Some(removal(stream, expect))
    }

    /// Removes every stream whatever its row says.
    pub(crate) fn remove_streams_surely(&self) -> Vec<Request> {
        let streams = self.streams.iter();
        streams.map(|stream| removal(stream, Expect::Any)).collect()
    }

    fn append(&mut self, rng: &mut Rng, log: LogId) -> Request {
        let bulk = self.profile.bulk_max > 10 && rng.u8(0..4) == 0;
        let count = match bulk {
            true => rng.usize(1..=self.profile.bulk_max),
            false => pick(rng, &[1, 1, 2, 10]),
        };
        let bodies = (0..count).map(|_| self.body(rng, bulk)).collect();
        Request::Append { log, bodies }
    }
}

fn config(rng: &mut Rng) -> LogConfig {
    LogConfig {
        retention_ms: pick(
            rng,
            &[0, 2_000, 60_000, 86_400_000, 86_400_000, 604_800_000],
        ),
    }
}

/// A retention that only a part of the log has outlived, more often than not.
fn short(rng: &mut Rng, known: &LogModel, now_ms: u64) -> u64 {
    let next = known.known_next();
    let recent = rng.u64(next.saturating_sub(20)..=next);
    match known.time_near(recent).filter(|_| rng.u8(0..4) > 0) {
        // Some of it may pass before the next settings come.
        Some(time_ms) => now_ms.saturating_sub(time_ms) + pick(rng, &[0, 20, 100]),
        None => pick(rng, &[0, 100, 1_000, 10_000]),
    }
}

fn removal(stream: &Stream, expect: Expect) -> Request {
    let changes = stream.logs.iter().map(|log| CatalogEffect::RemoveLog(*log));
    Request::Write {
        scope: stream.row.scope.clone(),
        rows: vec![RowWrite {
            path: stream.row.path.clone(),
            expect,
            value: None,
            subject: Subject::Logs(changes.collect()),
        }],
    }
}

fn read(rng: &mut Rng, known: &LogModel) -> LogRead {
    let next = known.known_next();
    LogRead {
        from: match rng.u8(0..8) {
            0..3 => next,
            3..5 => 0,
            5 => next + rng.u64(0..3),
            _ => rng.u64(0..=next),
        },
        entries_max: pick(rng, &[1, 3, 10, 1000, 10_000]),
        bytes_max: pick(rng, &[0, 1000, 100_000, 10_000_000, u64::MAX]),
        wait_ms: pick(rng, &[0, 0, 20, 1000, 20_000, 20_000]),
    }
}

fn spot(rng: &mut Rng, known: &LogModel, now_ms: u64) -> LogSpot {
    let position = rng.u64(0..=known.known_next() + 1);
    match rng.u8(0..5) {
        0 => LogSpot::Horizon,
        1 => LogSpot::Tip,
        2 => LogSpot::Position(position),
        3 => LogSpot::Time(now_ms.saturating_sub(rng.u64(0..100_000))),
        _ => LogSpot::Time(known.time_near(position).unwrap_or(0) + rng.u64(0..2)),
    }
}
