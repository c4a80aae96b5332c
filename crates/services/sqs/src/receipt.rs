//! Receipt handles (SQS-009, SQS-233, SQS-234): opaque text that proves one receive of one message of one queue.
//!
//! A handle is the Base64 text of queue id, sequence, tag and an authentication code, all big-endian. With the code, a
//! text that this service did not make is recognised without asking the queue, and nobody can guess the handle of a message.
//! Where that text would begin with a hyphen, which the command line takes for an option, a byte in front makes it a letter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waystation_engine::{QueueId, Receipt};

use crate::keys::Keys;

const HANDLE_BYTES: usize = 32;
/// Stands in front of the others where it must.
const FRONT: u8 = 1;
/// Base64 text of [`HANDLE_BYTES`] bytes, and of one more.
const HANDLE_LENGTH: usize = 43;
const FRONTED_LENGTH: usize = 44;

/// The handle of one receive.
pub(crate) fn encode(keys: &Keys, queue: QueueId, receipt: Receipt) -> String {
    let words = [queue.0, receipt.sequence, receipt.tag];
    let code = code(keys, words);
    let mut bytes = [FRONT; HANDLE_BYTES + 1];
    let places = bytes[1..].chunks_exact_mut(8);
    for (place, word) in places.zip(words.into_iter().chain([code])) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    let handle = URL_SAFE_NO_PAD.encode(&bytes[1..]);
    match handle.starts_with('-') {
        true => URL_SAFE_NO_PAD.encode(bytes),
        false => handle,
    }
}

/// Queue and receipt of a handle, or `None` for a text that is not a handle of this data directory.
pub(crate) fn decode(keys: &Keys, handle: &str) -> Option<(QueueId, Receipt)> {
    if !matches!(handle.len(), HANDLE_LENGTH | FRONTED_LENGTH) {
        return None;
    }
    let mut bytes = [0; HANDLE_BYTES + 1];
    let length = URL_SAFE_NO_PAD.decode_slice(handle, &mut bytes).ok()?;
    let words = match bytes.get(..length)? {
        [FRONT, words @ ..] if length == HANDLE_BYTES + 1 => words,
        words if length == HANDLE_BYTES => words,
        _ => return None,
    };
    let words = words.as_chunks::<8>().0.iter();
    let mut words = words.map(|word| u64::from_be_bytes(*word));
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
    fn no_handle_begins_with_a_hyphen() {
        // SQS-009
        let keys = Keys::new(&[1; 32]);
        let mut fronted = 0;
        for shard in 0..=u8::MAX {
            let queue = QueueId(u64::from(shard) << 56 | 1);
            let receipt = Receipt {
                sequence: 2,
                tag: 3,
            };
            let handle = encode(&keys, queue, receipt);
            assert!(!handle.starts_with('-'), "{handle}");
            assert_eq!(decode(&keys, &handle), Some((queue, receipt)));
            if handle.len() == FRONTED_LENGTH {
                fronted += 1;
                // As such handles were before.
                let bytes = URL_SAFE_NO_PAD.decode(&handle).expect("Base64");
                let plain = URL_SAFE_NO_PAD.encode(&bytes[1..]);
                assert_eq!(decode(&keys, &plain), Some((queue, receipt)));
            }
        }
        assert_eq!(fronted, 4);
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
            &"A".repeat(FRONTED_LENGTH),
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
