//! A subscription as the catalog keeps it, and its stored form.
//!
//! Version 2, integers little-endian, texts as u32 length and bytes:
//! ```text
//! version u8 = 2, topic id u64, created u64 ms, flags u8 (1 authenticated, 2 pending, 4 needs authentication),
//! queue id u64 (0: none), protocol, endpoint, owner, principal: texts,
//! attributes: count u32, pairs of texts
//! ```
//! Version 1 had no queue, and of the flags only the first.

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::QueueId;
use waystation_pattern::{Dialect, Pattern};

use crate::limits;
use crate::topic_settings::{pairs, read_pairs};

const VERSION: u8 = 2;
const AUTHENTICATED: u8 = 1;
const PENDING: u8 = 2;
const NEEDS_AUTHENTICATION: u8 = 4;

/// Everything that is known of a subscription (table 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionSettings {
    /// The topic's id; another one of the same name is not subscribed (SNS-037).
    pub(crate) topic: u64,
    /// When it was made, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// SNS-079
    pub(crate) is_authenticated: bool,
    /// Section 8
    pub(crate) is_pending: bool,
    /// SNS-104
    pub(crate) needs_authentication: bool,
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
}

impl SubscriptionSettings {
    fn is_true(&self, name: &str) -> bool {
        self.attributes
            .get(name)
            .is_some_and(|value| value == "true")
    }

    /// SNS-094
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.is_pending && now_ms.saturating_sub(self.created_ms) > limits::CONFIRMATION_MS
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
        out.u64(self.created_ms);
        let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
        out.u8(flag(self.is_authenticated, AUTHENTICATED)
            | flag(self.is_pending, PENDING)
            | flag(self.needs_authentication, NEEDS_AUTHENTICATION));
        out.u64(self.queue.map_or(0, |queue| queue.0));
        for text in [&self.protocol, &self.endpoint, &self.owner, &self.principal] {
            out.text(text);
        }
        pairs(&mut out, &self.attributes);
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<SubscriptionSettings, Malformed> {
        let mut input = Input::new(stored);
        let version = input.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Malformed);
        }
        let (topic, created_ms, flags) = (input.u64()?, input.u64()?, input.u8()?);
        let queue = if version == 1 { 0 } else { input.u64()? };
        if flags >= 2 * NEEDS_AUTHENTICATION {
            return Err(Malformed);
        }
        let settings = SubscriptionSettings {
            topic,
            created_ms,
            is_authenticated: flags & AUTHENTICATED != 0,
            is_pending: flags & PENDING != 0,
            needs_authentication: flags & NEEDS_AUTHENTICATION != 0,
            queue: (queue != 0).then_some(QueueId(queue)),
            protocol: input.text()?,
            endpoint: input.text()?,
            owner: input.text()?,
            principal: input.text()?,
            attributes: read_pairs(&mut input)?,
        };
        input.end()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_stay_readable() {
        // Catalogs hold these forms.
        let texts = b"\x03\0\0\0sqs\x01\0\0\0e\x01\0\0\0o\x01\0\0\0p\0\0\0\0";
        let first = [
            b"\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01".as_slice(),
            texts,
        ]
        .concat();
        let second = [
            b"\x02\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\x09\0\0\0\0\0\0\0".as_slice(),
            texts,
        ]
        .concat();
        let read = |stored: &[u8]| SubscriptionSettings::decode(stored).expect("readable");
        let (one, two) = (read(&first), read(&second));
        assert_eq!(
            (one.topic, one.created_ms, one.is_authenticated),
            (7, 2, true)
        );
        assert_eq!((one.is_pending, one.queue), (false, None));
        assert_eq!((two.is_pending, two.queue), (true, Some(QueueId(9))));
        for settings in [&one, &two] {
            let texts = [
                settings.protocol.as_str(),
                &settings.endpoint,
                &settings.owner,
                &settings.principal,
            ];
            assert_eq!(texts, ["sqs", "e", "o", "p"]);
        }
        assert_eq!(two.encode(), second);
        for length in 0..second.len() {
            assert_eq!(
                SubscriptionSettings::decode(&second[..length]),
                Err(Malformed)
            );
        }
    }
}
