//! The reference: a plain ledger of what every client was told, which says of every further answer whether it
//! could be true. It knows no pages, records or journals; it is slow and meant to be obviously right.
//!
//! `message` and `queue` hold what is known; `begin` notes what was asked, one file per answer checks it,
//! `outcome` notes what nobody will ever be told: clients that went away, crashes.

mod begin;
mod catalog;
mod counted;
mod delivered;
mod echo;
mod exhausted;
mod fair;
mod judged;
mod log;
mod message;
mod missed;
mod moves;
mod order;
mod outcome;
mod peeked;
mod published;
mod queue;
mod receipts;
mod received;
mod remains;
mod sent;

use std::collections::BTreeMap;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use waystation_engine::{EngineError, LogId, QueueId};

pub(crate) use catalog::{Names, Row, Show};
pub(crate) use judged::Judged;
pub(crate) use log::LogModel;
use message::{Deed, Message};
pub(crate) use queue::{Handle, QueueModel};

use crate::operation::{Answer, Operation, Request};

/// What was promised and not kept, in words.
pub(crate) type Checked = Result<(), String>;

/// When an answered command can have taken effect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) operation: u64,
    /// Steps.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Engine times at which its worker ran.
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

/// Whether a queue or a log is there at some moment of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Existence {
    may_be_there: bool,
    may_be_missing: bool,
}

/// What the run's profile makes possible.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leeway {
    /// A receive may stop at a page that is not in memory.
    pub(crate) spills: bool,
    /// Commands may be refused for budgets.
    pub(crate) tight: bool,
    /// Sends may be refused for want of room; set once the disk refused something.
    pub(crate) full: bool,
    /// Something was read from the disk since answers were taken last: a body that was removed after its message
    /// was leased may be missing from the answer.
    pub(crate) fetched: bool,
    /// Bodies may be unreadable; set once a read was flipped or the disk broke.
    pub(crate) unreadable: bool,
}

/// Everything the clients know together.
pub(crate) struct Model {
    pub(crate) leeway: Leeway,
    pub(crate) judged: Judged,
    messages: Vec<Message>,
    by_body: FxHashMap<Bytes, usize>,
    pub(crate) queues: BTreeMap<QueueId, QueueModel>,
    pub(crate) logs: BTreeMap<LogId, LogModel>,
    /// Entries of logs that were acknowledged, and that were read.
    pub(crate) entries_acknowledged: usize,
    pub(crate) entries_read: usize,
    pub(crate) names: Names,
    /// Who was given a receipt with this tag.
    tags: FxHashMap<u64, usize>,
    /// Start of every command under way, by its number.
    pending: BTreeMap<u64, Asked>,
    /// Commands whose clients went away.
    shadows: Vec<u64>,
    /// Messages with receives that a crash may forget.
    fresh: Vec<usize>,
}

struct Asked {
    request: Request,
    start: u64,
    start_ms: u64,
}

impl Existence {
    fn of(born: &Deed, died: Option<&Deed>, start: u64, end: u64) -> Existence {
        Existence {
            may_be_there: born.start <= end && !died.is_some_and(|died| died.done_before(start)),
            may_be_missing: !born.done_before(start) || died.is_some_and(|died| died.start <= end),
        }
    }
}

impl Model {
    /// Nothing happened yet.
    pub(crate) fn new(leeway: Leeway) -> Model {
        Model {
            leeway,
            judged: Judged::default(),
            messages: Vec::new(),
            by_body: FxHashMap::default(),
            queues: BTreeMap::new(),
            logs: BTreeMap::new(),
            entries_acknowledged: 0,
            entries_read: 0,
            names: Names::default(),
            tags: FxHashMap::default(),
            pending: BTreeMap::new(),
            shadows: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// A command was answered in this step: could that be?
    pub(crate) fn answered(
        &mut self,
        operation: &Operation,
        answer: Answer,
        window: Window,
    ) -> Checked {
        let request = &operation.request;
        if let Some(queue) = request.queue() {
            let known = self.queues.get(&queue);
            let exists = known.map(|known| known.existence(window.start, window.end));
            self.check_existence(&format!("{queue:?}"), exists, &answer)?;
        }
        if let Some(log) = request.log() {
            let known = self.logs.get(&log);
            let exists = known.map(|known| known.existence(window.start, window.end));
            self.check_existence(&format!("{log:?}"), exists, &answer)?;
        }
        self.pending.remove(&operation.number);
        match (request, answer) {
            (Request::Send { queue, drafts }, Answer::Sent(result)) => {
                self.sent(*queue, drafts, result, &window)
            }
            (Request::Publish { publications, .. }, Answer::Published(result)) => {
                self.published(publications, result, &window)
            }
            (Request::Receive { queue, request }, Answer::Received(result)) => {
                self.received(*queue, request, result, &window)
            }
            (Request::Delete { queue, receipts }, Answer::Receipts(result)) => {
                self.deleted(*queue, receipts, result, &window)
            }
            (Request::Change { queue, changes }, Answer::Receipts(result)) => {
                self.changed(*queue, changes, result, &window)
            }
            (Request::Purge { queue }, Answer::Purged(result)) => {
                self.purged(*queue, result.is_ok(), &window);
                Ok(())
            }
            (Request::Counts { queue }, Answer::Counted(result)) => match result {
                Ok(counts) => self.counted(*queue, &counts, &window),
                Err(_) => Ok(()),
            },
            (Request::Peek { queue, .. }, Answer::Peeked(result)) => match result {
                Ok(peeked) => self.peeked(*queue, &peeked, &window),
                Err(_) => Ok(()),
            },
            (Request::Move { queue, request }, Answer::Moved(result)) => {
                self.moved(*queue, request, result, &window)
            }
            (Request::Append { log, bodies }, Answer::Appended(result)) => {
                self.appended(*log, bodies, result, &window)
            }
            (Request::Read { log, read }, Answer::Read(result)) => {
                self.read(*log, read, result, &window)
            }
            (Request::Locate { log, spot }, Answer::Located(result)) => {
                self.located(*log, *spot, result, &window)
            }
            (Request::LogState { log }, Answer::Stood(result)) => self.stood(*log, result, &window),
            (Request::Trim { log, .. }, Answer::Trimmed(result)) => {
                self.trimmed(*log, result, &window)
            }
            (Request::Write { scope, rows }, Answer::Written(result)) => {
                self.written(scope, rows, result, &window)
            }
            (request, answer) => Err(format!("{request:?} was answered {answer:?}")),
        }
    }

    /// Errors that concern the whole command must have a reason.
    fn check_existence(&self, what: &str, exists: Option<Existence>, answer: &Answer) -> Checked {
        let error = match answer {
            Answer::Sent(result) => result.as_ref().err(),
            Answer::Published(result) => result.as_ref().err(),
            Answer::Received(result) => result.as_ref().err(),
            Answer::Receipts(result) => result.as_ref().err(),
            Answer::Purged(result) => result.as_ref().err(),
            Answer::Counted(result) => result.as_ref().err(),
            Answer::Peeked(result) => result.as_ref().err(),
            Answer::Moved(result) => result.as_ref().err(),
            Answer::Appended(result) => result.as_ref().err(),
            Answer::Read(result) => result.as_ref().err(),
            Answer::Located(result) => result.as_ref().err(),
            Answer::Stood(result) => result.as_ref().err(),
            Answer::Trimmed(result) => result.as_ref().err(),
            Answer::Written(result) => result.as_ref().err(),
        };
        let missing = EngineError::QueueMissing;
        let possible = match error {
            None => exists.is_some_and(|exists| exists.may_be_there),
            Some(error) if *error == missing || *error == EngineError::NoSuchLog => {
                exists.is_none_or(|exists| exists.may_be_missing)
            }
            Some(EngineError::Overloaded) => self.leeway.tight,
            Some(EngineError::StorageFull) => self.leeway.full,
            Some(EngineError::Unreadable(_)) => self.leeway.unreadable,
            // What is appended tells whether that can be.
            Some(EngineError::LogSealed) => matches!(answer, Answer::Appended(_)),
            Some(_) => false,
        };
        match (possible, error) {
            (true, _) => Ok(()),
            (false, None) => Err(format!("{what} does not exist but answered")),
            (false, Some(error)) => Err(format!("{what} answered without reason: {error}")),
        }
    }

    /// Every command under way began at or after this step.
    fn oldest(&self, now: u64) -> u64 {
        let pending = self.pending.values().map(|asked| asked.start);
        pending.min().unwrap_or(now)
    }

    /// Receives so far and possible ones: the message was received at most so often.
    fn receives_at_most(&self, message: &Message, but: u64) -> u64 {
        message.receives.len() as u64 + self.ghosts(message, but)
    }

    /// Receives that may have taken the message without anybody knowing.
    fn ghosts(&self, message: &Message, but: u64) -> u64 {
        let here = self.queues.get(&message.place).map_or(0, |queue| {
            queue.ghosts - message.ghosts_before.min(queue.ghosts) + queue.receives_under_way(but)
        });
        here + message.ghosts_elsewhere
    }

    /// Queues that dead-letter moves and move tasks may have brought the message to, in any number of moves.
    fn reach(&self, message: &Message, but: u64) -> Vec<QueueId> {
        let most = self.receives_at_most(message, but);
        let mut reached = Vec::new();
        let mut open = vec![message.place];
        while let Some(next) = open.pop() {
            let Some(queue) = self.queues.get(&next) else {
                continue;
            };
            let before = self.ghosts_of(next, but);
            let here = next == message.place;
            let since = if here {
                message.seen_from
            } else {
                message.sent.start
            };
            let from = message.moved_from.filter(|_| here);
            let mut targets = queue.targets(message.sent.start, most + before);
            targets.extend(self.moved_to(next, since, from));
            for target in targets {
                if target != message.place && !reached.contains(&target) {
                    reached.push(target);
                    open.push(target);
                }
            }
        }
        reached
    }

    fn ghosts_of(&self, queue: QueueId, but: u64) -> u64 {
        let known = self.queues.get(&queue);
        known.map_or(0, |queue| queue.ghosts + queue.receives_under_way(but))
    }

    /// Receives that nobody heard of in the queues the message may have been moved to.
    fn ghosts_elsewhere(&self, message: &Message, but: u64) -> u64 {
        let reached = self.reach(message, but).into_iter();
        reached.map(|queue| self.ghosts_of(queue, but)).sum()
    }

    /// The message is in the queue it was last seen in, and nothing can have moved it.
    fn rests(&self, message: &Message, but: u64) -> bool {
        self.reach(message, but).is_empty()
    }

    /// Its retention may be over by that time.
    fn may_be_expired(&self, message: &Message, end: u64, to_ms: u64) -> bool {
        self.queues.get(&message.place).is_none_or(|queue| {
            let (least_ms, _) = queue.retentions_ms(message.sent.start, end);
            message.age_from_ms.0.saturating_add(least_ms) <= to_ms
        })
    }

    /// Messages that may be in the queue, members or on their way.
    fn around(&self, queue: QueueId, but: u64) -> Vec<usize> {
        let members = self.queues.get(&queue).map(|known| known.members.clone());
        let mut found: Vec<usize> = members.unwrap_or_default().into_iter().collect();
        for (id, source) in &self.queues {
            let stays = source.settings.iter().all(|s| s.config.redrive.is_none());
            if *id == queue || stays && source.movings.is_empty() {
                continue;
            }
            let moved = source.members.iter().filter(|index| {
                let message = self.messages.get(**index);
                message.is_some_and(|message| self.reach(message, but).contains(&queue))
            });
            found.extend(moved);
        }
        found
    }
}
