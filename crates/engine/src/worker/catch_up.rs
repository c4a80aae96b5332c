//! Pages whose deadlines are near are read ahead; where one that is due is still in the view, its shard
//! does nothing before it was read. Its letters wait in line, and time stands still there.
//!
//! In the normal course nobody waits: only after a restart, or when a test moved the clock.

use super::Worker;
use crate::ids::ShardId;
use crate::limits::{READ_AHEAD_FRACTION, READ_AHEAD_PAGES};
use crate::need::Need;
use crate::parked::Work;
use crate::shared::Letter;

impl Worker {
    /// Brings the shard to the present; false when pages must be read first, which are asked for.
    pub(super) fn keeps_up(&mut self, shard: ShardId, now_ms: u64) -> bool {
        self.touched.insert(shard);
        let Some(state) = self.shards.get_mut(&shard) else {
            return true;
        };
        state.advance(now_ms);
        if state.is_behind() {
            self.read_ahead(shard, now_ms);
            return false;
        }
        true
    }

    /// The letter is handled when the shard has caught up.
    pub(super) fn line_up(&mut self, shard: ShardId, letter: Letter) {
        self.behind.entry(shard).or_default().push(letter);
    }

    fn ahead_ms(&self) -> u64 {
        self.shared.budgets.far_ms / READ_AHEAD_FRACTION
    }

    /// When the shard should read pages for their deadlines; never while it reads some.
    pub(super) fn far_due(&self, shard: ShardId) -> Option<u64> {
        if self.coming.contains_key(&shard) {
            return None;
        }
        let far_ms = self.shards.get(&shard)?.next_far()?;
        Some(far_ms.saturating_sub(self.ahead_ms()))
    }

    /// Asks for pages whose deadlines are near, a few at a time.
    pub(super) fn read_ahead(&mut self, shard: ShardId, now_ms: u64) {
        let Some(state) = self.shards.get(&shard) else {
            return;
        };
        let coming = self.coming.get(&shard);
        let under_way = coming.map_or(0, |coming| coming.len());
        let needs: Vec<Need> = state
            .far_until(now_ms.saturating_add(self.ahead_ms()))
            .filter(|need| coming.is_none_or(|coming| !coming.contains(need)))
            .take(READ_AHEAD_PAGES.saturating_sub(under_way))
            .collect();
        for need in needs {
            self.coming.entry(shard).or_default().insert(need);
            self.fetch(Work::CatchUp(need), &[need]);
        }
    }

    /// A page that was read for its deadlines is there.
    pub(super) fn came(&mut self, need: Need, now_ms: u64) {
        let shard = need.shard();
        if let Some(coming) = self.coming.get_mut(&shard) {
            coming.remove(&need);
            if coming.is_empty() {
                self.coming.remove(&shard);
            }
        }
        if self.keeps_up(shard, now_ms) {
            // What outlived its retention goes before anybody looks.
            self.run_due(shard, now_ms);
            for letter in self.behind.remove(&shard).unwrap_or_default() {
                self.handle(letter, now_ms);
            }
        }
    }
}
