//! `Pattern`: a regular expression of a model, compiled at its first use.
//!
//! Models write Java expressions; what the linear-time engine does not know (look-around, some classes) is not checked here
//! and stays with the service. Most names are one class of characters, repeated: those need no engine.

use regex_lite::{Regex, RegexBuilder};
use std::fmt;
use std::sync::OnceLock;

/// A regular expression that must match a whole text.
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Compiled>,
}

enum Compiled {
    /// Characters of one class.
    Class(Class),
    Expression(Regex),
    /// Not known to the engine.
    Unknown,
}

/// `[...]+` or `[...]*` of ASCII characters.
struct Class {
    /// Bit by code.
    members: u128,
    may_be_empty: bool,
}

impl Class {
    /// The class that is the whole expression; `None` where it is anything else, or has anything that needs a closer look.
    fn parse(source: &str) -> Option<Class> {
        let class = source.strip_prefix('[')?;
        let (inner, may_be_empty) = match class.strip_suffix("]+") {
            Some(inner) => (inner, false),
            None => (class.strip_suffix("]*")?, true),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@,+ ".contains(&byte);
        let mut members = 0;
        let mut rest = inner.as_bytes();
        while let [first, after @ ..] = rest {
            let (from, to) = match (*first, after) {
                // A hyphen at the end is one.
                (b'-', []) => (b'-', b'-'),
                (from, [b'-', to, ..]) if plain(from) && plain(*to) && from <= *to => (from, *to),
                (_, [b'-', _, ..]) => return None,
                (from, _) if plain(from) => (from, from),
                _ => return None,
            };
            for member in from..=to {
                members |= 1 << member;
            }
            rest = &rest[if from == to { 1 } else { 3 }..];
        }
        (members != 0).then_some(Class {
            members,
            may_be_empty,
        })
    }

    fn matches(&self, text: &str) -> bool {
        let is_member = |byte: u8| byte < 128 && self.members >> byte & 1 == 1;
        (self.may_be_empty || !text.is_empty()) && text.bytes().all(is_member)
    }
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
            let class = Class::parse(self.source).map(Compiled::Class);
            class
                .or_else(|| engine(self.source).map(Compiled::Expression))
                .unwrap_or(Compiled::Unknown)
        });
        match compiled {
            Compiled::Class(class) => class.matches(text),
            Compiled::Expression(regex) => regex.is_match(text),
            Compiled::Unknown => true,
        }
    }
}

fn engine(source: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{source})$"))
        .size_limit(crate::limits::PATTERN_BYTES_MAX)
        .build()
        .ok()
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

    #[test]
    fn a_class_says_the_same_as_the_engine() {
        let texts = [
            "",
            "a",
            "Z",
            "-",
            "a-b_c.d",
            "a/b",
            "ä",
            "a b",
            "a\n",
            "\u{7f}",
            "^",
            "]",
            "a:b=c@d,e+f",
        ];
        for source in [
            "[a-zA-Z0-9_.-]+",
            "[a-zA-Z0-9_.-]*",
            "[a-z]*",
            "[0-9]+",
            "[ab-]+",
            "[a-zA-Z/]+",
            "[a:=@,+ ]*",
        ] {
            let class = Class::parse(source).expect(source);
            let regex = engine(source).expect(source);
            for text in texts {
                assert_eq!(
                    class.matches(text),
                    regex.is_match(text),
                    "{source} {text:?}"
                );
            }
        }
        for source in [
            "[^a]+",
            "[\\w]+",
            "[a-z]",
            "[a-z]+x",
            "[-a]+",
            "[a[b]]+",
            "[z-a]+",
            "[a-z]+[0-9]+",
            "[é]+",
            "+",
            "[+",
            "[]+",
            "[a--z]+",
            "[a&&b]+",
        ] {
            assert!(Class::parse(source).is_none(), "{source}");
        }
    }
}
