//! Group and deduplication ids, and the hashes under which the engine knows them.

use sha2::{Digest, Sha256};
use waystation_wire::Str;

use crate::hexadecimal;
use crate::keys::Keys;
use crate::limits;

/// Over what a deduplication id is unique (SQS-272, SQS-273).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeduplicationScope {
    /// The whole queue.
    #[default]
    Queue,
    /// One message group.
    MessageGroup,
}

/// SQS-145, SNS-361: 1 to 128 ASCII letters, digits and punctuation marks, no blanks.
pub fn is_valid(id: &str) -> bool {
    (1..=limits::FIFO_ID_LENGTH_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The deduplication id of a message without an explicit one: the SHA-256 of its body (SQS-262).
pub fn content_id(body: &[u8]) -> Str {
    Str::from(hexadecimal::encode(&Sha256::digest(body)))
}

/// The engine's name of a group: 48 bits, so that it fits into an entry of the queue. Two groups that share a hash
/// wait for each other and stay in order; under a secret key nobody can arrange that. 0 means "no group" there.
pub fn group_hash(keys: &Keys, group: &str) -> u64 {
    (keys.group.hash_64(&[group.as_bytes()]) >> 16).max(1)
}

/// The engine's name of a deduplication id, unique over the queue or over the group (SQS-272, SQS-273).
pub fn deduplication_hash(keys: &Keys, scope: DeduplicationScope, group: &str, id: &str) -> u128 {
    match scope {
        DeduplicationScope::Queue => keys.deduplication.hash_128(&[&[0], id.as_bytes()]),
        DeduplicationScope::MessageGroup => {
            // The length separates group and id; both have 128 characters at most.
            let length = [1, group.len().min(255) as u8];
            keys.deduplication
                .hash_128(&[&length, group.as_bytes(), id.as_bytes()])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_separate_ids() {
        // SQS-272, SQS-273
        let keys = Keys::new(&[1; 32]);
        let hash = |scope, group, id| deduplication_hash(&keys, scope, group, id);
        use DeduplicationScope::{MessageGroup, Queue};
        assert_eq!(hash(Queue, "g1", "id"), hash(Queue, "g2", "id"));
        assert_ne!(
            hash(MessageGroup, "g1", "id"),
            hash(MessageGroup, "g2", "id")
        );
        assert_ne!(
            hash(MessageGroup, "g", "1id"),
            hash(MessageGroup, "g1", "id")
        );
        assert_ne!(hash(MessageGroup, "g1", "id"), hash(Queue, "g1", "id"));
    }

    #[test]
    fn group_hashes_have_48_bits() {
        let keys = Keys::new(&[1; 32]);
        for group in 0..1_000 {
            assert!((1..1 << 48).contains(&group_hash(&keys, &group.to_string())));
        }
    }
}
