//! How many requests a second a FIFO queue takes, enforced only under [`Limits::Aws`] (SQS-441..444).

use waystation_delivery::rates::Allowances;
use waystation_engine::{QueueId, Scope};
use waystation_wire::ApiError;

use crate::addressing::Located;
use crate::api;
use crate::fifo_settings::FifoThroughputLimit;
use crate::limits::{
    FIFO_TRANSACTIONS_PER_SECOND, HIGH_THROUGHPUT_ELSEWHERE, HIGH_THROUGHPUT_TABLE, Limits,
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

/// What every queue, region and group may still be asked.
#[derive(Debug)]
pub(crate) struct Rates(Allowances<Subject>);

impl Rates {
    /// Nothing was asked yet.
    pub(crate) fn new(limits: Limits) -> Rates {
        Rates(Allowances::new(limits))
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
        let (Some(fifo), Some(group), Limits::Aws) = (fifo, group, self.0.limits()) else {
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
        if self.0.take(subject, 1, per_second, now_ms) {
            return Ok(());
        }
        Err(api::REQUEST_THROTTLED.with("Rate exceeded")) // SQS-442
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
