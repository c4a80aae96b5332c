//! What nobody is told: commands whose clients went away, commands that a crash cut off, expiries, flushes.

use std::collections::BTreeMap;

use waystation_engine::QueueId;

use super::message::{Cause, Deed, Removal, UNENDED};
use super::{Checked, Model, QueueModel, Show, Window};
use crate::operation::Request;

impl Model {
    /// A client went away. A receive that was not planned yet never will be; anything else still may be.
    pub(crate) fn abandoned(&mut self, operation: u64, step: u64, now_ms: u64) {
        let asked = self.pending.get(&operation);
        if matches!(
            asked.map(|asked| &asked.request),
            Some(Request::Receive { .. })
        ) {
            self.close(operation, step, now_ms);
        } else {
            self.shadows.push(operation);
        }
    }

    /// Everything the journal was given is on the disk.
    pub(crate) fn committed(&mut self) {
        for index in std::mem::take(&mut self.fresh) {
            if let Some(message) = self.messages.get_mut(index) {
                message
                    .receives
                    .iter_mut()
                    .for_each(|receive| receive.durable = true);
                message
                    .showings
                    .iter_mut()
                    .for_each(|showing| showing.durable = true);
            }
        }
    }

    /// The engine is gone: what was not answered is done or not, what was not flushed may be forgotten.
    pub(crate) fn crashed(&mut self, step: u64, now_ms: u64) {
        let pending: Vec<u64> = self.pending.keys().copied().collect();
        for operation in pending {
            self.close(operation, step, now_ms);
        }
        self.shadows.clear();
        for index in std::mem::take(&mut self.fresh) {
            let Some(message) = self.messages.get_mut(index) else {
                continue;
            };
            for receive in message
                .receives
                .iter_mut()
                .filter(|receive| !receive.durable)
            {
                receive.forgotten = true;
                receive.durable = true;
            }
            for showing in &mut message.showings {
                if matches!(showing.cause, Cause::Received(_)) && !showing.durable {
                    showing.deed.certain = false;
                }
                showing.durable = true;
            }
        }
    }

    /// The engine came to rest: nothing is under way that a client does not wait for.
    pub(crate) fn settled(&mut self, step: u64, now_ms: u64) {
        for operation in std::mem::take(&mut self.shadows) {
            self.close(operation, step, now_ms);
        }
        // With a full disk the shards may not have come to each other.
        if !self.leeway.full {
            self.all_arrived(step, now_ms);
        }
        self.settle_logs(step, now_ms);
        for index in 0..self.messages.len() {
            self.settle_expiry(index, step, now_ms);
            self.tidy(index, step);
        }
    }

    /// A message that is too old in its queue is gone once the engine rests.
    fn settle_expiry(&mut self, index: usize, step: u64, now_ms: u64) {
        let Some(message) = self.messages.get(index) else {
            return;
        };
        let over = self.queues.get(&message.place).is_some_and(|queue| {
            let (_, most_ms) = queue.retentions_ms(step, step);
            message.age_from_ms.1.saturating_add(most_ms) <= now_ms
        });
        // An expiry that finds no room on the disk comes later.
        let over = over && !self.leeway.full;
        if over && message.sent.end != UNENDED && self.rests(message, 0) {
            let deed = Deed {
                operation: 0,
                start: step,
                end: step,
                certain: true,
            };
            self.judged.expiries.raise();
            if let Some(message) = self.messages.get_mut(index) {
                message.removals.push(Removal { deed, whole: false });
            }
        }
    }

    /// Nobody will be told what became of the command; it is over by now.
    fn close(&mut self, operation: u64, step: u64, now_ms: u64) {
        let Some(asked) = self.pending.remove(&operation) else {
            return;
        };
        let passed_ms = now_ms - asked.start_ms;
        for message in &mut self.messages {
            if message.sent.operation == operation && message.sent.end == UNENDED {
                message.sent.end = step;
                message.sent_ms.1 = message.sent_ms.1.min(now_ms);
                message.age_from_ms.1 = message.age_from_ms.1.min(now_ms);
            }
            for removal in &mut message.removals {
                if removal.deed.operation == operation {
                    removal.deed.end = removal.deed.end.min(step);
                }
            }
            for showing in &mut message.showings {
                if showing.deed.operation == operation && showing.deed.end == UNENDED {
                    showing.deed.end = step;
                    showing.surely_ms = match (showing.cause, message.delay_ms) {
                        // It arrives later, and its delay begins then.
                        (Cause::Sent, _) if message.share.is_some() => u64::MAX,
                        (Cause::Sent, None) => now_ms + most_delayed_ms(&self.queues, message.home),
                        _ => showing.from_ms + passed_ms,
                    };
                }
            }
        }
        self.close_in_queues(operation, step, now_ms);
        self.close_in_logs(operation, step, now_ms);
        self.end_slice(operation, asked.start, step);
        match asked.request {
            Request::Receive { queue, request } => {
                let window = Window {
                    operation,
                    start: asked.start,
                    end: step,
                    from_ms: asked.start_ms,
                    to_ms: now_ms,
                };
                self.end_receive(queue, &window, Some(&request));
            }
            Request::Write { scope, rows } => self.names.unsure(scope, rows, operation),
            _ => {}
        }
    }

    fn close_in_queues(&mut self, operation: u64, step: u64, now_ms: u64) {
        for queue in self.queues.values_mut() {
            for purge in queue.purges.iter_mut().filter(|p| p.operation == operation) {
                purge.end = purge.end.min(step);
            }
            for seen in queue.seen.values_mut().flatten() {
                if seen.deed.operation == operation && seen.deed.end == UNENDED {
                    seen.deed.end = step;
                    seen.at_ms.1 = now_ms;
                }
            }
        }
    }

    pub(super) fn purged(&mut self, queue: QueueId, accepted: bool, window: &Window) {
        if let Some(known) = self.queues.get_mut(&queue) {
            for purge in known
                .purges
                .iter_mut()
                .filter(|p| p.operation == window.operation)
            {
                purge.end = window.end;
                purge.certain = accepted;
            }
            known
                .purges
                .retain(|p| p.operation != window.operation || accepted);
        }
        self.cleared(queue, accepted, window);
    }

    /// Messages that were in the queue for sure are gone, those that may have been may be gone.
    pub(super) fn cleared(&mut self, queue: QueueId, accepted: bool, window: &Window) {
        if accepted {
            for index in self.around(queue, window.operation) {
                if let Some(message) = self.messages.get_mut(index)
                    && message
                        .removals
                        .iter()
                        .all(|r| r.deed.operation != window.operation)
                    && message.sent.start <= window.end
                {
                    let deed = Deed::begun(window.operation, window.start);
                    message.removals.push(Removal { deed, whole: false });
                }
            }
        }
        for index in 0..self.messages.len() {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if message
                .removals
                .iter()
                .all(|r| r.deed.operation != window.operation)
            {
                continue;
            }
            let sure = message.place == queue && self.rests(message, window.operation);
            let Some(message) = self.messages.get_mut(index) else {
                continue;
            };
            message
                .removals
                .retain(|r| accepted || r.deed.operation != window.operation);
            for removal in &mut message.removals {
                if removal.deed.operation == window.operation {
                    removal.deed.end = window.end;
                    removal.deed.certain = sure && removal.whole;
                    removal.whole = false;
                }
            }
        }
    }

    /// A message is still there that these commands would have removed: they never took effect, for none of theirs.
    pub(super) fn did_not_happen(&mut self, operations: &[u64], queue: QueueId) {
        if operations.is_empty() {
            return;
        }
        for message in self
            .messages
            .iter_mut()
            .filter(|message| message.place == queue)
        {
            message
                .removals
                .retain(|removal| !removal.whole || !operations.contains(&removal.deed.operation));
        }
    }

    /// Drops knowledge that no check will ask for again.
    pub(super) fn tidy(&mut self, index: usize, now: u64) {
        let oldest = self.oldest(now);
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        message.forget_showings(oldest);
        if message.gone_before(oldest)
            && let Some(queue) = self.queues.get_mut(&message.place)
        {
            queue.members.remove(&index);
        }
    }

    /// The rows the catalog shows can be explained by what was written.
    pub(crate) fn check_names(&mut self, now: u64, show: &Show<'_>) -> Checked {
        self.names.check(now, show)
    }
}

/// The longest delay the queue ever had.
fn most_delayed_ms(queues: &BTreeMap<QueueId, QueueModel>, queue: QueueId) -> u64 {
    let known = queues.get(&queue);
    known.map_or(0, |known| known.delays_ms(0, UNENDED).1)
}
