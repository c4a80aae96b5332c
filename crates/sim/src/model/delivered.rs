//! Notes what an answered receive tells: who holds what, until when, and what other receives may have done meanwhile.

use waystation_engine::{Delivered, QueueId, ReceiveRequest};

use super::message::{Cause, Deed, Receive, Showing};
use super::queue::{Attempt, GhostRepeat, Handle};
use super::{Model, Window};
use crate::operation::Request;

/// Receipts kept per queue for clients to use.
const HANDLES_MAX: usize = 300;

impl Model {
    /// What the receive may have renewed: known from now on, unless it failed.
    pub(super) fn end_repeat(&mut self, failed: bool, visibility_ms: u64, window: &Window) {
        for message in &mut self.messages {
            let own = |showing: &Showing| showing.deed.operation == window.operation;
            message.showings.retain(|showing| failed || !own(showing));
            for showing in message.showings.iter_mut().filter(|showing| own(showing)) {
                showing.deed.end = window.end;
                showing.surely_ms = window.to_ms + visibility_ms;
            }
        }
    }

    /// The receive is over; as a ghost when nobody will know what it took.
    pub(super) fn end_receive(
        &mut self,
        queue: QueueId,
        window: &Window,
        ghost: Option<&ReceiveRequest>,
    ) {
        let oldest = self.oldest(window.end);
        let Some(known) = self.queues.get_mut(&queue) else {
            return;
        };
        for receive in &mut known.receives {
            if receive.operation == window.operation {
                receive.end = window.end;
            }
        }
        known.receives.retain(|receive| receive.end >= oldest);
        known
            .ghost_repeats
            .retain(|repeat| repeat.deed.end >= oldest);
        let Some(request) = ghost.filter(|request| request.max > 0) else {
            return;
        };
        let until_ms = window.to_ms + request.visibility_ms;
        known.ghosts += 1;
        known.ghosts_until_ms = known.ghosts_until_ms.max(until_ms);
        if let Some(attempt) = request.attempt {
            known.ghost_repeats.push(GhostRepeat {
                attempt,
                deed: Deed {
                    operation: window.operation,
                    start: window.start,
                    end: window.end,
                    certain: false,
                },
                from_ms: window.from_ms + request.visibility_ms,
                surely_ms: until_ms,
            });
        }
    }

    pub(super) fn note_delivery(
        &mut self,
        queue: QueueId,
        index: usize,
        delivered: &Delivered,
        repeated: bool,
        visibility_ms: u64,
        window: &Window,
    ) {
        let tag = delivered.receipt.tag;
        let Some(message) = self.messages.get_mut(index) else {
            return;
        };
        let durable = message.fifo;
        let whole = message.seen(window.start, window.end);
        message.seen_from = window.start;
        let kept = !message.fifo || message.is_at_home(queue, delivered);
        let sent_ms = (delivered.sent_ms, delivered.sent_ms);
        match &mut message.renamed {
            Some(renamed) if kept => renamed.sent_ms = sent_ms,
            Some(_) => {}
            None => {
                message.identity = Some(delivered.identity.sequence);
                message.sent_ms = if kept { sent_ms } else { message.sent_ms };
            }
        }
        message.age_from_ms = (delivered.sent_ms, delivered.sent_ms);
        if !repeated {
            message.receives.push(Receive {
                tag,
                queue,
                count: delivered.receive_count,
                end: window.end,
                durable,
                forgotten: false,
            });
        }
        message.showings.push(Showing {
            deed: Deed {
                operation: window.operation,
                start: window.start,
                end: window.end,
                certain: true,
            },
            cause: if repeated {
                Cause::Changed
            } else {
                Cause::Received(tag)
            },
            durable,
            from_ms: window.from_ms + visibility_ms,
            surely_ms: window.to_ms + visibility_ms,
        });
        if !durable {
            self.fresh.push(index);
        }
        self.tags.insert(tag, index);
        self.did_not_happen(&whole, queue);
        self.tidy(index, window.end);
        if let Some(known) = self.queues.get_mut(&queue) {
            known.given += 1;
            known.handles.push(Handle {
                receipt: delivered.receipt,
                message: index,
            });
            let surplus = known.handles.len().saturating_sub(HANDLES_MAX);
            known.handles.drain(..surplus);
        }
    }

    pub(super) fn note_attempt(
        &mut self,
        queue: QueueId,
        request: &ReceiveRequest,
        delivered: &[Delivered],
        indices: &[usize],
        repeated: bool,
        window: &Window,
    ) {
        let Some(attempt) = request
            .attempt
            .filter(|_| !delivered.is_empty() && !repeated)
        else {
            return;
        };
        let others = self.repeats_meanwhile(queue, attempt, window);
        let repeating = self.may_be_repeating(queue, attempt);
        let oldest = self.oldest(window.end).min(window.start);
        let Some(known) = self.queues.get_mut(&queue).filter(|known| known.is_fifo()) else {
            return;
        };
        let receipts = delivered.iter().map(|message| message.receipt);
        let leases = indices.iter().copied().zip(receipts).collect();
        let deed = Deed {
            operation: window.operation,
            start: window.start,
            end: window.end,
            certain: true,
        };
        let at_ms = (window.from_ms, window.to_ms);
        let latest = known.attempts.entry(attempt).or_default();
        // A receive still under way may have repeated an attempt that is over, or replaced, by now.
        latest.retain(|before| repeating || !before.deed.done_before(oldest));
        latest.push(Attempt {
            deed,
            at_ms,
            leases,
        });
        for index in indices {
            if let Some(message) = self.messages.get_mut(*index) {
                message.showings.extend(others.iter().copied());
            }
        }
    }

    /// A receive with this attempt id is under way.
    fn may_be_repeating(&self, queue: QueueId, attempt: u128) -> bool {
        self.pending.values().any(|asked| match &asked.request {
            Request::Receive {
                queue: other,
                request,
            } => *other == queue && request.attempt == Some(attempt),
            _ => false,
        })
    }

    /// What other receives with the same attempt id may have made of it before it was answered.
    fn repeats_meanwhile(&self, queue: QueueId, attempt: u128, window: &Window) -> Vec<Showing> {
        let showing = |deed, from_ms, surely_ms| Showing {
            deed,
            cause: Cause::Changed,
            durable: true,
            from_ms,
            surely_ms,
        };
        let ghosts = self
            .queues
            .get(&queue)
            .into_iter()
            .flat_map(|known| &known.ghost_repeats);
        let ghosts = ghosts.filter(|g| g.attempt == attempt && g.deed.end >= window.start);
        let mut found: Vec<Showing> = ghosts
            .map(|g| showing(g.deed, g.from_ms, g.surely_ms))
            .collect();
        for (number, asked) in &self.pending {
            if let Request::Receive {
                queue: other,
                request,
            } = &asked.request
                && *other == queue
                && request.attempt == Some(attempt)
            {
                let deed = Deed::begun(*number, asked.start);
                found.push(showing(
                    deed,
                    asked.start_ms + request.visibility_ms,
                    u64::MAX,
                ));
            }
        }
        found
    }
}
