//! Receives that can be answered again for five minutes (`SQS-302`..`SQS-306`), by their attempt ids.
//!
//! A message belongs to one attempt at most, the latest that got it, so a queue remembers no more than it has
//! messages within reach of a receive; a budget bounds them over all queues. What is too old goes by time.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::index::Usage;
use crate::limits::DEDUPLICATION_WINDOW_MS;

/// One remembered receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) at_ms: u64,
    /// (sequence, tag) of what it returned.
    pub(crate) leases: Vec<(u64, u64)>,
}

/// What one queue remembers of its receives.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_id: BTreeMap<u128, Attempt>,
    by_sequence: FxHashMap<u64, u128>,
    by_time: BTreeSet<(u64, u128)>,
}

impl Attempts {
    /// The attempt, if it is not too old.
    pub(crate) fn find(&self, id: u128, now_ms: u64) -> Option<&Attempt> {
        self.by_id
            .get(&id)
            .filter(|attempt| attempt.at_ms + DEDUPLICATION_WINDOW_MS > now_ms)
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> &BTreeMap<u128, Attempt> {
        &self.by_id
    }

    /// Remembers what a receive returned.
    pub(crate) fn remember(&mut self, id: u128, leases: &[(u64, u64)], now_ms: u64, usage: &Usage) {
        self.forget(id, usage);
        for (sequence, _) in leases {
            self.void(*sequence, usage);
            self.by_sequence.insert(*sequence, id);
        }
        usage.attempt_messages.add(leases.len() as u64);
        let attempt = Attempt {
            at_ms: now_ms,
            leases: leases.to_vec(),
        };
        self.by_id.insert(id, attempt);
        self.by_time.insert((now_ms, id));
    }

    fn forget(&mut self, id: u128, usage: &Usage) {
        let Some(attempt) = self.by_id.remove(&id) else {
            return;
        };
        self.by_time.remove(&(attempt.at_ms, id));
        for (sequence, _) in &attempt.leases {
            self.by_sequence.remove(sequence);
        }
        usage.attempt_messages.sub(attempt.leases.len() as u64);
    }

    /// When the oldest is too old.
    pub(crate) fn due(&self) -> Option<u64> {
        let oldest = self.by_time.first();
        oldest.map(|(at_ms, _)| at_ms + DEDUPLICATION_WINDOW_MS)
    }

    /// Forgets those that are too old.
    pub(crate) fn pass_time(&mut self, now_ms: u64, usage: &Usage) {
        while let Some((at_ms, id)) = self.by_time.first().copied()
            && at_ms + DEDUPLICATION_WINDOW_MS <= now_ms
        {
            self.forget(id, usage);
        }
    }

    /// A message of an attempt was deleted or had its visibility changed (`SQS-304`).
    pub(crate) fn void(&mut self, sequence: u64, usage: &Usage) {
        if let Some(id) = self.by_sequence.get(&sequence).copied() {
            self.forget(id, usage);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, usage: &Usage) {
        while let Some((_, id)) = self.by_time.first().copied() {
            self.forget(id, usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_000_000;

    #[test]
    fn whatever_ends_an_attempt_gives_its_share_back() {
        let (mut attempts, usage) = (Attempts::default(), Usage::default());
        attempts.remember(1, &[(10, 100), (11, 101)], START_MS, &usage);
        attempts.remember(2, &[(12, 102)], START_MS + 1, &usage);
        attempts.remember(3, &[(13, 103)], START_MS + 2, &usage);
        assert_eq!(usage.attempt_messages.get(), 4);
        // Another receive got one of the messages of the first.
        attempts.remember(4, &[(11, 104)], START_MS + 3, &usage);
        assert_eq!(attempts.find(1, START_MS + 3), None);
        assert_eq!(usage.attempt_messages.get(), 3);
        // SQS-304: a message was deleted.
        attempts.void(12, &usage);
        assert_eq!(attempts.find(2, START_MS + 3), None);
        // The same id once more, for other messages.
        attempts.remember(4, &[(14, 105), (15, 106)], START_MS + 4, &usage);
        assert_eq!(usage.attempt_messages.get(), 3);
        // SQS-302: five minutes are over for the third.
        assert_eq!(attempts.due(), Some(START_MS + 2 + DEDUPLICATION_WINDOW_MS));
        attempts.pass_time(START_MS + 3 + DEDUPLICATION_WINDOW_MS, &usage);
        assert_eq!(attempts.all().keys().collect::<Vec<_>>(), [&4]);
        attempts.clear(&usage);
        assert_eq!((usage.attempt_messages.get(), attempts.due()), (0, None));
        assert!(attempts.by_sequence.is_empty());
    }
}
