//! What a function gets: the parts of the envelope in an event (section 19).

use serde_json::{Map, Value, json};

/// The names that an event spells otherwise than the envelope (SNS-231).
const RENAMED: [(&str, &str); 2] = [
    ("SigningCertURL", "SigningCertUrl"),
    ("UnsubscribeURL", "UnsubscribeUrl"),
];

/// The event of an envelope; `None` when that is none (SNS-228 to SNS-232).
pub(crate) fn of(envelope: &str, subscription_arn: &str) -> Option<String> {
    let mut parts: Map<String, Value> = serde_json::from_str(envelope).ok()?;
    for (name, renamed) in RENAMED {
        if let Some(value) = parts.remove(name) {
            parts.insert(renamed.to_owned(), value);
        }
    }
    parts.entry("Subject").or_insert(Value::Null);
    parts.entry("MessageAttributes").or_insert(json!({}));
    let record = json!({
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": parts,
    });
    Some(json!({ "Records": [record] }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_record_with_the_parts_of_the_envelope() {
        // SNS-228 to SNS-232
        let envelope =
            r#"{"Type":"Notification","Message":"m","SigningCertURL":"c","UnsubscribeURL":"u"}"#;
        let event: Value =
            serde_json::from_str(&of(envelope, "arn").expect("an event")).expect("JSON");
        assert_eq!(
            event,
            json!({"Records": [{
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn",
                "Sns": {
                    "Type": "Notification",
                    "Message": "m",
                    "Subject": null,
                    "MessageAttributes": {},
                    "SigningCertUrl": "c",
                    "UnsubscribeUrl": "u",
                },
            }]})
        );
        assert_eq!(of("text", "arn"), None);
    }
}
