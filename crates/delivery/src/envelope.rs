//! What a subscriber without raw delivery receives: the message in a JSON object (section 15), and the text that its
//! signature covers (section 16).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use crate::message::Attribute;
use crate::notification::{Kind, Notification};
use crate::signer::Signature;

/// The text that a signature covers (SNS-202 to SNS-206, SNS-213).
pub(crate) fn signed_text(notification: &Notification) -> String {
    let Notification {
        id,
        topic_arn,
        message,
        ..
    } = notification;
    let mut out = String::with_capacity(message.body.len() + 512);
    let mut line = |name: &str, value: &str| {
        for part in [name, "\n", value, "\n"] {
            out.push_str(part);
        }
    };
    let time = timestamp(notification.published_ms);
    line("Message", &message.body);
    line("MessageId", id);
    match &notification.token {
        None => {
            if let Some(subject) = &notification.subject {
                line("Subject", subject);
            }
            line("Timestamp", &time);
        }
        Some(token) => {
            line("SubscribeURL", &subscribe_url(notification, token));
            line("Timestamp", &time);
            line("Token", token);
        }
    }
    line("TopicArn", topic_arn);
    line("Type", notification.kind.name());
    out
}

/// The envelope (SNS-187 to SNS-201). `subscription` is the id of whoever gets it.
pub fn write(
    notification: &Notification,
    subscription: &str,
    signature: Option<&Signature>,
) -> String {
    let Notification {
        id,
        topic_arn,
        base_url,
        message,
        ..
    } = notification;
    let mut out = String::with_capacity(message.body.len() + 1_024);
    out.push('{');
    member(&mut out, "Type", notification.kind.name());
    member(&mut out, "MessageId", id);
    if let Some(number) = &notification.sequence_number {
        member(&mut out, "SequenceNumber", number);
    }
    if let Some(token) = &notification.token {
        member(&mut out, "Token", token);
    }
    member(&mut out, "TopicArn", topic_arn);
    if let Some(subject) = &notification.subject {
        member(&mut out, "Subject", subject);
    }
    member(&mut out, "Message", &message.body);
    if let Some(token) = &notification.token {
        member(
            &mut out,
            "SubscribeURL",
            &subscribe_url(notification, token),
        );
    }
    member(&mut out, "Timestamp", &timestamp(notification.published_ms));
    if let Some(signature) = signature {
        member(&mut out, "SignatureVersion", signature.version.name());
        member(&mut out, "Signature", &signature.text);
        let url = format!("{base_url}{}", signature.certificate_path);
        member(&mut out, "SigningCertURL", &url); // SNS-194
    }
    if notification.kind == Kind::Notification {
        member(
            &mut out,
            "UnsubscribeURL",
            &unsubscribe_url(notification, subscription),
        );
        if !message.attributes.is_empty() {
            name(&mut out, "MessageAttributes");
            attributes(&mut out, &message.attributes);
        }
        if notification.is_replayed {
            // SNS-388
            name(&mut out, "Replayed");
            out.push_str("true");
        }
    }
    out.push_str("\n}");
    out
}

/// SNS-193, with the host that reaches this server.
pub fn unsubscribe_url(notification: &Notification, subscription: &str) -> String {
    format!(
        "{}/?Action=Unsubscribe&SubscriptionArn={}:{subscription}",
        notification.base_url, notification.topic_arn
    )
}

/// SNS-198
pub(crate) fn subscribe_url(notification: &Notification, token: &str) -> String {
    format!(
        "{}/?Action=ConfirmSubscription&TopicArn={}&Token={token}",
        notification.base_url, notification.topic_arn
    )
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
pub fn timestamp(ms: u64) -> String {
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
    }
}
