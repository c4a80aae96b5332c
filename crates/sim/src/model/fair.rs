//! Checks that a standard queue serves quiet tenants first (`SQS-385`).
//!
//! AWS leaves the order open, so only this is judged: while one tenant holds enough in flight to be noisy for
//! sure (`SQS-382`), a receive that returns messages of it leaves no message without a group, which is always
//! quiet (`SQS-381`), that was there to be had.

use std::collections::BTreeMap;

use waystation_engine::QueueId;

use super::message::{Cause, Message, Showing};
use super::{Checked, Model, Window};

/// Messages in flight that make a tenant noisy, and one part in how many of all they must exceed.
const NOISY_IN_FLIGHT: u64 = 30;
const NOISY_SHARE: u64 = 10;
/// A tenant that sent within this time is not silent (`SQS-388`).
const SILENT_MS: u64 = 300_000;
/// A receive may look no further than some thousand messages; longer queues are not judged.
const JUDGED_MESSAGES: usize = 4_000;

/// What a tenant has in flight.
#[derive(Clone, Copy, Default)]
struct Holding {
    surely: u64,
    sent_ms: u64,
}

impl Model {
    pub(super) fn check_fairness(
        &self,
        queue: QueueId,
        indices: &[usize],
        window: &Window,
    ) -> Checked {
        let Some(known) = self.queues.get(&queue).filter(|known| !known.is_fifo()) else {
            return Ok(());
        };
        let group = |index: &usize| self.messages.get(*index).and_then(|message| message.group);
        let unsure = known.has_other_receives(window.operation, window.start, window.end)
            || known.may_miss(window.start, window.end)
            || known.may_be_purged(window.start, window.end)
            || known.ghosts_until_ms > window.from_ms
            || known.members.len() > JUDGED_MESSAGES;
        if unsure || indices.iter().all(|index| group(index).is_none()) {
            return Ok(());
        }
        let noisy = self.surely_noisy(queue, window);
        let Some(loud) = indices.iter().find(|index| {
            let group = group(index);
            group.is_some_and(|group| noisy.contains(&group))
        }) else {
            return Ok(());
        };
        self.judged.fair_receives.raise();
        let passed_over = known.members.iter().find(|index| {
            let message = self.messages.get(**index);
            !indices.contains(index)
                && message.is_some_and(|message| {
                    message.group.is_none()
                        && message.shown(window.start).1 <= window.from_ms
                        && self.is_counted(message, queue, window)
                })
        });
        match passed_over {
            None => Ok(()),
            Some(quiet) => Err(format!(
                "a receive from {queue:?} returned {loud} of a noisy tenant and passed over {quiet}: {}",
                self.describe(*quiet)
            )),
        }
    }

    /// Tenants that have enough in flight, all through the window.
    fn surely_noisy(&self, queue: QueueId, window: &Window) -> Vec<u64> {
        let mut holdings: BTreeMap<u64, Holding> = BTreeMap::new();
        let mut possibly = 0;
        for index in self.around(queue, window.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if message.gone_before(window.start) || message.sent.start > window.end {
                continue;
            }
            let may = |of: fn(&Showing) -> bool| {
                let mut current = message.current(window.start);
                current.any(|showing| of(showing) && showing.surely_ms > window.from_ms)
            };
            let received = |showing: &Showing| showing.cause != Cause::Sent;
            possibly += u64::from(may(received) || message.place != queue);
            if let Some(group) = message.group
                && self.is_in_flight(message, queue, window)
            {
                let holding = holdings.entry(group).or_default();
                holding.surely += 1;
                holding.sent_ms = holding.sent_ms.max(message.age_from_ms.0);
            }
        }
        let noisy = holdings.iter().filter(|(_, holding)| {
            holding.surely >= NOISY_IN_FLIGHT
                && holding.surely * NOISY_SHARE > possibly
                && holding.sent_ms + SILENT_MS > window.to_ms
        });
        noisy.map(|(group, _)| *group).collect()
    }

    /// It is there for sure, and hidden by a receive for sure.
    fn is_in_flight(&self, message: &Message, queue: QueueId, window: &Window) -> bool {
        self.is_counted(message, queue, window)
            && message.shown(window.start).0 > window.to_ms
            && message
                .current(window.start)
                .all(|showing| showing.cause != Cause::Sent)
    }
}
