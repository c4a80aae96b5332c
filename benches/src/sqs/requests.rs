//! JSON bodies of the operations, and what the generator reads out of the answers.

use std::fmt::Write as _;

use memchr::memmem;

/// How a FIFO message is grouped and deduplicated.
#[derive(Clone, Copy)]
pub(crate) struct FifoPlace {
    /// Number of the message group.
    pub(crate) group: u64,
    /// Unique per message, so that nothing is taken for a duplicate.
    pub(crate) deduplication: u64,
}

/// Random text of exactly `body_bytes` that needs no escaping in JSON and does not compress below 3/4.
pub(crate) fn random_body(random: &mut fastrand::Rng, body_bytes: usize) -> String {
    (0..body_bytes).map(|_| random.alphanumeric()).collect()
}

/// Body of `SendMessage`.
pub(crate) fn send(out: &mut String, queue_url: &str, body: &str, place: Option<FifoPlace>) {
    out.clear();
    let _ = write!(
        out,
        r#"{{"QueueUrl":"{queue_url}","MessageBody":"{body}"{}}}"#,
        Place(place)
    );
}

/// Body of `SendMessageBatch`; `entries` gives body and place of each message.
pub(crate) fn send_batch<'a>(
    out: &mut String,
    queue_url: &str,
    entries: impl Iterator<Item = (&'a str, Option<FifoPlace>)>,
) {
    out.clear();
    let _ = write!(out, r#"{{"QueueUrl":"{queue_url}","Entries":["#);
    for (id, (body, place)) in entries.enumerate() {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(
            out,
            r#"{comma}{{"Id":"{id}","MessageBody":"{body}"{}}}"#,
            Place(place)
        );
    }
    out.push_str("]}");
}

struct Place(Option<FifoPlace>);

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(FifoPlace {
                group,
                deduplication,
            }) => {
                write!(
                    out,
                    r#","MessageGroupId":"g{group}","MessageDeduplicationId":"d{deduplication:x}""#
                )
            }
            None => Ok(()),
        }
    }
}

/// Body of `ReceiveMessage`.
pub(crate) fn receive(queue_url: &str, messages_max: usize, wait_s: u64) -> String {
    format!(
        r#"{{"QueueUrl":"{queue_url}","MaxNumberOfMessages":{messages_max},"WaitTimeSeconds":{wait_s},"VisibilityTimeout":60}}"#
    )
}

/// Body of `DeleteMessage`. The handle is the text between the quotes as the server wrote it.
pub(crate) fn delete(out: &mut String, queue_url: &str, receipt_handle: &str) {
    out.clear();
    let _ = write!(
        out,
        r#"{{"QueueUrl":"{queue_url}","ReceiptHandle":"{receipt_handle}"}}"#
    );
}

/// Body of `DeleteMessageBatch`.
pub(crate) fn delete_batch(out: &mut String, queue_url: &str, receipt_handles: &[String]) {
    out.clear();
    let _ = write!(out, r#"{{"QueueUrl":"{queue_url}","Entries":["#);
    for (id, handle) in receipt_handles.iter().enumerate() {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}{{"Id":"{id}","ReceiptHandle":"{handle}"}}"#);
    }
    out.push_str("]}");
}

/// Whether a batch answer reports a failed entry (SQS-019: an empty list may be present or absent).
pub(crate) fn has_failed_entries(answer: &[u8]) -> bool {
    let Some(at) = memmem::find(answer, br#""Failed""#) else {
        return false;
    };
    let after = answer
        .get(at + 8..)
        .unwrap_or_default()
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace());
    !after.take(3).eq(b":[]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_valid_json() {
        let mut text = String::new();
        let place = Some(FifoPlace {
            group: 7,
            deduplication: 255,
        });
        send(&mut text, "http://h/0/q", "abc", place);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["MessageGroupId"], "g7");
        assert_eq!(value["MessageDeduplicationId"], "dff");
        send_batch(&mut text, "u", [("a", None), ("b", None)].into_iter());
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            (
                &value["Entries"][1]["Id"],
                &value["Entries"][1]["MessageBody"]
            ),
            (&"1".into(), &"b".into())
        );
        delete_batch(&mut text, "u", &["x".into(), "y".into()]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["Entries"][0]["ReceiptHandle"], "x");
        let value: serde_json::Value = serde_json::from_str(&receive("u", 10, 1)).expect("JSON");
        assert_eq!(value["MaxNumberOfMessages"], 10);
        delete(&mut text, "u", "x");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["ReceiptHandle"], "x");
    }

    #[test]
    fn sqs_019_failed_entries_are_seen() {
        assert!(has_failed_entries(br#"{"Failed":[{"Id":"0"}]}"#));
        assert!(has_failed_entries(br#"{"Failed": [ {"Id":"0"}]}"#));
        assert!(!has_failed_entries(br#"{"Failed": [ ],"Successful":[]}"#));
        assert!(!has_failed_entries(br#"{"Successful":[]}"#));
    }
}
