//! A message of SNS as it is stored: its parts, once for all who get it.
//!
//! The envelopes of a publish differ in the unsubscribe link alone. So its parts are stored, every share of the body comes
//! with the subscription's id as its label (decision 14), and a subscriber's text is made, and signed, when somebody reads
//! it. Reading again makes the same text again.
//!
//! Version 2, beside version 1 of `message`: version u8 = 2, kind u8, form u8, signature version u8 (0: unsigned),
//! published u64 ms, message id, topic ARN and base URL as texts, subject, sequence number and token as optional texts,
//! then the stored form of a message whose digests are not filled in. Version 3 is the same, of a message that is replayed
//! from its topic's archive.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;
use waystation_engine::{EngineError, Label};
use waystation_wire::Str;

use crate::message::{self, Message};
use crate::signer::{SignatureVersion, Signer};
use crate::stored::{Input, Malformed, Output};
use crate::{envelope, md5, uuid};

const VERSION: u8 = 2;
const REPLAYED_VERSION: u8 = 3;

/// What kind of message it is (SNS-188, SNS-237).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was published.
    Notification,
    /// Asks an endpoint whether it wants to hear.
    SubscriptionConfirmation,
    /// Asks an endpoint whether it does not want to hear any more.
    UnsubscribeConfirmation,
}

const KINDS: [Kind; 3] = [
    Kind::Notification,
    Kind::SubscriptionConfirmation,
    Kind::UnsubscribeConfirmation,
];

impl Kind {
    /// As headers and envelopes name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// How a subscriber gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// In a JSON object.
    Envelope,
    /// The bare text (SNS-214).
    Raw,
}

/// A message with everything that its envelopes have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What it is.
    pub kind: Kind,
    /// How it is delivered.
    pub form: Form,
    /// It comes from the topic's archive (SNS-388).
    pub is_replayed: bool,
    /// How its envelope is signed; FIFO topics sign nothing (SNS-195).
    pub signature: Option<SignatureVersion>,
    /// When it was published, in milliseconds since the epoch.
    pub published_ms: u64,
    /// SNS-006
    pub id: Str,
    /// The topic.
    pub topic_arn: Str,
    /// Scheme and host under which the publisher reached this server; links lead there.
    pub base_url: Str,
    /// SNS-189
    pub subject: Option<Str>,
    /// SNS-367
    pub sequence_number: Option<Str>,
    /// Of confirmations (SNS-196).
    pub token: Option<Str>,
    /// Text, attributes and what queues want to know. Digests are filled in when it is read.
    pub message: Message,
}

/// Why a stored message could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// Another version, or damaged.
    Malformed,
    /// The key of signatures is not there.
    Engine(EngineError),
}

impl From<Malformed> for ReadError {
    fn from(_: Malformed) -> ReadError {
        ReadError::Malformed
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Malformed => f.write_str("a stored message cannot be read"),
            ReadError::Engine(error) => write!(f, "a message cannot be signed: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl Notification {
    /// Whether stored bytes are of this form.
    pub fn is_stored_in(stored: &[u8]) -> bool {
        matches!(stored.first(), Some(&VERSION | &REPLAYED_VERSION))
    }

    /// The stored form.
    pub fn encode(&self) -> Bytes {
        let mut head = Output::default();
        head.u8(match self.is_replayed {
            false => VERSION,
            true => REPLAYED_VERSION,
        });
        head.u8(self.kind as u8);
        head.u8(self.form as u8);
        head.u8(match self.signature {
            None => 0,
            Some(SignatureVersion::One) => 1,
            Some(SignatureVersion::Two) => 2,
        });
        head.u64(self.published_ms);
        for text in [&self.id, &self.topic_arn, &self.base_url] {
            head.text(text);
        }
        for text in [&self.subject, &self.sequence_number, &self.token] {
            head.option(text, |out, text| out.text(text));
        }
        Bytes::from([head.finish(), self.message.encode()].concat())
    }

    /// Reads the stored form.
    pub fn decode(stored: &Bytes) -> Result<Notification, Malformed> {
        let mut input = Input::new(stored);
        let is_replayed = match input.u8()? {
            VERSION => false,
            REPLAYED_VERSION => true,
            _ => return Err(Malformed),
        };
        let kind = input.u8()?;
        let kind = *KINDS.get(usize::from(kind)).ok_or(Malformed)?;
        let form = match input.u8()? {
            0 => Form::Envelope,
            1 => Form::Raw,
            _ => return Err(Malformed),
        };
        let signature = match input.u8()? {
            0 => None,
            1 => Some(SignatureVersion::One),
            2 => Some(SignatureVersion::Two),
            _ => return Err(Malformed),
        };
        let published_ms = input.u64()?;
        let mut text = || input.text().map(Str::from);
        let (id, topic_arn, base_url) = (text()?, text()?, text()?);
        let mut option = || input.option(|input| input.text().map(Str::from));
        let (subject, sequence_number, token) = (option()?, option()?, option()?);
        let message = stored.slice_ref(input.rest());
        Ok(Notification {
            kind,
            form,
            is_replayed,
            signature,
            published_ms,
            id,
            topic_arn,
            base_url,
            subject,
            sequence_number,
            token,
            message: Message::decode(message).map_err(|_| Malformed)?,
        })
    }

    /// Where a confirmation is given (SNS-198).
    pub fn subscribe_url(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(envelope::subscribe_url(self, token))
    }

    /// What the subscriber with this label reads: the bare message with its attributes, or the envelope without
    /// (SNS-214, SNS-215, SNS-221).
    pub async fn read(self, label: Option<Label>, signer: &Signer) -> Result<Message, EngineError> {
        let mut message = match self.form {
            Form::Raw => self.message,
            Form::Envelope => {
                let signature = match self.signature {
                    Some(version) => {
                        let text = envelope::signed_text(&self);
                        Some(signer.sign(version, &text).await?)
                    }
                    None => None,
                };
                let subscription = label.map(|label| uuid::of_bytes(label.0));
                let subscription = subscription.unwrap_or_default();
                let text = envelope::write(&self, &subscription, signature.as_ref());
                Message {
                    body: Str::from(text),
                    attributes: Vec::new(),
                    ..self.message
                }
            }
        };
        message.body_md5 = md5::of_body(message.body.as_bytes());
        message.attributes_md5 = message::digest(&message.attributes);
        Ok(message)
    }
}

/// A message that is being read.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what every message of SQS is: a box for each would cost more"
)]
pub enum Reading {
    /// It needed nothing but its bytes.
    Read(Message),
    /// Its envelope is made in a task of its own, because signing takes a while.
    Making(JoinHandle<Result<Message, EngineError>>),
}

impl Reading {
    /// Begins to read a message of a queue, whoever stored it.
    pub fn begin(
        signer: &Arc<Signer>,
        stored: Bytes,
        label: Option<Label>,
    ) -> Result<Reading, ReadError> {
        if !Notification::is_stored_in(&stored) {
            let message = Message::decode(stored).map_err(|_| ReadError::Malformed)?;
            return Ok(Reading::Read(message));
        }
        let (notification, signer) = (Notification::decode(&stored)?, Arc::clone(signer));
        Ok(Reading::Making(tokio::spawn(async move {
            notification.read(label, &signer).await
        })))
    }

    /// The message.
    pub async fn end(self) -> Result<Message, ReadError> {
        match self {
            Reading::Read(message) => Ok(message),
            Reading::Making(task) => match task.await {
                Ok(made) => made.map_err(ReadError::Engine),
                // The runtime is going down.
                Err(_) => Err(ReadError::Engine(EngineError::Stopping)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Attribute;

    fn notification(kind: Kind) -> Notification {
        let is_confirmation = kind != Kind::Notification;
        let attribute = Attribute {
            name: Str::from_static("a"),
            data_type: Str::from_static("String"),
            value: Bytes::from_static(b"v"),
        };
        let attributes = if is_confirmation {
            Vec::new()
        } else {
            vec![attribute]
        };
        Notification {
            kind,
            form: if is_confirmation {
                Form::Envelope
            } else {
                Form::Raw
            },
            is_replayed: kind == Kind::Notification,
            signature: is_confirmation.then_some(SignatureVersion::Two),
            published_ms: 1_335_920_046_655,
            id: Str::from_static("i"),
            topic_arn: Str::from_static("arn:t"),
            base_url: Str::from_static("http://h"),
            subject: (!is_confirmation).then(|| Str::from_static("s")),
            sequence_number: None,
            token: is_confirmation.then(|| Str::from_static("k")),
            message: Message {
                body: Str::from_static("Hello"),
                body_md5: [0; 16],
                attributes_md5: (!attributes.is_empty()).then_some([0; 16]),
                attributes,
                sender_id: Str::from_static("s"),
                group_id: None,
                deduplication_id: None,
                trace_header: None,
            },
        }
    }

    #[test]
    fn notifications_survive_the_round_trip() {
        for kind in KINDS {
            let stored = notification(kind).encode();
            assert!(Notification::is_stored_in(&stored));
            assert_eq!(Notification::decode(&stored), Ok(notification(kind)));
            for length in 0..stored.len() {
                assert_eq!(
                    Notification::decode(&stored.slice(..length)),
                    Err(Malformed)
                );
            }
        }
    }

    #[test]
    fn a_replayed_message_says_so() {
        // SNS-388
        let replayed = notification(Kind::Notification);
        let text = envelope::write(&replayed, "s", None);
        assert!(text.ends_with(",\n  \"Replayed\" : true\n}"), "{text}");
        let is_replayed = false;
        let live = Notification {
            is_replayed,
            ..replayed
        };
        assert!(!envelope::write(&live, "s", None).contains("Replayed"));
    }

    #[test]
    fn version_2_stays_readable() {
        // Messages of this form are in journals: the bytes must never change their meaning.
        let stored: &[u8] =
            b"\x02\x00\x01\x00\x02\0\0\0\0\0\0\0\x01\0\0\0i\x01\0\0\0t\x01\0\0\0u\0\0\0\
            \x01\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0bo";
        let read = Notification::decode(&Bytes::from_static(stored)).expect("version 2");
        assert_eq!(
            (read.published_ms, &*read.id, read.form),
            (2, "i", Form::Raw)
        );
        assert_eq!((&*read.topic_arn, &*read.base_url), ("t", "u"));
        assert_eq!(read.message.body, "bo");
        assert_eq!(read.encode(), stored);
    }

    #[test]
    fn the_signed_text_is_lines_of_names_and_values() {
        // SNS-202 to SNS-206, SNS-213
        assert_eq!(
            envelope::signed_text(&notification(Kind::Notification)),
            "Message\nHello\nMessageId\ni\nSubject\ns\nTimestamp\n2012-05-02T00:54:06.655Z\nTopicArn\narn:t\nType\n\
             Notification\n"
        );
        assert_eq!(
            envelope::signed_text(&notification(Kind::UnsubscribeConfirmation)),
            "Message\nHello\nMessageId\ni\nSubscribeURL\nhttp://h/?Action=ConfirmSubscription&TopicArn=arn:t&Token=k\n\
             Timestamp\n2012-05-02T00:54:06.655Z\nToken\nk\nTopicArn\narn:t\nType\nUnsubscribeConfirmation\n"
        );
    }
}
