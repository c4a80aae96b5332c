//! Group, deduplication and attempt ids: their rules and the hashes under which the engine knows them
//! (sections 15, 16 and 18).

use sha2::{Digest, Sha256};
use waystation_wire::{ApiError, Str};

use crate::errors::invalid_value;
use crate::fifo_settings::DeduplicationScope;
use crate::hexadecimal;
use crate::keys::Keys;
use crate::limits;

/// SQS-145: 1 to 128 ASCII letters, digits and punctuation marks, no blanks.
fn is_valid(id: &str) -> bool {
    (1..=limits::FIFO_ID_LENGTH_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks an id that a request brought; `parameter` is its name there (SQS-146, SQS-266, SQS-301).
pub(crate) fn check_id(id: &str, parameter: &str) -> Result<(), ApiError> {
    if is_valid(id) {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(invalid_value(id, parameter, &reason))
}

/// The deduplication id of a message without an explicit one: the SHA-256 of its body (SQS-262).
pub(crate) fn content_id(body: &[u8]) -> Str {
    Str::from(hexadecimal::encode(&Sha256::digest(body)))
}

/// The engine's name of a group: 48 bits, so that it fits into an entry of the queue. Two groups that share a hash
/// wait for each other and stay in order; under a secret key nobody can arrange that. 0 means "no group" there.
pub(crate) fn group_hash(keys: &Keys, group: &str) -> u64 {
    (keys.group.hash_64(&[group.as_bytes()]) >> 16).max(1)
}

/// The engine's name of a deduplication id, unique over the queue or over the group (SQS-272, SQS-273).
pub(crate) fn deduplication_hash(
    keys: &Keys,
    scope: DeduplicationScope,
    group: &str,
    id: &str,
) -> u128 {
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

/// The engine's name of a receive request attempt id (section 18).
pub(crate) fn attempt_hash(keys: &Keys, id: &str) -> u128 {
    keys.attempt.hash_128(&[id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_printable_ascii() {
        // SQS-145, SQS-266
        let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        for good in ["a", "A9", punctuation, &"x".repeat(128)] {
            assert!(check_id(good, "MessageGroupId").is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\t", "ä", &"x".repeat(129)] {
            assert!(check_id(bad, "MessageGroupId").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_texts_name_the_parameter() {
        // SQS-146
        let error = check_id("a b", "MessageGroupId").expect_err("a blank");
        assert_eq!(
            error.message,
            "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include \
             alphanumeric and punctuation characters. 1 to 128 in length."
        );
        assert_eq!(error.kind.query_code, "InvalidParameterValue");
    }

    #[test]
    fn the_content_id_is_the_digest_of_the_body() {
        // SQS-262, SQS-263
        let id = content_id(b"Test");
        assert_eq!(
            id,
            "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"
        );
        assert!(check_id(&id, "MessageDeduplicationId").is_ok());
    }

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
