//! What is not in memory is read for those who need it; what nobody needs leaves memory.

use waystation_storage::StorageError;

use super::Worker;
use crate::ids::{Resource, ShardId};
use crate::need::{Contents, Need};
use crate::outbox::Keep;
use crate::parked::{Work, is_catching_up};
use crate::queue::Filters;
use crate::shared::Fetch;

impl Worker {
    /// Asks for the first of the needs; the work is tried again when it is there.
    pub(super) fn fetch(&mut self, work: Work, needs: &[Need]) {
        let Some(need) = needs.first().copied() else {
            return;
        };
        let shard = self.shards.get(&need.shard());
        if let Some(key) = shard.and_then(|shard| shard.row_of(need))
            && self.parked.need(need, work)
        {
            let _closed = self.shared.fetches.send(Fetch::Row { need, key });
        }
    }

    /// Something that was asked for.
    pub(super) fn found(&mut self, need: Need, generation: u64, contents: Contents, now_ms: u64) {
        if let Some(state) = self.shards.get_mut(&need.shard()) {
            state.install(need, generation, contents);
        }
        let waiting = self.parked.take_needing(need);
        let for_deadlines = is_catching_up(&waiting);
        for work in waiting {
            self.resume(work, now_ms);
        }
        if for_deadlines && let Some(state) = self.shards.get_mut(&need.shard()) {
            state.give_back(need, &self.shared.budgets);
        } else if let Some(resource) = need.resource() {
            self.evict(resource);
        }
    }

    /// Something that could not be read: it was purged or removed since somebody asked for it, or else
    /// the view lost it.
    pub(super) fn not_found(
        &mut self,
        need: Need,
        generation: u64,
        error: StorageError,
        now_ms: u64,
    ) {
        let shard = self.shards.get(&need.shard());
        if shard.is_some_and(|shard| shard.is_stored(need, generation)) {
            return self.shared.fail(error);
        }
        for work in self.parked.take_needing(need) {
            self.resume(work, now_ms);
        }
    }

    pub(super) fn over_budget(&self) -> bool {
        self.shared.usage.page_bytes.get() > self.shared.budgets.page_bytes_max
    }

    /// What outboxes keep in memory beyond need; `None` while all of it has room. The first chunks of
    /// many lanes together may be more than the budget: then they go too.
    pub(super) fn outbox_keeps(&self) -> Option<Keep> {
        let bytes = self.shared.usage.outbox_memory_bytes.get();
        let most = self.shared.budgets.outbox_memory_bytes_max;
        (bytes > most).then(|| match bytes > 2 * most {
            true => Keep::Nothing,
            false => Keep::Heads,
        })
    }

    /// Makes room after a page came in. Not while other work waits for pages of the same, or for its shard
    /// to catch up: it may need this one as well, and two pages that drive each other out would never be
    /// there together.
    fn evict(&mut self, resource: Resource) {
        let shard = resource.shard();
        if self.over_budget()
            && !self.parked.awaits(resource)
            && !self.behind.contains_key(&shard)
            && let Some(state) = self.shards.get_mut(&shard)
        {
            state.evict(resource, &self.shared.budgets);
            // A deadline that left memory is looked at earlier than one that stays.
            self.touched.insert(shard);
        }
    }

    /// Deduplication takes more memory than it should.
    pub(super) fn remembers_too_much(&self) -> bool {
        self.shared.usage.deduplication_bytes.get() > self.shared.budgets.deduplication_bytes_max
    }

    pub(super) fn sealed(&mut self, shard: ShardId, generation: u64, filters: Filters) {
        let outbox_keeps = self.outbox_keeps();
        let usage = self.shared.usage.clone();
        // Room for a while: every time costs a checkpoint.
        let remembered_bytes_max = match self.remembers_too_much() {
            true => self.shared.budgets.deduplication_bytes_max / 4 * 3,
            false => u64::MAX,
        };
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        state.outbox.sealed(generation);
        if let Some(keep) = outbox_keeps {
            state.outbox.evict(keep);
        }
        for (queue, bucket, filter) in filters {
            if let Some(queue) = state.queues.get_mut(&queue) {
                queue.deduplication.install_filter(bucket, filter, &usage);
            }
        }
        for queue in state.queues.values_mut() {
            queue.sealed(generation);
            queue.deduplication.evict(remembered_bytes_max, &usage);
        }
        for log in state.logs.values_mut() {
            log.sealed(generation);
        }
        let queues = state.queues.keys().copied().map(Resource::Queue);
        let logs = state.logs.keys().copied().map(Resource::Log);
        let resources: Vec<Resource> = queues.chain(logs).collect();
        for resource in resources {
            self.evict(resource);
        }
    }
}
