//! Request ids: random, in the form of a version 4 UUID (SQS-013).

use waystation_wire::Str;

/// A new id. Not secret: it only tells requests apart.
pub(crate) fn next() -> Str {
    let mut bits = fastrand::u128(..);
    // Version 4, variant 1.
    bits = bits & !(0xf << 76) | 4 << 76;
    bits = bits & !(3 << 62) | 2 << 62;
    let mut text = String::with_capacity(36);
    for position in 0..32_u32 {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let digit = (bits >> (124 - 4 * position)) as u32 & 15;
        text.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
    Str::from(text)
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
