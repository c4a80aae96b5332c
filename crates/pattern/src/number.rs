//! Numbers of patterns and events: compared as IEEE 754 doubles (SNS-292, EVB-137, EVB-138).

/// A number of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    /// One that a double holds without loss, so that every way to write it is equal.
    Value(f64),
    /// One that no double holds: only the same text is equal (EVB-138).
    Text(Box<str>),
}

impl Number {
    /// Reads the text of a JSON number.
    pub(crate) fn parse(text: &str) -> Number {
        match text.parse::<f64>() {
            Ok(value) if is_lossless(text, value) => Number::Value(value),
            _ => Number::Text(text.into()),
        }
    }

    /// Whether a number of an event, given as value and text, is this one.
    pub(crate) fn equals(&self, value: f64, text: &str) -> bool {
        match self {
            Number::Value(own) => *own == value,
            Number::Text(own) => **own == *text,
        }
    }
}

/// A double's bits, equal for equal numbers.
pub(crate) fn key(value: f64) -> u64 {
    // Adding zero turns -0 into 0.
    (value + 0.0).to_bits()
}

/// Reads what a message attribute of type Number holds: a decimal number, also with a sign or without digits on one side
/// of the period. Not a number: `None`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts = unsigned.bytes().next()?;
    let legal = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    // Rust also reads "inf" and "nan"; those letters are not legal here.
    ((starts.is_ascii_digit() || starts == b'.') && text.bytes().all(legal))
        .then(|| text.parse::<f64>().ok())?
}

/// Whether the shortest text that gives this double denotes the same number as `text`.
fn is_lossless(text: &str, value: f64) -> bool {
    value.is_finite() && canonical(text) == canonical(&format!("{value:e}"))
}

/// Significant digits without zeros at either end, the exponent of the last of them, and the sign.
fn canonical(text: &str) -> (bool, String, i64) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 2);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent = exponent.saturating_sub(fraction.len() as i64);
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return (false, String::new(), 0);
    }
    exponent = exponent.saturating_add((digits.len() - kept.len()) as i64);
    (negative, kept.to_owned(), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_double_is_equal() {
        // SNS-292, EVB-137, EVB-138
        for text in ["300", "300.0", "3.0e2", "3E+2", "30000e-2"] {
            assert_eq!(Number::parse(text), Number::Value(300.0), "{text}");
        }
        assert_eq!(Number::parse("0.1"), Number::Value(0.1));
        assert_eq!(Number::parse("-0.0"), Number::Value(0.0));
        assert_eq!(Number::parse("1e400"), Number::Text("1e400".into()));
        let long = "9007199254740993";
        assert_eq!(Number::parse(long), Number::Text(long.into()));
        assert!(Number::parse(long).equals(9007199254740992.0, long));
        assert!(!Number::parse(long).equals(9007199254740992.0, "9007199254740992"));
        assert_eq!(key(-0.0), key(0.0));
    }

    #[test]
    fn attributes_hold_decimals() {
        for (text, value) in [
            ("99", 99.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
        ] {
            assert_eq!(decimal(text), Some(value), "{text}");
        }
        for text in ["", "abc", "inf", "nan", "1 ", "--1", "0x1", "1_0", "."] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
