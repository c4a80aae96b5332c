//! `Pattern`: a regular expression of a model, compiled at its first use.
//!
//! Models write Java expressions; what the linear-time engine does not know (look-around, some classes) is not checked here
//! and stays with the service.

use regex_lite::{Regex, RegexBuilder};
use std::fmt;
use std::sync::OnceLock;

/// A regular expression that must match a whole text.
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// The expression as the model writes it.
    pub const fn new(source: &'static str) -> Pattern {
        Pattern {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// The expression as the model writes it.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the whole text matches; true when the engine does not know the expression.
    pub fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            RegexBuilder::new(&format!("^(?:{})$", self.source))
                .size_limit(crate::limits::PATTERN_BYTES_MAX)
                .build()
                .ok()
        });
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        let pattern = Pattern::new("[a-z]+|x1");
        assert!(pattern.matches("abc") && pattern.matches("x1"));
        assert!(!pattern.matches("abc1") && !pattern.matches(" abc"));
    }

    #[test]
    fn an_unknown_construct_is_left_to_the_service() {
        assert!(Pattern::new("(?!aws:).*").matches("aws:x"));
    }
}
