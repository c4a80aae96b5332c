//! How many requests a second a FIFO queue takes, enforced only under [`Limits::Aws`] (SQS-441..444).
//!
//! Each limit is an allowance that fills up with engine time and holds one second's worth. Allowances are kept in memory:
//! they protect a shared service from its users, so a restart may forget them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use waystation_engine::{QueueId, Scope};
use waystation_wire::ApiError;

use crate::addressing::Located;
use crate::api;
use crate::fifo_settings::FifoThroughputLimit;
use crate::limits::{
    FIFO_TRANSACTIONS_PER_SECOND, HIGH_THROUGHPUT_ELSEWHERE, HIGH_THROUGHPUT_TABLE, Limits,
    RATES_MAX,
};

/// What is limited by itself; a batch counts as one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Send,
    Receive,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Queue(QueueId, Action),
    /// All queues with high throughput of an account and region.
    Region(Scope, Action),
    Group(QueueId, String),
}

/// Requests that may still come, in thousandths.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    milli: u64,
    at_ms: u64,
}

/// All allowances that are not full.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: Limits,
    allowances: Mutex<HashMap<Subject, Allowance>>,
}

impl Rates {
    /// Nothing was asked yet.
    pub(crate) fn new(limits: Limits) -> Rates {
        Rates {
            limits,
            allowances: Mutex::default(),
        }
    }

    /// Counts a request to a queue, or refuses it.
    pub(crate) fn count(
        &self,
        action: Action,
        located: &Located<'_>,
        now_ms: u64,
    ) -> Result<(), ApiError> {
        let Some(fifo) = located.settings.fifo.as_ref() else {
            return Ok(()); // SQS-440
        };
        let (subject, rate) = match fifo.throughput_limit {
            FifoThroughputLimit::PerQueue => (
                Subject::Queue(located.id(), action),
                FIFO_TRANSACTIONS_PER_SECOND,
            ),
            FifoThroughputLimit::PerMessageGroupId => (
                Subject::Region(located.scope.clone(), action),
                of_region(located.region),
            ),
        };
        self.take(subject, rate, now_ms)
    }

    /// Counts a message to a group of a queue with high throughput, or refuses it (SQS-444). Which groups a receive or a
    /// delete touches is known only afterwards; they are not counted.
    pub(crate) fn count_group(
        &self,
        located: &Located<'_>,
        group: Option<&str>,
        now_ms: u64,
    ) -> Result<(), ApiError> {
        let fifo = located.settings.fifo.as_ref();
        let (Some(fifo), Some(group), Limits::Aws) = (fifo, group, self.limits) else {
            return Ok(());
        };
        match fifo.throughput_limit {
            FifoThroughputLimit::PerQueue => Ok(()),
            FifoThroughputLimit::PerMessageGroupId => self.take(
                Subject::Group(located.id(), group.to_owned()),
                FIFO_TRANSACTIONS_PER_SECOND,
                now_ms,
            ),
        }
    }

    fn take(&self, subject: Subject, per_second: u64, now_ms: u64) -> Result<(), ApiError> {
        if self.limits == Limits::None {
            return Ok(());
        }
        let full_milli = per_second * 1_000;
        let mut allowances = self
            .allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if allowances.len() >= RATES_MAX {
            // Whatever the rate, an allowance is full after a second of rest.
            allowances.retain(|_, allowance| now_ms < allowance.at_ms + 1_000);
        }
        if allowances.len() >= RATES_MAX && !allowances.contains_key(&subject) {
            return Ok(());
        }
        let full = Allowance {
            milli: full_milli,
            at_ms: now_ms,
        };
        let allowance = allowances.entry(subject).or_insert(full);
        let passed_ms = now_ms.saturating_sub(allowance.at_ms);
        let filled = passed_ms.saturating_mul(per_second);
        allowance.milli = allowance.milli.saturating_add(filled).min(full_milli);
        allowance.at_ms = allowance.at_ms.max(now_ms);
        match allowance.milli.checked_sub(1_000) {
            Some(left) => {
                allowance.milli = left;
                Ok(())
            }
            None => Err(api::REQUEST_THROTTLED.with("Rate exceeded")), // SQS-442
        }
    }
}

/// Table 28.1
fn of_region(region: &str) -> u64 {
    let row = HIGH_THROUGHPUT_TABLE
        .iter()
        .find(|(regions, _)| regions.contains(&region));
    row.map_or(HIGH_THROUGHPUT_ELSEWHERE, |(_, rate)| *rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(number: u64) -> Subject {
        Subject::Queue(QueueId(number), Action::Send)
    }

    #[test]
    fn a_second_holds_so_many_requests_and_no_more() {
        let rates = Rates::new(Limits::Aws);
        for _ in 0..300 {
            assert!(rates.take(queue(1), 300, 5_000).is_ok());
        }
        assert!(rates.take(queue(1), 300, 5_000).is_err());
        assert!(rates.take(queue(2), 300, 5_000).is_ok(), "another queue");
        assert!(rates.take(queue(1), 300, 5_003).is_err(), "not yet one");
        assert!(rates.take(queue(1), 300, 5_004).is_ok());
        assert!(rates.take(queue(1), 300, 5_004).is_err());
        let after = (0..400).filter(|_| rates.take(queue(1), 300, 90_000).is_ok());
        assert_eq!(after.count(), 300, "rest saves up one second, not more");
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let rates = Rates::new(Limits::None);
        assert!((0..1_000).all(|_| rates.take(queue(1), 1, 0).is_ok()));
    }

    #[test]
    fn memory_is_bounded() {
        let rates = Rates::new(Limits::Aws);
        for number in 0..RATES_MAX as u64 + 10 {
            assert!(rates.take(queue(number), 300, 0).is_ok());
        }
        assert_eq!(
            rates.allowances.lock().map(|all| all.len()).ok(),
            Some(RATES_MAX)
        );
        assert!(rates.take(queue(0), 300, 2_000).is_ok());
        assert_eq!(rates.allowances.lock().map(|all| all.len()).ok(), Some(1));
    }

    #[test]
    fn regions_differ() {
        // SQS-443
        assert_eq!(of_region("us-east-1"), 70_000);
        assert_eq!(of_region("eu-central-1"), 19_000);
        assert_eq!(of_region("ap-northeast-1"), 9_000);
        assert_eq!(of_region("sa-east-1"), 4_500);
        assert_eq!(of_region("ap-northeast-3"), 2_400);
    }
}
