//! Receives of no message: whatever was received too often goes to the dead-letter queue, without waiting for a receive
//! to meet it. A message that must have gone is never seen again where it stood.

use waystation_engine::{QueueId, ReceiveRequest, Redrive};

use super::message::Message;
use super::{Model, QueueModel, Window};

/// Where a message stood that must have gone to the dead-letter queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exhausted {
    queue: QueueId,
    sequence: u64,
    target: QueueId,
    /// Step of the answer that says so.
    end: u64,
}

impl Message {
    /// It does not stand there any more for whoever asks from `start` on.
    pub(super) fn has_left(&self, queue: QueueId, sequence: u64, start: u64) -> bool {
        self.exhausted.is_some_and(|gone| {
            (gone.queue, gone.sequence) == (queue, sequence) && gone.end < start
        })
    }
}

impl Model {
    /// One of the queues, if one has a message that nobody may receive any more.
    pub(crate) fn with_exhausted(&self, queues: &[QueueId], now_ms: u64) -> Option<QueueId> {
        let has_some = |queue: &QueueId| {
            let known = self.queues.get(queue)?;
            let redrive = known.settings.last()?.config.redrive?;
            let mut messages = known.members.iter().filter_map(|i| self.messages.get(*i));
            let is_one = |message: &Message| {
                message.receives.len() >= usize::from(redrive.receives_max)
                    && message.shown(u64::MAX).1 <= now_ms
            };
            messages.any(is_one).then_some(*queue)
        };
        queues.iter().find_map(has_some)
    }

    /// When a receive of no message was answered, none is left that the next receive would give once too often.
    pub(super) fn note_exhausted(
        &mut self,
        queue: QueueId,
        request: &ReceiveRequest,
        window: &Window,
    ) {
        let redrive = self.sure_redrive(queue, window);
        let Some(redrive) = redrive.filter(|_| request.max == 0) else {
            return;
        };
        let members = self.queues.get(&queue).map(|known| known.members.clone());
        for index in members.unwrap_or_default() {
            let Some(message) = self.messages.get_mut(index) else {
                continue;
            };
            let receives = message.receives.iter();
            let count = receives.filter(|receive| !receive.forgotten).count();
            let went = count >= usize::from(redrive.receives_max)
                && message.shown(window.start).1 <= window.from_ms;
            let Some(sequence) = message.sequence.filter(|_| went) else {
                continue;
            };
            self.judged.exhausted.raise();
            message.exhausted = Some(Exhausted {
                queue,
                sequence,
                target: redrive.target,
                end: window.end,
            });
        }
    }

    /// The redrive policy that was in force for sure, if nothing else can have kept ready messages from it.
    fn sure_redrive(&self, queue: QueueId, window: &Window) -> Option<Redrive> {
        let known = self.queues.get(&queue)?;
        // With a full outbox dead-letter moves wait; what is received meanwhile is not ready.
        if self.leeway.tight
            || known.has_other_receives(window.operation, window.start, window.end)
            || known.ghosts_until_ms > window.from_ms
        {
            return None;
        }
        let stands = |target: &QueueId| self.queues.get(target).is_some_and(QueueModel::is_settled);
        // A dead letter that comes home suspends the policy (SQS-328).
        let mut ever = known.settings.iter().filter_map(|s| s.config.redrive);
        if !ever.all(|redrive| stands(&redrive.target)) {
            return None;
        }
        let configs = known.configs(window.start, window.end);
        let redrives: Option<Vec<Redrive>> = configs.map(|config| config.redrive).collect();
        let redrives = redrives?;
        let mildest = redrives.iter().max_by_key(|redrive| redrive.receives_max)?;
        let one_target = redrives.iter().all(|r| r.target == mildest.target);
        one_target.then_some(*mildest)
    }

    /// The message left the queue before `start`, and nothing can have brought it back until `end`.
    pub(super) fn is_away(&self, message: &Message, queue: QueueId, start: u64, end: u64) -> bool {
        let Some(gone) = message.exhausted.filter(|_| message.place == queue) else {
            return false;
        };
        let left = message
            .sequence
            .is_some_and(|sequence| message.has_left(queue, sequence, start));
        // Seen here last, it can be in its dead-letter queue only, if nothing took it anywhere before.
        let stays_there = |target: &QueueModel| {
            let mut redrives = target.settings.iter().map(|s| s.config.redrive);
            let mut movings = target.movings.iter();
            !target.may_miss(message.seen_from, end)
                && redrives.all(|redrive| redrive.is_none())
                && movings.all(|moving| moving.deed.end < message.seen_from)
        };
        left && self.reach(message, 0).iter().all(|id| *id == gone.target)
            && self.queues.get(&gone.target).is_some_and(stays_there)
    }
}
