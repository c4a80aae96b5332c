//! How often something may be done in a second, where a service applies AWS's limits.
//!
//! Each limit is an allowance that fills up with engine time and holds one second's worth. Allowances are kept in memory:
//! they protect a shared service from its users, so a restart may forget them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::limits::ALLOWANCES_MAX;

/// Which of the limits that exist only to protect a shared service are enforced.
///
/// Limits of shape (sizes, ranges, counts) always apply, because a program that breaks them fails on AWS too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Limits {
    /// Nobody has to wait: the default, made for tests and laptops.
    #[default]
    None,
    /// As on AWS: waiting periods (SQS-074, SQS-376), rates (SQS-441 to SQS-444, SNS-487), and the SMS sandbox (SNS-475).
    Aws,
}

/// What may still come, in thousandths.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    milli: u64,
    at_ms: u64,
}

/// All allowances that are not full, by what they limit.
#[derive(Debug)]
pub struct Allowances<Subject> {
    limits: Limits,
    known: Mutex<HashMap<Subject, Allowance>>,
}

impl<Subject: Eq + Hash> Allowances<Subject> {
    /// Nothing was asked yet.
    pub fn new(limits: Limits) -> Allowances<Subject> {
        Allowances {
            limits,
            known: Mutex::default(),
        }
    }

    /// Whether anything is counted.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts so many of at most `per_second`; `false` when they are too many, and then none of them counts.
    pub fn take(&self, subject: Subject, count: u64, per_second: u64, now_ms: u64) -> bool {
        if self.limits == Limits::None {
            return true;
        }
        let full_milli = per_second * 1_000;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ALLOWANCES_MAX {
            // Whatever the rate, an allowance is full after a second of rest.
            known.retain(|_, allowance| now_ms < allowance.at_ms + 1_000);
        }
        if known.len() >= ALLOWANCES_MAX && !known.contains_key(&subject) {
            return true;
        }
        let full = Allowance {
            milli: full_milli,
            at_ms: now_ms,
        };
        let allowance = known.entry(subject).or_insert(full);
        let passed_ms = now_ms.saturating_sub(allowance.at_ms);
        let filled = passed_ms.saturating_mul(per_second);
        allowance.milli = allowance.milli.saturating_add(filled).min(full_milli);
        allowance.at_ms = allowance.at_ms.max(now_ms);
        let left = allowance.milli.checked_sub(count.saturating_mul(1_000));
        allowance.milli = left.unwrap_or(allowance.milli);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_no_more() {
        let rates = Allowances::new(Limits::Aws);
        for _ in 0..300 {
            assert!(rates.take(1, 1, 300, 5_000));
        }
        assert!(!rates.take(1, 1, 300, 5_000));
        assert!(rates.take(2, 1, 300, 5_000), "another subject");
        assert!(!rates.take(1, 1, 300, 5_003), "not yet one");
        assert!(rates.take(1, 1, 300, 5_004));
        assert!(!rates.take(1, 1, 300, 5_004));
        let after = (0..400).filter(|_| rates.take(1, 1, 300, 90_000));
        assert_eq!(after.count(), 300, "rest saves up one second, not more");
    }

    #[test]
    fn several_at_once_are_taken_together_or_not() {
        let rates = Allowances::new(Limits::Aws);
        assert!(rates.take(1, 9, 10, 0));
        assert!(!rates.take(1, 2, 10, 0));
        assert!(rates.take(1, 1, 10, 0));
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let rates = Allowances::new(Limits::None);
        assert!((0..1_000).all(|_| rates.take(1, 1, 1, 0)));
    }

    #[test]
    fn memory_is_bounded() {
        let rates = Allowances::new(Limits::Aws);
        for number in 0..ALLOWANCES_MAX + 10 {
            assert!(rates.take(number, 1, 300, 0));
        }
        assert_eq!(
            rates.known.lock().map(|all| all.len()).ok(),
            Some(ALLOWANCES_MAX)
        );
        assert!(rates.take(0, 1, 300, 2_000));
        assert_eq!(rates.known.lock().map(|all| all.len()).ok(), Some(1));
    }
}
