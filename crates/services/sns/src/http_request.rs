//! What stands in the queue of an HTTP subscription: a message ready to be posted, or to become a dead letter.
//!
//! Version 1: version u8 = 1, kind u8, raw u8, message id as text, then the stored form of the message as SQS reads it,
//! which is what a dead-letter queue gets (SNS-348, SNS-349).

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use waystation_delivery::message::Message;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::Outgoing;

const VERSION: u8 = 1;
/// SNS-240, SNS-241
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// What kind of message it is, as a header names it (SNS-237).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Notification,
    SubscriptionConfirmation,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
        }
    }
}

/// A message on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpMessage {
    pub(crate) kind: Kind,
    pub(crate) is_raw: bool,
    /// SNS-200: the same in every attempt.
    pub(crate) id: String,
    pub(crate) message: Message,
}

impl HttpMessage {
    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut head = Output::default();
        head.u8(VERSION);
        head.u8(match self.kind {
            Kind::Notification => 0,
            Kind::SubscriptionConfirmation => 1,
        });
        head.u8(self.is_raw.into());
        head.text(&self.id);
        Bytes::from([head.finish(), self.message.encode()].concat())
    }

    /// The message for the queue of its subscription, which nobody else sees and whose bytes nobody tallies.
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
    pub(crate) fn decode(stored: &Bytes) -> Result<HttpMessage, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let kind = match input.u8()? {
            0 => Kind::Notification,
            1 => Kind::SubscriptionConfirmation,
            _ => return Err(Malformed),
        };
        let is_raw = input.flag()?;
        let id = input.text()?;
        // Three bytes, the length of the id, the id.
        let message = stored.get(7 + id.len()..).ok_or(Malformed)?;
        let message = Message::decode(stored.slice_ref(message)).map_err(|_| Malformed)?;
        Ok(HttpMessage {
            kind,
            is_raw,
            id,
            message,
        })
    }

    /// The headers of its POST (SNS-236 to SNS-241). `content_type` is that of the request policy in force.
    pub(crate) fn headers(
        &self,
        topic_arn: &str,
        subscription_arn: &str,
        content_type: Option<&str>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        put(
            HeaderName::from_static("x-amz-sns-message-type"),
            self.kind.name(),
        );
        put(HeaderName::from_static("x-amz-sns-message-id"), &self.id);
        put(HeaderName::from_static("x-amz-sns-topic-arn"), topic_arn);
        if self.kind == Kind::Notification {
            put(
                HeaderName::from_static("x-amz-sns-subscription-arn"),
                subscription_arn,
            );
        }
        if self.is_raw {
            put(HeaderName::from_static("x-amz-sns-rawdelivery"), "true");
        }
        put(CONNECTION, "Keep-Alive");
        put(USER_AGENT, "Amazon Simple Notification Service Agent");
        put(ACCEPT_ENCODING, "gzip,deflate");
        let content_type = content_type.filter(|_| self.kind == Kind::Notification);
        let content_type = content_type.and_then(|text| HeaderValue::from_str(text).ok());
        headers.insert(CONTENT_TYPE, content_type.unwrap_or(PLAIN));
        headers
    }
}

#[cfg(test)]
mod tests {
    use waystation_wire::Str;

    use super::*;

    fn message(kind: Kind) -> HttpMessage {
        HttpMessage {
            kind,
            is_raw: kind == Kind::Notification,
            id: "0-1".to_owned(),
            message: Message {
                body: Str::from_static("body"),
                body_md5: [1; 16],
                attributes: Vec::new(),
                attributes_md5: None,
                sender_id: Str::from_static("s"),
                group_id: None,
                deduplication_id: None,
                trace_header: None,
            },
        }
    }

    #[test]
    fn messages_survive_the_round_trip() {
        for kind in [Kind::Notification, Kind::SubscriptionConfirmation] {
            let stored = message(kind).encode();
            assert_eq!(HttpMessage::decode(&stored), Ok(message(kind)));
            for length in 0..stored.len() {
                assert_eq!(HttpMessage::decode(&stored.slice(..length)), Err(Malformed));
            }
        }
    }

    #[test]
    fn headers_tell_what_it_is() {
        // SNS-236 to SNS-241
        let headers = message(Kind::Notification).headers("t", "s", Some("application/json"));
        let text = |headers: &HeaderMap, name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(
            text(&headers, "x-amz-sns-message-type").as_deref(),
            Some("Notification")
        );
        assert_eq!(
            text(&headers, "x-amz-sns-subscription-arn").as_deref(),
            Some("s")
        );
        assert_eq!(
            text(&headers, "x-amz-sns-rawdelivery").as_deref(),
            Some("true")
        );
        assert_eq!(
            text(&headers, "content-type").as_deref(),
            Some("application/json")
        );
        let headers =
            message(Kind::SubscriptionConfirmation).headers("t", "s", Some("application/json"));
        assert_eq!(text(&headers, "x-amz-sns-subscription-arn"), None);
        assert_eq!(
            text(&headers, "content-type").as_deref(),
            Some("text/plain; charset=UTF-8")
        );
    }
}
