//! The bodies that one publish stores: one for all who get the same text in the same form, made when the first of them is met.

use bytes::Bytes;
use waystation_delivery::md5;
use waystation_delivery::message::{self, Message};
use waystation_delivery::notification::{Form, Kind, Notification};
use waystation_delivery::signer::SignatureVersion;
use waystation_wire::{Caller, Str};

use crate::fifo;
use crate::notice::Notice;
use crate::topic_settings::TopicSettings;

/// SNS-222
pub(crate) const SENDER_ID: Str = Str::from_static("AIDALOCALSNS");

/// Whether what is stored is all that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// The message itself, as SQS stores messages too.
    Message,
    /// Its parts, of which each reader's text is made.
    Notification(Form),
}

/// What tells the bodies of one message apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant<'a> {
    /// Which of the message's texts (SNS-164).
    pub(crate) text: &'a str,
    /// In what form.
    pub(crate) stored: Stored,
    /// Whether it has its group and its deduplication id (SNS-370).
    pub(crate) keeps_ids: bool,
}

impl Variant<'_> {
    /// Its readers have to know which subscription they are.
    pub(crate) fn is_labelled(&self) -> bool {
        matches!(self.stored, Stored::Notification(_))
    }
}

/// Under what name readers reach this server, as this caller reached it.
pub(crate) fn base_url(caller: &Caller) -> Str {
    let endpoint = &caller.endpoint;
    Str::from(format!("{}://{}", endpoint.scheme, endpoint.host))
}

/// SNS-195, SNS-209
pub(crate) fn signature_version(topic: &TopicSettings) -> Option<SignatureVersion> {
    match topic.attributes.get("SignatureVersion").map(String::as_str) {
        _ if topic.is_fifo => None,
        Some("2") => Some(SignatureVersion::Two),
        _ => Some(SignatureVersion::One),
    }
}

/// Writes the bodies of one message.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    base_url: Str,
    topic: &'a TopicSettings,
    pub(crate) topic_arn: &'a str,
    pub(crate) notice: &'a Notice,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        base_url: Str,
        topic: &'a TopicSettings,
        topic_arn: &'a str,
        notice: &'a Notice,
    ) -> Writer<'a> {
        Writer {
            base_url,
            topic,
            topic_arn,
            notice,
        }
    }

    /// The body that stands in queues.
    pub(crate) fn write(&self, variant: Variant<'_>) -> Bytes {
        if variant.stored != Stored::Message {
            return self.notification(variant).encode();
        }
        let mut message = self.message(variant);
        message.body_md5 = md5::of_body(message.body.as_bytes());
        message.attributes_md5 = message::digest(&message.attributes);
        message.encode()
    }

    /// The message with everything that its envelopes have in common.
    pub(crate) fn notification(&self, variant: Variant<'_>) -> Notification {
        let notice = self.notice;
        Notification {
            kind: Kind::Notification,
            form: match variant.stored {
                Stored::Notification(form) => form,
                Stored::Message => Form::Raw,
            },
            is_replayed: notice.is_replayed,
            signature: signature_version(self.topic),
            published_ms: notice.published_ms,
            id: Str::from(notice.id.clone()),
            topic_arn: Str::from(self.topic_arn.to_owned()),
            base_url: self.base_url.clone(),
            subject: notice.subject.clone(),
            sequence_number: notice
                .sequence
                .map(|sequence| Str::from(fifo::sequence_number(sequence))),
            token: None,
            message: self.message(variant),
        }
    }

    fn message(&self, variant: Variant<'_>) -> Message {
        let notice = self.notice;
        let ids = |id: &Option<Str>| id.clone().filter(|_| variant.keeps_ids);
        Message {
            body: Str::from(notice.text(variant.text).to_owned()),
            body_md5: [0; 16],
            attributes_md5: (!notice.attributes.is_empty()).then_some([0; 16]),
            attributes: notice.attributes.clone(),
            sender_id: SENDER_ID,
            group_id: ids(&notice.group_id),
            deduplication_id: ids(&notice.deduplication_id),
            trace_header: notice.trace_header.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::notice::tests::{draft, topic};

    /// A message with an attribute.
    pub(crate) fn notice() -> Notice {
        let mut notice = draft("message")
            .ready(&topic(false), &Caller::default(), "id".to_owned(), 7)
            .expect("valid");
        notice.attributes = vec![message::Attribute {
            name: Str::from_static("a"),
            data_type: Str::from_static("String"),
            value: Bytes::from_static(b"v"),
        }];
        notice
    }
}
