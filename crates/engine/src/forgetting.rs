//! What queues remember of the last minutes goes by time alone: no record says so, and replay agrees.

use std::collections::BTreeSet;

use crate::ids::QueueId;
use crate::shard::Shard;

/// When the memory of each queue changes next: (when, queue).
#[derive(Debug, Default)]
pub(crate) struct Forgetting(BTreeSet<(u64, QueueId)>);

impl Forgetting {
    /// When the first queue is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.0.first().map(|(when, _)| *when)
    }

    /// Moves a queue from one time to another.
    pub(crate) fn moved(&mut self, queue: QueueId, from_ms: Option<u64>, to_ms: Option<u64>) {
        if from_ms == to_ms {
            return;
        }
        if let Some(when) = from_ms {
            self.0.remove(&(when, queue));
        }
        if let Some(when) = to_ms {
            self.0.insert((when, queue));
        }
    }
}

impl Shard {
    /// Forgets what is too old by now.
    pub(crate) fn forget_old(&mut self) {
        while let Some((when, id)) = self.forgetting.0.first().copied()
            && when <= self.time_ms
        {
            let time_ms = self.time_ms;
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.deduplication.pass_time(time_ms, &mut self.index);
                queue.attempts.pass_time(time_ms, &self.index.usage);
                queue.dirty = true;
            }
            self.dirty = true;
            self.memory_changed(id);
        }
    }

    /// Renews when the queue's memory changes next.
    pub(crate) fn memory_changed(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            let parts = [queue.deduplication.due(), queue.attempts.due()];
            let due = parts.into_iter().flatten().min();
            self.forgetting.moved(id, queue.memory_due_ms, due);
            queue.memory_due_ms = due;
        }
    }
}
