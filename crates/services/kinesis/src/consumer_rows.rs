//! A registered consumer as the catalog keeps it. Its name stands in the row's path.
//!
//! Version 1, integers little-endian: version u8 = 1, stream id u64, created u64 s, settled u64 ms, deleting u8,
//! policy?: text, tags: pairs of texts.

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};

use crate::addressing::Located;
use crate::limits;
use crate::stream_settings::{self, decode_tags, encode_tags};

const VERSION: u8 = 1;

/// Status as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Active,
    Deleting,
    /// Deregistered; its row waits to be removed.
    Gone,
}

impl Status {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "CREATING",
            Status::Active => "ACTIVE",
            Status::Deleting | Status::Gone => "DELETING",
        }
    }
}

/// A registered consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    /// The id of its stream.
    pub(crate) stream: u64,
    /// The second in its ARN, which tells it from others that had its name.
    pub(crate) created_s: u64,
    /// When its phase ends, in milliseconds.
    pub(crate) settled_ms: u64,
    pub(crate) is_deleting: bool,
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Consumer {
    /// A new consumer.
    pub(crate) fn new(stream: u64, now_ms: u64, tags: BTreeMap<String, String>) -> Consumer {
        Consumer {
            stream,
            created_s: now_ms / 1_000,
            settled_ms: now_ms + limits::TRANSITION_MS,
            is_deleting: false,
            policy: None,
            tags,
        }
    }

    /// Begins `DELETING`. It lasts until the second in the ARN is over, so that the next consumer of the name has another.
    pub(crate) fn delete(&mut self, now_ms: u64) {
        self.is_deleting = true;
        let later_ms = (self.created_s + 1) * 1_000;
        self.settled_ms = later_ms.max(now_ms + limits::TRANSITION_MS);
    }

    /// The status when its stream was looked up. It goes with the stream.
    pub(crate) fn status(&self, located: &Located) -> Status {
        match (self.is_deleting, located.now_ms >= self.settled_ms) {
            (true, true) => Status::Gone,
            (true, false) => Status::Deleting,
            _ if located.status == stream_settings::Status::Deleting => Status::Deleting,
            (false, true) => Status::Active,
            (false, false) => Status::Creating,
        }
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        for value in [self.stream, self.created_s, self.settled_ms] {
            out.u64(value);
        }
        out.u8(self.is_deleting.into());
        out.option(&self.policy, |out, policy| out.text(policy));
        encode_tags(&mut out, &self.tags);
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<Consumer, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let consumer = Consumer {
            stream: input.u64()?,
            created_s: input.u64()?,
            settled_ms: input.u64()?,
            is_deleting: input.flag()?,
            policy: input.option(Input::text)?,
            tags: decode_tags(&mut input)?,
        };
        input.end()?;
        Ok(consumer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_survive_the_round_trip() {
        let mut consumer = Consumer::new(7, 5_400, [("k".to_owned(), "v".to_owned())].into());
        consumer.policy = Some("{}".to_owned());
        assert_eq!(Consumer::decode(&consumer.encode()), Ok(consumer.clone()));
        consumer.delete(5_500);
        assert_eq!(consumer.settled_ms, 6_000);
        assert_eq!(Consumer::decode(&consumer.encode()), Ok(consumer.clone()));
        let stored = consumer.encode();
        for length in 0..stored.len() {
            assert_eq!(Consumer::decode(&stored[..length]), Err(Malformed));
        }
    }
}
