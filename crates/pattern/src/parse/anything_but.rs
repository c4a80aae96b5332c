//! `anything-but` in all its forms (SNS-283, EVB-154 to EVB-160).

use super::{Dialect, Parser, PatternError};
use crate::case::fold;
use crate::condition::Condition;
use crate::tokens::Token;

const ONE_VALUE: &str = "Value of anything-but must be an array or single string/number value.";
const MIXED: &str =
    "Inside anything but list, either all values are number or string, mixed type is not supported";
const LITERAL: &str = "Inside anything but list, start|null|boolean is not supported.";

impl<'a> Parser<'a> {
    pub(super) fn anything_but(&mut self) -> Result<Condition, PatternError> {
        let excluded = match self.value()? {
            Token::Text(text) => vec![Condition::Text(text.into())],
            Token::Number(text) => vec![Condition::Number(self.number(text)?)],
            Token::ArrayStart => self.excluded_values()?,
            Token::ObjectStart => self.excluded_patterns()?,
            Token::True | Token::False | Token::Null => return Err(self.fault(ONE_VALUE)),
        };
        Ok(Condition::AnythingBut(excluded))
    }

    /// EVB-156 wants one type. SNS-283 speaks of strings and numbers, so there both may stand together.
    fn excluded_values(&mut self) -> Result<Vec<Condition>, PatternError> {
        let mut excluded = Vec::new();
        let mut first = true;
        while let Some(token) = self.element(&mut first)? {
            excluded.push(match token {
                Token::Text(text) => Condition::Text(text.into()),
                Token::Number(text) => Condition::Number(self.number(text)?),
                _ => return Err(self.fault(LITERAL)),
            });
        }
        let texts = excluded
            .iter()
            .filter(|condition| matches!(condition, Condition::Text(_)))
            .count();
        let is_mixed = texts > 0 && texts < excluded.len();
        if excluded.is_empty() || (is_mixed && self.dialect == Dialect::EventBridge) {
            return Err(self.fault(MIXED));
        }
        Ok(excluded)
    }

    /// The rest of `{"prefix": …}` and its like.
    fn excluded_patterns(&mut self) -> Result<Vec<Condition>, PatternError> {
        let mut first = true;
        let Some(operator) = self.member(&mut first)? else {
            return Err(self.fault("Match expression name not found"));
        };
        let excluded = match operator.as_str() {
            "prefix" | "suffix" => self.excluded_affixes(&operator)?,
            "equals-ignore-case" if self.dialect == Dialect::EventBridge => {
                let fault = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.";
                let texts = self.strings(fault)?;
                let folded = texts.iter().map(|text| fold(text).into());
                folded.map(Condition::EqualsIgnoringCase).collect()
            }
            "wildcard" => {
                let texts = self.strings("wildcard match pattern must be a string")?;
                let parsed = texts.iter().map(|text| self.wildcard(text));
                parsed
                    .map(|wildcard| wildcard.map(Condition::Wildcard))
                    .collect::<Result<_, _>>()?
            }
            other => return Err(self.fault(format!("Unsupported anything-but pattern: {other}"))),
        };
        match self.member(&mut first)? {
            None => Ok(excluded),
            Some(_) => Err(self.fault("Only one key allowed in match expression")),
        }
    }

    fn excluded_affixes(&mut self, operator: &str) -> Result<Vec<Condition>, PatternError> {
        // The two references give two texts for the same mistake.
        let fault = if self.dialect.is_sns() {
            format!("{operator} match pattern must be a string")
        } else {
            "prefix/suffix match pattern must be a string".to_owned()
        };
        let texts = self.strings(&fault)?;
        if texts.iter().any(String::is_empty) {
            return Err(self.fault("Null prefix/suffix not allowed"));
        }
        let boxed = texts.into_iter().map(String::into_boxed_str);
        Ok(if operator == "prefix" {
            boxed.map(Condition::Prefix).collect()
        } else {
            boxed.map(Condition::Suffix).collect()
        })
    }

    /// A string, or a list of strings where the dialect has lists.
    fn strings(&mut self, fault: &str) -> Result<Vec<String>, PatternError> {
        match self.value()? {
            Token::Text(text) => Ok(vec![text.into()]),
            Token::ObjectStart if self.dialect == Dialect::EventBridge => {
                Err(self.fault(ONE_VALUE))
            }
            Token::ArrayStart if self.dialect == Dialect::EventBridge => {
                let mut texts = Vec::new();
                let mut first = true;
                while let Some(token) = self.element(&mut first)? {
                    match token {
                        Token::Text(text) => texts.push(text.into()),
                        _ => return Err(self.fault(fault)),
                    }
                }
                if texts.is_empty() {
                    return Err(self.fault("Empty arrays are not allowed"));
                }
                Ok(texts)
            }
            _ => Err(self.fault(fault)),
        }
    }
}
