//! Strings with `*` (SNS-303, EVB-148 to EVB-152).

/// A compiled wildcard string: the literals between the asterisks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// At least one; the first is anchored at the start and the last at the end, and all others stand in between in
    /// this order. A single one is the whole value.
    pub(crate) literals: Vec<String>,
}

/// Why a text is no wildcard string: what, and the index of the character, counted from the opening quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadWildcard {
    Consecutive(usize),
    Escape(usize),
}

impl Wildcard {
    pub(crate) fn parse(text: &str) -> Result<Wildcard, BadWildcard> {
        let mut literals = vec![String::new()];
        let mut characters = text.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let literal = match character {
                '*' if matches!(characters.peek(), Some((_, '*'))) => {
                    return Err(BadWildcard::Consecutive(index + 1));
                }
                '*' => {
                    literals.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => return Err(BadWildcard::Escape(index + 1)),
                },
                other => other,
            };
            if let Some(last) = literals.last_mut() {
                last.push(literal);
            }
        }
        Ok(Wildcard { literals })
    }

    /// How many asterisks it has.
    pub(crate) fn stars(&self) -> usize {
        self.literals.len() - 1
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let (Some((first, rest)), Some(last)) = (self.literals.split_first(), self.literals.last())
        else {
            return false;
        };
        let Some((_, middle)) = rest.split_last() else {
            return first == value;
        };
        let Some(mut open) = value
            .strip_prefix(first.as_str())
            .and_then(|value| value.strip_suffix(last.as_str()))
        else {
            return false;
        };
        // The leftmost place for each literal leaves the most room for the next.
        middle
            .iter()
            .all(|literal| match open.split_once(literal.as_str()) {
                Some((_, after)) => {
                    open = after;
                    true
                }
                None => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_is_any_sequence() {
        // SNS-303, EVB-148, EVB-149, EVB-151, EVB-152
        let matches =
            |pattern: &str, value: &str| Wildcard::parse(pattern).expect("valid").matches(value);
        for (pattern, value) in [
            ("*", ""),
            ("*", "x"),
            ("a*", "a"),
            ("a*b", "ab"),
            ("a*b", "a*b"),
            ("*.jpg", "x.jpg"),
            ("a*a", "aa"),
            ("a*b*c", "axbxbc"),
            ("*ab*ab*", "abab"),
            ("a\\*b", "a*b"),
            ("a\\\\b", "a\\b"),
            ("", ""),
            ("x", "x"),
            ("*ü*", "grün"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [
            ("a*b", "a"),
            ("a*a", "a"),
            ("a*", "ba"),
            ("a*b*c", "acb"),
            ("*ab*ab*", "aba"),
            ("a\\*b", "axb"),
            ("", "x"),
            ("A*", "a"),
        ] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn faults_have_positions() {
        // EVB-149, EVB-150
        assert_eq!(Wildcard::parse("a**b"), Err(BadWildcard::Consecutive(2)));
        assert_eq!(Wildcard::parse("a\\b"), Err(BadWildcard::Escape(2)));
        assert_eq!(Wildcard::parse("a\\"), Err(BadWildcard::Escape(2)));
    }
}
