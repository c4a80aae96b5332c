//! Ids that are computed, not stored: message ids and sequence numbers.
//!
//! Both derive from where the message was first put, so they need no table, are the same on every receive, and a
//! message keeps its id when it moves to a dead-letter queue (SQS-008, SQS-269, SQS-318).

use waystation_engine::MessageIdentity;

use waystation_delivery::uuid;

use crate::keys::Keys;

/// The id of a message: 122 bits of a keyed hash in the shape of a random UUID (SQS-008).
pub(crate) fn message_id(keys: &Keys, identity: MessageIdentity) -> String {
    let queue = identity.queue.0.to_be_bytes();
    let sequence = identity.sequence.to_be_bytes();
    uuid::text(keys.message_id.hash_128(&[&queue, &sequence]))
}

/// The smallest number of 20 digits.
const SEQUENCE_NUMBER_BASE: u128 = 10_000_000_000_000_000_000;
/// Neighbours in a queue differ by this much: sequence numbers are documented as non-consecutive, and clients should
/// not come to rely on the difference being 1.
const SEQUENCE_NUMBER_STEP: u128 = 4;

const _: () = assert!(
    SEQUENCE_NUMBER_BASE + u64::MAX as u128 * SEQUENCE_NUMBER_STEP < 10 * SEQUENCE_NUMBER_BASE
);

/// The sequence number of a message in its present queue: 20 digits, growing with every send (SQS-254..256).
pub(crate) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_NUMBER_BASE + u128::from(sequence) * SEQUENCE_NUMBER_STEP).to_string()
}

#[cfg(test)]
mod tests {
    use waystation_engine::QueueId;

    use super::*;

    #[test]
    fn message_ids_are_uuids_and_stable() {
        // SQS-008
        let keys = Keys::new(&[1; 32]);
        let id = |queue, sequence| {
            message_id(
                &keys,
                MessageIdentity {
                    queue: QueueId(queue),
                    sequence,
                },
            )
        };
        let one = id(1, 1);
        assert_eq!(one, id(1, 1));
        assert_ne!(one, id(1, 2));
        assert_ne!(one, id(2, 1));
        assert_eq!(one.len(), 36);
        let dashes: Vec<usize> = one.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!(dashes, [8, 13, 18, 23]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(
            one.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
    }

    #[test]
    fn sequence_numbers_have_20_digits_and_grow() {
        // SQS-254, SQS-256
        let numbers: Vec<String> = [0, 1, 2, 1 << 40, u64::MAX - 1, u64::MAX]
            .map(sequence_number)
            .to_vec();
        assert!(numbers.iter().all(|number| number.len() == 20));
        assert!(numbers.is_sorted());
        assert_eq!(
            numbers
                .iter()
                .collect::<std::collections::HashSet<_>>()
                .len(),
            numbers.len()
        );
    }
}
