//! Request ids: random, in the form of a version 4 UUID (SQS-013).

use bytes::Bytes;
use waystation_wire::Str;

/// A new id. Not secret: it only tells requests apart.
pub(crate) fn next() -> Str {
    let mut bits = fastrand::u128(..);
    // Version 4, variant 1.
    bits = bits & !(0xf << 76) | 4 << 76;
    bits = bits & !(3 << 62) | 2 << 62;
    let mut text = Vec::with_capacity(36);
    for (position, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([byte >> 4, byte & 15].map(hex_digit));
    }
    // Digits and hyphens only.
    Str::from_utf8(Bytes::from(text)).unwrap_or_default()
}

fn hex_digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_differ() {
        let id = next();
        assert_eq!(id.len(), 36);
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
        assert_ne!(id, next());
    }
}
