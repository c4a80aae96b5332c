//! Bits of a keyed hash in the shape of a random UUID.

use crate::hexadecimal;

/// The text of a UUID with these bits; version and variant take six of them.
pub fn text(bits: u128) -> String {
    let mut bytes = bits.to_be_bytes();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    of_bytes(bytes)
}

/// The text of sixteen bytes, as they are.
pub fn of_bytes(bytes: [u8; 16]) -> String {
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

/// The bytes of a UUID's text.
pub fn to_bytes(text: &str) -> Option<[u8; 16]> {
    if !is_uuid(text) {
        return None;
    }
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_uuids() {
        assert_eq!(super::text(0), "00000000-0000-4000-8000-000000000000");
        assert!(super::is_uuid(&super::text(u128::MAX)));
        assert!(!super::is_uuid("00000000-0000-4000-8000-00000000000g"));
        let text = super::text(u128::MAX / 3);
        assert_eq!(
            super::of_bytes(super::to_bytes(&text).expect("bytes")),
            text
        );
        assert_eq!(super::to_bytes("x"), None);
    }
}
