//! Numbers in message attributes (SQS-134): decimal text of bounded precision and magnitude.
//!
//! The text itself is stored and digested as sent (SQS-135), so nothing is converted here, only checked.

use crate::limits;

/// Whether the text is a decimal number with at most 38 significant digits and a magnitude of 10^-128 to 10^+126.
pub(crate) fn is_number(text: &str) -> bool {
    if text.len() > limits::NUMBER_LENGTH_MAX {
        return false;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => match parse_exponent(exponent) {
            Some(exponent) => (mantissa, exponent),
            None => return false,
        },
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return false;
    }
    in_range(whole, fraction, exponent)
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Six digits are far outside the range already.
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

fn in_range(whole: &str, fraction: &str, exponent: i64) -> bool {
    let mut nonzero = whole
        .bytes()
        .chain(fraction.bytes())
        .enumerate()
        .filter(|(_, digit)| *digit != b'0')
        .map(|(at, _)| at);
    let Some(first) = nonzero.next() else {
        return true; // zero, however it is written
    };
    let last = nonzero.last().unwrap_or(first);
    let magnitude = whole.len() as i64 - 1 - first as i64 + exponent;
    last - first < limits::NUMBER_DIGITS_MAX && limits::NUMBER_EXPONENT.contains(&magnitude)
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn decimal_texts_are_numbers() {
        // SQS-134
        let digits = "1234567890".repeat(4);
        for good in [
            "0",
            "-1",
            "+1",
            "19.12",
            ".5",
            "5.",
            "0012",
            "1e3",
            "1E-128",
            "9.99e126",
            "-0.0",
            "00",
            &digits[..38],
        ] {
            assert!(is_number(good), "{good}");
        }
        for bad in [
            "", "-", ".", "abc", "1,5", "1 ", " 1", "0x1", "1e", "1e+", "NaN", "Infinity", "1.2.3",
            "--1", "1e127", "1e-129",
        ] {
            assert!(!is_number(bad), "{bad}");
        }
        assert!(!is_number(&digits[..39]));
    }

    #[test]
    fn zeroes_at_the_ends_are_no_precision() {
        // SQS-134, SQS-135
        assert!(is_number(&format!("000{}000", "1".repeat(38))));
        assert!(is_number(&format!("0.{}1", "0".repeat(127))));
        assert!(!is_number(&format!("0.{}1", "0".repeat(128))));
        assert!(is_number(&format!("1{}", "0".repeat(126))));
        assert!(!is_number(&format!("1{}", "0".repeat(127))));
        assert!(is_number("0e999999"));
        assert!(!is_number("1e9999999"));
    }
}
