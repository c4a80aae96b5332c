//! Checks answers to sends: identity, order, time, deduplication (`SQS-268`..`SQS-279`).

use waystation_engine::{EngineError, QueueId, Sent};

use super::message::Cause;
use super::queue::Seen;
use super::{Checked, Model, Window};
use crate::operation::Draft;

/// How long a deduplication id is remembered (`SQS-268`).
const DEDUPLICATION_MS: u64 = 300_000;

impl Model {
    pub(super) fn sent(
        &mut self,
        queue: QueueId,
        drafts: &[Draft],
        result: Result<Vec<Result<Sent, EngineError>>, EngineError>,
        window: &Window,
    ) -> Checked {
        let Ok(results) = result else {
            let removed = self.queues.get(&queue).is_some_and(|known| {
                known.died.is_some_and(|died| died.start <= window.end)
                    && known.existence(window.start, window.end).may_be_there
            });
            for draft in drafts {
                match removed {
                    true => self.doubt(queue, draft, window),
                    false => self.refuse(queue, draft, window),
                }
            }
            return Ok(());
        };
        if results.len() != drafts.len() {
            return Err("a send answered another number of messages".into());
        }
        let mut last = None;
        for (draft, result) in drafts.iter().zip(results) {
            match result {
                Ok(sent) if sent.duplicate => self.check_duplicate(queue, draft, &sent, window)?,
                Ok(sent) => {
                    if last.is_some_and(|last| sent.sequence <= last) {
                        return Err("a send gave sequences out of order".into());
                    }
                    last = Some(sent.sequence);
                    self.check_new(queue, draft, &sent, window)?;
                }
                Err(error) => {
                    self.check_refusal(&error)?;
                    self.refuse(queue, draft, window);
                }
            }
        }
        if let (Some(known), Some(last)) = (self.queues.get_mut(&queue), last) {
            let highest = known.sequences.last().map_or(0, |(_, highest)| *highest);
            known.sequences.push((window.end, highest.max(last)));
        }
        Ok(())
    }

    pub(super) fn check_refusal(&self, error: &EngineError) -> Checked {
        let possible = match error {
            EngineError::StorageFull => self.leeway.full,
            EngineError::Overloaded => self.leeway.tight,
            _ => false,
        };
        match possible {
            true => Ok(()),
            false => Err(format!("a message was refused without reason: {error}")),
        }
    }

    /// The queue went while the send waited for a row: what it had stored by then was there, and went with the queue.
    fn doubt(&mut self, queue: QueueId, draft: &Draft, window: &Window) {
        let Some(index) = self.by_body.get(&draft.body).copied() else {
            return;
        };
        if let Some(message) = self.messages.get_mut(index) {
            message.sent.end = message.sent.end.min(window.end);
            message.sent_ms.1 = message.sent_ms.1.min(window.to_ms);
            for showing in message
                .showings
                .iter_mut()
                .filter(|s| s.cause == Cause::Sent)
            {
                showing.deed.end = showing.deed.end.min(window.end);
            }
        }
        let known = self.queues.get_mut(&queue);
        let seen = draft.dedup.and_then(|id| known?.seen.get_mut(&id));
        for seen in seen.into_iter().flatten().filter(|s| s.message == index) {
            seen.deed.end = seen.deed.end.min(window.end);
            seen.at_ms.1 = seen.at_ms.1.min(window.to_ms);
        }
    }

    /// The draft was not stored.
    fn refuse(&mut self, queue: QueueId, draft: &Draft, window: &Window) {
        if let Some(index) = self.by_body.get(&draft.body).copied() {
            if let Some(message) = self.messages.get_mut(index) {
                message.refused = true;
                message.sent.end = window.end;
            }
            if let Some(known) = self.queues.get_mut(&queue) {
                known.members.remove(&index);
                if let Some(id) = draft.dedup {
                    let seen = known.seen.entry(id).or_default();
                    seen.retain(|seen| seen.message != index);
                }
            }
        }
    }

    fn check_new(
        &mut self,
        queue: QueueId,
        draft: &Draft,
        sent: &Sent,
        window: &Window,
    ) -> Checked {
        let index = self.by_body.get(&draft.body).copied();
        let index = index.ok_or("an answer to a send nobody made")?;
        let known = self
            .queues
            .get(&queue)
            .ok_or("a send to an unknown queue")?;
        if sent.identity.queue != queue || sent.identity.sequence != sent.sequence {
            return Err("a new message has somebody else's identity".into());
        }
        if !(window.from_ms..=window.to_ms).contains(&sent.sent_ms) {
            return Err(format!("sent at {}, asked within {window:?}", sent.sent_ms));
        }
        let before = known.sequences.iter().rfind(|(end, _)| *end < window.start);
        if before.is_some_and(|(_, highest)| sent.sequence <= *highest) {
            return Err(format!("sequence {} was given before", sent.sequence));
        }
        if let Some(id) = draft.dedup {
            for seen in known.seen.get(&id).into_iter().flatten() {
                let same_send = seen.deed.operation == window.operation && seen.message < index;
                let known_then =
                    seen.deed.done_before(window.start) || same_send && seen.deed.certain;
                let recent = seen.at_ms.1.saturating_add(DEDUPLICATION_MS) > sent.sent_ms;
                let forgotten = known.may_be_purged(seen.deed.start, window.end);
                if known_then && recent && !forgotten {
                    return Err(format!(
                        "a duplicate of message {} was stored",
                        seen.message
                    ));
                }
            }
        }
        let (least_ms, most_ms) = known.delays_ms(window.start, window.end);
        let own_ms = draft.delay_ms.filter(|_| !known.is_fifo());
        let delays_ms = own_ms.map_or((least_ms, most_ms), |own_ms| (own_ms, own_ms));
        self.note_sent(index, sent, delays_ms, window)?;
        let known = self
            .queues
            .get_mut(&queue)
            .ok_or("a send to an unknown queue")?;
        if let Some(seen) = draft.dedup.and_then(|id| known.seen.get_mut(&id)) {
            for seen in seen.iter_mut().filter(|seen| seen.message == index) {
                seen.deed.certain = true;
                seen.deed.end = window.end;
                seen.at_ms = (sent.sent_ms, sent.sent_ms);
            }
        }
        Ok(())
    }

    fn note_sent(
        &mut self,
        index: usize,
        sent: &Sent,
        delays_ms: (u64, u64),
        window: &Window,
    ) -> Checked {
        let message = self.messages.get_mut(index).ok_or("an unknown message")?;
        if message.identity.is_some_and(|known| known != sent.sequence) {
            return Err(format!(
                "a message was stored as {:?} and {}",
                message.identity, sent.sequence
            ));
        }
        message.identity = Some(sent.sequence);
        message.sent.certain = true;
        message.sent.end = message.sent.end.min(window.end);
        message.sent_ms = (sent.sent_ms, sent.sent_ms);
        // One that came home from a dead-letter queue that is gone stands elsewhere in its queue.
        let unmoved = message.place == message.home
            && message.renamed.is_none()
            && message.sequence.is_none_or(|s| s == sent.sequence);
        if unmoved && message.receives.iter().all(|r| r.queue == message.home) {
            message.sequence.get_or_insert(sent.sequence);
            message.age_from_ms = message.sent_ms;
        }
        let (end, certain) = (message.sent.end, message.sent.certain);
        for showing in message
            .showings
            .iter_mut()
            .filter(|s| s.cause == Cause::Sent)
        {
            showing.deed.end = end;
            showing.deed.certain = certain;
            showing.from_ms = sent.sent_ms + delays_ms.0;
            showing.surely_ms = sent.sent_ms + delays_ms.1;
        }
        Ok(())
    }

    /// A duplicate repeats the identity of a send of the last five minutes, and stores nothing.
    fn check_duplicate(
        &mut self,
        queue: QueueId,
        draft: &Draft,
        sent: &Sent,
        window: &Window,
    ) -> Checked {
        let id = draft
            .dedup
            .ok_or("a message without deduplication id is a duplicate")?;
        let index = self.by_body.get(&draft.body).copied();
        let known = self
            .queues
            .get(&queue)
            .ok_or("a send to an unknown queue")?;
        let originals = known.seen.get(&id).into_iter().flatten().filter(|seen| {
            let message = self.messages.get(seen.message);
            let at_that_time = message.is_some_and(|message| {
                (message.sent_ms.0..=message.sent_ms.1).contains(&sent.sent_ms)
            });
            let forgotten = known
                .purges
                .iter()
                .any(|purge| seen.deed.done_before(purge.start) && purge.done_before(window.start));
            let recent = seen.at_ms.1.saturating_add(DEDUPLICATION_MS) > window.from_ms;
            Some(seen.message) != index && at_that_time && recent && !forgotten
        });
        let identity = |seen: &&Seen| self.messages.get(seen.message).and_then(|m| m.identity);
        let originals: Vec<&Seen> = originals.collect();
        let told = originals
            .iter()
            .find(|seen| identity(seen) == Some(sent.sequence));
        let untold: Vec<&&Seen> = originals.iter().filter(|s| identity(s).is_none()).collect();
        let original = match (told, untold.as_slice()) {
            (Some(told), _) => told,
            (None, []) => {
                let sequence = sent.sequence;
                return Err(format!(
                    "duplicate of sequence {sequence}, which is no send of the last minutes"
                ));
            }
            // A send that nobody was told of.
            (None, [only]) => only,
            (None, _) => {
                self.refuse(queue, draft, window);
                return Ok(());
            }
        };
        let (at, start) = (original.message, original.deed.start);
        let delays_ms = known.delays_ms(start, window.end);
        self.judged.duplicates.raise();
        self.note_sent(at, sent, delays_ms, window)?;
        let known = self
            .queues
            .get_mut(&queue)
            .ok_or("a send to an unknown queue")?;
        for seen in known.seen.get_mut(&id).into_iter().flatten() {
            if seen.message == at && !seen.deed.certain {
                seen.deed.certain = true;
                seen.deed.end = window.end;
                seen.at_ms = (sent.sent_ms, sent.sent_ms);
            }
        }
        self.refuse(queue, draft, window);
        Ok(())
    }
}
