//! Checks names: conditional writes, versions, and the published snapshot, which never shows what a crash can take back.

use std::collections::BTreeMap;

use waystation_engine::{EngineError, Expect, QueueId, Scope};

use super::message::{Deed, UNENDED};
use super::queue::{QueueModel, Settings};
use super::{Checked, Model, Window};
use crate::operation::{RowWrite, Subject};

/// A row's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) scope: Scope,
    pub(crate) path: Vec<u8>,
}

/// What the catalog shows for a row: version and value.
pub(crate) type Show<'a> = dyn Fn(&Row) -> Option<(u64, Vec<u8>)> + 'a;

/// One write of one row.
#[derive(Clone, Debug)]
struct Written {
    deed: Deed,
    version: Option<u64>,
    value: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
struct History {
    writes: Vec<Written>,
    /// Version the snapshot showed last; 0 for none.
    shown: u64,
}

/// All rows anybody wrote.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    rows: BTreeMap<Row, History>,
    /// Writes of which nobody knows whether they happened.
    unsure: Vec<(Scope, Vec<RowWrite>, u64)>,
}

fn row(scope: &Scope, write: &RowWrite) -> Row {
    Row {
        scope: scope.clone(),
        path: write.path.clone(),
    }
}

fn bytes(write: &RowWrite) -> Option<Vec<u8>> {
    write.value.as_ref().map(|value| value.to_vec())
}

impl History {
    /// The state for sure before a step, if nothing else may have changed it until `end`: version and presence.
    fn surely(&self, start: u64, end: u64, but: u64) -> Option<Option<u64>> {
        let others = self
            .writes
            .iter()
            .filter(|write| write.deed.operation != but);
        let mut latest: Option<&Written> = None;
        for write in others {
            if !write.deed.done_before(start) {
                if write.deed.start <= end {
                    return None;
                }
                continue;
            }
            if latest.is_none_or(|latest| latest.version < write.version) {
                latest = Some(write);
            }
        }
        Some(latest.and_then(|write| write.version.filter(|_| write.value.is_some())))
    }

    fn check(&mut self, now: u64, shown: Option<(u64, Vec<u8>)>) -> Checked {
        match shown {
            Some((version, value)) => {
                let known = self.writes.iter().any(|write| {
                    write.value.as_ref() == Some(&value)
                        && write.version.is_none_or(|known| known == version)
                });
                if !known {
                    return Err(format!("version {version} was never written"));
                }
                if version < self.shown || self.acknowledged(now).is_some_and(|v| version < v) {
                    return Err(format!("version {version} came back"));
                }
                self.shown = version;
            }
            None => {
                let acknowledged = self.acknowledged(now).unwrap_or(0);
                let explained = self.writes.iter().any(|write| {
                    let newest = write
                        .version
                        .is_none_or(|v| v > self.shown && v >= acknowledged);
                    write.value.is_none() && newest
                });
                if self.shown > 0 && !explained || self.shown == 0 && acknowledged > 0 && !explained
                {
                    return Err("the row is gone".into());
                }
            }
        }
        Ok(())
    }

    /// Highest version anybody was told of.
    fn acknowledged(&self, now: u64) -> Option<u64> {
        let told = self
            .writes
            .iter()
            .filter(|write| write.deed.done_before(now));
        told.filter_map(|write| write.version).max()
    }
}

impl Names {
    pub(super) fn unsure(&mut self, scope: Scope, rows: Vec<RowWrite>, operation: u64) {
        self.unsure.push((scope, rows, operation));
    }

    /// Checks every row that anybody wrote.
    pub(super) fn check(&mut self, now: u64, show: &Show<'_>) -> Checked {
        for (row, history) in &mut self.rows {
            let story = |why| format!("row {}: {why}", String::from_utf8_lossy(&row.path));
            history.check(now, show(row)).map_err(story)?;
        }
        Ok(())
    }

    /// Whether somebody asked to remove the row and was not told what became of it.
    pub(crate) fn may_be_removed(&self, row: &Row) -> bool {
        let history = self.rows.get(row);
        history.is_some_and(|history| {
            let mut writes = history.writes.iter();
            writes.any(|write| write.value.is_none() && !write.deed.certain)
        })
    }

    /// Whether nobody is writing the row now, and its version and presence.
    pub(crate) fn settled(&self, row: &Row, now: u64) -> Option<Option<u64>> {
        let history = self.rows.get(row);
        history.map_or(Some(None), |history| history.surely(now, now, 0))
    }
}

impl Model {
    pub(super) fn begin_write(&mut self, rows: &[RowWrite], deed: Deed, now_ms: u64) {
        for write in rows {
            match &write.subject {
                Subject::Logs(changes) => self.begin_log_changes(changes, deed, now_ms),
                Subject::Queue(queue, Some(config)) => {
                    let (queue, config) = (*queue, *config);
                    let known = self.queues.entry(queue);
                    let known = known.or_insert_with(|| QueueModel::new(deed, config));
                    known.settings.push(Settings {
                        deed,
                        until: UNENDED,
                        config,
                    });
                    self.stretch_delays(queue, config.delay_ms);
                }
                Subject::Queue(queue, None) => {
                    if let Some(known) = self.queues.get_mut(queue) {
                        known.died = Some(deed);
                    }
                    self.begin_clearing(*queue, deed);
                }
            }
        }
    }

    /// A FIFO queue's delay applies to messages that wait already (`SQS-259`), any queue's to those whose send is still
    /// under way: it may take effect after this.
    fn stretch_delays(&mut self, queue: QueueId, delay_ms: u64) {
        for message in self.messages.iter_mut().filter(|message| {
            let waits = message.fifo && message.place == queue;
            let unsent = message.home == queue && message.sent.end == UNENDED;
            waits || unsent && message.delay_ms.is_none()
        }) {
            for showing in message
                .showings
                .iter_mut()
                .filter(|s| s.cause == super::message::Cause::Sent)
            {
                showing.from_ms = showing.from_ms.min(message.sent_ms.0 + delay_ms);
                showing.surely_ms = showing
                    .surely_ms
                    .max(message.sent_ms.1.saturating_add(delay_ms));
            }
        }
    }

    pub(super) fn note_write(&mut self, scope: &Scope, rows: &[RowWrite], deed: Deed) {
        for write in rows {
            let history = self.names.rows.entry(row(scope, write)).or_default();
            history.writes.push(Written {
                deed,
                version: None,
                value: bytes(write),
            });
        }
    }

    pub(super) fn written(
        &mut self,
        scope: &Scope,
        rows: &[RowWrite],
        result: Result<u64, EngineError>,
        window: &Window,
    ) -> Checked {
        for write in rows {
            let history = self.names.rows.get(&row(scope, write));
            let before = history.and_then(|h| h.surely(window.start, window.end, window.operation));
            let Some(before) = before else {
                continue;
            };
            let holds = match write.expect {
                Expect::Any => true,
                Expect::Absent => before.is_none(),
                Expect::Version(version) => before == Some(version),
            };
            let wrong = match &result {
                Ok(version) => !holds || before.is_some_and(|before| *version <= before),
                Err(EngineError::Conflict { path }) => *path == write.path && holds,
                Err(EngineError::StorageFull) => !self.leeway.full,
                Err(EngineError::Overloaded) => !self.leeway.tight,
                Err(_) => true,
            };
            if wrong {
                return Err(format!(
                    "writing {write:?} over {before:?} answered {result:?}"
                ));
            }
        }
        match result {
            Ok(version) => self.confirm(scope, rows, window, Some(version)),
            Err(_) => self.deny(scope, rows, window.operation, window),
        }
        Ok(())
    }

    fn confirm(&mut self, scope: &Scope, rows: &[RowWrite], window: &Window, version: Option<u64>) {
        for write in rows {
            let history = self.names.rows.entry(row(scope, write)).or_default();
            // A removal nobody was told of took at least the next version.
            let next = history
                .writes
                .iter()
                .filter_map(|w| w.version)
                .max()
                .unwrap_or(0)
                + 1;
            for written in history
                .writes
                .iter_mut()
                .filter(|w| w.deed.operation == window.operation)
            {
                written.deed.certain = true;
                written.deed.end = window.end;
                written.version = version.or(Some(next));
            }
            let (queue, config) = match &write.subject {
                Subject::Queue(queue, config) => (*queue, config),
                Subject::Logs(changes) => {
                    self.confirm_log_changes(changes, window);
                    continue;
                }
            };
            let Some(known) = self.queues.get_mut(&queue) else {
                continue;
            };
            if config.is_none() {
                if let Some(died) = known
                    .died
                    .as_mut()
                    .filter(|d| d.operation == window.operation)
                {
                    died.certain = true;
                    died.end = window.end;
                }
                self.cleared(queue, true, window);
                continue;
            }
            if known.born.operation == window.operation {
                known.born.certain = true;
                known.born.end = window.end;
            }
            for settings in &mut known.settings {
                if settings.deed.operation == window.operation {
                    settings.deed.certain = true;
                    settings.deed.end = window.end;
                } else {
                    settings.until = settings.until.min(window.end);
                }
            }
        }
    }

    fn deny(&mut self, scope: &Scope, rows: &[RowWrite], operation: u64, window: &Window) {
        for write in rows {
            let history = self.names.rows.entry(row(scope, write)).or_default();
            history
                .writes
                .retain(|written| written.deed.operation != operation);
            let queue = match &write.subject {
                Subject::Queue(queue, _) => *queue,
                Subject::Logs(changes) => {
                    self.deny_log_changes(changes, operation);
                    continue;
                }
            };
            let Some(known) = self.queues.get_mut(&queue) else {
                continue;
            };
            known
                .settings
                .retain(|settings| settings.deed.operation != operation);
            if known.died.is_some_and(|died| died.operation == operation) {
                known.died = None;
                self.cleared(queue, false, window);
            } else if known.born.operation == operation {
                // It never existed and never will.
                known.died = Some(Deed {
                    operation,
                    start: 0,
                    end: 0,
                    certain: true,
                });
            }
        }
    }

    /// The engine rests: what the catalog shows says which writes happened, all rows of each or none.
    pub(crate) fn settle_names(&mut self, step: u64, now_ms: u64, show: &Show<'_>) -> Checked {
        for (scope, rows, operation) in std::mem::take(&mut self.names.unsure) {
            let happened: Vec<(bool, Option<u64>)> = rows
                .iter()
                .map(|write| {
                    let shown = show(&row(&scope, write));
                    let same = shown.as_ref().map(|(_, value)| value.clone()) == bytes(write);
                    (same, shown.map(|(version, _)| version))
                })
                .collect();
            let all = happened.iter().all(|(same, _)| *same);
            if !all && happened.iter().any(|(same, _)| *same) {
                return Err(format!("half of a catalog write happened: {rows:?}"));
            }
            let window = Window {
                operation,
                start: self.start_of(&scope, &rows, operation),
                end: step,
                from_ms: now_ms,
                to_ms: now_ms,
            };
            if all {
                let version = happened.iter().find_map(|(_, version)| *version);
                self.confirm(&scope, &rows, &window, version);
            } else {
                self.deny(&scope, &rows, operation, &window);
            }
        }
        Ok(())
    }

    fn start_of(&self, scope: &Scope, rows: &[RowWrite], operation: u64) -> u64 {
        let histories = rows
            .iter()
            .filter_map(|write| self.names.rows.get(&row(scope, write)));
        let writes = histories.flat_map(|history| &history.writes);
        let own = writes.filter(|write| write.deed.operation == operation);
        own.map(|write| write.deed.start).min().unwrap_or(0)
    }
}
