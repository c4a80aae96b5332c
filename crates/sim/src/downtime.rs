//! What happens between two lives of the machine: power losses, faults, rotten bits, starts; and coming to rest.

use waystation_storage::StorageError;

use crate::disk::WriteFault;
use crate::model::{Checked, Row};
use crate::operation::{Operation, Request};
use crate::profile::{SEGMENT_BYTES, WORKERS};
use crate::run::Run;

/// Rounds within which an engine that nobody asks anything comes to rest.
const ROUNDS_MAX: u64 = 3_000;
/// Rounds in a row in which nothing happened: letters between shards take several hops without a record.
const QUIET_ROUNDS: u64 = 8;
/// How a frame begins.
const FRAME_MAGIC: &[u8] = b"WAYFRAME";
const PAGE_BYTES: usize = 4096;

impl Run {
    /// Arms a fault that strikes one of the next writes.
    pub(crate) fn arm(&mut self) {
        let after = self.rng.u32(0..4);
        match self.rng.u8(0..6) {
            0 => self.machine.view.fail_after(after),
            number => {
                let fault = match number {
                    1 => WriteFault::Refused,
                    2 => WriteFault::Short,
                    3 => WriteFault::Unflushed,
                    _ => WriteFault::PowerCut,
                };
                self.trace
                    .note(self.step, format_args!("fault {fault:?} after {after}"));
                self.machine.disk.fail_write_after(after, fault);
            }
        }
    }

    /// The machine goes down and comes up again, perhaps several times.
    pub(crate) fn crash(&mut self) -> Checked {
        loop {
            self.go_down();
            if self.profile.fault_one_in > 0 && self.rng.u8(0..6) == 0 {
                let after = self.rng.u32(0..5);
                self.trace.note(
                    self.step,
                    format_args!("the start meets a fault after {after} writes"),
                );
                self.machine
                    .disk
                    .fail_write_after(after, WriteFault::PowerCut);
                if self.machine.start().is_err() && self.machine.is_broken() {
                    continue;
                }
                self.machine.stop();
                self.machine.disk.restart();
            }
            self.start()?;
            self.check_names()?;
            if self.rng.u8(0..5) > 0 {
                return self.settle();
            }
            // Down again in the middle of recovery.
            for _ in 0..self.rng.u8(0..40) {
                self.step += 1;
                match self.rng.u8(0..4) {
                    0 => drop(self.commit()?),
                    1 => self.checkpoint_some()?,
                    _ => self.run_worker(),
                }
            }
        }
    }

    fn go_down(&mut self) {
        self.step += 1;
        self.tried.crashes += 1;
        self.operations.clear();
        if self.rng.u8(0..4) == 0 && !self.is_doomed() {
            self.trace
                .note(self.step, format_args!("the process is killed"));
            self.machine.stop();
            self.machine.disk.restart();
        } else {
            self.trace.note(self.step, format_args!("the power goes"));
            self.machine.lose_power(&mut self.rng);
        }
        self.model.crashed(self.step, self.machine.now_ms());
        self.machine.clock.advance(self.rng.u64(0..3));
        self.forget_doom();
    }

    /// Starts the machine; a flipped bit among acknowledged bytes must be found, and only that.
    pub(crate) fn start(&mut self) -> Checked {
        // A failure that was to come to the process that died does not come to the next one.
        self.machine.view.calm();
        if self.profile.rots
            && self.rng.bool()
            && let Some((name, offset)) = self.place_to_rot()
        {
            let bit = self.rng.u8(0..8);
            self.machine.disk.rot(&name, offset, bit);
            let started = self.machine.start();
            self.machine.stop();
            self.machine.disk.rot(&name, offset, bit);
            match started {
                Ok(()) => {}
                Err(StorageError::Corrupt { .. } | StorageError::UnknownFormat { .. }) => {
                    self.tried.rots_found += 1;
                }
                Err(error) => return Err(format!("a flipped bit was reported as: {error}")),
            }
            self.trace
                .note(self.step, format_args!("rot {name} {offset} {bit}"));
        }
        match self.machine.start() {
            Err(StorageError::StorageFull) => {
                self.machine.disk.set_room(u64::MAX);
                self.machine
                    .start()
                    .map_err(|error| format!("no start after a crash: {error}"))
            }
            started => started.map_err(|error| format!("no start after a crash: {error}")),
        }
    }

    /// A byte of the journal before its last frames: damage there cannot be mistaken for a torn tail.
    fn place_to_rot(&mut self) -> Option<(String, usize)> {
        let mut frames = Vec::new();
        for (name, len) in self.machine.disk.files() {
            let index = name
                .strip_suffix(".seg")
                .and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let Some(index) = index else {
                continue;
            };
            for offset in (0..len).step_by(PAGE_BYTES) {
                let head = self.machine.disk.peek(&name, offset, 40);
                let lsn = index * SEGMENT_BYTES + offset as u64;
                if head.starts_with(FRAME_MAGIC) && head.get(32..40) == Some(&lsn.to_le_bytes()) {
                    frames.push((name.clone(), offset));
                }
            }
        }
        frames.truncate(frames.len().checked_sub(3)?);
        let (name, offset) = frames.get(self.rng.usize(0..frames.len().max(1)))?.clone();
        Some((name, offset + self.rng.usize(0..300)))
    }

    /// Lets the engine finish whatever is under way, then checks what can be known now.
    pub(crate) fn settle(&mut self) -> Checked {
        self.rest()?;
        if self.is_doomed() {
            return Ok(());
        }
        let now_ms = self.machine.now_ms();
        let engine = self.machine.engine();
        let show = |row: &Row| {
            let found = engine.catalog().get(&row.scope, &row.path)?;
            Some((found.version(), found.bytes().to_vec()))
        };
        self.model.settled(self.step, now_ms);
        self.model.settle_names(self.step, now_ms, &show)?;
        self.step += 1;
        let waiting = self.operations.len();
        for queue in self.workload.settled(&self.model) {
            self.begin(Request::Counts { queue });
        }
        self.rest()?;
        let open = self
            .operations
            .iter()
            .skip(waiting.min(self.operations.len()));
        let unanswered = open
            .filter(|o| matches!(o.request, Request::Counts { .. }))
            .count();
        if unanswered > 0 && !self.is_doomed() {
            return Err(format!(
                "{unanswered} commands are not answered though the engine rests"
            ));
        }
        self.step += 1;
        Ok(())
    }

    /// Runs everything until nothing more happens by itself.
    pub(crate) fn rest(&mut self) -> Checked {
        let mut quiet = 0;
        self.machine.manual().release_lanes();
        for _ in 0..ROUNDS_MAX {
            self.step += 1;
            let first = self.rng.usize(0..WORKERS);
            for number in 0..WORKERS {
                self.run_worker_number((first + number) % WORKERS);
            }
            self.collect()?;
            let mut fetched = false;
            while self.machine.manual().fetch_next() {
                fetched = true;
                self.model.leeway.fetched = true;
            }
            let committed = self.commit()?;
            self.collect()?;
            if self.is_doomed() {
                return Ok(());
            }
            let looking = |o: &Operation| matches!(o.request, Request::Peek { .. });
            let goes_on = fetched || committed || self.operations.iter().any(looking);
            quiet = if goes_on { 0 } else { quiet + 1 };
            if quiet == QUIET_ROUNDS {
                return self.check_waiting();
            }
        }
        let open = self.operations.iter();
        let open: Vec<String> = open.map(|o| crate::story::of_request(&o.request)).collect();
        Err(format!(
            "the engine does not come to rest in {ROUNDS_MAX} rounds: {open:?}"
        ))
    }

    /// Once the engine rests, only receives that have time left may be waiting.
    fn check_waiting(&mut self) -> Checked {
        if self.machine.is_broken() {
            return self.broke("the engine", "it rests on a broken disk");
        }
        // Effects of catalog writes that find no room wait for it, and so do slices of move tasks while the outbox is full.
        let full = self.model.leeway.full || self.model.leeway.tight;
        let now_ms = self.machine.now_ms();
        let stuck = self.operations.iter().find(|operation| {
            let writes = matches!(
                operation.request,
                Request::Write { .. } | Request::Move { .. }
            );
            let read = match &operation.request {
                Request::Read { log, read } if !full => {
                    self.model.must_answer(*log, read, self.step, now_ms)
                }
                _ => false,
            };
            read || !(may_wait(operation, now_ms) || writes && full)
        });
        stuck.map_or(Ok(()), |operation| {
            let story = crate::story::of_request(&operation.request);
            Err(format!(
                "command {} is never answered: {story}",
                operation.number
            ))
        })
    }

    pub(crate) fn check_names(&mut self) -> Checked {
        let engine = self.machine.engine();
        self.model.check_names(self.step, &|row: &Row| {
            let found = engine.catalog().get(&row.scope, &row.path)?;
            Some((found.version(), found.bytes().to_vec()))
        })
    }
}

fn may_wait(operation: &Operation, now_ms: u64) -> bool {
    match &operation.request {
        Request::Receive { request, .. } => operation
            .from_ms
            .is_none_or(|from_ms| request.max > 0 && from_ms + request.wait_ms > now_ms),
        Request::Read { read, .. } => operation
            .from_ms
            .is_none_or(|from_ms| from_ms + read.wait_ms > now_ms),
        Request::Move { request, .. } => request.not_before_ms > now_ms,
        _ => false,
    }
}
