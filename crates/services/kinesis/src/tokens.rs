//! Opaque texts that callers bring back: shard iterators and the tokens of lists (KIN-095, KIN-110 to KIN-112, KIN-133).
//!
//! A text is the Base64 of version, purpose, time of issue, content and an authentication code over all of them under the
//! data directory's secret: what this service did not make is recognised, and a restart changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use waystation_delivery::keys::Key;
use waystation_wire::{ApiError, Str};

use crate::errors::invalid;
use crate::{api, limits};

const VERSION: u8 = 1;
const CODE_BYTES: usize = 8;

/// What a text is for; one of another purpose is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Iterator = 1,
    ListStreams = 2,
    ListShards = 3,
    ListConsumers = 4,
    ListQueues = 5,
    Receipt = 6,
}

/// Makes and reads the texts.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: Key,
}

/// What stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// When it was made, in milliseconds of engine time.
    pub(crate) issued_ms: u64,
    pub(crate) content: Vec<u8>,
}

impl Opened {
    /// Whether its five minutes are over.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        now_ms > self.issued_ms + limits::TOKEN_MS
    }
}

impl Tokens {
    pub(crate) fn new(secret: &[u8; 32]) -> Tokens {
        Tokens {
            key: Key::derive(secret, "kinesis token"),
        }
    }

    /// A text for some content.
    pub(crate) fn issue(&self, purpose: Purpose, now_ms: u64, content: &[u8]) -> Str {
        let head = [VERSION, purpose as u8];
        let mut bytes = [&head[..], &now_ms.to_be_bytes(), content].concat();
        let code = self.key.hash_64(&[&bytes]);
        bytes.extend_from_slice(&code.to_be_bytes());
        Str::from(STANDARD.encode(bytes))
    }

    /// The content of a text; `None` for one that was not made here for this purpose.
    pub(crate) fn open(&self, purpose: Purpose, text: &str) -> Option<Opened> {
        if text.len() > limits::TOKEN_LENGTH_MAX {
            return None;
        }
        let bytes = STANDARD.decode(text).ok()?;
        let (signed, code) = bytes.split_last_chunk::<CODE_BYTES>()?;
        let (head, rest) = signed.split_first_chunk::<2>()?;
        let (issued, content) = rest.split_first_chunk::<8>()?;
        let is_ours = *head == [VERSION, purpose as u8]
            && u64::from_be_bytes(*code) == self.key.hash_64(&[signed]);
        is_ours.then(|| Opened {
            issued_ms: u64::from_be_bytes(*issued),
            content: content.to_vec(),
        })
    }

    /// The content of a list token.
    pub(crate) fn next(
        &self,
        purpose: Purpose,
        text: &str,
        now_ms: u64,
    ) -> Result<Vec<u8>, ApiError> {
        let opened = self
            .open(purpose, text)
            .ok_or_else(|| invalid("Invalid NextToken."))?;
        if opened.is_expired(now_ms) {
            return Err(api::EXPIRED_NEXT_TOKEN_EXCEPTION
                .with("The pagination token passed to the operation is expired."));
        }
        Ok(opened.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_the_round_trip() {
        let tokens = Tokens::new(&[1; 32]);
        let text = tokens.issue(Purpose::ListShards, 5_000, b"content");
        let opened = tokens.open(Purpose::ListShards, &text).expect("ours");
        assert_eq!(opened.content, b"content");
        assert!(!opened.is_expired(305_000) && opened.is_expired(305_001));
        assert_eq!(
            tokens.next(Purpose::ListShards, &text, 305_000),
            Ok(b"content".to_vec())
        );
        let error = tokens
            .next(Purpose::ListShards, &text, 305_001)
            .expect_err("late");
        assert_eq!(error.kind.shape, "ExpiredNextTokenException");
    }

    #[test]
    fn other_texts_are_refused() {
        // KIN-111
        let tokens = Tokens::new(&[1; 32]);
        let text = tokens
            .issue(Purpose::Iterator, 5_000, b"content")
            .to_string();
        assert_eq!(tokens.open(Purpose::ListShards, &text), None);
        assert_eq!(Tokens::new(&[2; 32]).open(Purpose::Iterator, &text), None);
        for bad in [
            "",
            "AAAA",
            "ä",
            &text[1..],
            &format!("{text}AAAA"),
            &"A".repeat(2_000),
        ] {
            assert_eq!(tokens.open(Purpose::Iterator, bad), None, "{bad}");
        }
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(tokens.open(Purpose::Iterator, &changed), None, "{at}");
        }
    }
}
