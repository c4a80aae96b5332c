//! How a text is cut into the parts of an SMS (SNS-467): 140 bytes each, in the smallest alphabet that has all its
//! characters, at the boundaries of words.

/// The basic characters of GSM 03.38, one septet each.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension: an escape and a septet.
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Gsm,
    Ascii,
    Ucs2,
}

impl Alphabet {
    fn of(text: &str) -> Alphabet {
        let is_gsm = |c: char| GSM.contains(c) || GSM_EXTENSION.contains(c);
        if text.chars().all(is_gsm) {
            Alphabet::Gsm
        } else if text.is_ascii() {
            Alphabet::Ascii
        } else {
            Alphabet::Ucs2
        }
    }

    /// Units of a part.
    fn capacity(self) -> usize {
        match self {
            Alphabet::Gsm => 160,
            Alphabet::Ascii => 140,
            Alphabet::Ucs2 => 70,
        }
    }

    fn units(self, character: char) -> usize {
        match self {
            Alphabet::Gsm if GSM_EXTENSION.contains(character) => 2,
            Alphabet::Gsm | Alphabet::Ascii => 1,
            Alphabet::Ucs2 => character.len_utf16(),
        }
    }
}

/// The parts of a text, none of them empty; together they are the text.
pub fn sms_parts(text: &str) -> Vec<String> {
    let alphabet = Alphabet::of(text);
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(end_of_part(rest, alphabet));
        parts.push(part.to_owned());
        rest = after;
    }
    parts
}

/// Where the first part ends: after the last blank that fits, or in the middle of a word that is longer than a part.
fn end_of_part(text: &str, alphabet: Alphabet) -> usize {
    let (mut units, mut after_blank) = (0, None);
    for (at, character) in text.char_indices() {
        units += alphabet.units(character);
        if units > alphabet.capacity() {
            return after_blank.unwrap_or(at);
        }
        if character == ' ' {
            after_blank = Some(at + 1);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<usize> {
        let parts = sms_parts(text);
        assert_eq!(parts.concat(), text);
        parts.iter().map(|part| part.chars().count()).collect()
    }

    #[test]
    fn a_part_has_140_bytes() {
        // SNS-467
        assert_eq!(lengths(""), [0; 0]);
        assert_eq!(lengths(&"a".repeat(160)), [160]);
        assert_eq!(lengths(&"a".repeat(161)), [160, 1]);
        assert_eq!(lengths(&"€".repeat(81)), [80, 1]);
        assert_eq!(lengths(&"`".repeat(141)), [140, 1]);
        assert_eq!(lengths(&"ł".repeat(71)), [70, 1]);
        assert_eq!(lengths(&"😀".repeat(36)), [35, 1]);
    }

    #[test]
    fn words_stay_whole() {
        // SNS-467
        let text = format!("{} {}", "a".repeat(100), "b".repeat(100));
        assert_eq!(lengths(&text), [101, 100]);
    }
}
