//! Receiving: expire, move what was received too often, lease, or wait.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::{Command, Leased, ReceiveRequest};
use crate::config::EngineError;
use crate::ids::QueueId;
use crate::limits::{EXHAUSTED_PER_RECORD_MAX, IN_FLIGHT_PER_QUEUE_MAX, PAGE_ENTRIES};
use crate::need::Need;
use crate::page::EntryState;
use crate::queue::{Expiry, Pick, page_of};
use crate::record::Record;

/// What a receive came to.
enum Found {
    Messages(Vec<Leased>, u64),
    Nothing,
    Spilled(u64),
    Refused(EngineError),
}

impl Turn<'_> {
    pub(super) fn receive(&mut self, command: Command) -> Outcome {
        let Command::Receive {
            queue,
            request,
            deadline_ms,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        if promise.is_abandoned() {
            return Outcome::Done;
        }
        let now_ms = self.shard.time_ms;
        let deadline_ms = deadline_ms.unwrap_or(now_ms + request.wait_ms);
        match self.find(queue, &request) {
            Found::Messages(messages, after) => {
                self.tally(queue, |tally| tally.note_receive(messages.len()));
                self.reply(promise, Ok(messages), after);
                Outcome::Done
            }
            Found::Refused(EngineError::InFlightLimit) if deadline_ms <= now_ms => {
                promise.fill(if request.wait_ms == 0 {
                    Err(EngineError::InFlightLimit)
                } else {
                    self.tally(queue, |tally| tally.note_receive(0));
                    Ok(Vec::new())
                });
                Outcome::Done
            }
            // Whoever wants no message has none to wait for, and stands in nobody's way.
            Found::Nothing if deadline_ms <= now_ms || request.max == 0 => {
                self.tally(queue, |tally| tally.note_receive(0));
                let state = self.shard.queues.get(&queue);
                let after = state.map_or(0, |state| state.last_sync_lsn);
                self.reply(promise, Ok(Vec::new()), after);
                Outcome::Done
            }
            Found::Refused(error) if error != EngineError::InFlightLimit => {
                promise.fill(Err(error));
                Outcome::Done
            }
            found => {
                let again = Command::Receive {
                    queue,
                    request,
                    deadline_ms: Some(deadline_ms),
                    promise,
                };
                match found {
                    Found::Spilled(number) => {
                        Outcome::Fetch(again, vec![Need::Page { queue, number }])
                    }
                    _ => Outcome::Wait(again),
                }
            }
        }
    }

    fn find(&mut self, id: QueueId, request: &ReceiveRequest) -> Found {
        match self.find_or_refuse(id, request) {
            Ok(found) => found,
            Err(error) => Found::Refused(error),
        }
    }

    fn find_or_refuse(
        &mut self,
        id: QueueId,
        request: &ReceiveRequest,
    ) -> Result<Found, EngineError> {
        if let Some(page) = self.expire(id)? {
            return Ok(Found::Spilled(page));
        }
        if request.max == 0 {
            return self.move_exhausted(id);
        }
        if let Some(attempt) = request.attempt
            && let Some(found) = self.repeat(id, attempt, request.visibility_ms)?
        {
            return Ok(found);
        }
        loop {
            let now_ms = self.shard.time_ms;
            let queue = self.queue(id)?;
            queue.tell_time(now_ms);
            let room = IN_FLIGHT_PER_QUEUE_MAX.saturating_sub(queue.counts.in_flight);
            if room == 0 {
                return match queue.is_fifo() {
                    true => Ok(Found::Nothing),
                    false => Err(EngineError::InFlightLimit),
                };
            }
            let picked = match queue.pick(request.max.min(room as usize)) {
                Pick::Spilled(page) => return Ok(Found::Spilled(page)),
                Pick::Messages(picked) => picked,
            };
            if let Some(spilled) = picked.iter().find(|s| queue.is_spilled(page_of(**s))) {
                return Ok(Found::Spilled(page_of(*spilled)));
            }
            if picked.is_empty() {
                return Ok(Found::Nothing);
            }
            if !self.move_away(id, &picked)? {
                return self.lease(id, &picked, request);
            }
        }
    }

    pub(super) fn queue(&mut self, id: QueueId) -> Result<&mut crate::queue::Queue, EngineError> {
        self.shard
            .queues
            .get_mut(&id)
            .ok_or(EngineError::QueueMissing)
    }

    /// Removes what outlived the retention; returns a page that is needed to go on.
    pub(crate) fn expire(&mut self, id: QueueId) -> Result<Option<u64>, EngineError> {
        loop {
            let now_ms = self.shard.time_ms;
            let queue = self.queue(id)?;
            let record = match queue.next_expiry(now_ms) {
                Expiry::None => return Ok(None),
                Expiry::Spilled(page) => return Ok(Some(page)),
                Expiry::Younger => {
                    self.shard.retention_known(id);
                    continue;
                }
                Expiry::Page(page) if queue.is_fifo() && queue.is_spilled(page) => {
                    return Ok(Some(page));
                }
                Expiry::Page(page) => Record::PageExpired { queue: id, page },
                Expiry::Messages(sequences) => Record::Expired {
                    queue: id,
                    sequences,
                },
            };
            self.commit(&record, None, Urgency::Lazy, Funding::Consumer)?;
        }
    }

    /// Sends those of `picked` that were received too often to the dead-letter queue; false when
    /// there were none, or they cannot go now.
    fn move_away(&mut self, id: QueueId, picked: &[u64]) -> Result<bool, EngineError> {
        let queue = self.queue(id)?;
        let Some(redrive) = queue.config.redrive.filter(|_| !queue.redrive_suspended) else {
            return Ok(false);
        };
        let over: Vec<u64> = picked
            .iter()
            .filter(|sequence| {
                queue
                    .entry(**sequence)
                    .is_some_and(|entry| entry.receive_count() >= redrive.receives_max)
            })
            .copied()
            .collect();
        if over.is_empty() || !self.outbox_has_room() {
            return Ok(false);
        }
        let record = Record::DeadLettered {
            queue: id,
            target: redrive.target,
            sequences: over,
        };
        self.commit(&record, None, Urgency::Sync, Funding::Consumer)?;
        Ok(true)
    }

    /// Sends every message to the dead-letter queue whose next receive would be one too many, and gives none.
    fn move_exhausted(&mut self, id: QueueId) -> Result<Found, EngineError> {
        loop {
            let queue = self.queue(id)?;
            let ready = queue.pages.iter().filter(|(_, slot)| slot.ready > 0);
            let receives_max = queue
                .config
                .redrive
                .map_or(u16::MAX, |redrive| redrive.receives_max);
            #[cfg(feature = "planted-bugs")]
            let receives_max = match crate::plant::is(crate::plant::Plant::Exhausted) {
                true => receives_max.saturating_add(1),
                false => receives_max,
            };
            let mut over = Vec::new();
            for (number, slot) in ready {
                let Some(page) = slot.kept.page() else {
                    return Ok(Found::Spilled(*number));
                };
                let start = number * PAGE_ENTRIES;
                over.extend((start..start + u64::from(page.len())).filter(|sequence| {
                    queue.entry(*sequence).is_some_and(|entry| {
                        entry.state() == EntryState::Ready && entry.receive_count() >= receives_max
                    })
                }));
                if over.len() >= EXHAUSTED_PER_RECORD_MAX {
                    break;
                }
            }
            over.truncate(EXHAUSTED_PER_RECORD_MAX);
            if over.is_empty() || !self.move_away(id, &over)? {
                return Ok(Found::Nothing);
            }
        }
    }

    fn lease(
        &mut self,
        id: QueueId,
        picked: &[u64],
        request: &ReceiveRequest,
    ) -> Result<Found, EngineError> {
        let now_ms = self.shard.time_ms;
        if self.shard.index.usage.waiting_messages.get() >= self.budgets.waiting_messages_max {
            return Err(EngineError::Overloaded);
        }
        let fifo = self.queue(id)?.is_fifo();
        let attempt = request.attempt.filter(|_| fifo);
        let remembered = self.shard.index.usage.attempt_messages.get();
        if attempt.is_some() && remembered >= self.budgets.attempt_messages_max {
            return Err(EngineError::Overloaded);
        }
        let mut leases = Vec::with_capacity(picked.len());
        for sequence in picked {
            *self.next_tag += 1;
            leases.push((*sequence, *self.next_tag));
        }
        let record = Record::Leased {
            queue: id,
            until_ms: now_ms + request.visibility_ms,
            attempt,
            leases,
        };
        // A standard queue's receive may be forgotten by a crash: earlier redelivery, no loss.
        let urgency = if fifo { Urgency::Sync } else { Urgency::Lazy };
        let end = self.commit(&record, None, urgency, Funding::Consumer)?;
        let (messages, depends_on) = self.describe(id, picked);
        Ok(Found::Messages(
            messages,
            if fifo { end } else { depends_on },
        ))
    }

    /// Messages as the reply shows them, and the address below which everything they tell of lies.
    fn describe(&self, id: QueueId, sequences: &[u64]) -> (Vec<Leased>, u64) {
        let mut depends_on = 0;
        let mut messages = Vec::with_capacity(sequences.len());
        let Some(queue) = self.shard.queues.get(&id) else {
            return (messages, depends_on);
        };
        for sequence in sequences {
            let Some(message) = queue.show(*sequence) else {
                continue;
            };
            let moved = queue
                .extra(*sequence)
                .is_some_and(|extra| extra.origin().is_some());
            depends_on = depends_on.max(match moved {
                true => queue.last_sync_lsn,
                false => message.body.lsn.0 + 1,
            });
            messages.push(message);
        }
        (messages, depends_on)
    }

    /// Answers a receive with a known attempt id once more (`SQS-302`), if all its messages are
    /// still as that receive left them.
    fn repeat(
        &mut self,
        id: QueueId,
        attempt: u128,
        visibility_ms: u64,
    ) -> Result<Option<Found>, EngineError> {
        let now_ms = self.shard.time_ms;
        let queue = self.queue(id)?;
        let Some(known) = queue.attempts.find(attempt, now_ms).cloned() else {
            return Ok(None);
        };
        let sequences: Vec<u64> = known.leases.iter().map(|(sequence, _)| *sequence).collect();
        if let Some(spilled) = sequences.iter().find(|s| queue.is_spilled(page_of(**s))) {
            return Ok(Some(Found::Spilled(page_of(*spilled))));
        }
        let intact = known.leases.iter().all(|(sequence, tag)| {
            queue
                .entry(*sequence)
                .is_some_and(|entry| entry.state() == EntryState::Leased)
                && queue
                    .extra(*sequence)
                    .is_some_and(|extra| extra.tag == *tag)
        });
        if !intact {
            return Ok(None);
        }
        let record = Record::Renewed {
            queue: id,
            until_ms: now_ms + visibility_ms,
            attempt,
            sequences: sequences.clone(),
        };
        let end = self.commit(&record, None, Urgency::Sync, Funding::Consumer)?;
        let (messages, _) = self.describe(id, &sequences);
        Ok(Some(Found::Messages(messages, end)))
    }
}
