//! Facts about logs become part of the shard's state.

use super::{Indexed, Log};
use crate::config::LogConfig;
use crate::ids::{LogId, Resource};
use crate::shard::{At, Shard};

impl Shard {
    /// An entry was appended. The page it goes to is in memory.
    pub(crate) fn log_appended(&mut self, id: LogId, position: u64, at: &At) {
        let time_ms = self.time_ms;
        let Some(log) = self.logs.get_mut(&id) else {
            return;
        };
        let entry = Indexed {
            lsn: at.body_lsn,
            bytes: at.body_bytes,
            time_ms,
        };
        let given = log.append(entry, &at.occupies, &mut self.index);
        assert_eq!(given, position, "positions are given in journal order");
        log.last_lsn = at.end;
        log.dirty = true;
        self.log_changed(id);
    }

    /// Entries before a position are gone.
    pub(crate) fn log_trimmed(&mut self, id: LogId, before: u64, at: &At) {
        if let Some(log) = self.logs.get_mut(&id) {
            log.trim(before, &mut self.index);
            log.changed(at);
            self.log_changed(id);
        }
    }

    /// Creates the log, or changes its settings.
    pub(crate) fn configure_log(&mut self, id: LogId, version: u64, config: LogConfig, at: &At) {
        let usage = &self.index.usage;
        let log = self.logs.entry(id).or_insert_with(|| {
            usage.logs.add(1);
            Log::new(id, 0, config)
        });
        log.configure(version, config, self.time_ms);
        log.changed(at);
        self.log_changed(id);
    }

    /// The log takes no more entries.
    pub(crate) fn seal_log(&mut self, id: LogId, at: &At) {
        if let Some(log) = self.logs.get_mut(&id) {
            log.sealed = true;
            log.changed(at);
            self.log_changed(id);
        }
    }

    /// Deletes the log with everything in it.
    pub(crate) fn remove_log(&mut self, id: LogId) {
        let Some(mut log) = self.logs.remove(&id) else {
            return;
        };
        self.index.usage.logs.sub(1);
        log.trim(u64::MAX, &mut self.index);
        if let Some(when) = log.retention_due_ms {
            self.retention.remove(&(when, Resource::Log(id)));
        }
        self.dropped_rows.extend(log.take_dropped_rows(self.id));
        self.dropped_rows.extend(log.own_row(self.id));
        self.removed.push(Resource::Log(id));
    }

    /// Renews what the shard keeps about a log that changed.
    fn log_changed(&mut self, id: LogId) {
        if let Some(log) = self.logs.get_mut(&id) {
            let due = log.retention_due();
            // An append makes the page of the newest entries due later, over and over. It is looked at when it was due
            // at first, and then registered anew.
            let sooner =
                due.is_none() || log.retention_due_ms.is_none_or(|known| due < Some(known));
            if sooner {
                self.set_log_due(id, due);
            }
        }
        self.wake(Resource::Log(id));
    }

    /// Looks at the log's retention again when it is due next.
    pub(crate) fn look_again(&mut self, id: LogId) {
        if let Some(log) = self.logs.get(&id) {
            let due = log.retention_due();
            self.set_log_due(id, due);
        }
    }

    fn set_log_due(&mut self, id: LogId, due: Option<u64>) {
        let Some(log) = self.logs.get_mut(&id) else {
            return;
        };
        if log.retention_due_ms == due {
            return;
        }
        if let Some(when) = log.retention_due_ms {
            self.retention.remove(&(when, Resource::Log(id)));
        }
        if let Some(when) = due {
            self.retention.insert((when, Resource::Log(id)));
        }
        log.retention_due_ms = due;
    }
}

impl Log {
    pub(super) fn changed(&mut self, at: &At) {
        self.last_lsn = at.end;
        self.changed_lsn = at.end;
        self.dirty = true;
    }
}
