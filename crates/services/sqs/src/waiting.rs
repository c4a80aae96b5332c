//! The waiting periods of 60 seconds after a purge and after a deletion, enforced only under [`Limits::Aws`].
//!
//! They are kept in memory: they protect a shared service from its users, so a restart may forget them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::{self, Limits};

/// Periods that are running, by subject.
#[derive(Debug)]
pub(crate) struct WaitingPeriods {
    limits: Limits,
    /// Subject and end of its period, in milliseconds since the epoch.
    ends_ms: Mutex<HashMap<String, u64>>,
}

impl WaitingPeriods {
    /// No period is running.
    pub(crate) fn new(limits: Limits) -> WaitingPeriods {
        WaitingPeriods {
            limits,
            ends_ms: Mutex::default(),
        }
    }

    /// Whether a period of the subject is running.
    pub(crate) fn is_running(&self, subject: &str, now_ms: u64) -> bool {
        self.limits == Limits::Aws
            && self
                .lock()
                .get(subject)
                .is_some_and(|end_ms| now_ms < *end_ms)
    }

    /// Starts a period unless one is running; whether it did.
    pub(crate) fn start(&self, subject: String, now_ms: u64) -> bool {
        if self.limits == Limits::None {
            return true;
        }
        let mut ends_ms = self.lock();
        if ends_ms.get(&subject).is_some_and(|end_ms| now_ms < *end_ms) {
            return false;
        }
        if ends_ms.len() >= limits::WAITING_PERIODS_MAX {
            ends_ms.retain(|_, end_ms| now_ms < *end_ms);
        }
        if ends_ms.len() >= limits::WAITING_PERIODS_MAX {
            let oldest = ends_ms
                .iter()
                .min_by_key(|(_, end_ms)| **end_ms)
                .map(|(subject, _)| subject.clone());
            oldest.map(|subject| ends_ms.remove(&subject));
        }
        ends_ms.insert(subject, now_ms + limits::WAITING_PERIOD_MS);
        true
    }

    /// Ends all periods.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.ends_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_last_60_seconds() {
        // SQS-074, SQS-376
        let periods = WaitingPeriods::new(Limits::Aws);
        assert!(periods.start("q".to_owned(), 1_000));
        assert!(periods.is_running("q", 60_999));
        assert!(!periods.start("q".to_owned(), 60_999));
        assert!(!periods.is_running("q", 61_000));
        assert!(periods.start("q".to_owned(), 61_000));
        assert!(!periods.is_running("other", 1_000));
    }

    #[test]
    fn without_limits_nothing_waits() {
        let periods = WaitingPeriods::new(Limits::None);
        assert!(periods.start("q".to_owned(), 1));
        assert!(periods.start("q".to_owned(), 1));
        assert!(!periods.is_running("q", 1));
    }

    #[test]
    fn memory_is_bounded() {
        let periods = WaitingPeriods::new(Limits::Aws);
        for index in 0..limits::WAITING_PERIODS_MAX as u64 + 10 {
            assert!(periods.start(index.to_string(), index));
        }
        assert_eq!(periods.lock().len(), limits::WAITING_PERIODS_MAX);
        assert!(!periods.is_running("0", 1));
    }
}
