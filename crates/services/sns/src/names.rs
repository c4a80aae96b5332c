//! ARNs of topics and subscriptions (section 1), read as AWS reads them (SNS-022, SNS-023).

use waystation_delivery::arn::partition;
use waystation_delivery::uuid;
use waystation_wire::{ApiError, Caller};

use crate::errors::invalid;
use crate::limits;

/// What the name of a FIFO topic or queue ends with (SNS-027).
pub(crate) const FIFO_SUFFIX: &str = ".fifo";

/// Account and name of a topic in the caller's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicName<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) name: &'a str,
}

impl TopicName<'_> {
    /// SNS-001
    pub(crate) fn arn(&self) -> String {
        let TopicName {
            account,
            region,
            name,
        } = self;
        format!("arn:{}:sns:{region}:{account}:{name}", partition(region))
    }
}

/// SNS-027
pub(crate) fn is_topic_name(name: &str) -> bool {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    !stem.is_empty()
        && name.len() <= limits::TOPIC_NAME_LENGTH_MAX
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The region, the account and the rest of an ARN. `parameter` names it in the error (SNS-022).
pub(crate) fn parts<'a>(
    arn: &'a str,
    parameter: &str,
) -> Result<(&'a str, &'a str, &'a str), ApiError> {
    let count = arn.split(':').count();
    let mut parts = arn.splitn(6, ':');
    let wanted = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    );
    match wanted {
        (Some("arn"), Some(_), Some("sns"), Some(region), Some(account), Some(rest)) => {
            Ok((region, account, rest))
        }
        (.., Some(_)) => Err(invalid(parameter)),
        _ => Err(invalid(format_args!(
            "{parameter} Reason: An ARN must have at least 6 elements, not {count}"
        ))),
    }
}

/// The topic of an ARN, in the region of the request (SNS-008, SNS-023).
pub(crate) fn topic<'a>(
    caller: &Caller,
    arn: &'a str,
    parameter: &str,
) -> Result<TopicName<'a>, ApiError> {
    let (region, account, name) = parts(arn, parameter)?;
    if region != &*caller.region {
        return Err(invalid(parameter));
    }
    Ok(TopicName {
        account,
        region,
        name,
    })
}

/// The topic and the id of a subscription's ARN (SNS-002, SNS-111, SNS-112).
pub(crate) fn subscription<'a>(
    caller: &Caller,
    arn: &'a str,
) -> Result<(TopicName<'a>, &'a str), ApiError> {
    let (region, account, rest) = parts(arn, "SubscriptionArn")?;
    if region != &*caller.region {
        return Err(invalid("SubscriptionArn"));
    }
    let Some((name, id)) = rest.split_once(':').filter(|(_, id)| uuid::is_uuid(id)) else {
        return Err(invalid("SubscriptionId"));
    };
    let topic = TopicName {
        account,
        region,
        name,
    };
    Ok((topic, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
        outcome.expect_err("refused").message
    }

    #[test]
    fn names_follow_the_rules() {
        // SNS-027
        for good in ["a", "A-b_9", "a.fifo", &"t".repeat(256)] {
            assert!(is_topic_name(good), "{good}");
        }
        for bad in ["", "a.b", "a b", "ä", ".fifo", "a/b", &"t".repeat(257)] {
            assert!(!is_topic_name(bad), "{bad}");
        }
    }

    #[test]
    fn arns_name_topics_of_the_region() {
        // SNS-001, SNS-022, SNS-023
        let caller = Caller::default();
        let arn = "arn:aws:sns:us-east-1:123456789012:t";
        let found = topic(&caller, arn, "TopicArn").expect("a topic");
        assert_eq!(
            (found.account, found.name, found.arn()),
            ("123456789012", "t", arn.to_owned())
        );
        assert_eq!(
            message(topic(&caller, "arn:aws:sns", "TopicArn")),
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 3"
        );
        assert_eq!(
            message(topic(&caller, "arn:aws:sns:eu-west-1:1:t", "TopicArn")),
            "Invalid parameter: TopicArn"
        );
    }

    #[test]
    fn arns_of_subscriptions_end_in_an_id() {
        // SNS-002, SNS-111, SNS-112
        let caller = Caller::default();
        let id = "00000000-0000-4000-8000-000000000000";
        let arn = format!("arn:aws:sns:us-east-1:1:t:{id}");
        let (topic, found) = subscription(&caller, &arn).expect("a subscription");
        assert_eq!((topic.name, found), ("t", id));
        assert_eq!(
            message(subscription(&caller, "arn:aws:sns:us-east-1:1:t")),
            "Invalid parameter: SubscriptionId"
        );
        assert_eq!(
            message(subscription(&caller, "text")),
            "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"
        );
    }
}
