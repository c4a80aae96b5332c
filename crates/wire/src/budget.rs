//! `Budget`: how much memory decoding one request may take besides the text it shares with the body.

use crate::limits::{DECODED_BYTES_BASE, DECODED_BYTES_PER_BODY_BYTE};

/// What is left to allocate.
#[derive(Debug)]
pub(crate) struct Budget {
    left_bytes: usize,
}

impl Budget {
    /// For a body of this size.
    pub(crate) fn new(body_bytes: usize) -> Budget {
        let scaled = body_bytes.saturating_mul(DECODED_BYTES_PER_BODY_BYTE);
        Budget {
            left_bytes: scaled.saturating_add(DECODED_BYTES_BASE),
        }
    }

    /// Takes bytes; `false` when they are not there. Vectors grow by doubling, so what is really allocated is at most twice
    /// the sum of the charges.
    pub(crate) fn charge(&mut self, bytes: usize) -> bool {
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => {
                self.left_bytes = left;
                true
            }
            None => false,
        }
    }
}
