//! Messages arrive from other queues: dead letters, messages of move tasks, and those that come home because their
//! destination was gone.

use crate::effect::{Effect, MovedMessage};
use crate::ids::QueueId;
use crate::queue::Arrival;
use crate::shard::{At, Shard};

impl Shard {
    /// A dead letter arrives; when its dead-letter queue is gone it goes home (`SQS-328`).
    pub(crate) fn dead_letter(&mut self, message: &MovedMessage, at: &At) {
        if !self.take_over(message, Arrival::Moved(message.from), at) {
            self.send_home(message, Effect::Return);
        }
    }

    /// A dead letter is home again: no further one goes there until the settings change.
    pub(crate) fn come_home(&mut self, message: &MovedMessage, at: &At) {
        if self.take_over(message, home(message), at)
            && let Some(queue) = self.queues.get_mut(&message.queue)
        {
            // Settings that name another dead-letter queue by now are not to blame.
            let redrive = queue.config.redrive;
            if redrive.is_some_and(|redrive| redrive.target == message.from) {
                queue.redrive_suspended = true;
            }
        }
    }

    /// A message of a move task arrives as a new one; when its destination is gone it goes back.
    pub(crate) fn arrive(&mut self, task: u64, message: &MovedMessage, at: &At) {
        if !self.take_over(message, Arrival::New, at) {
            self.send_home(message, |message| Effect::MoveBack { task, message });
        }
    }

    /// A message of a move task is back.
    pub(crate) fn come_back(&mut self, task: u64, message: &MovedMessage, at: &At) {
        if self.take_over(message, home(message), at)
            && let Some(queue) = self.queues.get_mut(&message.queue)
        {
            queue.count_back(task);
        }
    }

    fn send_home(&mut self, message: &MovedMessage, effect: impl FnOnce(MovedMessage) -> Effect) {
        let home = MovedMessage {
            queue: message.from,
            from: message.queue,
            ..message.clone()
        };
        self.outbox.push(effect(home), &mut self.index);
    }

    fn take_over(&mut self, message: &MovedMessage, arrival: Arrival, at: &At) -> bool {
        let now_ms = self.time_ms;
        let Some(queue) = self.queues.get_mut(&message.queue) else {
            return false;
        };
        queue.take_over(message, arrival, now_ms, &mut self.index);
        queue.last_sync_lsn = at.end;
        let occupied = message.occupied(self.index.segment_bytes);
        self.references
            .extend(occupied.iter().map(|(segment, _)| *segment));
        self.changed(message.queue);
        true
    }
}

/// How a message that comes home is to be taken: as what it was before it left.
fn home(message: &MovedMessage) -> Arrival {
    let before: Option<QueueId> = message.before;
    before.map_or(Arrival::Unmoved, Arrival::Moved)
}
