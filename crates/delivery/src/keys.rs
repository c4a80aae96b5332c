//! The secrets of this data directory that the service works with, and the keyed hash they feed.
//!
//! Message ids, receipt handles and the hashes of group and deduplication ids all come from one PRF under keys of
//! their own, so that nobody who sees one of them can forge another or aim for collisions. SipHash-2-4 is such a PRF
//! for short inputs at some 20 ns; what it guards (handles of a local service) does not need a slower one.

use std::hash::Hasher;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher128};

/// One key of the keyed hash.
#[derive(Clone)]
pub struct Key([u8; 16]);

impl Key {
    /// A key of its own for a purpose, which is part of the stored format of whatever the key makes.
    pub fn derive(secret: &[u8; 32], purpose: &str) -> Key {
        let digest = Sha256::new()
            .chain_update(secret)
            .chain_update(purpose.as_bytes())
            .finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Key(key)
    }

    /// 64 bits from the concatenation of the parts. Callers make the parts unambiguous: fixed lengths, or the last one free.
    pub fn hash_64(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        parts.iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }

    /// 128 bits from the concatenation of the parts, under the same rule.
    pub fn hash_128(&self, parts: &[&[u8]]) -> u128 {
        let mut hasher = SipHasher128::new_with_key(&self.0);
        parts.iter().for_each(|part| hasher.write(part));
        hasher.finish128().as_u128()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// One key for each use, all derived from the engine's message key. The purposes are part of the stored format: a
/// changed one would change the ids of messages that are already queued.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Message ids (SQS-008).
    pub message_id: Key,
    /// Codes that authenticate receipt handles (SQS-009).
    pub receipt: Key,
    /// Group ids.
    pub group: Key,
    /// Deduplication ids.
    pub deduplication: Key,
    /// Receive request attempt ids.
    pub attempt: Key,
}

impl Keys {
    /// The keys of a data directory.
    pub fn new(message_key: &[u8; 32]) -> Keys {
        Keys {
            message_id: Key::derive(message_key, "sqs message id"),
            receipt: Key::derive(message_key, "sqs receipt"),
            group: Key::derive(message_key, "sqs group"),
            deduplication: Key::derive(message_key, "sqs deduplication"),
            attempt: Key::derive(message_key, "sqs attempt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        // Ids of queued messages derive from it, so this pins keys, function and byte order.
        let keys = Keys::new(&[7; 32]);
        assert_eq!(
            keys.group.hash_64(&[b"a", b"bc"]),
            keys.group.hash_64(&[b"abc"])
        );
        assert_ne!(
            keys.group.hash_64(&[b"abc"]),
            keys.receipt.hash_64(&[b"abc"])
        );
        assert_eq!(
            keys.message_id.hash_64(&[b"abc"]),
            8_247_984_638_341_613_201
        );
        assert_eq!(
            keys.message_id.hash_128(&[b"abc"]),
            41_177_363_145_668_294_280_176_646_641_099_528_831
        );
    }
}
