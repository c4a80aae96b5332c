//! One run: the seed decides what happens next, and everything that comes back is checked.

use fastrand::Rng;

use crate::machine::Machine;
use crate::model::{Checked, Leeway, Model, Window};
use crate::operation::{Answer, Operation, Request};
use crate::profile::{Profile, WORKERS};
use crate::trace::Trace;
use crate::tried::Tried;
use crate::workload::Workload;

use waystation_engine::{Advance, EngineError};
use waystation_storage::Committed;

/// A run under way.
pub(crate) struct Run {
    pub(crate) rng: Rng,
    pub(crate) profile: Profile,
    pub(crate) machine: Machine,
    pub(crate) model: Model,
    pub(crate) workload: Workload,
    pub(crate) trace: Trace,
    pub(crate) operations: Vec<Operation>,
    pub(crate) step: u64,
    pub(crate) tried: Tried,
    next_operation: u64,
    /// Steps left until the power goes, once something broke.
    doom: Option<u64>,
    /// Some shard's pages may be in the view.
    checkpointed: bool,
    /// When each worker ran last.
    ran_ms: [u64; WORKERS],
}

impl Run {
    /// A machine with empty disks, not started.
    pub(crate) fn new(seed: u64, steps: u64, told: bool) -> Run {
        let mut rng = Rng::with_seed(seed);
        let profile = Profile::draw(&mut rng, steps);
        let leeway = Leeway {
            spills: profile.spills,
            tight: profile.tight,
            ..Leeway::default()
        };
        let mut trace = Trace::new(told);
        trace.note(0, format_args!("{profile:?}"));
        Run {
            machine: Machine::new(seed, &profile),
            model: Model::new(leeway),
            workload: Workload::new(&profile),
            trace,
            operations: Vec::new(),
            step: 0,
            tried: Tried::default(),
            next_operation: 1,
            doom: None,
            checkpointed: false,
            ran_ms: [0; WORKERS],
            rng,
            profile,
        }
    }

    /// Runs to the end; an error says what was promised and not kept.
    pub(crate) fn finish(&mut self) -> Checked {
        self.start()?;
        while self.step < self.profile.steps {
            self.act()?;
        }
        self.drain()
    }

    /// How often things happened.
    pub(crate) fn tried(&self) -> Tried {
        Tried {
            steps: self.step,
            acknowledged: self.model.acknowledged(),
            deliveries: self.model.deliveries(),
            appends: self.model.entries_acknowledged,
            entries_read: self.model.entries_read,
            refusals: self.machine.disk.refused(),
            flips: self.machine.disk.flipped(),
            ..self.tried
        }
        .with(&self.model.judged)
    }

    fn one_in(&mut self, times: u64) -> bool {
        times > 0 && self.rng.u64(0..times) == 0
    }

    /// One step of the scheduler.
    fn act(&mut self) -> Checked {
        self.step += 1;
        let doomed = self.doom.map(|left| left == 0);
        if doomed == Some(true) || self.one_in(self.profile.crash_one_in) {
            return self.crash();
        }
        self.doom = self.doom.map(|left| left - 1);
        if self.one_in(self.profile.fault_one_in) {
            self.arm();
        }
        if self.one_in(self.profile.drop_one_in) {
            self.go_away();
        }
        if self.one_in(40) && self.profile.flip_one_in > 0 {
            let one_in = if self.rng.bool() {
                self.profile.flip_one_in
            } else {
                0
            };
            self.machine.disk.flip_reads(one_in);
        }
        if self.one_in(150) {
            self.settle()?;
        }
        if self.one_in(self.profile.hold_one_in) {
            self.hold();
        }
        if self.one_in(8) {
            self.check_names()?;
        }
        if self.rng.u64(0..1000) < self.profile.checkpoint_per_mille {
            self.checkpoint_some()?;
        }
        let pack_one_in = if self.profile.floods { 4 } else { 20 };
        if self.one_in(pack_one_in) {
            self.pack()?;
        }
        match self.rng.u8(0..100) {
            0..35 => self.ask(),
            35..65 => self.run_worker(),
            65..80 => drop(self.commit()?),
            80..88 if self.one_in(self.profile.fetch_one_in) => self.fetch(),
            88..90 => self.prepare()?,
            _ => self.pass_time(),
        }
        self.collect()
    }

    fn ask(&mut self) {
        if self.operations.len() < self.profile.commands_max && self.doom.is_none() {
            let engine = self.machine.engine();
            let (rng, model, step) = (&mut self.rng, &self.model, self.step);
            let request = match rng.u8(0..100) < self.profile.logs_percent {
                true => self.workload.next_on_log(rng, model, &engine, step),
                false => self.workload.next(rng, model, &engine, step),
            };
            if let Some(request) = request {
                self.begin(request);
            }
        }
    }

    /// Asks the engine; the answer comes with some later step.
    pub(crate) fn begin(&mut self, request: Request) {
        let number = self.next_operation;
        self.next_operation += 1;
        self.trace.note(
            self.step,
            format_args!("ask {number} {}", crate::story::of_request(&request)),
        );
        let engine = self.machine.engine();
        let now_ms = self.machine.now_ms();
        let mut operation = Operation::begin(number, request, engine, self.step, now_ms);
        self.model.begin(&operation);
        // The command reaches its inbox with the first poll; nothing can answer it before a worker ran.
        assert!(operation.poll().is_none(), "an answer without a worker");
        self.operations.push(operation);
    }

    /// Effects between shards wait until the engine shall come to rest.
    fn hold(&mut self) {
        self.trace.note(self.step, format_args!("hold lanes"));
        self.machine.manual().hold_lanes();
    }

    pub(crate) fn run_worker(&mut self) {
        let number = self.rng.usize(0..WORKERS);
        self.run_worker_number(number);
    }

    pub(crate) fn run_worker_number(&mut self, number: usize) {
        let now_ms = self.machine.now_ms();
        self.trace.note(self.step, format_args!("worker {number}"));
        self.machine.manual().run_worker(number);
        self.ran_ms[number] = now_ms;
        for operation in self.operations.iter_mut().filter(|o| o.worker == number) {
            operation.from_ms.get_or_insert(now_ms);
        }
    }

    /// One group commit; returns whether there was anything to commit.
    pub(crate) fn commit(&mut self) -> Result<bool, String> {
        let committed = self.machine.manual().commit_next();
        self.trace
            .note(self.step, format_args!("commit {committed:?}"));
        match committed {
            Ok(committed) => {
                self.model.committed();
                Ok(committed != Committed::Idle)
            }
            Err(error) => self.broke("a commit", &error.to_string()).map(|()| false),
        }
    }

    pub(crate) fn fetch(&mut self) {
        let fetched = self.machine.manual().fetch_next();
        self.tried.fetches += u64::from(fetched);
        self.model.leeway.fetched |= fetched;
        self.trace.note(self.step, format_args!("fetch {fetched}"));
    }

    pub(crate) fn prepare(&mut self) -> Checked {
        let prepared = self.machine.manual().prepare_next();
        self.trace
            .note(self.step, format_args!("prepare {prepared:?}"));
        prepared
            .map(drop)
            .or_else(|error| self.broke("preparing", &error.to_string()))
    }

    pub(crate) fn checkpoint_step(&mut self) -> Result<Advance, String> {
        self.checkpointed = true;
        let advance = self.machine.manual().checkpoint_step();
        self.trace
            .note(self.step, format_args!("checkpoint {advance:?}"));
        match advance {
            Ok(advance) => {
                self.tried.checkpoints += u64::from(advance == Advance::Finished);
                Ok(advance)
            }
            Err(error) => self
                .broke("a checkpoint", &error.to_string())
                .map(|()| Advance::Blocked),
        }
    }

    /// Several steps of a checkpoint, which has a few for every shard; stops where it must wait.
    pub(crate) fn checkpoint_some(&mut self) -> Checked {
        let most = self.rng.u64(1..=400);
        if self.profile.fault_one_in > 0 && self.one_in(20) {
            self.arm();
        }
        for _ in 0..most {
            let advance = self.checkpoint_step()?;
            if advance == Advance::Finished && self.profile.floods {
                return self.pack_some();
            }
            if advance != Advance::More || self.is_doomed() {
                break;
            }
        }
        Ok(())
    }

    /// Packs what the checkpoint found, or begins to.
    fn pack_some(&mut self) -> Checked {
        if self.profile.crash_one_in > 0 && self.one_in(3) {
            return self.pack_without_the_last_purge();
        }
        for _ in 0..self.rng.u8(0..60) {
            if self.is_doomed() {
                break;
            }
            match self.rng.u8(0..6) {
                0 => drop(self.commit()?),
                1..4 => self.run_worker(),
                4 => self.ask(),
                _ => self.pack()?,
            }
        }
        Ok(())
    }

    /// Somebody purges a queue, the disk does not hear of it, and the power goes while or after the rest is packed.
    fn pack_without_the_last_purge(&mut self) -> Checked {
        let queues = self.workload.settled(&self.model);
        if let Some(queue) = queues.get(self.rng.usize(0..queues.len().max(1))) {
            self.begin(Request::Purge { queue: *queue });
        }
        for _ in 0..4 {
            (0..WORKERS).for_each(|number| self.run_worker_number(number));
            self.pack()?;
        }
        match self.is_doomed() {
            true => Ok(()),
            false => self.crash(),
        }
    }

    /// The next step of packing. Now and then power goes when it was done: what is not durable then may want its bodies.
    fn pack(&mut self) -> Checked {
        if self.profile.fault_one_in > 0 && self.one_in(40) {
            self.arm();
        }
        let packed = |run: &mut Run| run.machine.manual().journal_statistics().bytes_packed;
        let before = packed(self);
        let advance = self.machine.manual().packing_step();
        self.trace
            .note(self.step, format_args!("packing {advance:?}"));
        if let Err(error) = advance {
            return self.broke("packing", &error.to_string());
        }
        let packed = packed(self) > before;
        self.tried.packings += u64::from(packed);
        match packed && self.profile.crash_one_in > 0 && self.one_in(4) {
            true => self.crash(),
            false => Ok(()),
        }
    }

    fn pass_time(&mut self) {
        let by_ms = match self.rng.u8(0..20) {
            0 => self.rng.u64(0..=self.profile.jump_ms_max),
            1..4 => {
                // To the very moment something is due, or one before it.
                let due = self.machine.manual().next_due().unwrap_or(0);
                let left = due.saturating_sub(self.machine.now_ms());
                left.saturating_sub(self.rng.u64(0..2))
                    .min(self.profile.jump_ms_max)
            }
            _ => self.rng.u64(0..30),
        };
        self.machine.clock.advance(by_ms);
        self.trace.note(
            self.step,
            format_args!("time {by_ms} {}", self.machine.now_ms()),
        );
    }

    /// Takes whatever answers are there, and has them checked.
    pub(crate) fn collect(&mut self) -> Checked {
        // After a restart over a checkpoint pages are read when they are needed.
        self.model.leeway.spills = self.profile.spills || self.checkpointed;
        self.model.leeway.full = self.machine.disk.refused() > 0 || self.machine.is_broken();
        self.model.leeway.unreadable = self.machine.disk.flipped() > 0 || self.machine.is_broken();
        let mut place = 0;
        while place < self.operations.len() {
            let Some(answer) = self.operations[place].poll() else {
                place += 1;
                continue;
            };
            let operation = self.operations.remove(place);
            self.trace.note(
                self.step,
                format_args!(
                    "answer {} {}",
                    operation.number,
                    crate::story::of_answer(&answer)
                ),
            );
            if is_stopping(&answer) {
                // Nobody was told anything: as if the client were still waiting when the power goes.
                self.broke("a command", "the engine is stopping")?;
                continue;
            }
            let window = self.window(&operation);
            self.model
                .answered(&operation, answer, window)
                .map_err(|why| format!("command {}: {why}", operation.number))?;
        }
        self.model.leeway.fetched = false;
        let usage = self.machine.manual().usage();
        self.tried.outbox_spills +=
            u64::from(usage.outbox_bytes.get() > usage.outbox_memory_bytes.get());
        match self.machine.failure() {
            Some(error) => self.broke("the engine", &error),
            None => Ok(()),
        }
    }

    fn window(&self, operation: &Operation) -> Window {
        Window {
            operation: operation.number,
            start: operation.start,
            end: self.step,
            from_ms: operation.from_ms.unwrap_or(operation.start_ms),
            to_ms: self.ran_ms[operation.worker],
        }
    }

    /// Something failed: only a broken disk excuses it, and it is the end of this process.
    pub(crate) fn broke(&mut self, what: &str, why: &str) -> Checked {
        if !self.machine.is_broken() {
            return Err(format!("{what} failed without a fault: {why}"));
        }
        self.trace
            .note(self.step, format_args!("{what} failed: {why}"));
        let left = self.rng.u64(0..6);
        self.doom.get_or_insert(left);
        Ok(())
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    pub(crate) fn forget_doom(&mut self) {
        self.doom = None;
        self.ran_ms = [self.machine.now_ms(); WORKERS];
    }

    /// A client goes away while it waits.
    fn go_away(&mut self) {
        if !self.operations.is_empty() {
            let place = self.rng.usize(0..self.operations.len());
            let operation = self.operations.remove(place);
            self.trace
                .note(self.step, format_args!("drop {}", operation.number));
            self.model
                .abandoned(operation.number, self.step, self.machine.now_ms());
        }
    }
}

fn is_stopping(answer: &Answer) -> bool {
    let stopping = |error: &EngineError| *error == EngineError::Stopping;
    match answer {
        Answer::Sent(Ok(results)) => results.iter().any(|r| r.as_ref().is_err_and(stopping)),
        Answer::Published(Ok(results)) => results.iter().any(|r| r.as_ref().is_err_and(stopping)),
        Answer::Sent(Err(error))
        | Answer::Published(Err(error))
        | Answer::Received(Err(error))
        | Answer::Receipts(Err(error))
        | Answer::Purged(Err(error))
        | Answer::Counted(Err(error))
        | Answer::Peeked(Err(error))
        | Answer::Moved(Err(error))
        | Answer::Appended(Err(error))
        | Answer::Read(Err(error))
        | Answer::Located(Err(error))
        | Answer::Stood(Err(error))
        | Answer::Trimmed(Err(error))
        | Answer::Written(Err(error)) => stopping(error),
        _ => false,
    }
}
