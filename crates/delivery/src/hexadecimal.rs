//! Lower-case hexadecimal text, as digests show it.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The bytes as two lower-case digits each.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(&mut text, bytes);
    text
}

/// Appends two lower-case digits for each byte.
pub fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_lower_case() {
        assert_eq!(super::encode(&[0x00, 0x9f, 0xAB]), "009fab");
    }
}
