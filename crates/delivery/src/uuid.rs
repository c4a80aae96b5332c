//! Bits of a keyed hash in the shape of a random UUID.

use crate::hexadecimal;

/// The text of a UUID with these bits; version and variant take six of them.
pub fn text(bits: u128) -> String {
    let mut bytes = bits.to_be_bytes();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (index, range) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if index > 0 {
            text.push('-');
        }
        hexadecimal::push(&mut text, &bytes[range]);
    }
    text
}

/// Whether the text has the shape of a UUID.
pub fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_uuids() {
        assert_eq!(super::text(0), "00000000-0000-4000-8000-000000000000");
        assert!(super::is_uuid(&super::text(u128::MAX)));
        assert!(!super::is_uuid("00000000-0000-4000-8000-00000000000g"));
    }
}
