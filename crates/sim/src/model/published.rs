//! Checks what comes of publishes: every queue that is there gets its share once, in the order of its topic, and only
//! duplicates by its own memory are left out.
//!
//! A publish is answered before its shares arrive. A share counts as sent for sure once the engine came to rest.

use bytes::Bytes;
use waystation_engine::{Delivered, EngineError, Publication, Published, QueueId, Target};

use super::message::{Cause, Deed, Message, Removal, Showing, UNENDED};
use super::{Checked, Model, Window};
use crate::publishing::name_of;

/// How long a deduplication id is remembered (`SQS-268`).
const DEDUPLICATION_MS: u64 = 300_000;

/// What is known of a message because it was published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) topic: QueueId,
    pub(crate) asked: Deed,
    /// Its place among the shares of the same command.
    pub(crate) place: usize,
    pub(crate) dedup: Option<u128>,
    /// Somebody was told that it will be delivered, and nothing can make it a duplicate.
    pub(crate) promised: bool,
    /// Others with its id may have come before it.
    pub(crate) contested: bool,
    /// Between which times it entered its queue.
    pub(crate) arrival_ms: (u64, u64),
    /// Its sequence at home, once it was received there.
    pub(crate) met: Option<u64>,
}

impl Model {
    /// The message that somebody received.
    pub(super) fn index_of(&self, delivered: &Delivered) -> Option<usize> {
        let name = name_of(&delivered.body, delivered.label);
        self.by_body.get(&name).copied()
    }

    pub(super) fn begin_publish(
        &mut self,
        topic: QueueId,
        publications: &[Publication],
        deed: Deed,
        now_ms: u64,
    ) {
        let mut place = 0;
        for publication in publications {
            for target in &publication.targets {
                let body = publication.bodies.get(usize::from(target.body));
                let body = body.cloned().unwrap_or_default();
                let share = Share {
                    topic,
                    asked: deed,
                    place,
                    dedup: target.dedup,
                    promised: false,
                    contested: self.contest(target),
                    arrival_ms: (now_ms, u64::MAX),
                    met: None,
                };
                self.begin_share(body, target, share, deed, now_ms);
                place += 1;
            }
        }
    }

    /// Shares of the same queue with the same id: whichever comes second is left out, if it comes soon.
    fn contest(&mut self, target: &Target) -> bool {
        let Some(id) = target.dedup else {
            return false;
        };
        let mut contested = false;
        for message in self.messages.iter_mut().filter(|m| m.home == target.queue) {
            if let Some(share) = message.share.as_mut().filter(|s| s.dedup == Some(id)) {
                share.contested = true;
                contested = true;
            }
        }
        contested
    }

    fn begin_share(&mut self, body: Bytes, target: &Target, share: Share, deed: Deed, now_ms: u64) {
        let index = self.messages.len();
        let Some(known) = self.queues.get_mut(&target.queue) else {
            return;
        };
        // A share that comes before its queue does is lost.
        let contested = share.contested || !known.born.done_before(deed.start);
        let share = Share { contested, ..share };
        // Purges under way may come before or after it; a queue that went loses it.
        let purges = known.purges.iter().filter(|purge| purge.end == UNENDED);
        let clearings = purges.chain(&known.died);
        let removals = clearings.map(|deed| Removal {
            deed: *deed,
            whole: false,
        });
        let removals = removals.collect();
        known.members.insert(index);
        self.by_body.insert(name_of(&body, target.label), index);
        self.messages.push(Message {
            body,
            home: target.queue,
            fifo: known.is_fifo(),
            group: target.group,
            delay_ms: None,
            sent: deed,
            refused: false,
            share: Some(share),
            renamed: None,
            formers: Vec::new(),
            seen_from: deed.start,
            identity: None,
            sent_ms: (now_ms, u64::MAX),
            age_from_ms: (now_ms, u64::MAX),
            place: target.queue,
            moved_from: None,
            sequence: None,
            removals,
            showings: vec![Showing {
                deed,
                cause: Cause::Sent,
                durable: true,
                from_ms: now_ms,
                surely_ms: u64::MAX,
            }],
            receives: Vec::new(),
            ghosts_before: known.ghosts,
            left: None,
            exhausted: None,
            ghosts_elsewhere: 0,
        });
    }

    pub(super) fn published(
        &mut self,
        publications: &[Publication],
        result: Result<Vec<Result<Published, EngineError>>, EngineError>,
        window: &Window,
    ) -> Checked {
        let results = match result {
            Ok(results) => results,
            Err(error) => {
                self.check_refusal(&error)?;
                vec![Err(error); publications.len()]
            }
        };
        if results.len() != publications.len() {
            return Err("a publish answered another number of messages".into());
        }
        let mut last = None;
        for (publication, result) in publications.iter().zip(results) {
            if let Ok(published) = &result
                && !publication.targets.is_empty()
            {
                if last.is_some_and(|last| published.sequence <= last) {
                    return Err("a publish gave sequences out of order".into());
                }
                last = Some(published.sequence);
                if !(window.from_ms..=window.to_ms).contains(&published.at_ms) {
                    return Err(format!(
                        "published at {}, within {window:?}",
                        published.at_ms
                    ));
                }
            }
            if let Err(error) = &result {
                self.check_refusal(error)?;
            }
            for target in &publication.targets {
                let body = publication.bodies.get(usize::from(target.body));
                let name = name_of(body.unwrap_or(&Bytes::new()), target.label);
                if let Some(index) = self.by_body.get(&name).copied() {
                    self.note_published(index, &result, window);
                }
            }
        }
        Ok(())
    }

    fn note_published(
        &mut self,
        index: usize,
        result: &Result<Published, EngineError>,
        window: &Window,
    ) {
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        let Some(share) = &mut message.share else {
            return;
        };
        share.asked.end = window.end;
        match result {
            Ok(published) => {
                share.asked.certain = true;
                share.promised = true;
                let at_ms = (published.at_ms, published.at_ms);
                if message.renamed.is_none() {
                    message.sent_ms = at_ms;
                }
                if message.place == message.home && message.receives.is_empty() {
                    message.age_from_ms = at_ms;
                }
            }
            Err(_) => {
                message.refused = true;
                message.sent.end = window.end;
                if let Some(known) = self.queues.get_mut(&message.home) {
                    known.members.remove(&index);
                }
            }
        }
    }

    /// The engine rests and nothing kept its shards from each other: what was promised has arrived.
    pub(crate) fn all_arrived(&mut self, step: u64, now_ms: u64) {
        let longest_ms: Vec<(QueueId, u64)> = self
            .queues
            .iter()
            .map(|(id, queue)| (*id, queue.delays_ms(0, UNENDED).1))
            .collect();
        for message in &mut self.messages {
            let Some(share) = &mut message.share else {
                continue;
            };
            share.arrival_ms.1 = share.arrival_ms.1.min(now_ms);
            if message.sent.end == UNENDED && !share.promised {
                continue;
            }
            if message.sent.end == UNENDED {
                message.sent.end = step;
                message.sent.certain |= !share.contested;
            }
            let delay = longest_ms.iter().find(|(id, _)| *id == message.home);
            let surely_ms = now_ms + delay.map_or(0, |(_, delay_ms)| *delay_ms);
            let own = message.showings.iter_mut();
            for showing in own.filter(|s| s.cause == Cause::Sent && s.surely_ms == u64::MAX) {
                showing.deed.end = showing.deed.end.min(step);
                showing.deed.certain = message.sent.certain;
                showing.surely_ms = surely_ms;
            }
        }
    }

    /// A share was received in the queue it was published to.
    pub(super) fn met_share(&mut self, index: usize, sequence: u64, window: &Window) -> Checked {
        let Some(message) = self.messages.get(index) else {
            return Ok(());
        };
        let Some(share) = message.share.filter(|share| share.met.is_none()) else {
            return Ok(());
        };
        if message.renamed.is_some() {
            return Ok(());
        }
        let arrival_ms = (share.arrival_ms.0, share.arrival_ms.1.min(window.to_ms));
        for (other_index, other) in self.messages.iter().enumerate() {
            let Some(before) = other.share.filter(|_| other.home == message.home) else {
                continue;
            };
            let Some(first) = before.met else {
                continue;
            };
            let follows = share.follows(&before);
            if share.topic == before.topic
                && (follows && first >= sequence || before.follows(&share) && first <= sequence)
            {
                return Err(format!(
                    "published shares {other_index} and {index} are swapped"
                ));
            }
            let purged = self.queues.get(&message.home).is_none_or(|queue| {
                queue.may_be_purged(before.asked.start.min(share.asked.start), window.end)
            });
            let apart_ms =
                arrival_ms.1.max(before.arrival_ms.1) - arrival_ms.0.min(before.arrival_ms.0);
            if share.dedup.is_some()
                && share.dedup == before.dedup
                && apart_ms < DEDUPLICATION_MS
                && !purged
            {
                return Err(format!("share {index} is a duplicate of {other_index}"));
            }
        }
        self.judged.shares.raise();
        if let Some(share) = self.messages.get_mut(index).and_then(|m| m.share.as_mut()) {
            share.met = Some(sequence);
            share.arrival_ms = arrival_ms;
        }
        Ok(())
    }
}

impl Share {
    /// It was put into its topic's lane after the other for sure.
    fn follows(&self, other: &Share) -> bool {
        match self.asked.operation == other.asked.operation {
            true => self.place > other.place,
            false => other.asked.done_before(self.asked.start),
        }
    }
}
