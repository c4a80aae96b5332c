//! A subscription as the catalog keeps it, and its stored form.
//!
//! Version 4, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 4, topic id u64, since u64 ms, flags u8 (1 authenticated, 2 pending, 4 needs authentication, 8 left),
//! queue id u64 (0: none), protocol, endpoint, owner, principal: texts,
//! attributes: count u32, pairs of texts,
//! replay?: log id u64, number u64, start u64 ms, end?: u64 ms, first position u64, status u8
//! ```
//! Version 3 had no replay, version 2 had no flag 8, version 1 no queue either, and of the flags only the first.

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::notification::Form;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::QueueId;
use waystation_pattern::{Dialect, Pattern};

use crate::limits;
use crate::replay::Replay;
use crate::topic_settings::{pairs, read_pairs};

const VERSION: u8 = 4;
const AUTHENTICATED: u8 = 1;
const PENDING: u8 = 2;
const NEEDS_AUTHENTICATION: u8 = 4;
const LEFT: u8 = 8;

/// Everything that is known of a subscription (table 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionSettings {
    /// The topic's id; another one of the same name is not subscribed (SNS-037).
    pub(crate) topic: u64,
    /// When it was made, or left, in milliseconds since the epoch.
    pub(crate) since_ms: u64,
    /// SNS-079
    pub(crate) is_authenticated: bool,
    /// Section 8
    pub(crate) is_pending: bool,
    /// SNS-104
    pub(crate) needs_authentication: bool,
    /// Whoever had its link unsubscribed it; it is gone for everybody, but can be restored for a while (SNS-114).
    pub(crate) has_left: bool,
    /// Where messages wait for an endpoint that is no queue.
    pub(crate) queue: Option<QueueId>,
    /// Table 6.1
    pub(crate) protocol: String,
    /// Where deliveries go.
    pub(crate) endpoint: String,
    /// SNS-076
    pub(crate) owner: String,
    /// SNS-078
    pub(crate) principal: String,
    /// What was set, by name; all of it was checked.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Its last replay (section 28).
    pub(crate) replay: Option<Replay>,
}

impl SubscriptionSettings {
    fn is_true(&self, name: &str) -> bool {
        self.attributes
            .get(name)
            .is_some_and(|value| value == "true")
    }

    /// SNS-094: what waits for a word that cannot be given any more.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        (self.is_pending || self.has_left)
            && now_ms.saturating_sub(self.since_ms) > limits::CONFIRMATION_MS
    }

    /// Nobody sees it.
    pub(crate) fn is_gone(&self, now_ms: u64) -> bool {
        self.has_left || self.is_expired(now_ms)
    }

    /// Section 17
    pub(crate) fn form(&self) -> Form {
        if self.is_raw() {
            Form::Raw
        } else {
            Form::Envelope
        }
    }

    /// Section 25, as it is kept.
    pub(crate) fn delivery_policy(&self) -> Option<&str> {
        self.attributes.get("DeliveryPolicy").map(String::as_str)
    }

    /// The endpoint without the password that a URL may have: it is never shown again.
    pub(crate) fn endpoint_shown(&self) -> String {
        let hidden = || {
            let (scheme, rest) = self.endpoint.split_once("://")?;
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end)?;
            let (user, host) = authority.rsplit_once('@')?;
            let (name, _) = user.split_once(':')?;
            Some(format!("{scheme}://{name}:****@{host}{path}"))
        };
        let is_url = matches!(&*self.protocol, "http" | "https");
        is_url
            .then(hidden)
            .flatten()
            .unwrap_or_else(|| self.endpoint.clone())
    }

    /// Section 17
    pub(crate) fn is_raw(&self) -> bool {
        self.is_true("RawMessageDelivery")
    }

    /// What its filter policy looks at (SNS-085).
    pub(crate) fn filter_dialect(&self) -> Dialect {
        match self.attributes.get("FilterPolicyScope").map(String::as_str) {
            Some("MessageBody") => Dialect::SnsBody,
            _ => Dialect::SnsAttributes,
        }
    }

    /// The filter policy, which was valid when it was set.
    pub(crate) fn filter(&self) -> Option<Pattern> {
        let text = self.attributes.get("FilterPolicy")?;
        Pattern::parse(text, self.filter_dialect()).ok()
    }

    /// The queue of section 26.
    pub(crate) fn dead_letter_arn(&self) -> Option<String> {
        let text = self.attributes.get("RedrivePolicy")?;
        crate::subscription_rules::dead_letter_arn(text)
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.topic);
        out.u64(self.since_ms);
        let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
        out.u8(flag(self.is_authenticated, AUTHENTICATED)
            | flag(self.is_pending, PENDING)
            | flag(self.needs_authentication, NEEDS_AUTHENTICATION)
            | flag(self.has_left, LEFT));
        out.u64(self.queue.map_or(0, |queue| queue.0));
        for text in [&self.protocol, &self.endpoint, &self.owner, &self.principal] {
            out.text(text);
        }
        pairs(&mut out, &self.attributes);
        out.option(&self.replay, |out, replay| replay.encode(out));
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<SubscriptionSettings, Malformed> {
        let mut input = Input::new(stored);
        let version = input.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Malformed);
        }
        let (topic, since_ms, flags) = (input.u64()?, input.u64()?, input.u8()?);
        let queue = if version == 1 { 0 } else { input.u64()? };
        if flags >= 2 * LEFT {
            return Err(Malformed);
        }
        let settings = SubscriptionSettings {
            topic,
            since_ms,
            is_authenticated: flags & AUTHENTICATED != 0,
            is_pending: flags & PENDING != 0,
            needs_authentication: flags & NEEDS_AUTHENTICATION != 0,
            has_left: flags & LEFT != 0,
            queue: (queue != 0).then_some(QueueId(queue)),
            protocol: input.text()?,
            endpoint: input.text()?,
            owner: input.text()?,
            principal: input.text()?,
            attributes: read_pairs(&mut input)?,
            replay: match version {
                1..=3 => None,
                _ => input.option(Replay::decode)?,
            },
        };
        input.end()?;
        Ok(settings)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// With every flag and an attribute.
    pub(crate) fn full() -> SubscriptionSettings {
        SubscriptionSettings {
            topic: 7,
            since_ms: 2,
            is_authenticated: true,
            is_pending: true,
            needs_authentication: true,
            has_left: true,
            queue: Some(QueueId(9)),
            protocol: "https".to_owned(),
            endpoint: "https://me:secret@host/p@th".to_owned(),
            owner: "o".to_owned(),
            principal: "p".to_owned(),
            attributes: [("a".to_owned(), "v".to_owned())].into(),
            replay: Some(crate::replay::tests::full()),
        }
    }

    #[test]
    fn settings_survive_the_round_trip_and_damage_is_refused() {
        let stored = full().encode();
        assert_eq!(SubscriptionSettings::decode(&stored), Ok(full()));
        for length in 0..stored.len() {
            assert_eq!(
                SubscriptionSettings::decode(&stored[..length]),
                Err(Malformed)
            );
        }
    }

    #[test]
    fn all_versions_stay_readable() {
        // Catalogs hold these forms.
        let texts = b"\x03\0\0\0sqs\x01\0\0\0e\x01\0\0\0o\x01\0\0\0p\0\0\0\0";
        let first: &[u8] = b"\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01";
        let second: &[u8] = b"\x02\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\x09\0\0\0\0\0\0\0";
        let third: &[u8] = b"\x03\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x09\x09\0\0\0\0\0\0\0";
        let fourth: &[u8] = b"\x04\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x09\x09\0\0\0\0\0\0\0";
        let replay: &[u8] = b"\x01\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\
            \x01\x06\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x03";
        let read = |head: &[u8], tail: &[u8]| {
            let stored = [head, texts, tail].concat();
            SubscriptionSettings::decode(&stored).expect("readable")
        };
        for (head, tail, is_pending, has_left, queue) in [
            (first, &b""[..], false, false, None),
            (second, b"", true, false, Some(QueueId(9))),
            (third, b"", false, true, Some(QueueId(9))),
            (fourth, replay, false, true, Some(QueueId(9))),
        ] {
            let found = read(head, tail);
            assert_eq!(
                (found.topic, found.since_ms, found.is_authenticated),
                (7, 2, true)
            );
            assert_eq!(
                (found.is_pending, found.has_left, found.queue),
                (is_pending, has_left, queue)
            );
            let texts = [
                &found.protocol,
                &found.endpoint,
                &found.owner,
                &found.principal,
            ];
            assert_eq!(texts, ["sqs", "e", "o", "p"]);
        }
        assert_eq!(
            read(fourth, replay).encode(),
            [fourth, texts, replay].concat()
        );
        assert_eq!(read(fourth, replay).replay, full().replay);
        assert_eq!(read(third, b"").replay, None);
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = |endpoint: &str| {
            let endpoint = endpoint.to_owned();
            SubscriptionSettings { endpoint, ..full() }.endpoint_shown()
        };
        assert_eq!(
            shown("https://me:secret@host/p@th"),
            "https://me:****@host/p@th"
        );
        for plain in ["https://host/a:b@c", "https://me@host", "https://host"] {
            assert_eq!(shown(plain), plain);
        }
    }
}
