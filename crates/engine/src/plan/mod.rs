//! From a command to facts: look at the state, decide, put records into the journal, apply them.
//!
//! Planning does no I/O. A command that needs something that is not in memory comes back as `Fetch`
//! and is planned again when it is there; one that has nothing to say yet comes back as
//! `Wait` and is planned again when something happened to its queue. Replies leave when the
//! journal has what they depend on.

mod catalog;
mod deliveries;
mod effects;
mod logs;
mod peek;
mod publish;
mod moves;
mod receipts;
mod receive;
mod send;

use waystation_storage::{Append, AppendError, Body, Funding, Journal, Lsn, Urgency};

pub(crate) use effects::{Offer, Pulled};

use crate::catalog::Catalog;
use crate::codec::Writer;
use crate::command::Command;
use crate::config::EngineError;
use crate::ids::QueueId;
use crate::limits::Budgets;
use crate::need::Need;
use crate::queue::Queue;
use crate::record::{RECORD_VERSION, Record};
use crate::reply::Promise;
use crate::shard::{At, Shard};
use crate::survey::Tally;
use std::sync::Arc;

/// What became of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Answered, or will be when the journal is flushed so far.
    Done,
    /// Nothing to say yet.
    Wait(Command),
    /// These are needed in memory first.
    Fetch(Command, Vec<Need>),
}

/// Everything a plan may use: one shard, the journal, and the answers' way out.
pub(crate) struct Turn<'a> {
    pub(crate) shard: &'a mut Shard,
    pub(crate) journal: &'a Journal,
    pub(crate) catalog: &'a Arc<Catalog>,
    pub(crate) budgets: &'a Budgets,
    /// Counter for receipt tags; the boot epoch in the upper half.
    pub(crate) next_tag: &'a mut u64,
    pub(crate) scratch: &'a mut Writer,
}

/// Body of a record: owner, sequence, content.
type BodyParts<'a> = (u64, u64, &'a [u8]);

impl Turn<'_> {
    /// Decides one command.
    pub(crate) fn plan(&mut self, command: Command) -> Outcome {
        match command {
            Command::Send { .. } => self.send(command),
            Command::Publish { .. } => self.publish(command),
            Command::Receive { .. } => self.receive(command),
            Command::Delete { .. } => self.delete(command),
            Command::ChangeVisibility { .. } => self.change_visibility(command),
            Command::Purge { queue, promise } => {
                self.purge(queue, promise);
                Outcome::Done
            }
            Command::Peek { .. } => self.peek(command),
            Command::Counts { queue, promise } => {
                let now_ms = self.shard.time_ms;
                match self.shard.queues.get_mut(&queue) {
                    Some(state) => {
                        state.tell_time(now_ms);
                        let counts = state.counts();
                        let after = state.last_sync_lsn;
                        self.reply(promise, Ok(counts), after);
                    }
                    None => promise.fill(Err(EngineError::QueueMissing)),
                }
                Outcome::Done
            }
            Command::Log { log, ask } => self.log(log, ask),
            Command::Survey { promise, .. } => {
                let queues = self.shard.queues.values();
                promise.fill(Ok(queues.map(Queue::survey).collect()));
                Outcome::Done
            }
            Command::WriteCatalog {
                changes, promise, ..
            } => {
                self.write_catalog(changes, promise);
                Outcome::Done
            }
            Command::Move { .. } => self.move_messages(command),
            Command::AwaitEffect { .. } => self.await_effect(command),
            Command::MoveClock { offset_ms, promise } => {
                let record = Record::ClockMoved { offset_ms };
                match self.commit(&record, None, Urgency::Sync, Funding::Consumer) {
                    Ok(end) => self.reply(promise, Ok(()), end),
                    Err(error) => promise.fill(Err(error)),
                }
                Outcome::Done
            }
        }
    }

    fn purge(&mut self, queue: QueueId, promise: Promise<Result<(), EngineError>>) {
        if !self.shard.queues.contains_key(&queue) {
            return promise.fill(Err(EngineError::QueueMissing));
        }
        let record = Record::Purged { queue };
        match self.commit(&record, None, Urgency::Sync, Funding::Consumer) {
            Ok(end) => self.reply(promise, Ok(()), end),
            Err(error) => promise.fill(Err(error)),
        }
    }

    /// Counts something that was done with a queue.
    fn tally(&mut self, queue: QueueId, count: impl FnOnce(&mut Tally)) {
        if let Some(state) = self.shard.queues.get_mut(&queue) {
            count(&mut state.tally);
        }
    }

    /// Gives `value` when everything below `after` is durable.
    pub(crate) fn reply<T: Send + 'static>(&self, promise: Promise<T>, value: T, after: u64) {
        if self.journal.durable() >= Lsn(after) {
            promise.fill(value);
        } else {
            let give = Box::new(move || promise.fill(value));
            self.journal.when_durable(Lsn(after), give);
        }
    }

    /// Puts the record into the journal and applies it; returns the address just after it. On an
    /// error nothing happened.
    pub(crate) fn commit(
        &mut self,
        record: &Record,
        body: Option<BodyParts<'_>>,
        urgency: Urgency,
        funding: Funding,
    ) -> Result<u64, EngineError> {
        Ok(self.commit_at(record, body, urgency, funding)?.end)
    }

    /// The same; returns where the record and its body stand.
    pub(crate) fn commit_at(
        &mut self,
        record: &Record,
        body: Option<BodyParts<'_>>,
        urgency: Urgency,
        funding: Funding,
    ) -> Result<At, EngineError> {
        self.scratch.bytes.clear();
        record.encode(self.scratch);
        let content = [body.map_or(&[][..], |(_, _, content)| content)];
        let appended = self
            .journal
            .append(Append {
                shard: u16::from(self.shard.id),
                kind: record.kind(),
                version: RECORD_VERSION,
                time_ms: self.shard.time_ms,
                meta: &self.scratch.bytes,
                body: body.map(|(owner, sequence, _)| Body {
                    owner,
                    sequence,
                    parts: &content,
                }),
                urgency,
                funding,
            })
            .map_err(|error| match error {
                AppendError::StorageFull => EngineError::StorageFull,
                AppendError::TooLarge => EngineError::TooLarge,
                AppendError::Stopped => EngineError::Stopping,
            })?;
        let at = At {
            end: appended.end.0,
            time_ms: self.shard.time_ms,
            body_lsn: appended.body.map_or(0, |body| body.lsn.0),
            body_bytes: appended.body.map_or(0, |body| body.bytes),
            occupies: appended.occupies.iter().collect(),
        };
        self.shard.apply(record, &at);
        for segment in self.shard.references.drain(..) {
            self.journal.note_reference(segment, appended.lsn);
        }
        Ok(at)
    }
}
