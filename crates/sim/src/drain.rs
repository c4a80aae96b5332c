//! The end of a run: consumers take everything that is left, and then nothing may be left anywhere.

use waystation_engine::{LogRead, QueueId, ReceiveRequest};

use crate::model::Checked;
use crate::operation::Request;
use crate::run::Run;

/// Rounds within which everything must have been drained.
const ROUNDS_MAX: u64 = 5_000;
/// Messages per receive while draining.
const RECEIVE_MAX: usize = 200;
/// Segments that may stay: the current one, what is prepared, what waits to be reused, one in hand.
const SEGMENTS_MAX: u64 = 8;

/// Where manifests and roots are in the view; an engine without queues and names has one of each for every shard, at most.
const MANIFESTS_AND_ROOTS: [(u8, u8); 2] = [(1, 0), (2, 1)];
const SHARDS: usize = 256;

impl Run {
    /// Drains all queues, then checks that every message came out and that all room was given back.
    pub(crate) fn drain(&mut self) -> Checked {
        if self.is_doomed() || self.machine.is_broken() {
            self.crash()?;
        }
        self.machine.disk.restart();
        self.machine.disk.set_room(u64::MAX);
        self.machine.view.calm();
        let step = self.step;
        for operation in std::mem::take(&mut self.operations) {
            self.model
                .abandoned(operation.number, step, self.machine.now_ms());
        }
        self.prepare()?;
        // Effects that met a full disk are tried again a little later.
        self.machine.clock.advance(100);
        self.settle()?;
        self.empty_logs()?;
        for _ in 0..ROUNDS_MAX {
            let mut found = false;
            for queue in self.workload.settled(&self.model) {
                found |= self.drain_queue(queue)?;
            }
            if found {
                continue;
            }
            let Some(due) = self.machine.manual().next_due() else {
                return self.check_empty();
            };
            let now_ms = self.machine.now_ms();
            self.machine.clock.advance(due.saturating_sub(now_ms));
            self.settle()?;
        }
        Err("the queues do not drain".into())
    }

    /// Reads every log from its beginning to its end, then trims all of it.
    fn empty_logs(&mut self) -> Checked {
        for log in self.workload.settled_logs(&self.model) {
            let mut from = 0;
            loop {
                let read = LogRead {
                    from,
                    entries_max: 5_000,
                    bytes_max: 8 << 20,
                    wait_ms: 0,
                };
                self.step += 1;
                self.begin(Request::Read { log, read });
                self.rest()?;
                let next = self.model.logs.get(&log).map_or(0, |known| known.read_to);
                if next == from {
                    break;
                }
                from = next;
            }
            self.step += 1;
            let before = u64::MAX;
            self.begin(Request::Trim { log, before });
            self.rest()?;
            self.step += 1;
        }
        Ok(())
    }

    /// Receives once and deletes what came.
    fn drain_queue(&mut self, queue: QueueId) -> Result<bool, String> {
        let request = ReceiveRequest {
            max: RECEIVE_MAX,
            visibility_ms: 60_000,
            wait_ms: 0,
            attempt: None,
        };
        let known = |run: &Run| run.model.queues.get(&queue).map_or(0, |known| known.given);
        let before = known(self);
        self.step += 1;
        self.begin(Request::Receive { queue, request });
        self.rest()?;
        let count = (known(self) - before) as usize;
        if count == 0 {
            return Ok(false);
        }
        let handles = self
            .model
            .queues
            .get(&queue)
            .map(|known| known.handles.clone());
        let handles = handles.unwrap_or_default();
        let latest = handles.iter().rev().take(count);
        let receipts = latest.map(|handle| handle.receipt).collect();
        self.step += 1;
        self.begin(Request::Delete { queue, receipts });
        self.rest()?;
        self.step += 1;
        Ok(true)
    }

    fn check_empty(&mut self) -> Checked {
        self.model.all_arrived(self.step - 1, self.machine.now_ms());
        self.model.check_drained(self.step, self.machine.now_ms())?;
        self.checkpoint()?;
        self.checkpoint()?;
        let manual = self.machine.manual();
        let (live, statistics) = (manual.live_bytes(), manual.journal_statistics());
        if live != 0 || statistics.segments > SEGMENTS_MAX {
            return Err(format!(
                "drained, but {live} bytes are live in {} segments",
                statistics.segments
            ));
        }
        let files = self.machine.disk.files();
        if files.iter().any(|(name, _)| !name.ends_with(".seg")) {
            return Err(format!(
                "drained, but there is more than segments: {files:?}"
            ));
        }
        let queues = self.workload.settled(&self.model);
        let queues = queues.into_iter();
        let mut removals: Vec<Request> = queues
            .filter_map(|queue| self.workload.remove_surely(queue))
            .collect();
        removals.extend(self.workload.remove_streams_surely());
        for request in removals {
            // One after the other: the outbox may be small, and what it has no room for is refused.
            self.begin(request);
            self.settle()?;
        }
        self.check_usage()?;
        self.checkpoint()?;
        self.checkpoint()?;
        let rows = self.machine.view.kinds();
        let is_of_shards = |(kind, count): (&(u8, u8), &usize)| {
            MANIFESTS_AND_ROOTS.contains(kind) && *count <= SHARDS
        };
        if !rows.iter().all(is_of_shards) {
            return Err(format!(
                "nothing is left, but these rows in the view: {rows:?}"
            ));
        }
        // A last start: the end state must be found again.
        self.operations.clear();
        self.machine.stop();
        self.start()?;
        self.check_names()?;
        self.check_usage()
    }

    fn check_usage(&mut self) -> Checked {
        let usage = self.machine.manual().usage();
        let left = [
            usage.page_bytes.get(),
            usage.waiting_messages.get(),
            usage.deduplication_entries.get(),
            usage.deduplication_bytes.get(),
            usage.attempt_messages.get(),
            usage.parked_receives.get(),
            usage.outbox_bytes.get(),
            usage.outbox_memory_bytes.get(),
            usage.logs.get(),
            usage.log_entries.get(),
            usage.log_bytes.get(),
        ];
        match left.iter().all(|left| *left == 0) {
            true => Ok(()),
            false => Err(format!("nothing is left, but the gauges show {left:?}")),
        }
    }

    /// One whole checkpoint.
    fn checkpoint(&mut self) -> Checked {
        let before = self.tried.checkpoints;
        for _ in 0..ROUNDS_MAX {
            self.step += 1;
            self.checkpoint_step()?;
            if self.tried.checkpoints > before {
                return self.rest();
            }
            for _ in 0..2 {
                self.run_worker();
            }
            if self.rng.u8(0..8) == 0 {
                self.commit()?;
            }
        }
        Err("a checkpoint does not end".into())
    }
}
