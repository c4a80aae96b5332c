//! A command is asked: from now on it may take effect at any time.

use waystation_engine::{QueueId, Receipt};

use super::message::{Cause, Deed, Message, Removal, Showing, UNENDED};
use super::queue::Seen;
use super::{Asked, Model};
use crate::operation::{Draft, Operation, Request};

impl Model {
    /// Notes what may happen from now on.
    pub(crate) fn begin(&mut self, operation: &Operation) {
        let deed = Deed::begun(operation.number, operation.start);
        let now_ms = operation.start_ms;
        let asked = Asked {
            request: operation.request.clone(),
            start: operation.start,
            start_ms: now_ms,
        };
        self.pending.insert(operation.number, asked);
        match &operation.request {
            Request::Send { queue, drafts } => {
                for draft in drafts {
                    self.begin_send(*queue, draft, deed, now_ms);
                }
            }
            Request::Publish {
                topic,
                publications,
            } => self.begin_publish(*topic, publications, deed, now_ms),
            Request::Receive { queue, request } => {
                // One of no message takes none.
                let known = self.queues.get_mut(queue).filter(|_| request.max > 0);
                if let Some(known) = known {
                    known.receives.push(deed);
                }
                if let Some(attempt) = request.attempt {
                    self.begin_repeat(*queue, attempt, deed, now_ms + request.visibility_ms);
                }
            }
            Request::Delete { queue, receipts } => self.begin_delete(*queue, receipts, deed),
            Request::Change { queue, changes } => {
                for (receipt, visibility_ms) in changes {
                    self.begin_showing(*queue, receipt, deed, now_ms + visibility_ms);
                }
            }
            Request::Purge { queue } => {
                if let Some(known) = self.queues.get_mut(queue) {
                    known.purges.push(deed);
                }
                self.begin_clearing(*queue, deed);
            }
            Request::Append { log, bodies } => self.begin_append(*log, bodies, deed, now_ms),
            Request::Trim { log, before } => self.begin_trim(*log, *before, deed),
            Request::Counts { .. }
            | Request::Peek { .. }
            | Request::Read { .. }
            | Request::Locate { .. }
            | Request::LogState { .. } => {}
            Request::Move { queue, request } => self.begin_move(*queue, request, deed),
            Request::Write { scope, rows } => {
                self.begin_write(rows, deed, now_ms);
                self.note_write(scope, rows, deed);
            }
        }
    }

    fn begin_send(&mut self, queue: QueueId, draft: &Draft, deed: Deed, now_ms: u64) {
        let index = self.messages.len();
        let Some(known) = self.queues.get_mut(&queue) else {
            return;
        };
        let (least_ms, _) = known.delays_ms(deed.start, UNENDED);
        // A purge under way may come before or after this send.
        let purges = known.purges.iter().filter(|purge| purge.end == UNENDED);
        let removals = purges.map(|purge| Removal {
            deed: *purge,
            whole: false,
        });
        let removals = removals.collect();
        let delay_ms = draft.delay_ms.filter(|_| !known.is_fifo());
        let least_ms = delay_ms.unwrap_or(if least_ms == u64::MAX { 0 } else { least_ms });
        known.members.insert(index);
        if let Some(id) = draft.dedup {
            let seen = Seen {
                message: index,
                deed,
                at_ms: (now_ms, u64::MAX),
            };
            known.seen.entry(id).or_default().push(seen);
        }
        self.by_body.insert(draft.body.clone(), index);
        self.messages.push(Message {
            body: draft.body.clone(),
            home: queue,
            fifo: known.is_fifo(),
            group: draft.group,
            delay_ms,
            sent: deed,
            refused: false,
            share: None,
            renamed: None,
            formers: Vec::new(),
            seen_from: deed.start,
            identity: None,
            sent_ms: (now_ms, u64::MAX),
            age_from_ms: (now_ms, u64::MAX),
            place: queue,
            moved_from: None,
            left: None,
            exhausted: None,
            sequence: None,
            removals,
            showings: vec![Showing {
                deed,
                cause: Cause::Sent,
                durable: true,
                from_ms: now_ms + least_ms,
                surely_ms: u64::MAX,
            }],
            receives: Vec::new(),
            ghosts_before: known.ghosts,
            ghosts_elsewhere: 0,
        });
    }

    /// A receive with a known attempt id may renew what that attempt got.
    fn begin_repeat(&mut self, queue: QueueId, attempt: u128, deed: Deed, until_ms: u64) {
        let known = self
            .queues
            .get(&queue)
            .and_then(|known| known.attempts.get(&attempt));
        let leases = known.into_iter().flatten().flat_map(|a| a.leases.clone());
        let leases: Vec<_> = leases.collect();
        for (_, receipt) in leases {
            self.begin_showing(queue, &receipt, deed, until_ms);
        }
    }

    fn begin_showing(&mut self, queue: QueueId, receipt: &Receipt, deed: Deed, until_ms: u64) {
        let message = self.tags.get(&receipt.tag).copied();
        let message = message.and_then(|index| self.messages.get_mut(index));
        if let Some(message) = message.filter(|message| message.place == queue) {
            message.showings.push(Showing {
                deed,
                cause: Cause::Changed,
                durable: true,
                from_ms: until_ms,
                surely_ms: u64::MAX,
            });
        }
    }

    fn begin_delete(&mut self, queue: QueueId, receipts: &[Receipt], deed: Deed) {
        for receipt in receipts {
            let Some(index) = self.tags.get(&receipt.tag).copied() else {
                continue;
            };
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            let whole = !message.fifo
                && message.place == queue
                && message.stays(deed.start, deed.start)
                && self.rests(message, deed.operation);
            if let Some(message) = self.messages.get_mut(index) {
                message.removals.push(Removal { deed, whole });
            }
        }
    }

    /// Everything that is or may come to be in the queue may go.
    pub(super) fn begin_clearing(&mut self, queue: QueueId, deed: Deed) {
        for index in self.around(queue, deed.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            let whole = message.place == queue
                && message.stays(deed.start, deed.start)
                && self.rests(message, deed.operation);
            if let Some(message) = self.messages.get_mut(index) {
                message.removals.push(Removal { deed, whole });
            }
        }
    }
}
