//! What is known of one log: whether it exists, its settings over time, what was appended, and where entries stand.
//!
//! A position that somebody was told holds its entry for ever, because nobody is told what a crash can take back; every
//! further answer must agree.

mod answers;
mod told;

use std::collections::BTreeMap;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use waystation_engine::{CatalogEffect, LogId, LogRead};

use super::judged::Count;
use super::message::{Deed, UNENDED};
use super::{Existence, Model, Window};

/// An entry that somebody appended, or tried to.
#[derive(Clone, Debug)]
struct Entry {
    body: Bytes,
    operation: u64,
    /// Step at which it was asked.
    start: u64,
    /// Bounds of its time.
    start_ms: u64,
    until_ms: u64,
    /// It was not appended and never will be.
    refused: bool,
    /// Where it stands, once somebody knows.
    told: Option<Told>,
    /// Step from which on nobody may read it any more.
    gone: u64,
}

/// Where an entry stands, and the step at which somebody was first told.
#[derive(Clone, Copy, Debug)]
struct Told {
    position: u64,
    time_ms: u64,
    step: u64,
}

/// A retention, and the steps within which it may have been in force.
#[derive(Clone, Copy, Debug)]
struct Retention {
    deed: Deed,
    until: u64,
    retention_ms: u64,
}

/// One log of the run.
#[derive(Clone, Debug)]
pub(crate) struct LogModel {
    born: Deed,
    died: Option<Deed>,
    retentions: Vec<Retention>,
    seals: Vec<Deed>,
    trims: Vec<(u64, Deed)>,
    entries: Vec<Entry>,
    by_body: FxHashMap<Bytes, usize>,
    places: BTreeMap<u64, usize>,
    /// Where the last answered read said to go on.
    pub(crate) read_to: u64,
}

impl LogModel {
    fn new(born: Deed) -> LogModel {
        LogModel {
            born,
            died: None,
            retentions: Vec::new(),
            seals: Vec::new(),
            trims: Vec::new(),
            entries: Vec::new(),
            by_body: FxHashMap::default(),
            places: BTreeMap::new(),
            read_to: 0,
        }
    }

    /// Whether it is there at some moment between the steps.
    pub(crate) fn existence(&self, start: u64, end: u64) -> Existence {
        Existence::of(&self.born, self.died.as_ref(), start, end)
    }

    /// It exists for sure now, and nobody is about to remove it.
    pub(crate) fn is_settled(&self) -> bool {
        self.born.certain && self.born.end != UNENDED && self.died.is_none()
    }

    /// Position after the last entry anybody knows of.
    pub(crate) fn known_next(&self) -> u64 {
        self.places.last_key_value().map_or(0, |(last, _)| last + 1)
    }

    /// Time of some entry that somebody knows.
    pub(crate) fn time_near(&self, position: u64) -> Option<u64> {
        let (_, index) = self.places.range(..=position).next_back()?;
        Some(self.entries.get(*index)?.told?.time_ms)
    }

    /// Somebody may have sealed it by then.
    fn may_be_sealed(&self, end: u64) -> bool {
        self.seals.iter().any(|seal| seal.start <= end)
    }

    /// It was sealed for sure before.
    fn is_sealed(&self, start: u64) -> bool {
        self.seals.iter().any(|seal| seal.done_before(start))
    }

    /// Retentions that may be in force between the steps.
    fn retentions_ms(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + '_ {
        let retentions = self.retentions.iter();
        let in_force = retentions.filter(move |r| r.deed.start <= end && r.until >= start);
        in_force.map(|r| r.retention_ms)
    }

    /// The entry may be unreadable at some moment until then.
    fn may_be_gone(&self, entry: &Entry, told: &Told, end: u64, to_ms: u64) -> bool {
        // A trim reaches what is there, and nothing that comes later.
        let trimmed = |(before, deed): &(u64, Deed)| {
            *before > told.position && deed.start <= end && deed.end >= entry.start
        };
        // With its log everything goes, also under somebody who found it and reads bodies from the disk.
        let removed = self.died.is_some_and(|died| died.start <= end);
        removed
            || entry.gone <= end
            || self.trims.iter().any(trimmed)
            || self
                .retentions_ms(entry.start, end)
                .any(|retention_ms| told.time_ms.saturating_add(retention_ms) < to_ms)
    }

    /// The entry is unreadable for sure all the time from then on.
    fn is_gone(&self, entry: &Entry, told: &Told, window: &Window) -> bool {
        let trimmed = |(before, deed): &(u64, Deed)| {
            *before > told.position && deed.done_before(window.start) && told.step < deed.start
        };
        entry.gone < window.start
            || self.trims.iter().any(trimmed)
            || self
                .retentions_ms(window.start, window.end)
                .all(|retention_ms| told.time_ms.saturating_add(retention_ms) < window.from_ms)
    }

    /// What is older than any retention that can be in force now never comes back (`KIN-165`).
    fn let_go(&mut self, step: u64, now_ms: u64, outlived: &Count) {
        let Some(longest_ms) = self.retentions_ms(step, step).max() else {
            return;
        };
        for entry in &mut self.entries {
            let over = |told: Told| told.time_ms.saturating_add(longest_ms) < now_ms;
            if entry.gone == UNENDED && entry.told.is_some_and(over) {
                entry.gone = step;
                outlived.raise();
            }
        }
    }

    /// Entries whose places are known, from a position on.
    fn known_from(&self, from: u64) -> impl Iterator<Item = (&Entry, Told)> {
        let places = self.places.range(from..);
        let entries = places.filter_map(|(_, index)| self.entries.get(*index));
        entries.filter_map(|entry| Some((entry, entry.told?)))
    }

    /// A read that waits here must be answered: there is something at or after its position, or never will be.
    fn must_answer(&self, read: &LogRead, step: u64, now_ms: u64) -> bool {
        let there = |(entry, told): (&Entry, Told)| {
            told.step < step && !self.may_be_gone(entry, &told, step, now_ms)
        };
        let died = self.died.is_some_and(|died| died.done_before(step));
        died || self.is_sealed(step) || self.known_from(read.from).any(there)
    }
}

impl Model {
    /// A read that waits must be answered.
    pub(crate) fn must_answer(&self, log: LogId, read: &LogRead, step: u64, now_ms: u64) -> bool {
        let known = self.logs.get(&log);
        known.is_some_and(|known| known.must_answer(read, step, now_ms))
    }

    pub(super) fn begin_append(&mut self, log: LogId, bodies: &[Bytes], deed: Deed, now_ms: u64) {
        let Some(known) = self.logs.get_mut(&log) else {
            return;
        };
        for body in bodies {
            known.by_body.insert(body.clone(), known.entries.len());
            known.entries.push(Entry {
                body: body.clone(),
                operation: deed.operation,
                start: deed.start,
                start_ms: now_ms,
                until_ms: u64::MAX,
                refused: false,
                told: None,
                gone: UNENDED,
            });
        }
    }

    pub(super) fn begin_trim(&mut self, log: LogId, before: u64, deed: Deed) {
        if let Some(known) = self.logs.get_mut(&log) {
            known.trims.push((before, deed));
        }
    }

    pub(super) fn begin_log_changes(&mut self, changes: &[CatalogEffect], deed: Deed, now_ms: u64) {
        let arrived = !self.leeway.full;
        for change in changes {
            match change {
                CatalogEffect::ConfigureLog(log, config) => {
                    let known = self.logs.entry(*log);
                    let known = known.or_insert_with(|| LogModel::new(deed));
                    if arrived {
                        known.let_go(deed.start, now_ms, &self.judged.outlived);
                    }
                    known.retentions.push(Retention {
                        deed,
                        until: UNENDED,
                        retention_ms: config.retention_ms,
                    });
                }
                CatalogEffect::SealLog(log) => {
                    if let Some(known) = self.logs.get_mut(log) {
                        known.seals.push(deed);
                    }
                }
                CatalogEffect::RemoveLog(log) => {
                    if let Some(known) = self.logs.get_mut(log) {
                        known.died.get_or_insert(deed);
                    }
                }
                _ => {}
            }
        }
    }

    /// A catalog write happened, with everything it does to logs.
    pub(super) fn confirm_log_changes(&mut self, changes: &[CatalogEffect], window: &Window) {
        let done = |deed: &mut Deed| {
            let own = deed.operation == window.operation;
            if own {
                deed.certain = true;
                deed.end = window.end;
            }
            own
        };
        for log in logs_of(changes) {
            let Some(known) = self.logs.get_mut(&log) else {
                continue;
            };
            done(&mut known.born);
            for deed in known.seals.iter_mut().chain(&mut known.died) {
                done(deed);
            }
            let changed = known
                .retentions
                .iter()
                .any(|r| r.deed.operation == window.operation);
            for retention in known.retentions.iter_mut().filter(|_| changed) {
                if !done(&mut retention.deed) {
                    retention.until = retention.until.min(window.end);
                }
            }
        }
    }

    /// A catalog write did not happen and never will.
    pub(super) fn deny_log_changes(&mut self, changes: &[CatalogEffect], operation: u64) {
        for log in logs_of(changes) {
            let Some(known) = self.logs.get_mut(&log) else {
                continue;
            };
            known.retentions.retain(|r| r.deed.operation != operation);
            known.seals.retain(|seal| seal.operation != operation);
            if known.died.is_some_and(|died| died.operation == operation) {
                known.died = None;
            }
            if known.born.operation == operation {
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

    /// Nobody will be told what became of an append or a trim; it is over by now.
    pub(super) fn close_in_logs(&mut self, operation: u64, step: u64, now_ms: u64) {
        for known in self.logs.values_mut() {
            for entry in &mut known.entries {
                if entry.operation == operation {
                    entry.until_ms = entry.until_ms.min(now_ms);
                }
            }
            for (_, deed) in &mut known.trims {
                if deed.operation == operation {
                    deed.end = deed.end.min(step);
                }
            }
        }
    }

    /// Nothing is on its way to the logs.
    pub(super) fn settle_logs(&mut self, step: u64, now_ms: u64) {
        if self.leeway.full {
            // New settings may not have arrived.
            return;
        }
        for known in self.logs.values_mut() {
            known.let_go(step, now_ms, &self.judged.outlived);
        }
    }
}

fn logs_of(changes: &[CatalogEffect]) -> impl Iterator<Item = LogId> {
    changes.iter().filter_map(|change| match change {
        CatalogEffect::ConfigureLog(log, _)
        | CatalogEffect::SealLog(log)
        | CatalogEffect::RemoveLog(log) => Some(*log),
        _ => None,
    })
}
