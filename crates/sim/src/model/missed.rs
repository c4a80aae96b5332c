//! Checks what a receive did not return: a message that was there to be had must not be passed over.

use std::collections::BTreeMap;

use waystation_engine::{QueueId, ReceiveRequest};

use super::message::Message;
use super::{Checked, Model, Window};

impl Model {
    /// Judged only when nobody else received meanwhile and all that matters is known.
    pub(super) fn check_missed(
        &self,
        queue: QueueId,
        request: &ReceiveRequest,
        indices: &[usize],
        window: &Window,
    ) -> Checked {
        let Some(known) = self.queues.get(&queue) else {
            return Ok(());
        };
        let unsure = known.has_other_receives(window.operation, window.start, window.end)
            || known.may_miss(window.start, window.end)
            || known.may_be_purged(window.start, window.end)
            || self.leeway.fetched && self.may_lose_bodies(queue, window);
        // An empty answer to a long poll is given when its time is up, not before.
        let asked_ms = match indices.is_empty() {
            true => window.from_ms + request.wait_ms,
            false => window.from_ms,
        };
        let enough = indices.len() >= request.max || !indices.is_empty() && self.leeway.spills;
        if unsure || enough || known.ghosts_until_ms > asked_ms {
            return Ok(());
        }
        if request.attempt.is_some() && known.is_fifo() {
            return Ok(());
        }
        self.judged.complete_receives.raise();
        let available = |message: &Message| {
            message.stays(window.start, window.end)
                && message.shown(window.start).1 <= asked_ms
                && self.rests(message, window.operation)
                && !self.may_be_expired(message, window.end, window.to_ms)
        };
        if known.is_fifo() {
            return match indices.is_empty() {
                true => self.check_groups(queue, window, &available),
                false => Ok(()),
            };
        }
        for index in &known.members {
            let Some(message) = self.messages.get(*index) else {
                continue;
            };
            if !indices.contains(index) && available(message) {
                return Err(format!(
                    "a receive of {} from {queue:?} returned {} messages and passed over {index}: {}",
                    request.max,
                    indices.len(),
                    self.describe(*index)
                ));
            }
        }
        Ok(())
    }

    /// A message that was there when the receive began may be gone with its body.
    fn may_lose_bodies(&self, queue: QueueId, window: &Window) -> bool {
        let around = self.around(queue, window.operation);
        around
            .iter()
            .filter_map(|index| self.messages.get(*index))
            .any(|message| {
                !message.gone_before(window.start)
                    && (!message.stays(window.start, window.end)
                        || self.may_be_expired(message, window.end, window.to_ms))
            })
    }

    /// No group may have its oldest message available.
    fn check_groups(
        &self,
        queue: QueueId,
        window: &Window,
        available: &dyn Fn(&Message) -> bool,
    ) -> Checked {
        let mut groups: BTreeMap<Option<u64>, Vec<(Option<u64>, usize)>> = BTreeMap::new();
        for index in self.around(queue, window.operation) {
            let Some(message) = self.messages.get(index) else {
                continue;
            };
            if !message.gone_before(window.start) {
                let sequence = message.sequence.filter(|_| message.place == queue);
                let group = groups.entry(message.group).or_default();
                group.push((sequence, index));
            }
        }
        let is_available = |index: usize| self.messages.get(index).is_some_and(available);
        for group in groups.values() {
            // One whose place in line is unknown may be the oldest.
            let unknown = group.iter().any(|(sequence, _)| sequence.is_none());
            let passed_over = match unknown {
                true => group.iter().all(|(_, index)| is_available(*index)),
                false => group
                    .iter()
                    .min()
                    .is_some_and(|(_, index)| is_available(*index)),
            };
            if passed_over && let Some((_, index)) = group.iter().min() {
                return Err(format!(
                    "a receive from {queue:?} found nothing and passed over {index}: {}",
                    self.describe(*index)
                ));
            }
        }
        Ok(())
    }

    pub(super) fn describe(&self, index: usize) -> String {
        self.messages.get(index).map_or(String::new(), |message| {
            let short = Message {
                body: bytes::Bytes::new(),
                ..message.clone()
            };
            format!("{short:?} of {} bytes", message.body.len())
        })
    }
}
