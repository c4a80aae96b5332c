//! Logs: append, read, find, trim.

use bytes::Bytes;
use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::Command;
use crate::config::EngineError;
use crate::ids::LogId;
use crate::limits::LOG_ENTRY_BYTES_MAX;
use crate::log::{Spilled, Spot};
use crate::log_command::LogCommand;
use crate::log_handle::{Appended, LogSpot, LogState};
use crate::need::Need;
use crate::record::Record;
use crate::reply::Promise;

impl Turn<'_> {
    pub(super) fn log(&mut self, log: LogId, ask: LogCommand) -> Outcome {
        if !self.shard.logs.contains_key(&log) {
            ask.refuse(EngineError::NoSuchLog);
            return Outcome::Done;
        }
        let spilled = match ask {
            LogCommand::Append { .. } => self.append(log, ask),
            LogCommand::Read { .. } => return self.read_log(log, ask),
            LogCommand::Locate { .. } | LogCommand::State { .. } => self.find_in_log(log, ask),
            LogCommand::Cursor { name, promise } => {
                let state = self.shard.logs.get(&log);
                let cursor = state.and_then(|log| log.cursors.get(&name).copied());
                let after = state.map_or(0, |log| log.changed_lsn);
                self.reply(promise, Ok(cursor), after);
                Ok(())
            }
            LogCommand::Trim { before, promise } => {
                self.trim_log(log, before, promise);
                Ok(())
            }
        };
        match spilled {
            Ok(()) => Outcome::Done,
            Err((ask, spilled)) => fetch(log, ask, spilled),
        }
    }

    fn append(&mut self, log: LogId, ask: LogCommand) -> Result<(), (LogCommand, Spilled)> {
        let state = self.shard.logs.get(&log);
        let spilled = state.and_then(|log| log.spilled_tail(&self.shard.index));
        if let Some(first) = spilled {
            return Err((ask, Spilled(first)));
        }
        if let LogCommand::Append { bodies, promise } = ask {
            match self.append_all(log, &bodies) {
                Ok((appended, end)) => self.reply(promise, Ok(appended), end),
                Err(error) => promise.fill(Err(error)),
            }
        }
        Ok(())
    }

    /// Appends as many as there is room for, and returns the address just after the last; an error when that is none.
    fn append_all(
        &mut self,
        id: LogId,
        bodies: &[Bytes],
    ) -> Result<(Vec<Appended>, u64), EngineError> {
        let log = self.shard.logs.get(&id).ok_or(EngineError::NoSuchLog)?;
        if log.sealed {
            return Err(EngineError::LogSealed);
        }
        if bodies.iter().any(|body| body.len() > LOG_ENTRY_BYTES_MAX) {
            return Err(EngineError::TooLarge);
        }
        let (first, time_ms) = (log.next, self.shard.time_ms);
        let mut end = log.last_lsn;
        let mut appended = Vec::with_capacity(bodies.len());
        for (position, body) in (first..).zip(bodies) {
            let record = Record::LogAppended { log: id, position };
            let body = Some((id.0, position, body.as_ref()));
            match self.commit(&record, body, Urgency::Sync, Funding::Producer) {
                Ok(after) => end = after,
                Err(error) if appended.is_empty() => return Err(error),
                Err(_) => break,
            }
            appended.push(Appended { position, time_ms });
        }
        Ok((appended, end))
    }

    fn read_log(&mut self, id: LogId, ask: LogCommand) -> Outcome {
        let LogCommand::Read {
            read,
            deadline_ms,
            promise,
        } = ask
        else {
            return Outcome::Done;
        };
        let Some(log) = self.shard.logs.get(&id).filter(|_| !promise.is_abandoned()) else {
            return Outcome::Done;
        };
        let now_ms = self.shard.time_ms;
        let deadline_ms = deadline_ms.unwrap_or(now_ms.saturating_add(read.wait_ms));
        let found = log.read(read.from, read.entries_max, read.bytes_max, now_ms);
        let waits = |found: &crate::log::Found| {
            found.entries.is_empty() && found.at_tip && !found.ended && deadline_ms > now_ms
        };
        match found {
            Ok(found) if !waits(&found) => {
                let after = match found.entries.last() {
                    Some(last) => log.changed_lsn.max(last.body.lsn.0 + 1),
                    None => log.last_lsn,
                };
                self.reply(promise, Ok(found), after);
                Outcome::Done
            }
            found => {
                let again = LogCommand::Read {
                    read,
                    deadline_ms: Some(deadline_ms),
                    promise,
                };
                match found {
                    Ok(_) => Outcome::Wait(Command::Log {
                        log: id,
                        ask: again,
                    }),
                    Err(spilled) => fetch(id, again, spilled),
                }
            }
        }
    }

    fn find_in_log(&mut self, id: LogId, ask: LogCommand) -> Result<(), (LogCommand, Spilled)> {
        let now_ms = self.shard.time_ms;
        let Some(log) = self.shard.logs.get(&id) else {
            return Ok(());
        };
        let spot = match &ask {
            LogCommand::Locate { spot, .. } => *spot,
            _ => LogSpot::Horizon,
        };
        let found = match spot {
            LogSpot::Horizon => log.readable_from(0, now_ms),
            LogSpot::Tip => log.readable_from(u64::MAX, now_ms),
            LogSpot::Time(time_ms) => log.readable_at(time_ms, now_ms),
            LogSpot::Position(position) => log.readable_from(position, now_ms),
        };
        let found: Spot = match found {
            Ok(found) => found,
            Err(spilled) => return Err((ask, spilled)),
        };
        let state = LogState {
            first: found.position,
            next: log.next,
            sealed: log.sealed,
            newest_ms: log.newest_ms(),
            bytes: log.body_bytes,
        };
        let after = log.last_lsn;
        match ask {
            LogCommand::Locate { promise, .. } => self.reply(promise, Ok(found), after),
            LogCommand::State { promise } => self.reply(promise, Ok(state), after),
            _ => {}
        }
        Ok(())
    }

    fn trim_log(&mut self, id: LogId, before: u64, promise: Promise<Result<(), EngineError>>) {
        let Some(log) = self.shard.logs.get(&id) else {
            return promise.fill(Err(EngineError::NoSuchLog));
        };
        let before = before.min(log.next);
        if before <= log.first {
            let after = log.changed_lsn;
            return self.reply(promise, Ok(()), after);
        }
        let record = Record::LogTrimmed { log: id, before };
        match self.commit(&record, None, Urgency::Sync, Funding::Consumer) {
            Ok(end) => self.reply(promise, Ok(()), end),
            Err(error) => promise.fill(Err(error)),
        }
    }

    /// Removes pages that outlived the retention.
    pub(crate) fn expire_log(&mut self, id: LogId) -> Result<(), EngineError> {
        let now_ms = self.shard.time_ms;
        let log = self.shard.logs.get(&id);
        if let Some(before) = log.and_then(|log| log.outlived(now_ms)) {
            let record = Record::LogTrimmed { log: id, before };
            self.commit(&record, None, Urgency::Lazy, Funding::Consumer)?;
        }
        self.shard.look_again(id);
        Ok(())
    }
}

fn fetch(log: LogId, ask: LogCommand, Spilled(first): Spilled) -> Outcome {
    let need = Need::LogPage { log, first };
    Outcome::Fetch(Command::Log { log, ask }, vec![need])
}
