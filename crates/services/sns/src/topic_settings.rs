//! A topic as the catalog keeps it, and its stored form.
//!
//! Version 2, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! version u8 = 2, topic id u64, created u64 ms, FIFO u8,
//! attributes: count u32, pairs of texts; tags: the same; data protection policy?: text,
//! archive?: log id u64, since u64 ms
//! ```
//! Version 1 had no archive.
//! Attributes are kept as the texts that were set, because they are returned so; all of them were checked.

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::LogId;

use crate::archive::Archive;
use crate::limits;

const VERSION: u8 = 2;

/// Everything that is set on a topic (table 5.1, section 29).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSettings {
    /// Tells a topic from an earlier one of its name (SNS-037).
    pub(crate) id: u64,
    /// Creation, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// SNS-005
    pub(crate) is_fifo: bool,
    /// What was set, by name.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Tags by key.
    pub(crate) tags: BTreeMap<String, String>,
    /// SNS-480
    pub(crate) data_protection: Option<String>,
    /// Where messages are archived (SNS-376).
    pub(crate) archive: Option<Archive>,
}

impl TopicSettings {
    /// What a message is measured by that no topic brings.
    pub(crate) fn none() -> TopicSettings {
        TopicSettings {
            id: 0,
            created_ms: 0,
            is_fifo: false,
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
            data_protection: None,
            archive: None,
        }
    }

    /// SNS-132, table 5.1
    pub(crate) fn message_bytes_max(&self) -> usize {
        self.number("MaximumMessageSize")
            .unwrap_or(limits::MESSAGE_BYTES_DEFAULT)
    }

    /// Section 25, as it is kept.
    pub(crate) fn delivery_policy(&self) -> Option<&str> {
        self.attributes.get("DeliveryPolicy").map(String::as_str)
    }

    /// SNS-365: whether the ids of a FIFO topic are unique in each group only.
    pub(crate) fn scope_is_group(&self) -> bool {
        self.attributes
            .get("FifoThroughputScope")
            .is_some_and(|scope| scope == "MessageGroup")
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.attributes.get(name)?.parse().ok()
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.id);
        out.u64(self.created_ms);
        out.u8(self.is_fifo.into());
        pairs(&mut out, &self.attributes);
        pairs(&mut out, &self.tags);
        out.option(&self.data_protection, |out, policy| out.text(policy));
        out.option(&self.archive, |out, archive| {
            out.u64(archive.log.0);
            out.u64(archive.since_ms);
        });
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<TopicSettings, Malformed> {
        let mut input = Input::new(stored);
        let version = input.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Malformed);
        }
        let settings = TopicSettings {
            id: input.u64()?,
            created_ms: input.u64()?,
            is_fifo: input.flag()?,
            attributes: read_pairs(&mut input)?,
            tags: read_pairs(&mut input)?,
            data_protection: input.option(Input::text)?,
            archive: match version {
                1 => None,
                _ => input.option(|input| {
                    Ok(Archive {
                        log: LogId(input.u64()?),
                        since_ms: input.u64()?,
                    })
                })?,
            },
        };
        input.end()?;
        Ok(settings)
    }
}

/// Appends a map of texts.
pub(crate) fn pairs(out: &mut Output, map: &BTreeMap<String, String>) {
    out.u32(map.len() as u32);
    for (key, value) in map {
        out.text(key);
        out.text(value);
    }
}

/// Reads a map of texts.
pub(crate) fn read_pairs(input: &mut Input<'_>) -> Result<BTreeMap<String, String>, Malformed> {
    let pairs = input.list(|input| Ok((input.text()?, input.text()?)))?;
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> TopicSettings {
        TopicSettings {
            id: 7,
            created_ms: 1_700_000_000_123,
            is_fifo: true,
            attributes: [("DisplayName".to_owned(), "ä".to_owned())].into(),
            tags: [("k".to_owned(), String::new())].into(),
            data_protection: Some("{}".to_owned()),
            archive: Some(Archive {
                log: LogId(8),
                since_ms: 9,
            }),
        }
    }

    #[test]
    fn settings_survive_the_round_trip_and_damage_is_refused() {
        let stored = full().encode();
        assert_eq!(TopicSettings::decode(&stored), Ok(full()));
        for length in 0..stored.len() {
            assert_eq!(TopicSettings::decode(&stored[..length]), Err(Malformed));
        }
    }

    #[test]
    fn all_versions_stay_readable() {
        // Catalogs hold these forms.
        let fields =
            b"\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0a\x01\0\0\0b\0\0\0\0\0";
        let archive = b"\x01\x08\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0";
        let first = [b"\x01", fields.as_slice()].concat();
        let second = [b"\x02", fields.as_slice(), archive].concat();
        for (stored, archive) in [(&first, None), (&second, full().archive)] {
            let settings = TopicSettings::decode(stored).expect("readable");
            assert_eq!(
                (settings.id, settings.created_ms, settings.is_fifo),
                (7, 2, false)
            );
            assert_eq!(settings.attributes.get("a").map(String::as_str), Some("b"));
            assert_eq!(settings.archive, archive);
        }
        let settings = TopicSettings::decode(&second).expect("readable");
        assert_eq!(settings.encode(), second.as_slice());
    }
}
