//! `numeric`: one comparison, or a lower and an upper bound (SNS-285, EVB-161 to EVB-164).

use super::{Parser, PatternError};
use crate::condition::{Condition, Range};
use crate::number::Number;
use crate::tokens::Token;

impl<'a> Parser<'a> {
    pub(super) fn numeric(&mut self) -> Result<Condition, PatternError> {
        if self.value()? != Token::ArrayStart {
            return Err(self.fault("Value of numeric must be an array."));
        }
        let mut first = true;
        let operator = match self.element(&mut first)? {
            Some(Token::Text(operator)) => operator,
            Some(other) => {
                return Err(self.fault(format!(
                    "Invalid member in numeric match: {}",
                    shown(&other)
                )));
            }
            None => return Err(self.fault("Invalid member in numeric match: ]")),
        };
        match &*operator {
            "=" => {
                let Some(Token::Number(text)) = self.element(&mut first)? else {
                    return Err(self.fault("Value of equals must be numeric"));
                };
                let number = self.number(text)?;
                match self.element(&mut first)? {
                    None => Ok(Condition::Number(number)),
                    Some(_) => Err(self.fault("Too many elements in numeric expression")),
                }
            }
            "<" | "<=" => {
                let high = self.bound(&operator, &mut first)?;
                if self.element(&mut first)?.is_some() {
                    return Err(self.fault("Too many elements in numeric expression"));
                }
                Ok(Condition::Range(Range {
                    low: f64::NEG_INFINITY,
                    low_included: true,
                    high,
                    high_included: &*operator == "<=",
                }))
            }
            ">" | ">=" => self.from(&operator, &mut first),
            other => Err(self.fault(format!("Unrecognized numeric range operator: {other}"))),
        }
    }

    /// A lower bound, perhaps followed by an upper one.
    fn from(&mut self, operator: &str, first: &mut bool) -> Result<Condition, PatternError> {
        let mut range = Range {
            low: self.bound(operator, first)?,
            low_included: operator == ">=",
            high: f64::INFINITY,
            high_included: true,
        };
        let upper = match self.element(first)? {
            None => return Ok(Condition::Range(range)),
            Some(Token::Text(upper)) => upper,
            Some(other) => {
                return Err(self.fault(format!("Bad value in numeric range: {}", shown(&other))));
            }
        };
        range.high_included = match &*upper {
            "<" => false,
            "<=" => true,
            other => return Err(self.fault(format!("Bad numeric range operator: {other}"))),
        };
        range.high = self.bound(&upper, first)?;
        if range.low >= range.high {
            return Err(self.fault("Bottom must be less than top"));
        }
        match self.element(first)? {
            None => Ok(Condition::Range(range)),
            Some(_) => Err(self.fault("Too many terms in numeric range expression")),
        }
    }

    fn bound(&mut self, operator: &str, first: &mut bool) -> Result<f64, PatternError> {
        let Some(Token::Number(text)) = self.element(first)? else {
            return Err(self.fault(format!("Value of {operator} must be numeric")));
        };
        match self.number(text)? {
            Number::Value(value) => Ok(value),
            Number::Text(text) => Ok(text.parse().unwrap_or(f64::INFINITY)),
        }
    }
}

/// A token as the fault names it.
fn shown(token: &Token<'_>) -> String {
    match token {
        Token::ObjectStart => "{".to_owned(),
        Token::ArrayStart => "[".to_owned(),
        Token::Text(text) => text.to_string(),
        Token::Number(text) => (*text).to_owned(),
        Token::True => "true".to_owned(),
        Token::False => "false".to_owned(),
        Token::Null => "null".to_owned(),
    }
}
