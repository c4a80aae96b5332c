//! What a subscriber without raw delivery receives: the message in a JSON object (section 15).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use waystation_delivery::message::Attribute;
use waystation_wire::Caller;

use crate::fifo;
use crate::notice::Notice;

/// A notification (SNS-187 to SNS-193, SNS-195, SNS-201). `text` is the message for the subscriber's protocol.
pub(crate) fn notification(
    notice: &Notice,
    text: &str,
    topic_arn: &str,
    unsubscribe_url: &str,
) -> String {
    let mut out = String::with_capacity(text.len() + 512);
    out.push('{');
    member(&mut out, "Type", "Notification");
    member(&mut out, "MessageId", &notice.id);
    if let Some(sequence) = notice.sequence {
        member(&mut out, "SequenceNumber", &fifo::sequence_number(sequence));
    }
    member(&mut out, "TopicArn", topic_arn);
    if let Some(subject) = &notice.subject {
        member(&mut out, "Subject", subject);
    }
    member(&mut out, "Message", text);
    member(&mut out, "Timestamp", &timestamp(notice.published_ms));
    member(&mut out, "UnsubscribeURL", unsubscribe_url);
    if !notice.attributes.is_empty() {
        name(&mut out, "MessageAttributes");
        attributes(&mut out, &notice.attributes);
    }
    out.push_str("\n}");
    out
}

/// SNS-193, with the host that reaches this server.
pub(crate) fn unsubscribe_url(caller: &Caller, topic_arn: &str, subscription: &str) -> String {
    format!(
        "{}://{}/?Action=Unsubscribe&SubscriptionArn={topic_arn}:{subscription}",
        caller.endpoint.scheme, caller.endpoint.host
    )
}

/// A subscription confirmation (SNS-196 to SNS-198).
pub(crate) fn confirmation(
    id: &str,
    token: &str,
    topic_arn: &str,
    url: &str,
    now_ms: u64,
) -> String {
    let text = format!(
        "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the SubscribeURL \
         included in this message."
    );
    let mut out = String::from("{");
    member(&mut out, "Type", "SubscriptionConfirmation");
    member(&mut out, "MessageId", id);
    member(&mut out, "Token", token);
    member(&mut out, "TopicArn", topic_arn);
    member(&mut out, "Message", &text);
    member(&mut out, "SubscribeURL", url);
    member(&mut out, "Timestamp", &timestamp(now_ms));
    out.push_str("\n}");
    out
}

/// SNS-190
fn attributes(out: &mut String, attributes: &[Attribute]) {
    out.push('{');
    for (index, attribute) in attributes.iter().enumerate() {
        out.push_str(if index > 0 { ",\n    " } else { "\n    " });
        string(out, &attribute.name);
        out.push_str(" : {\"Type\":");
        string(out, &attribute.data_type);
        out.push_str(",\"Value\":");
        if attribute.is_binary() {
            string(out, &STANDARD.encode(&attribute.value));
        } else {
            string(out, &String::from_utf8_lossy(&attribute.value));
        }
        out.push('}');
    }
    out.push_str("\n  }");
}

fn name(out: &mut String, name: &str) {
    out.push_str(if out.len() > 1 { ",\n  \"" } else { "\n  \"" });
    out.push_str(name);
    out.push_str("\" : ");
}

fn member(out: &mut String, key: &str, value: &str) {
    name(out, key);
    string(out, value);
}

/// A JSON string.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// SNS-191
pub(crate) fn timestamp(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        // SNS-191
        assert_eq!(timestamp(1_335_920_046_655), "2012-05-02T00:54:06.655Z");
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        string(&mut out, "a\"\\\n\u{1}ä😀");
        assert_eq!(out, "\"a\\\"\\\\\\n\\u0001ä😀\"");
        assert_eq!(
            serde_json::from_str::<String>(&out).expect("JSON"),
            "a\"\\\n\u{1}ä😀"
        );
    }
}
