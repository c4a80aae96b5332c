//! Commands that wait: receives for a message, reads for an entry, catalog writes for their effects, anything for what is
//! not in memory. Nothing here polls; `apply` says what was woken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::command::Command;
use crate::ids::{QueueId, Resource, ShardId};
use crate::need::Need;
use crate::plan::Offer;

/// Work that waits for something to be read.
#[derive(Debug)]
pub(crate) enum Work {
    Command(Command),
    Offer(Offer),
    /// The destination of a lane asked for more.
    Pull {
        source: ShardId,
        destination: ShardId,
        through: u64,
    },
    /// Retention of a queue.
    Expire(QueueId),
    /// The deadlines in a page.
    CatchUp(Need),
}

/// Everything that waits on one worker.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    /// Receives and reads by what they wait on.
    lines: FxHashMap<Resource, VecDeque<(u64, Command)>>,
    deadlines: BTreeSet<(u64, u64, Resource)>,
    next_ticket: u64,
    effects: BTreeMap<ShardId, Vec<Command>>,
    needs: FxHashMap<Need, Vec<Work>>,
    /// Slices of move tasks whose time has not come: (when, ticket).
    moves: BTreeMap<(u64, u64), Command>,
}

impl Parked {
    /// Parks a receive or a read behind those that wait already.
    pub(crate) fn line_up(&mut self, command: Command) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(waiting) = self.line_of(ticket, &command) {
            waiting.push_back((ticket, command));
        }
    }

    /// Puts one back in front.
    pub(crate) fn put_back(&mut self, ticket: u64, command: Command) {
        if let Some(waiting) = self.line_of(ticket, &command) {
            waiting.push_front((ticket, command));
        }
    }

    /// Registers the deadline of a command and returns the line it stands in.
    fn line_of(&mut self, ticket: u64, command: &Command) -> Option<&mut VecDeque<(u64, Command)>> {
        let (resource, deadline_ms) = command.waits()?;
        self.deadlines.insert((deadline_ms, ticket, resource));
        Some(self.lines.entry(resource).or_default())
    }

    /// Takes the command that waits longest on the resource.
    pub(crate) fn take_first(&mut self, resource: Resource) -> Option<(u64, Command)> {
        let waiting = self.lines.get_mut(&resource)?;
        let taken = waiting.pop_front();
        if waiting.is_empty() {
            self.lines.remove(&resource);
        }
        if let Some((ticket, command)) = &taken
            && let Some((resource, deadline_ms)) = command.waits()
        {
            self.deadlines.remove(&(deadline_ms, *ticket, resource));
        }
        taken
    }

    /// Takes one command whose time is up.
    pub(crate) fn take_overdue(&mut self, now_ms: u64) -> Option<Command> {
        let (deadline_ms, ticket, resource) = self.deadlines.first().copied()?;
        if deadline_ms > now_ms {
            return None;
        }
        self.deadlines.pop_first();
        let waiting = self.lines.get_mut(&resource)?;
        let position = waiting.iter().position(|(t, _)| *t == ticket)?;
        let taken = waiting.remove(position);
        if waiting.is_empty() {
            self.lines.remove(&resource);
        }
        taken.map(|(_, command)| command)
    }

    /// When the next parked command is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let receive = self.deadlines.first().map(|(when, ..)| *when);
        let slice = self.moves.first_key_value().map(|((when, _), _)| *when);
        receive.into_iter().chain(slice).min()
    }

    /// Parks a slice of a move task until its time.
    pub(crate) fn slice(&mut self, when_ms: u64, command: Command) {
        self.next_ticket += 1;
        self.moves.insert((when_ms, self.next_ticket), command);
    }

    /// Takes one slice whose time has come.
    pub(crate) fn take_slice(&mut self, now_ms: u64) -> Option<Command> {
        let first = self.moves.first_entry()?;
        (first.key().0 <= now_ms).then(|| first.remove())
    }

    /// Takes every slice: nobody waits any more.
    pub(crate) fn take_slices(&mut self) -> impl Iterator<Item = Command> + use<> {
        std::mem::take(&mut self.moves).into_values()
    }

    /// Takes every receive and read: the engine stops.
    pub(crate) fn take_all(&mut self) -> Vec<Command> {
        self.deadlines.clear();
        let lines = std::mem::take(&mut self.lines);
        lines
            .into_values()
            .flatten()
            .map(|(_, command)| command)
            .collect()
    }

    /// Parks a command until effects reach the shard.
    pub(crate) fn effect(&mut self, shard: ShardId, command: Command) {
        self.effects.entry(shard).or_default().push(command);
    }

    /// Takes the commands that wait for effects on the shard.
    pub(crate) fn take_effects(&mut self, shard: ShardId) -> Vec<Command> {
        self.effects.remove(&shard).unwrap_or_default()
    }

    /// Parks work until what it needs is in memory; true when nobody asked for that yet.
    pub(crate) fn need(&mut self, need: Need, work: Work) -> bool {
        let waiting = self.needs.entry(need).or_default();
        waiting.push(work);
        waiting.len() == 1
    }

    /// Some work, other than catching up, waits for a part of it.
    pub(crate) fn awaits(&self, resource: Resource) -> bool {
        let mut needs = self.needs.iter();
        needs.any(|(need, work)| need.resource() == Some(resource) && !is_catching_up(work))
    }

    /// Takes the work that waits for it.
    pub(crate) fn take_needing(&mut self, need: Need) -> Vec<Work> {
        self.needs.remove(&need).unwrap_or_default()
    }
}

/// Nothing but deadlines asks for it.
pub(crate) fn is_catching_up(work: &[Work]) -> bool {
    work.iter().all(|work| matches!(work, Work::CatchUp(_)))
}
