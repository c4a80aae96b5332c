//! Mails (section 21): what a subscriber of protocol `email` or `email-json` would find in the mailbox.

use waystation_delivery::envelope;
use waystation_delivery::notification::Form;
use waystation_wire::Caller;

use crate::captured_message::{CapturedKind, CapturedMessage};
use crate::catalog::Located;
use crate::notice::Notice;
use crate::stored_forms::{Stored, Variant, Writer, base_url};
use crate::subscribers::Subscriber;

const SENDER: &str = "no-reply@sns.amazonaws.com";
/// SNS-255: the name over confirmations, and over notifications of a topic without one of its own.
const SENDER_NAME: &str = "AWS Notifications";
const CONFIRMATION_SUBJECT: &str = "AWS Notification - Subscription Confirmation";
/// SNS-253
const SUBJECT: &str = "AWS Notification Message";

/// Whether a protocol's messages are mails.
pub(crate) fn is_email(protocol: &str) -> bool {
    matches!(protocol, "email" | "email-json")
}

/// SNS-063's counterpart: one `@` between a name and a host, and nothing that would end a header line.
pub(crate) fn is_address(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| is_part(name) && is_part(host) && !host.contains('@'))
}

fn sender(name: &str) -> String {
    format!("{name} <{SENDER}>")
}

/// What a mail that asks for a confirmation is about.
pub(crate) struct Question<'a> {
    pub(crate) protocol: &'a str,
    pub(crate) address: &'a str,
    pub(crate) topic_arn: &'a str,
    pub(crate) subscription_arn: String,
    pub(crate) message_id: String,
    /// Where an answer is given.
    pub(crate) url: &'a str,
    /// The same as an envelope.
    pub(crate) envelope: String,
}

/// The mail that asks whether its reader wants more (section 8, SNS-255).
pub(crate) fn confirmation(question: Question<'_>) -> CapturedMessage {
    let Question { topic_arn, url, .. } = question;
    let body = match question.protocol {
        "email-json" => question.envelope,
        _ => format!(
            "You have chosen to subscribe to the topic:\n{topic_arn}\n\nTo confirm this subscription, visit the link \
             below. If this was in error, nothing needs to be done.\n{url}\n"
        ),
    };
    CapturedMessage {
        kind: CapturedKind::Email,
        endpoint: question.address.to_owned(),
        message_id: question.message_id,
        topic_arn: Some(topic_arn.to_owned()),
        subscription_arn: Some(question.subscription_arn),
        subject: Some(CONFIRMATION_SUBJECT.to_owned()),
        body,
        details: [("From".to_owned(), sender(SENDER_NAME))].into(),
    }
}

/// The mail that carries a notification (SNS-253 to SNS-255).
pub(crate) fn notification(
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> CapturedMessage {
    let settings = &subscriber.settings;
    let text = notice.text_for(&settings.protocol);
    let writer = Writer::new(base_url(caller), &located.settings, topic_arn, notice);
    let parts = writer.notification(Variant {
        text: notice.text_key(&settings.protocol),
        stored: Stored::Notification(Form::Envelope),
        keeps_ids: true,
    });
    let url = envelope::unsubscribe_url(&parts, &subscriber.id);
    let body = match &*settings.protocol {
        // Unsigned: it is written while the publisher waits, and nobody checks what was never sent.
        "email-json" => envelope::write(&parts, &subscriber.id, None),
        _ => format!(
            "{text}\n\n--\nIf you wish to stop receiving notifications from this topic, please visit the link below to \
             unsubscribe:\n{url}\n"
        ),
    };
    let name = located.settings.attributes.get("DisplayName");
    CapturedMessage {
        kind: CapturedKind::Email,
        endpoint: settings.endpoint.clone(),
        message_id: notice.id.clone(),
        topic_arn: Some(topic_arn.to_owned()),
        subscription_arn: Some(format!("{topic_arn}:{}", subscriber.id)),
        subject: Some(notice.subject.as_deref().unwrap_or(SUBJECT).to_owned()),
        body,
        details: [(
            "From".to_owned(),
            sender(name.map_or(SENDER_NAME, String::as_str)),
        )]
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_have_a_name_and_a_host() {
        for good in ["a@b", "first.last+tag@example.com", "ä@example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\nBcc: c@d"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
