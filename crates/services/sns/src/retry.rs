//! When the next attempt of a delivery is due (section 25): four phases, for HTTP endpoints from the policy of the
//! subscription, of the topic, or the default; for endpoints that AWS itself runs those of table 25.1.

use serde_json::Value;

use crate::delivery_policy::number;
use crate::limits;

/// A healthy retry policy, checked when it was set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retries {
    low_seconds: u64,
    high_seconds: u64,
    at_once: u64,
    at_low: u64,
    backoff: u64,
    at_high: u64,
    function: Function,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

impl Retries {
    /// The policy in force (SNS-089, SNS-090). Both are texts as they are stored.
    pub(crate) fn of(topic: Option<&str>, subscription: Option<&str>) -> Retries {
        let read =
            |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let (topic, own) = (read(topic), read(subscription));
        let http = topic.as_ref().and_then(|policy| policy.get("http"));
        let overrides = http.and_then(|http| http.get("disableSubscriptionOverrides"));
        let own = own
            .as_ref()
            .filter(|_| overrides != Some(&Value::Bool(true)))
            .and_then(|policy| policy.get("healthyRetryPolicy"))
            .filter(|policy| !policy.is_null());
        let nothing = Value::Null;
        let policy = own.or_else(|| http.and_then(|http| http.get("defaultHealthyRetryPolicy")));
        Retries::read(policy.unwrap_or(&nothing))
    }

    /// For functions: 100,015 retries over more than 23 days (table 25.1).
    pub(crate) fn of_aws() -> Retries {
        Retries {
            low_seconds: 1,
            high_seconds: 20,
            at_once: 3,
            at_low: 2,
            backoff: 10,
            at_high: 100_000,
            function: Function::Exponential,
        }
    }

    /// The same as `delay_ms` for a policy of more attempts than a queue counts: the age of the message ends it too.
    pub(crate) fn delay_ms_at(&self, attempts: u32, age_ms: u64) -> Option<u64> {
        let backoff: u64 = (0..self.backoff).map(|retry| self.backoff_ms(retry)).sum();
        let fixed = self.at_low * self.low_seconds + self.at_high * self.high_seconds;
        if age_ms >= backoff + fixed * 1_000 {
            return None;
        }
        match attempts < limits::ATTEMPTS_COUNTED_MAX {
            true => self.delay_ms(attempts),
            false => Some(self.high_seconds * 1_000),
        }
    }

    fn read(policy: &Value) -> Retries {
        let value = |name: &str, default| number(policy, name, default).unwrap_or(default);
        let (at_once, at_low, at_high) = (
            value("numNoDelayRetries", 0),
            value("numMinDelayRetries", 0),
            value("numMaxDelayRetries", 0),
        );
        let fixed = at_once.saturating_add(at_low).saturating_add(at_high);
        Retries {
            low_seconds: value("minDelayTarget", 20),
            high_seconds: value("maxDelayTarget", 20),
            at_once,
            at_low,
            backoff: value("numRetries", 3).saturating_sub(fixed), // SNS-332
            at_high,
            function: match policy.get("backoffFunction").and_then(Value::as_str) {
                Some("arithmetic") => Function::Arithmetic,
                Some("geometric") => Function::Geometric,
                Some("exponential") => Function::Exponential,
                _ => Function::Linear,
            },
        }
    }

    /// How long to wait after so many failed attempts; `None` when they were the last (SNS-331, SNS-333, SNS-337).
    pub(crate) fn delay_ms(&self, attempts: u32) -> Option<u64> {
        let mut retry = u64::from(attempts).checked_sub(1)?;
        for (count, seconds) in [(self.at_once, 0), (self.at_low, self.low_seconds)] {
            if retry < count {
                return Some(seconds * 1_000);
            }
            retry -= count;
        }
        if retry < self.backoff {
            return Some(self.backoff_ms(retry));
        }
        (retry - self.backoff < self.at_high).then_some(self.high_seconds * 1_000)
    }

    fn backoff_ms(&self, retry: u64) -> u64 {
        let (low, high) = (self.low_seconds as f64, self.high_seconds as f64);
        let retry = retry as f64;
        let seconds = match self.function {
            // By equal steps from the lowest to the highest.
            Function::Linear if self.backoff > 1 => {
                low + (high - low) * retry / (self.backoff - 1) as f64
            }
            Function::Linear => low,
            Function::Arithmetic => low * (1.0 + retry),
            Function::Geometric => low * 1.5_f64.powf(retry),
            Function::Exponential => low * 2.0_f64.powf(retry),
        };
        (seconds.min(high) * 1_000.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(policy: &str) -> Vec<u64> {
        let retries = Retries::of(None, Some(&format!(r#"{{"healthyRetryPolicy":{policy}}}"#)));
        (1..)
            .map_while(|attempts| retries.delay_ms(attempts))
            .map(|ms| ms / 1_000)
            .collect()
    }

    #[test]
    fn the_default_is_three_retries_20_seconds_apart() {
        // Table 25.1
        let retries = Retries::of(None, None);
        let delays: Vec<u64> = (1..)
            .map_while(|attempts| retries.delay_ms(attempts))
            .collect();
        assert_eq!(delays, [20_000; 3]);
    }

    #[test]
    fn functions_are_tried_for_weeks() {
        // Table 25.1
        let retries = Retries::of_aws();
        let delays: Vec<u64> = (1..=17)
            .map_while(|attempts| retries.delay_ms_at(attempts, 0))
            .map(|ms| ms / 1_000)
            .collect();
        assert_eq!(
            delays,
            [0, 0, 0, 1, 1, 1, 2, 4, 8, 16, 20, 20, 20, 20, 20, 20, 20]
        );
        let count = (1..)
            .map_while(|attempts| retries.delay_ms(attempts))
            .count();
        assert_eq!(count, 100_015);
        let days = 24 * 3_600_000;
        let late = |age_ms| retries.delay_ms_at(limits::ATTEMPTS_COUNTED_MAX, age_ms);
        assert_eq!((late(23 * days), late(24 * days)), (Some(20_000), None));
    }

    #[test]
    fn four_phases_follow_each_other() {
        // SNS-331, SNS-332, SNS-333
        let policy = r#"{"minDelayTarget":1,"maxDelayTarget":9,"numRetries":11,"numNoDelayRetries":2,"numMinDelayRetries":2,"numMaxDelayRetries":2,"backoffFunction":"FUNCTION"}"#;
        let of = |function: &str| delays(&policy.replace("FUNCTION", function));
        assert_eq!(of("linear"), [0, 0, 1, 1, 1, 3, 5, 7, 9, 9, 9]);
        assert_eq!(of("arithmetic"), [0, 0, 1, 1, 1, 2, 3, 4, 5, 9, 9]);
        assert_eq!(of("geometric"), [0, 0, 1, 1, 1, 1, 2, 3, 5, 9, 9]);
        assert_eq!(of("exponential"), [0, 0, 1, 1, 1, 2, 4, 8, 9, 9, 9]);
        assert_eq!(delays(r#"{"numRetries":0}"#), [0; 0]);
    }

    #[test]
    fn a_topic_may_overrule_its_subscriptions() {
        // SNS-089, SNS-090
        let own = r#"{"healthyRetryPolicy":{"numRetries":1}}"#;
        let topic = |disable| {
            format!(
                r#"{{"http":{{"defaultHealthyRetryPolicy":{{"numRetries":2}},"disableSubscriptionOverrides":{disable}}}}}"#
            )
        };
        let count = |topic: &str, own| {
            let retries = Retries::of(Some(topic), own);
            (1..)
                .map_while(|attempts| retries.delay_ms(attempts))
                .count()
        };
        assert_eq!(count(&topic(false), Some(own)), 1);
        assert_eq!(count(&topic(true), Some(own)), 2);
        assert_eq!(count(&topic(false), None), 2);
    }
}
