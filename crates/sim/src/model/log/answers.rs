//! Checks what logs answer.

use bytes::Bytes;
use waystation_engine::{
    Appended, EngineError, LogBatch, LogId, LogPoint, LogRead, LogSpot, LogState,
};

use crate::model::{Checked, Model, Window};

impl Model {
    pub(in crate::model) fn appended(
        &mut self,
        log: LogId,
        bodies: &[Bytes],
        result: Result<Vec<Appended>, EngineError>,
        window: &Window,
    ) -> Checked {
        let full = self.leeway.full;
        let known = self.log(log)?;
        let appended = match result {
            Ok(appended) => appended,
            Err(error) => {
                if error == EngineError::LogSealed && !known.may_be_sealed(window.end) {
                    return Err("nobody sealed the log".into());
                }
                known.refuse(bodies);
                return Ok(());
            }
        };
        if known.is_sealed(window.start) && !bodies.is_empty() {
            return Err("a sealed log took entries".into());
        }
        if appended.len() > bodies.len() || appended.len() < bodies.len() && !full {
            return Err(format!("{} of {} appended", appended.len(), bodies.len()));
        }
        known.refuse(bodies.get(appended.len()..).unwrap_or_default());
        let first = appended.first().map_or(0, |first| first.position);
        for (place, (body, said)) in bodies.iter().zip(&appended).enumerate() {
            if said.position != first + place as u64 || said.time_ms < window.from_ms {
                return Err(format!("{said:?} is entry {place} from {first} on"));
            }
            let index = known.by_body.get(body).copied();
            let index = index.ok_or("a body nobody gave")?;
            known.tell(index, said.position, said.time_ms, window)?;
        }
        self.entries_acknowledged += appended.len();
        Ok(())
    }

    pub(in crate::model) fn read(
        &mut self,
        log: LogId,
        read: &LogRead,
        result: Result<LogBatch, EngineError>,
        window: &Window,
    ) -> Checked {
        let leeway = self.leeway;
        let exact = !(leeway.spills || leeway.unreadable || leeway.fetched);
        let known = self.log(log)?;
        let Ok(batch) = result else {
            return Ok(());
        };
        known.read_to = batch.next;
        let first = batch
            .entries
            .first()
            .map_or(batch.next, |first| first.position);
        known.check_skipped(read.from, first, window)?;
        for (position, entry) in (first..).zip(&batch.entries) {
            if entry.position != position || position < read.from {
                return Err(format!("{} comes where {position} should", entry.position));
            }
            let index = known.by_body.get(&entry.body).copied();
            let index = index.ok_or("a body nobody appended")?;
            known.tell(index, position, entry.time_ms, window)?;
            known.check_shown(index, window)?;
        }
        let count = batch.entries.len() as u64;
        let bytes: u64 = batch.entries.iter().map(|e| e.body.len() as u64).sum();
        let too_much = count > 1 && bytes > read.bytes_max || count > read.entries_max as u64;
        if count > 0 && batch.next != first + count || too_much {
            return Err(format!(
                "{count} entries of {bytes} bytes, then {}",
                batch.next
            ));
        }
        if batch.at_tip {
            known.check_tip(batch.next, window)?;
        } else {
            let next = known
                .places
                .get(&batch.next)
                .and_then(|i| known.entries.get(*i));
            let larger = next.is_none_or(|next| bytes + next.body.len() as u64 > read.bytes_max);
            if exact && count < read.entries_max as u64 && !larger {
                return Err(format!("{count} entries though there is {}", batch.next));
            }
            if count == 0 && !leeway.fetched {
                return Err("no entries, and not at the end".into());
            }
        }
        let sealed = known.is_sealed(window.start);
        let ends = batch.at_tip && (sealed || batch.ended && known.may_be_sealed(window.end));
        if batch.ended != ends {
            return Err(format!("ended: {}", batch.ended));
        }
        // What it found may have gone, with its segment, before the bodies were read.
        let gone = leeway.fetched && batch.next > read.from;
        let waits = count == 0 && batch.at_tip && !batch.ended && !gone;
        if waits && window.from_ms.saturating_add(read.wait_ms) > window.to_ms {
            return Err("nothing, before the time was up".into());
        }
        self.judged.log_reads.raise();
        self.entries_read += batch.entries.len();
        Ok(())
    }

    pub(in crate::model) fn located(
        &mut self,
        log: LogId,
        spot: LogSpot,
        result: Result<LogPoint, EngineError>,
        window: &Window,
    ) -> Checked {
        let known = self.log(log)?;
        let Ok(LogPoint { position, time_ms }) = result else {
            return Ok(());
        };
        let from = match spot {
            LogSpot::Horizon => 0,
            LogSpot::Tip => u64::MAX,
            LogSpot::Position(from) => from,
            LogSpot::Time(wanted_ms) => {
                if time_ms.is_some_and(|time_ms| time_ms < wanted_ms) {
                    return Err(format!("{position} is older than {wanted_ms} ms"));
                }
                let mut later = known.known_from(0);
                let later = later.find(|(_, told)| told.time_ms >= wanted_ms);
                later.map_or(u64::MAX, |(_, told)| told.position)
            }
        };
        if let LogSpot::Position(from) = spot
            && position < from
            && time_ms.is_some()
        {
            return Err(format!("{position} is before {from}"));
        }
        known.check_place(from, position, time_ms, window)
    }

    pub(in crate::model) fn stood(
        &mut self,
        log: LogId,
        result: Result<LogState, EngineError>,
        window: &Window,
    ) -> Checked {
        let known = self.log(log)?;
        let Ok(state) = result else {
            return Ok(());
        };
        known.check_skipped(0, state.first, window)?;
        known.check_tip(state.next, window)?;
        if state.next > known.entries.len() as u64 || state.first > state.next {
            return Err(format!("{state:?} of {} entries", known.entries.len()));
        }
        let (must, may) = (
            known.is_sealed(window.start),
            known.may_be_sealed(window.end),
        );
        let here = known.known_from(state.first);
        let here = here.filter(|(_, told)| told.step < window.start && told.position < state.next);
        let bytes: u64 = here.map(|(entry, _)| entry.body.len() as u64).sum();
        if must && !state.sealed || state.sealed && !may || state.bytes < bytes {
            return Err(format!("{state:?}, but there are {bytes} bytes"));
        }
        Ok(())
    }

    pub(in crate::model) fn trimmed(
        &mut self,
        log: LogId,
        result: Result<(), EngineError>,
        window: &Window,
    ) -> Checked {
        let known = self.log(log)?;
        match result {
            Ok(()) => {
                for (_, deed) in &mut known.trims {
                    if deed.operation == window.operation {
                        deed.certain = true;
                        deed.end = window.end;
                    }
                }
            }
            Err(_) => known
                .trims
                .retain(|(_, deed)| deed.operation != window.operation),
        }
        Ok(())
    }
}

impl super::LogModel {
    /// These were not appended and never will be.
    fn refuse(&mut self, bodies: &[Bytes]) {
        for body in bodies {
            if let Some(entry) = self
                .by_body
                .get(body)
                .and_then(|i| self.entries.get_mut(*i))
            {
                entry.refused = true;
            }
        }
    }
}
