//! Where entries stand: what somebody is told must agree with all that was told before.

use waystation_engine::LogId;

use super::{LogModel, Told};
use crate::model::{Checked, Model, Window};

impl LogModel {
    /// Somebody was told where an entry stands.
    pub(super) fn tell(
        &mut self,
        index: usize,
        position: u64,
        time_ms: u64,
        window: &Window,
    ) -> Checked {
        let Some(entry) = self.entries.get(index) else {
            return Err("unknown".into());
        };
        if entry.refused || entry.start > window.end {
            return Err(format!("the entry at {position} was refused"));
        }
        if let Some(told) = entry.told {
            let same = (told.position, told.time_ms) == (position, time_ms);
            return match same {
                true => Ok(()),
                false => Err(format!(
                    "{told:?} is said to stand at {position}, {time_ms} ms"
                )),
            };
        }
        if let Some(other) = self.places.get(&position) {
            return Err(format!("{position} holds entry {other}, not {index}"));
        }
        if !(entry.start_ms..=entry.until_ms.min(window.to_ms)).contains(&time_ms) {
            return Err(format!("the entry at {position} cannot be of {time_ms} ms"));
        }
        let time_of = |index: &usize| self.entries.get(*index)?.told.map(|told| told.time_ms);
        let before = self.places.range(..position).next_back();
        let before_ms = before.and_then(|(_, index)| time_of(index)).unwrap_or(0);
        let after = self.places.range(position..).next();
        let after_ms = after.and_then(|(_, index)| time_of(index));
        if time_ms < before_ms || time_ms > after_ms.unwrap_or(u64::MAX) {
            return Err(format!("the time of {position} is out of order"));
        }
        let mut earlier = self.entries.iter().filter_map(|other| other.told);
        if earlier.any(|told| told.step < entry.start && told.position > position) {
            return Err(format!("{position} stands before what was there earlier"));
        }
        let told = Told {
            position,
            time_ms,
            step: window.end,
        };
        self.places.insert(position, index);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.told = Some(told);
        }
        Ok(())
    }

    /// What somebody could read all the time stands before `first`: it must be possible that it is gone.
    pub(super) fn check_skipped(&self, from: u64, first: u64, window: &Window) -> Checked {
        for (entry, told) in self.known_from(from) {
            if told.position >= first {
                break;
            }
            let known = told.step < window.start;
            if known && !self.may_be_gone(entry, &told, window.end, window.to_ms) {
                return Err(format!(
                    "{first} is the first from {from} on, but {told:?} is there"
                ));
            }
        }
        Ok(())
    }

    /// `next` is the end of the log: nothing that was known before stands there or further on.
    pub(super) fn check_tip(&self, next: u64, window: &Window) -> Checked {
        let beyond = self
            .known_from(next)
            .find(|(_, told)| told.step < window.start);
        match beyond {
            Some((_, told)) => Err(format!(
                "{next} is said to be the end, but there is {told:?}"
            )),
            None => Ok(()),
        }
    }

    /// An entry is shown: it must not be gone for sure.
    pub(super) fn check_shown(&self, index: usize, window: &Window) -> Checked {
        let entry = self.entries.get(index);
        let shown = entry.and_then(|entry| Some((entry, entry.told?)));
        match shown {
            Some((entry, told)) if self.is_gone(entry, &told, window) => {
                Err(format!("{told:?} is shown but is gone"))
            }
            _ => Ok(()),
        }
    }

    /// A place was named: the first readable one at or after `from`, with the time of its entry, or the end.
    pub(super) fn check_place(
        &self,
        from: u64,
        position: u64,
        time_ms: Option<u64>,
        window: &Window,
    ) -> Checked {
        self.check_skipped(from, position, window)?;
        let Some(time_ms) = time_ms else {
            return self.check_tip(position, window);
        };
        match self.places.get(&position) {
            Some(index) => {
                let entry = self.entries.get(*index);
                let known_ms = entry.and_then(|entry| entry.told).map(|told| told.time_ms);
                if known_ms != Some(time_ms) {
                    return Err(format!("{position} is of {known_ms:?}, not {time_ms} ms"));
                }
                self.check_shown(*index, window)
            }
            None if time_ms > window.to_ms => Err(format!("{position} is of the future")),
            None => Ok(()),
        }
    }
}

impl Model {
    pub(super) fn log(&mut self, log: LogId) -> Result<&mut LogModel, String> {
        self.logs
            .get_mut(&log)
            .ok_or_else(|| format!("{log:?} is unknown"))
    }
}
