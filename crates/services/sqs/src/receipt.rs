//! Receipt handles (SQS-009, SQS-233, SQS-234): opaque text that proves one receive of one message of one queue.
//!
//! A handle is the Base64 text of queue id, sequence, tag and an authentication code, all big-endian. With the code, a
//! text that this service did not make is recognised without asking the queue, and nobody can guess the handle of a message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waystation_engine::{QueueId, Receipt};

use crate::keys::Keys;

const HANDLE_BYTES: usize = 32;
const SIGNED_BYTES: usize = 24;
/// Base64 text of [`HANDLE_BYTES`] bytes.
const HANDLE_LENGTH: usize = 43;

/// The handle of one receive.
pub(crate) fn encode(keys: &Keys, queue: QueueId, receipt: Receipt) -> String {
    let mut bytes = [0; HANDLE_BYTES];
    bytes[..8].copy_from_slice(&queue.0.to_be_bytes());
    bytes[8..16].copy_from_slice(&receipt.sequence.to_be_bytes());
    bytes[16..SIGNED_BYTES].copy_from_slice(&receipt.tag.to_be_bytes());
    let code = keys.receipt.hash_64(&[&bytes[..SIGNED_BYTES]]);
    bytes[SIGNED_BYTES..].copy_from_slice(&code.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Queue and receipt of a handle, or `None` for a text that is not a handle of this data directory.
pub(crate) fn decode(keys: &Keys, handle: &str) -> Option<(QueueId, Receipt)> {
    if handle.len() != HANDLE_LENGTH {
        return None;
    }
    let mut bytes = [0; HANDLE_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(handle, &mut bytes).ok()?;
    if length != HANDLE_BYTES {
        return None;
    }
    let word = |index: usize| u64::from_be_bytes(std::array::from_fn(|at| bytes[index * 8 + at]));
    let code = keys.receipt.hash_64(&[&bytes[..SIGNED_BYTES]]);
    (code == word(3)).then(|| {
        (
            QueueId(word(0)),
            Receipt {
                sequence: word(1),
                tag: word(2),
            },
        )
    })
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
            &"é".repeat(30),
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
