//! How much an account may ask for in a second (tables 37.1 and 37.2), counted only where AWS's limits are applied
//! (SNS-401, SNS-487, SNS-488).

use waystation_delivery::rates::Allowances;
use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller};

use crate::errors::rate_exceeded;
use crate::{Limits, Sns};

/// What is limited by itself, in an account and region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Operation(Scope, &'static str),
    /// Messages to all standard topics, to all FIFO topics, and to phone numbers.
    Messages(Scope, Messages),
    /// Messages of one FIFO topic.
    Topic(u64),
    /// Messages of one group of a FIFO topic.
    Group(u64, String),
}

/// What messages are published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Messages {
    Standard,
    Fifo,
    Sms,
}

/// Table 37.2, those with one rate everywhere.
const OPERATIONS: &[(u64, &[&str])] = &[
    (100, &["Subscribe", "Unsubscribe"]),
    (50, &["CheckIfPhoneNumberIsOptedOut"]),
    (
        30,
        &[
            "ListTopics",
            "ListSubscriptions",
            "ListSubscriptionsByTopic",
            "ListEndpointsByPlatformApplication",
        ],
    ),
    (20, &["GetSMSAttributes", "OptInPhoneNumber"]),
    (15, &["ListPlatformApplications"]),
    (
        10,
        &[
            "AddPermission",
            "RemovePermission",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
            "GetSMSSandboxAccountStatus",
            "ListPhoneNumbersOptedOut",
        ],
    ),
    (
        1,
        &[
            "SetSMSAttributes",
            "ListOriginationNumbers",
            "CreateSMSSandboxPhoneNumber",
            "VerifySMSSandboxPhoneNumber",
            "DeleteSMSSandboxPhoneNumber",
            "ListSMSSandboxPhoneNumbers",
            "PutDataProtectionPolicy",
        ],
    ),
];

/// Tables 37.1 and 37.2 by region: other operations, messages to standard topics, messages to FIFO topics.
const REGIONS: &[(&[&str], [u64; 3])] = &[
    (&["us-east-1"], [3_000, 30_000, 30_000]),
    (&["us-west-2", "eu-west-1"], [900, 9_000, 9_000]),
    (
        &[
            "us-east-2",
            "us-west-1",
            "ap-south-1",
            "ap-northeast-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-northeast-1",
            "eu-central-1",
        ],
        [150, 1_500, 3_000],
    ),
];
const ELSEWHERE: [u64; 3] = [30, 300, 3_000];

/// SMS in a second.
const SMS: u64 = 20;
/// Messages of a FIFO topic in a second whose ids are unique over the topic, and of a group.
const FIFO_TOPIC: u64 = 3_000;
const FIFO_GROUP: u64 = 300;

fn of_region(region: &str) -> [u64; 3] {
    let row = REGIONS
        .iter()
        .find(|(regions, _)| regions.contains(&region));
    row.map_or(ELSEWHERE, |(_, rates)| *rates)
}

/// The rate of an operation; publishes are counted by their messages instead.
fn of_operation(operation: &str, region: &str) -> Option<u64> {
    if matches!(operation, "Publish" | "PublishBatch") {
        return None;
    }
    let fixed = OPERATIONS
        .iter()
        .find(|(_, operations)| operations.contains(&operation));
    let [of_region, ..] = of_region(region);
    Some(fixed.map_or(of_region, |(rate, _)| *rate))
}

/// What every account and topic may still ask for.
#[derive(Debug)]
pub(crate) struct Rates(Allowances<Subject>);

impl Rates {
    /// Nothing was asked yet.
    pub(crate) fn new(limits: Limits) -> Rates {
        Rates(Allowances::new(limits))
    }

    fn take(&self, subject: Subject, count: u64, rate: u64, now_ms: u64) -> Result<(), ApiError> {
        if self.0.take(subject, count, rate, now_ms) {
            return Ok(());
        }
        Err(rate_exceeded())
    }
}

/// Counts a request, or refuses it (SNS-487).
pub(crate) fn count(sns: &Sns, caller: &Caller, operation: &'static str) -> Result<(), ApiError> {
    if sns.limits == Limits::None {
        return Ok(());
    }
    let Some(rate) = of_operation(operation, &caller.region) else {
        return Ok(());
    };
    let scope = Scope::new(&caller.account, &caller.region);
    let subject = Subject::Operation(scope, operation);
    sns.rates.take(subject, 1, rate, sns.now_ms())
}

/// Counts messages of one request, or refuses all of them (SNS-185, SNS-488).
pub(crate) fn count_messages(
    sns: &Sns,
    scope: &Scope,
    messages: Messages,
    count: usize,
) -> Result<(), ApiError> {
    if sns.limits == Limits::None {
        return Ok(());
    }
    let [_, standard, fifo] = of_region(scope.region());
    let rate = match messages {
        Messages::Standard => standard,
        Messages::Fifo => fifo,
        Messages::Sms => SMS,
    };
    let subject = Subject::Messages(scope.clone(), messages);
    sns.rates.take(subject, count as u64, rate, sns.now_ms())
}

/// Counts messages of a FIFO topic by its groups, and all of them unless each group has ids of its own.
pub(crate) fn count_groups<'a>(
    sns: &Sns,
    topic: u64,
    scope_is_group: bool,
    groups: impl Iterator<Item = &'a str>,
) -> Result<(), ApiError> {
    if sns.limits == Limits::None {
        return Ok(());
    }
    let now_ms = sns.now_ms();
    for group in groups {
        if !scope_is_group {
            sns.rates
                .take(Subject::Topic(topic), 1, FIFO_TOPIC, now_ms)?;
        }
        let subject = Subject::Group(topic, group.to_owned());
        sns.rates.take(subject, 1, FIFO_GROUP, now_ms)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_rates() {
        // Tables 37.1 and 37.2
        for (operation, region, rate) in [
            ("Subscribe", "us-east-1", Some(100)),
            ("TagResource", "sa-east-1", Some(10)),
            ("CreateTopic", "us-east-1", Some(3_000)),
            ("CreateTopic", "eu-west-1", Some(900)),
            ("CreatePlatformEndpoint", "eu-central-1", Some(150)),
            ("GetTopicAttributes", "sa-east-1", Some(30)),
            ("Publish", "us-east-1", None),
        ] {
            assert_eq!(of_operation(operation, region), rate, "{operation}");
        }
        assert_eq!(of_region("ap-south-1"), [150, 1_500, 3_000]);
    }
}
