//! A subscription as the catalog keeps it, and its stored form.
//!
//! Version 1, integers little-endian, texts as u32 length and bytes:
//! ```text
//! version u8 = 1, topic id u64, created u64 ms, authenticated u8,
//! protocol, endpoint, owner, principal: texts,
//! attributes: count u32, pairs of texts
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_pattern::{Dialect, Pattern};

use crate::topic_settings::{pairs, read_pairs};

const VERSION: u8 = 1;

/// Everything that is known of a subscription (table 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionSettings {
    /// The topic's id; another one of the same name is not subscribed (SNS-037).
    pub(crate) topic: u64,
    /// When it was made, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// SNS-079
    pub(crate) is_authenticated: bool,
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
        out.u8(self.is_authenticated.into());
        for text in [&self.protocol, &self.endpoint, &self.owner, &self.principal] {
            out.text(text);
        }
        pairs(&mut out, &self.attributes);
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<SubscriptionSettings, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let settings = SubscriptionSettings {
            topic: input.u64()?,
            created_ms: input.u64()?,
            is_authenticated: input.flag()?,
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
    fn version_1_stays_readable() {
        // Catalogs hold this form.
        let stored = b"\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x03\0\0\0sqs\x01\0\0\0e\x01\0\0\0o\x01\0\0\0p\0\0\0\0";
        let settings = SubscriptionSettings::decode(stored).expect("version 1");
        assert_eq!(
            (
                settings.topic,
                settings.created_ms,
                settings.is_authenticated
            ),
            (7, 2, true)
        );
        let texts = [
            settings.protocol.as_str(),
            &settings.endpoint,
            &settings.owner,
            &settings.principal,
        ];
        assert_eq!(texts, ["sqs", "e", "o", "p"]);
        assert_eq!(settings.encode(), stored.as_slice());
        for length in 0..stored.len() {
            assert_eq!(
                SubscriptionSettings::decode(&stored[..length]),
                Err(Malformed)
            );
        }
    }
}
