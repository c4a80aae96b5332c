//! A worker owns some shards and runs them: letters in, facts into the journal, answers out.
//!
//! It never blocks but on a full frame. A `Station` calls `process` on whatever thread brings a
//! letter; the simulator calls it when its seed says so. Here: letters and time; `lanes` carries effects
//! between shards, `needs` reads what is not in memory and gives memory back, `catch_up` what is due there.

mod catch_up;
mod lanes;
mod needs;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::checkpoint::Capture;
use crate::codec::Writer;
use crate::command::Command;
use crate::config::EngineError;
use crate::ids::{LogId, QueueId, Resource, ShardId};
use crate::limits::{POLL_END_STEP_MS, RETRY_MS};
use crate::need::Need;
use crate::packing::Listing;
use crate::parked::{Parked, Work};
use crate::plan::{Outcome, Turn};
use crate::shard::Shard;
use crate::shared::{Letter, Shared};

/// Runs the shards of one thread.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    shards: FxHashMap<ShardId, Shard>,
    parked: Parked,
    next_tag: u64,
    scratch: Writer,
    /// When each shard has something to do by itself.
    due: BTreeSet<(u64, ShardId)>,
    due_of: FxHashMap<ShardId, u64>,
    /// Lanes whose destination knows that there is something.
    nudged: FxHashSet<(ShardId, ShardId)>,
    /// Lanes that found no room on the disk: (when to try again, source, destination).
    stalled: BTreeSet<(u64, ShardId, ShardId)>,
    /// Shards whose expiry found no room, or waits for a page.
    stuck: FxHashSet<ShardId>,
    /// Shards that were looked at since the last settling.
    touched: BTreeSet<ShardId>,
    /// Pages that shards read for their deadlines.
    coming: FxHashMap<ShardId, BTreeSet<Need>>,
    /// Letters to shards that have to catch up first.
    behind: FxHashMap<ShardId, Vec<Letter>>,
    /// The server is about to stop: nobody waits any more.
    waiting_ended: bool,
}

impl Worker {
    /// A worker over `shards`; `first_tag` is unlike any tag of an earlier epoch or other worker.
    pub(crate) fn new(shared: Arc<Shared>, shards: Vec<Shard>, first_tag: u64) -> Worker {
        let touched = shards.iter().map(|shard| shard.id).collect();
        Worker {
            shared,
            shards: shards.into_iter().map(|shard| (shard.id, shard)).collect(),
            parked: Parked::default(),
            next_tag: first_tag,
            scratch: Writer::default(),
            due: BTreeSet::new(),
            due_of: FxHashMap::default(),
            nudged: FxHashSet::default(),
            stalled: BTreeSet::new(),
            stuck: FxHashSet::default(),
            touched,
            coming: FxHashMap::default(),
            behind: FxHashMap::default(),
            waiting_ended: false,
        }
    }

    /// Ends the wait of everybody who still waits: the engine stops.
    pub(crate) fn refuse_parked(&mut self) {
        for command in self.parked.take_all() {
            self.shared.usage.parked_receives.sub(1);
            command.refuse(EngineError::Stopping);
        }
        self.refuse_slices();
    }

    fn refuse_slices(&mut self) {
        for command in self.parked.take_slices() {
            command.refuse(EngineError::Stopping);
        }
    }

    /// When this worker has something to do without a letter.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let others = self.next_due_but_receives();
        [others, self.parked.next_due()].into_iter().flatten().min()
    }

    /// When its thread should look: receives that end with nothing are answered together.
    pub(crate) fn next_look(&self) -> Option<u64> {
        let receive = self.parked.next_due();
        let receive = receive.map(|due_ms| due_ms.next_multiple_of(POLL_END_STEP_MS));
        let others = self.next_due_but_receives();
        [others, receive].into_iter().flatten().min()
    }

    fn next_due_but_receives(&self) -> Option<u64> {
        let shard = self.due.first().map(|(when, _)| *when);
        let stalled = self.stalled.first().map(|(when, ..)| *when);
        [shard, stalled].into_iter().flatten().min()
    }

    /// Bytes of bodies that its shards refer to.
    pub(crate) fn live_bytes(&self) -> u64 {
        let live = self.shards.values().map(|shard| &shard.index.live);
        live.map(|live| live.0.values().sum::<u64>()).sum()
    }

    /// Handles letters and whatever time brings, until nothing more follows from them.
    pub(crate) fn process(&mut self, letters: VecDeque<Letter>) {
        let now_ms = self.shared.clock.now_ms();
        for letter in letters {
            self.handle(letter, now_ms);
        }
        while let Some((when, shard)) = self.due.first().copied()
            && when <= now_ms
        {
            self.due.pop_first();
            self.due_of.remove(&shard);
            self.run_due(shard, now_ms);
        }
        self.resume_stalled(now_ms);
        self.settle(now_ms);
        while let Some(command) = self.parked.take_overdue(now_ms) {
            self.shared.usage.parked_receives.sub(1);
            self.plan(command, now_ms);
        }
        while let Some(command) = self.parked.take_slice(now_ms) {
            self.plan(command, now_ms);
        }
        self.settle(now_ms);
    }

    fn handle(&mut self, letter: Letter, now_ms: u64) {
        match letter {
            Letter::Command(command) => self.plan(command, now_ms),
            Letter::Nudge {
                source,
                destination,
            } => self.pull(source, destination),
            Letter::Pull {
                source,
                destination,
                through,
            } => self.answer_pull(source, destination, through, now_ms),
            Letter::Offer(offer) => self.take_in(offer, now_ms),
            Letter::Found {
                need,
                generation,
                contents,
            } => self.found(need, generation, contents, now_ms),
            Letter::NotFound {
                need,
                generation,
                error,
            } => self.not_found(need, generation, error, now_ms),
            Letter::Capture { shard, promise } => {
                let crowded = self.outbox_keeps().is_some();
                if !self.keeps_up(shard, now_ms) {
                    self.line_up(shard, Letter::Capture { shard, promise });
                } else if let Some(state) = self.shards.get_mut(&shard) {
                    state.dirty |= crowded && state.outbox.close();
                    promise.fill(Capture::take(state, &self.shared.journal));
                }
            }
            Letter::Sealed {
                shard,
                generation,
                filters,
            } => self.sealed(shard, generation, filters),
            Letter::Abandoned {
                shard,
                generation,
                rows,
            } => {
                if let Some(state) = self.shards.get_mut(&shard) {
                    state.abandoned(generation, rows);
                }
            }
            Letter::ListBodies {
                shard,
                wanted,
                promise,
            } => {
                if let Some(state) = self.shards.get(&shard) {
                    promise.fill(Listing::take(state, &wanted));
                }
            }
            Letter::Tick => {}
            Letter::EndWaiting => {
                self.waiting_ended = true;
                for command in self.parked.take_all() {
                    self.shared.usage.parked_receives.sub(1);
                    command.answer_empty();
                }
                self.refuse_slices();
            }
        }
    }

    fn resume(&mut self, work: Work, now_ms: u64) {
        match work {
            Work::Command(command) => self.plan(command, now_ms),
            Work::Offer(offer) => self.take_in(offer, now_ms),
            Work::Pull {
                source,
                destination,
                through,
            } => self.answer_pull(source, destination, through, now_ms),
            Work::Expire(queue) => self.expire(queue, now_ms),
            Work::CatchUp(need) => self.came(need, now_ms),
        }
    }

    fn queue_mut(&mut self, queue: QueueId) -> Option<&mut crate::queue::Queue> {
        self.shards.get_mut(&queue.shard())?.queues.get_mut(&queue)
    }

    /// Gives `plan` one shard that keeps up, brought to the present.
    fn turn<R>(
        &mut self,
        shard: ShardId,
        now_ms: u64,
        plan: impl FnOnce(&mut Turn<'_>) -> R,
    ) -> Option<R> {
        self.touched.insert(shard);
        let state = self.shards.get_mut(&shard)?;
        state.advance(now_ms);
        assert!(!state.is_behind(), "nothing is decided behind time");
        Some(plan(&mut Turn {
            shard: state,
            journal: &self.shared.journal,
            catalog: &self.shared.catalog,
            budgets: &self.shared.budgets,
            next_tag: &mut self.next_tag,
            scratch: &mut self.scratch,
        }))
    }

    fn plan(&mut self, mut command: Command, now_ms: u64) {
        let shard = command.shard();
        if !self.keeps_up(shard, now_ms) {
            command.begin_waiting(now_ms);
            return self.line_up(shard, Letter::Command(command));
        }
        match self.turn(shard, now_ms, |turn| turn.plan(command)) {
            Some(Outcome::Fetch(command, needs)) => self.fetch(Work::Command(command), &needs),
            Some(Outcome::Wait(command)) => self.park(command),
            Some(Outcome::Done) | None => {}
        }
    }

    fn park(&mut self, command: Command) {
        match &command {
            Command::AwaitEffect { shard, .. } => self.parked.effect(*shard, command),
            Command::Move { .. } if self.waiting_ended => command.refuse(EngineError::Stopping),
            Command::Move { request, .. } => self.parked.slice(request.not_before_ms, command),
            _ if self.waiting_ended => command.answer_empty(),
            _ => {
                let parked = &self.shared.usage.parked_receives;
                if parked.get() >= self.shared.budgets.parked_receives_max {
                    return command.refuse(EngineError::Overloaded);
                }
                parked.add(1);
                self.parked.line_up(command);
            }
        }
    }

    fn run_due(&mut self, shard: ShardId, now_ms: u64) {
        if !self.keeps_up(shard, now_ms) {
            return;
        }
        self.read_ahead(shard, now_ms);
        let due: Vec<Resource> = match self.shards.get(&shard) {
            Some(state) => state
                .retention
                .iter()
                .take_while(|(when, _)| *when <= now_ms)
                .map(|(_, resource)| *resource)
                .collect(),
            None => Vec::new(),
        };
        for resource in due {
            match resource {
                Resource::Queue(queue) => self.expire(queue, now_ms),
                Resource::Log(log) => self.expire_log(log, now_ms),
            }
        }
    }

    fn expire_log(&mut self, log: LogId, now_ms: u64) {
        let expired = self.turn(log.shard(), now_ms, |turn| turn.expire_log(log));
        if matches!(expired, Some(Err(_))) {
            self.stuck.insert(log.shard());
        }
    }

    fn expire(&mut self, queue: QueueId, now_ms: u64) {
        if !self.keeps_up(queue.shard(), now_ms) {
            // Its retention stays due.
            return;
        }
        match self.turn(queue.shard(), now_ms, |turn| turn.expire(queue)) {
            Some(Ok(Some(number))) => {
                self.stuck.insert(queue.shard());
                self.fetch(Work::Expire(queue), &[Need::Page { queue, number }]);
            }
            Some(Err(_)) => {
                self.stuck.insert(queue.shard());
            }
            Some(Ok(None)) | None => {}
        }
    }

    // ---- after the letters

    /// Follows up on what the touched shards say: receivers to wake, lanes to announce, deadlines.
    fn settle(&mut self, now_ms: u64) {
        while let Some(shard) = self.touched.pop_first() {
            let Some(state) = self.shards.get_mut(&shard) else {
                continue;
            };
            for destination in state.outbox.take_fresh() {
                if self.nudged.insert((shard, destination)) {
                    let nudge = Letter::Nudge {
                        source: shard,
                        destination,
                    };
                    self.shared.post(destination, nudge);
                }
            }
            let mut due = state.next_due();
            let behind = state.is_behind();
            if self.stuck.remove(&shard) {
                // Its time has come and it cannot go on: looking again at once would find the same.
                due = due.map(|due| due.max(now_ms + RETRY_MS));
            }
            let due = [due, self.far_due(shard)].into_iter().flatten().min();
            self.set_due(shard, due);
            for resource in self.take_woken(shard, behind) {
                self.wake(resource, now_ms);
            }
        }
        if self.over_budget() || self.outbox_keeps().is_some() || self.remembers_too_much() {
            self.shared.want_checkpoint();
        }
    }

    /// Where those who wait may be served; nobody is served behind time.
    fn take_woken(&mut self, shard: ShardId, behind: bool) -> Vec<Resource> {
        let Some(state) = self.shards.get_mut(&shard).filter(|_| !behind) else {
            return Vec::new();
        };
        let mut woken = std::mem::take(&mut state.woken);
        woken.append(&mut state.removed);
        woken
    }

    fn set_due(&mut self, shard: ShardId, due: Option<u64>) {
        if self.due_of.get(&shard).copied() == due {
            return;
        }
        if let Some(before) = self.due_of.remove(&shard) {
            self.due.remove(&(before, shard));
        }
        if let Some(due) = due {
            self.due.insert((due, shard));
            self.due_of.insert(shard, due);
        }
    }

    /// Serves those who wait on it.
    fn wake(&mut self, resource: Resource, now_ms: u64) {
        if !self.keeps_up(resource.shard(), now_ms) {
            // It is woken again when the shard has caught up.
            if let Some(state) = self.shards.get_mut(&resource.shard()) {
                state.woken.push(resource);
            }
            return;
        }
        match resource {
            Resource::Queue(queue) => self.wake_receivers(queue, now_ms),
            Resource::Log(log) => self.wake_readers(log, now_ms),
        }
    }

    /// Serves parked receives of the queue while there is something for them.
    fn wake_receivers(&mut self, queue: QueueId, now_ms: u64) {
        loop {
            let serve = match self.queue_mut(queue) {
                Some(state) => state.has_available(),
                None => true,
            };
            if !serve {
                return;
            }
            let Some((ticket, command)) = self.parked.take_first(Resource::Queue(queue)) else {
                return;
            };
            if let Some(command) = self.serve(command, now_ms) {
                return self.parked.put_back(ticket, command);
            }
        }
    }

    /// Serves every parked read of the log: what one reads is there for the others as well.
    fn wake_readers(&mut self, log: LogId, now_ms: u64) {
        let mut waiting = Vec::new();
        while let Some((ticket, command)) = self.parked.take_first(Resource::Log(log)) {
            let left = self.serve(command, now_ms);
            waiting.extend(left.map(|command| (ticket, command)));
            #[cfg(feature = "planted-bugs")]
            if crate::plant::is(crate::plant::Plant::LogWakesOne) {
                break;
            }
        }
        for (ticket, command) in waiting.into_iter().rev() {
            self.parked.put_back(ticket, command);
        }
    }

    /// Plans a command that was parked; returns it when it has to wait on.
    fn serve(&mut self, command: Command, now_ms: u64) -> Option<Command> {
        let outcome = self.turn(command.shard(), now_ms, |turn| turn.plan(command));
        if let Some(Outcome::Wait(command)) = outcome {
            return Some(command);
        }
        self.shared.usage.parked_receives.sub(1);
        if let Some(Outcome::Fetch(command, needs)) = outcome {
            self.fetch(Work::Command(command), &needs);
        }
        None
    }
}
