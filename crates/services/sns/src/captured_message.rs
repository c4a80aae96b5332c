//! A message for somebody outside: a mail, a text message or a push notification, ready to be sent.
//!
//! Stored form, version 1, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 1, kind u8, endpoint, message id: texts, topic ARN?, subscription ARN?, subject?: texts, body: text,
//! details: count u32, pairs of texts
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::Outgoing;

use crate::topic_settings::{pairs, read_pairs};

const VERSION: u8 = 1;

/// How a captured message would have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapturedKind {
    /// To an address.
    Email,
    /// To a phone number.
    Sms,
    /// To a platform endpoint.
    Push,
}

impl CapturedKind {
    /// All of them, by the number that stands in the stored form.
    const ALL: [CapturedKind; 3] = [CapturedKind::Email, CapturedKind::Sms, CapturedKind::Push];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            CapturedKind::Email => "email",
            CapturedKind::Sms => "sms",
            CapturedKind::Push => "push",
        }
    }

    /// The kind of a word.
    pub fn of_name(name: &str) -> Option<CapturedKind> {
        CapturedKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A message as it would have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedMessage {
    /// How.
    pub kind: CapturedKind,
    /// The address, the phone number or the ARN of the platform endpoint.
    pub endpoint: String,
    /// What the publisher was told.
    pub message_id: String,
    /// The topic; absent when the endpoint itself was published to.
    pub topic_arn: Option<String>,
    /// The subscription, with the topic.
    pub subscription_arn: Option<String>,
    /// The subject of a mail.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// What else the sending service would be told, by name.
    pub details: BTreeMap<String, String>,
}

impl CapturedMessage {
    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u8(match self.kind {
            CapturedKind::Email => 0,
            CapturedKind::Sms => 1,
            CapturedKind::Push => 2,
        });
        out.text(&self.endpoint);
        out.text(&self.message_id);
        for text in [&self.topic_arn, &self.subscription_arn, &self.subject] {
            out.option(text, |out, text| out.text(text));
        }
        out.text(&self.body);
        pairs(&mut out, &self.details);
        out.finish()
    }

    /// The message for the queue of captured messages, whose bytes nobody tallies.
    pub(crate) fn outgoing(&self) -> Outgoing {
        Outgoing {
            body: self.encode(),
            delay_ms: None,
            group: None,
            dedup: None,
            size_bytes: 0,
        }
    }

    /// Reads the stored form.
    pub(crate) fn decode(stored: &[u8]) -> Result<CapturedMessage, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let kind = CapturedKind::ALL.get(usize::from(input.u8()?));
        let message = CapturedMessage {
            kind: *kind.ok_or(Malformed)?,
            endpoint: input.text()?,
            message_id: input.text()?,
            topic_arn: input.option(Input::text)?,
            subscription_arn: input.option(Input::text)?,
            subject: input.option(Input::text)?,
            body: input.text()?,
            details: read_pairs(&mut input)?,
        };
        input.end()?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_round_trip_and_damage_is_refused() {
        for kind in CapturedKind::ALL {
            assert_eq!(CapturedKind::of_name(kind.name()), Some(kind));
            let message = CapturedMessage {
                kind,
                endpoint: "+15550100".to_owned(),
                message_id: "0-1".to_owned(),
                topic_arn: None,
                subscription_arn: Some("s".to_owned()),
                subject: Some("ä".to_owned()),
                body: "text".to_owned(),
                details: [("a".to_owned(), "b".to_owned())].into(),
            };
            let stored = message.encode();
            assert_eq!(CapturedMessage::decode(&stored), Ok(message));
            for length in 0..stored.len() {
                assert_eq!(CapturedMessage::decode(&stored[..length]), Err(Malformed));
            }
        }
    }

    #[test]
    fn version_1_stays_readable() {
        // Queues hold this form.
        let stored = b"\x01\x01\x01\0\0\0+\x01\0\0\0i\0\0\x01\x01\0\0\0s\x01\0\0\0b\0\0\0\0";
        let message = CapturedMessage::decode(stored).expect("version 1");
        assert_eq!((message.kind, &*message.endpoint), (CapturedKind::Sms, "+"));
        assert_eq!(
            (message.subject.as_deref(), &*message.body),
            (Some("s"), "b")
        );
        assert_eq!(message.encode(), stored.as_slice());
    }
}
