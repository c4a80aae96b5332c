//! How time passes in a shard: what is due becomes ready, and time stands still while a page that has
//! something due is not in memory.
//!
//! Which messages are ready at a moment does not depend on when their pages were read: whoever wants to
//! plan, capture or apply something first waits until the shard is no longer behind.

use crate::ids::Resource;
use crate::limits::Budgets;
use crate::need::Need;
use crate::shard::Shard;

impl Shard {
    /// When something in memory happens by itself next; never while the shard is behind, because then only
    /// a page it waits for can help.
    pub(crate) fn next_due(&self) -> Option<u64> {
        if self.is_behind() {
            return None;
        }
        let deadline = self.index.deadlines.first().map(|(when, ..)| *when);
        let retention = self.retention.first().map(|(when, _)| *when);
        let memory = self.forgetting.next_due();
        [deadline, retention, memory].into_iter().flatten().min()
    }

    /// The earliest deadline in a page that is not in memory.
    pub(crate) fn next_far(&self) -> Option<u64> {
        self.index.far.first().map(|(when, ..)| *when)
    }

    /// A page with something due is not in memory: nothing may be decided before it is.
    pub(crate) fn is_behind(&self) -> bool {
        self.next_far().is_some_and(|when| when <= self.time_ms)
    }

    /// Pages with a deadline until `horizon_ms` that are not in memory, the earliest first.
    pub(crate) fn far_until(&self, horizon_ms: u64) -> impl Iterator<Item = Need> {
        let far = self.index.far.iter();
        far.take_while(move |(when, ..)| *when <= horizon_ms)
            .map(|(_, queue, number)| Need::Page {
                queue: *queue,
                number: *number,
            })
    }

    /// Lets a page leave memory again that was read because something in it was due, if memory is short.
    pub(crate) fn give_back(&mut self, need: Need, budgets: &Budgets) {
        let Need::Page { queue, number } = need else {
            return;
        };
        let horizon_ms = self.time_ms.saturating_add(budgets.far_ms);
        if self.index.usage.page_bytes.get() > budgets.page_bytes_max
            && let Some(state) = self.queues.get_mut(&queue)
        {
            state.evict_page(number, horizon_ms, &mut self.index);
        }
    }

    /// Lets pages leave memory that nobody will need soon.
    pub(crate) fn evict(&mut self, resource: Resource, budgets: &Budgets) {
        let horizon_ms = self.time_ms.saturating_add(budgets.far_ms);
        match resource {
            Resource::Queue(queue) => {
                if let Some(state) = self.queues.get_mut(&queue) {
                    state.evict(horizon_ms, &mut self.index);
                }
            }
            Resource::Log(log) => {
                if let Some(state) = self.logs.get_mut(&log) {
                    state.evict();
                }
            }
        }
    }

    /// Brings the time forward, unless the shard is behind: leases and delays that ended make their messages
    /// ready. Where the order matters it is that of their ends, whether the time passes at once or step by step.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        if !self.is_behind() {
            self.time_ms = self.time_ms.max(now_ms);
            self.pass_deadlines();
            self.forget_old();
        }
    }

    /// Makes ready what is due in pages that are in memory.
    pub(crate) fn pass_deadlines(&mut self) {
        while let Some((when, queue, number)) = self.index.deadlines.first().copied()
            && when <= self.time_ms
        {
            let Some(state) = self.queues.get_mut(&queue) else {
                unreachable!("a removed queue takes its deadlines along");
            };
            state.pass_deadlines(number, self.time_ms, &mut self.index, &mut self.passed);
            self.wake(Resource::Queue(queue));
            self.dirty = true;
        }
        if !self.passed.is_empty() && !self.is_behind() {
            self.passed.sort_unstable();
            for passed in std::mem::take(&mut self.passed) {
                if let Some(queue) = self.queues.get_mut(&passed.queue) {
                    queue.show_passed(&passed);
                }
            }
        }
    }
}
