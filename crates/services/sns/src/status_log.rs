//! Delivery status (section 32): what became of deliveries, for topics that ask for it by naming a role.
//!
//! On AWS the entries go to CloudWatch Logs. Until that service exists here they are lines of the server's own log, with the
//! name of the log group and the entry as AWS writes it.

use serde_json::json;
use waystation_delivery::envelope::timestamp;
use waystation_delivery::{hexadecimal, md5};

use crate::Sns;
use crate::names::TopicName;
use crate::notice::Notice;
use crate::subscribers::Subscriber;
use crate::topic_settings::TopicSettings;

/// What a topic wants to know of its deliveries to one kind of endpoint.
#[derive(Debug)]
pub(crate) struct StatusLog {
    group: String,
    /// Of a hundred successes so many are told.
    successes: u64,
    failures: bool,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) is_delivered: bool,
    /// SNS-432; none when nobody answered.
    pub(crate) code: Option<u16>,
    /// What the endpoint said, or why it said nothing.
    pub(crate) response: String,
    /// For HTTP endpoints.
    pub(crate) attempts: Option<u32>,
}

/// What was delivered, and where to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) message_id: &'a str,
    pub(crate) text: &'a str,
    pub(crate) topic_arn: &'a str,
    pub(crate) published_ms: u64,
    pub(crate) destination: &'a str,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Entry {
    is_delivered: bool,
    sample: u64,
    text: String,
}

impl Status {
    pub(crate) fn delivered(code: u16) -> Status {
        Status {
            is_delivered: true,
            code: Some(code),
            response: String::new(),
            attempts: None,
        }
    }

    /// A client error of a queue.
    pub(crate) fn refused(error: &str, code: u16) -> Status {
        Status {
            is_delivered: false,
            code: Some(code),
            response: json!({"ErrorCode": error, "sqsRequestId": "Unrecoverable"}).to_string(),
            attempts: None,
        }
    }
}

impl StatusLog {
    /// `None` when the topic asks for nothing (SNS-423, SNS-424).
    pub(crate) fn of_topic(
        settings: &TopicSettings,
        topic: TopicName<'_>,
        kind: &str,
    ) -> Option<StatusLog> {
        let given = |name: &str| {
            let value = settings.attributes.get(&format!("{kind}{name}"))?;
            Some(value.as_str()).filter(|value| !value.is_empty())
        };
        let rate = given("SuccessFeedbackSampleRate").and_then(|rate| rate.parse().ok());
        let has_role = given("SuccessFeedbackRoleArn").is_some();
        let log = StatusLog {
            group: format!("sns/{}/{}/{}", topic.region, topic.account, topic.name), // SNS-425
            successes: rate.filter(|_| has_role).unwrap_or(0),
            failures: given("FailureFeedbackRoleArn").is_some(),
        };
        (log.successes > 0 || log.failures).then_some(log)
    }

    /// The entry, if it is one of those that are told.
    pub(crate) fn keep(&self, entry: Entry) -> Option<Entry> {
        let is_told = match entry.is_delivered {
            true => entry.sample < self.successes,
            false => self.failures,
        };
        is_told.then_some(entry)
    }

    /// Tells an entry.
    pub(crate) fn write(&self, entry: &Entry) {
        let (group, text) = (&self.group, &entry.text);
        match entry.is_delivered {
            true => tracing::info!(log_group = %group, entry = %text, "delivery status"),
            false => {
                tracing::info!(log_group = %format_args!("{group}/Failure"), entry = %text, "delivery status");
            }
        }
    }
}

impl Sns {
    /// An entry as AWS writes it (SNS-428 to SNS-433).
    pub(crate) fn status_entry(&self, sent: Sent<'_>, status: Status) -> Entry {
        let id = self.new_id();
        let time = timestamp(sent.published_ms).replace('T', " ");
        let mut delivery = json!({
            "deliveryId": id,
            "destination": sent.destination,
            "providerResponse": status.response,
            "dwellTimeMs": self.now_ms().saturating_sub(sent.published_ms),
        });
        if let Some(code) = status.code {
            delivery["statusCode"] = code.into();
        }
        if let Some(attempts) = status.attempts {
            delivery["attempts"] = attempts.into();
        }
        let text = json!({
            "notification": {
                "messageMD5Sum": hexadecimal::encode(&md5::of_body(sent.text.as_bytes())),
                "messageId": sent.message_id,
                "topicArn": sent.topic_arn,
                "timestamp": time.trim_end_matches('Z'),
            },
            "delivery": delivery,
            "status": if status.is_delivered { "SUCCESS" } else { "FAILURE" },
        });
        Entry {
            is_delivered: status.is_delivered,
            // As good as drawn by lot: ids come from a keyed hash.
            sample: self.ids.key.hash_64(&[id.as_bytes()]) % 100,
            text: text.to_string(),
        }
    }
}

/// An entry of a delivery to a queue. Its message id is not known yet: the queue gives it when the message arrives there.
pub(crate) fn of_queue(
    notice: &Notice,
    topic_arn: &str,
    subscriber: &Subscriber,
    mut status: Status,
    sns: &Sns,
) -> Entry {
    if status.is_delivered {
        status.response = json!({"sqsRequestId": sns.new_id()}).to_string();
    }
    let settings = &subscriber.settings;
    let sent = Sent {
        message_id: &notice.id,
        text: notice.text_for(&settings.protocol),
        topic_arn,
        published_ms: notice.published_ms,
        destination: &settings.endpoint,
    };
    sns.status_entry(sent, status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::topic;

    fn log(attributes: &[(&str, &str)]) -> Option<StatusLog> {
        let mut settings = topic(false);
        for (name, value) in attributes {
            let attribute = ((*name).to_owned(), (*value).to_owned());
            settings.attributes.extend([attribute]);
        }
        let topic = TopicName {
            account: "1",
            region: "r",
            name: "t",
        };
        StatusLog::of_topic(&settings, topic, "SQS")
    }

    #[test]
    fn only_what_a_role_asks_for_is_told() {
        // SNS-424, SNS-425
        assert!(log(&[]).is_none());
        assert!(log(&[("SQSSuccessFeedbackSampleRate", "100")]).is_none());
        assert!(log(&[("HTTPFailureFeedbackRoleArn", "r")]).is_none());
        let entry = |is_delivered, sample| Entry {
            is_delivered,
            sample,
            text: String::new(),
        };
        let failures = log(&[("SQSFailureFeedbackRoleArn", "r")]).expect("asked for");
        assert_eq!(failures.group, "sns/r/1/t");
        assert!(failures.keep(entry(false, 99)).is_some());
        assert!(failures.keep(entry(true, 0)).is_none());
        let half = log(&[
            ("SQSSuccessFeedbackRoleArn", "r"),
            ("SQSSuccessFeedbackSampleRate", "50"),
        ]);
        let half = half.expect("asked for");
        assert!(half.keep(entry(true, 49)).is_some());
        assert!(half.keep(entry(true, 50)).is_none());
        assert!(half.keep(entry(false, 0)).is_none());
    }
}
