//! Receipt handles (SQS-009, SQS-233, SQS-234): opaque text that proves one receive of one message of one queue.
//!
//! A handle is the Base64 text of a version, queue id, sequence, tag and an authentication code, all big-endian. With the code,
//! a text that this service did not make is recognised without asking the queue, and nobody can guess the handle of a message.
//! The version makes it begin with a letter: the command line takes a text that begins with a hyphen for an option.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waystation_engine::{QueueId, Receipt};

use crate::keys::Keys;

const VERSION: u8 = 1;
const HANDLE_BYTES: usize = 33;
/// Base64 text of [`HANDLE_BYTES`] bytes.
const HANDLE_LENGTH: usize = 44;
/// Handles of before versions are the same without one; messages that were received then may still be in flight.
const OLD_HANDLE_LENGTH: usize = 43;

/// The handle of one receive.
pub(crate) fn encode(keys: &Keys, queue: QueueId, receipt: Receipt) -> String {
    let words = [queue.0, receipt.sequence, receipt.tag];
    let code = code(keys, words);
    let mut bytes = [VERSION; HANDLE_BYTES];
    let places = bytes[1..].chunks_exact_mut(8);
    for (place, word) in places.zip(words.into_iter().chain([code])) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Queue and receipt of a handle, or `None` for a text that is not a handle of this data directory.
pub(crate) fn decode(keys: &Keys, handle: &str) -> Option<(QueueId, Receipt)> {
    if !matches!(handle.len(), HANDLE_LENGTH | OLD_HANDLE_LENGTH) {
        return None;
    }
    let mut bytes = [0; HANDLE_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(handle, &mut bytes).ok()?;
    let words = match bytes.get(..length)? {
        [VERSION, words @ ..] if length == HANDLE_BYTES => words,
        words if length == HANDLE_BYTES - 1 => words,
        _ => return None,
    };
    let mut words = words
        .as_chunks::<8>()
        .0
        .iter()
        .map(|word| u64::from_be_bytes(*word));
    let (queue, sequence, tag) = (words.next()?, words.next()?, words.next()?);
    let is_ours = words.next()? == code(keys, [queue, sequence, tag]);
    is_ours.then_some((QueueId(queue), Receipt { sequence, tag }))
}

fn code(keys: &Keys, words: [u64; 3]) -> u64 {
    let [queue, sequence, tag] = words.map(u64::to_be_bytes);
    keys.receipt.hash_64(&[&queue, &sequence, &tag])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_survive_the_round_trip() {
        // SQS-009
        let keys = Keys::new(&[1; 32]);
        let receipt = Receipt {
            sequence: 1 << 40,
            tag: u64::MAX,
        };
        let handle = encode(&keys, QueueId(0xAB00_0000_0000_0001), receipt);
        assert_eq!(handle.len(), HANDLE_LENGTH);
        assert_eq!(
            decode(&keys, &handle),
            Some((QueueId(0xAB00_0000_0000_0001), receipt))
        );
        let later = encode(
            &keys,
            QueueId(0xAB00_0000_0000_0001),
            Receipt { tag: 5, ..receipt },
        );
        assert_ne!(handle, later);
    }

    #[test]
    fn handles_begin_with_a_letter_and_those_without_a_version_still_count() {
        // SQS-009, SQS-149
        let keys = Keys::new(&[1; 32]);
        for shard in 0..=u8::MAX {
            let queue = QueueId(u64::from(shard) << 56 | 1);
            let receipt = Receipt {
                sequence: 2,
                tag: 3,
            };
            let handle = encode(&keys, queue, receipt);
            assert!(handle.starts_with('A'), "{handle}");
            let bytes = URL_SAFE_NO_PAD.decode(&handle).expect("Base64");
            let old = URL_SAFE_NO_PAD.encode(&bytes[1..]);
            assert_eq!(old.len(), OLD_HANDLE_LENGTH);
            assert_eq!(decode(&keys, &old), Some((queue, receipt)));
        }
    }

    #[test]
    fn other_texts_are_no_handles() {
        // SQS-233
        let keys = Keys::new(&[1; 32]);
        let handle = encode(
            &keys,
            QueueId(1),
            Receipt {
                sequence: 2,
                tag: 3,
            },
        );
        for text in [
            "",
            "garbage",
            "ä",
            &handle[1..],
            &format!("{handle}A"),
            &"A".repeat(HANDLE_LENGTH),
            &"A".repeat(OLD_HANDLE_LENGTH),
            &"é".repeat(22),
        ] {
            assert_eq!(decode(&keys, text), None, "{text}");
        }
        for at in 0..HANDLE_LENGTH {
            let mut changed = handle.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(decode(&keys, &changed), None, "character {at}");
        }
        assert_eq!(
            decode(&Keys::new(&[2; 32]), &handle),
            None,
            "handle of another data directory"
        );
    }
}
