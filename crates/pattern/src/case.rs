//! Comparison without regard to case, character by character in the root locale (EVB-147).

/// The text with every character in the one form that its lower and upper case share.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_character).collect()
}

fn fold_character(character: char) -> char {
    let upper = single(character.to_uppercase()).unwrap_or(character);
    single(upper.to_lowercase()).unwrap_or(upper)
}

/// A mapping to several characters is none: comparison is character by character.
fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next()?;
    mapped.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn both_cases_fold_to_one() {
        // EVB-147
        assert_eq!(fold("EventBridge"), fold("eVENTbRIDGE"));
        assert_eq!(fold("ÄÖÜ"), fold("äöü"));
        assert_eq!(fold("ΣΑΣ"), fold("σας"));
        assert_ne!(fold("straße"), fold("STRASSE"));
    }
}
