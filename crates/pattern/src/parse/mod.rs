//! From the text of a pattern to a tree, or to what is wrong with it in AWS's words (SNS table 22.1, EventBridge table
//! 13.1). The first fault in the order of the text is the one reported (EVB-200).

mod anything_but;
mod numeric;
mod operator;

use std::fmt;

use crate::condition::Condition;
use crate::number::Number;
use crate::tokens::{Reader, SyntaxError, Token};

/// The language a pattern is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SNS, scope `MessageAttributes`.
    SnsAttributes,
    /// SNS, scope `MessageBody`.
    SnsBody,
    /// EventBridge rules, archives, and the filters of event sources and pipes.
    EventBridge,
}

impl Dialect {
    pub(crate) fn is_sns(self) -> bool {
        self != Dialect::EventBridge
    }
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// AWS's text, without the position.
    pub message: String,
    /// Line and column, for faults of the structure (SNS-282, EVB-197).
    pub position: Option<(usize, usize)>,
    /// The text stands by itself, without `FilterPolicy: ` before it (SNS-277).
    pub is_about_scope: bool,
}

impl PatternError {
    /// A fault without a position.
    pub(crate) fn plain(message: impl Into<String>) -> PatternError {
        PatternError {
            message: message.into(),
            position: None,
            is_about_scope: false,
        }
    }
}

impl fmt::Display for PatternError {
    /// As AWS prints it, without the source (SNS-282: newer versions redact it).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.position {
            Some((line, column)) => write!(
                f,
                "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
            ),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PatternError {}

/// An object of a pattern. A key that occurs twice counts as it stands last (EVB-127).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tree {
    pub(crate) members: Vec<(String, Member)>,
}

/// What a key of a pattern holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Member {
    Leaf(Vec<Condition>),
    Object(Tree),
    Or(Vec<Tree>),
}

/// Names that no field inside `$or` may have (EVB-193).
const RESERVED: &[&str] = &[
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Where in a pattern an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Nested,
    Part,
}

/// Reads a pattern.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Tree, PatternError> {
    let mut parser = Parser {
        reader: Reader::new(text),
        text,
        dialect,
    };
    let tree = match parser.value()? {
        Token::ObjectStart => parser.object(Place::Top)?,
        _ => return Err(parser.fault("Filter is not an object")),
    };
    let mut reader = parser.reader.clone();
    reader.end().map_err(|error| parser.syntax(error))?;
    Ok(tree)
}

pub(crate) struct Parser<'a> {
    reader: Reader<'a>,
    text: &'a str,
    dialect: Dialect,
}

impl<'a> Parser<'a> {
    /// A fault where the reader stands.
    fn fault(&self, message: impl Into<String>) -> PatternError {
        self.fault_at(message, self.reader.position())
    }

    fn fault_at(&self, message: impl Into<String>, at: usize) -> PatternError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        PatternError {
            message: message.into(),
            position: Some((line, column)),
            is_about_scope: false,
        }
    }

    fn syntax(&self, error: SyntaxError) -> PatternError {
        let prefix = if self.dialect.is_sns() {
            "failed to parse JSON. "
        } else {
            ""
        };
        let message = error.message(self.text);
        self.fault_at(format!("{prefix}{message}"), error.at)
    }

    fn value(&mut self) -> Result<Token<'a>, PatternError> {
        self.reader.value().map_err(|error| self.syntax(error))
    }

    fn member(&mut self, first: &mut bool) -> Result<Option<String>, PatternError> {
        let name = self.reader.member(first);
        name.map(|name| name.map(String::from))
            .map_err(|error| self.syntax(error))
    }

    /// The next element of an array, or none at its end.
    fn element(&mut self, first: &mut bool) -> Result<Option<Token<'a>>, PatternError> {
        match self.reader.element(first) {
            Ok(true) => self.value().map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(self.syntax(error)),
        }
    }

    fn object(&mut self, place: Place) -> Result<Tree, PatternError> {
        let mut tree = Tree::default();
        let mut first = true;
        while let Some(name) = self.member(&mut first)? {
            if place == Place::Part && RESERVED.contains(&name.as_str()) {
                return Err(self.fault(format!(
                    "{name} is Ruler reserved fieldName which cannot be used inside $or."
                )));
            }
            let begun = self.value()?;
            let member = if name == "$or" {
                Member::Or(self.or(begun)?)
            } else {
                match begun {
                    Token::ArrayStart => Member::Leaf(self.leaf()?),
                    Token::ObjectStart => Member::Object(self.object(match place {
                        Place::Part => Place::Part,
                        Place::Top | Place::Nested => Place::Nested,
                    })?),
                    _ => {
                        return Err(self.fault(format!("\"{name}\" must be an object or an array")));
                    }
                }
            };
            tree.members.retain(|(known, _)| *known != name);
            tree.members.push((name, member));
        }
        // SNS takes the empty policy for none; everywhere else an empty object is a fault (EVB-124).
        if tree.members.is_empty() && !(self.dialect.is_sns() && place == Place::Top) {
            return Err(self.fault("Empty objects are not allowed"));
        }
        Ok(tree)
    }

    /// SNS-266, EVB-187, EVB-195
    fn or(&mut self, begun: Token<'_>) -> Result<Vec<Tree>, PatternError> {
        if begun != Token::ArrayStart {
            return Err(self.fault("It must be an Array followed with $or."));
        }
        let mut parts = Vec::new();
        let mut first = true;
        while let Some(token) = self.element(&mut first)? {
            if token != Token::ObjectStart {
                return Err(self.fault("Only JSON object is allowed in array of $or relationship."));
            }
            parts.push(self.object(Place::Part)?);
        }
        if parts.len() < 2 {
            return Err(self.fault("There must have at least 2 Objects in $or relationship."));
        }
        Ok(parts)
    }

    /// The rest of an array of match values (SNS-264, EVB-122).
    fn leaf(&mut self) -> Result<Vec<Condition>, PatternError> {
        let mut conditions = Vec::new();
        let mut first = true;
        while let Some(token) = self.element(&mut first)? {
            conditions.push(match token {
                Token::Text(text) => Condition::Text(text.into()),
                Token::Number(text) => Condition::Number(self.number(text)?),
                Token::True => Condition::True,
                Token::False => Condition::False,
                Token::Null => Condition::Null,
                Token::ObjectStart => self.operator()?,
                Token::ArrayStart => {
                    return Err(
                        self.fault("Match value must be String, number, true, false, or null")
                    );
                }
            });
        }
        if conditions.is_empty() {
            return Err(self.fault("Empty arrays are not allowed"));
        }
        Ok(conditions)
    }

    /// A number, within the dialect's range (SNS-274).
    fn number(&self, text: &str) -> Result<Number, PatternError> {
        let most = crate::limits::POLICY_NUMBER_MAX;
        let value: f64 = text.parse().unwrap_or(f64::INFINITY);
        if self.dialect.is_sns() && !(-most..=most).contains(&value) {
            return Err(self.fault("Value must be between -1.0E9 and 1.0E9, inclusive"));
        }
        Ok(Number::parse(text))
    }
}
