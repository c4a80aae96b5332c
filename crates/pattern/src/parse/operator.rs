//! Operator objects: exactly one key, whose name says what its value means (SNS-265, EventBridge table 10.1).

use super::{Dialect, Parser, PatternError};
use crate::address::{BadBlock, Block};
use crate::case::fold;
use crate::condition::Condition;
use crate::tokens::Token;
use crate::wildcard::{BadWildcard, Wildcard};

impl<'a> Parser<'a> {
    /// The rest of an operator object.
    pub(super) fn operator(&mut self) -> Result<Condition, PatternError> {
        let mut first = true;
        let Some(name) = self.member(&mut first)? else {
            return Err(self.fault("Match expression name not found"));
        };
        let condition = match name.as_str() {
            "prefix" => self.affix("prefix", Condition::Prefix, Condition::PrefixIgnoringCase)?,
            "suffix" => self.affix("suffix", Condition::Suffix, Condition::SuffixIgnoringCase)?,
            "equals-ignore-case" => {
                let text = self.string("equals-ignore-case")?;
                Condition::EqualsIgnoringCase(fold(&text).into())
            }
            "wildcard" => {
                let text = self.string("wildcard")?;
                Condition::Wildcard(self.wildcard(&text)?)
            }
            "numeric" => self.numeric()?,
            "cidr" => {
                // The word is "prefix": AWS's parser reads a block with the code of prefixes.
                let text = self.string("prefix")?;
                Condition::Block(block(&text)?)
            }
            "exists" => match self.value()? {
                Token::True if self.dialect == Dialect::EventBridge => Condition::Present,
                Token::True => Condition::Filled,
                Token::False => Condition::Absent,
                _ => {
                    return Err(self.fault("exists match pattern must be either true or false."));
                }
            },
            "anything-but" => self.anything_but()?,
            other => return Err(self.fault(format!("Unrecognized match type {other}"))),
        };
        match self.member(&mut first)? {
            None => Ok(condition),
            Some(_) => Err(self.fault("Only one key allowed in match expression")),
        }
    }

    /// A string argument.
    pub(super) fn string(&mut self, operator: &str) -> Result<String, PatternError> {
        match self.value()? {
            Token::Text(text) => Ok(text.into()),
            _ => Err(self.fault(format!("{operator} match pattern must be a string"))),
        }
    }

    /// A string, or `{"equals-ignore-case": string}` (EVB-146).
    fn affix(
        &mut self,
        operator: &str,
        exact: fn(Box<str>) -> Condition,
        ignoring_case: fn(Box<str>) -> Condition,
    ) -> Result<Condition, PatternError> {
        match self.value()? {
            Token::Text(text) => Ok(exact(text.into())),
            Token::ObjectStart if self.dialect == Dialect::EventBridge => {
                let mut first = true;
                match self.member(&mut first)?.as_deref() {
                    Some("equals-ignore-case") => {}
                    Some(other) => {
                        return Err(self.fault(format!("Unsupported {operator} pattern: {other}")));
                    }
                    None => return Err(self.fault("Match expression name not found")),
                }
                let text = self.string("equals-ignore-case")?;
                match self.member(&mut first)? {
                    None => Ok(ignoring_case(fold(&text).into())),
                    Some(_) => Err(self.fault("Only one key allowed in match expression")),
                }
            }
            _ => Err(self.fault(format!("{operator} match pattern must be a string"))),
        }
    }

    pub(super) fn wildcard(&self, text: &str) -> Result<Wildcard, PatternError> {
        Wildcard::parse(text).map_err(|bad| {
            self.fault(match bad {
                BadWildcard::Consecutive(at) => {
                    format!("Consecutive wildcard characters at pos {at}")
                }
                BadWildcard::Escape(at) => format!("Invalid escape character at pos {at}"),
            })
        })
    }
}

/// EVB-165; these faults have no position (EVB-198).
fn block(text: &str) -> Result<Block, PatternError> {
    Block::parse(text).map_err(|bad| {
        PatternError::plain(match bad {
            BadBlock::OneSlash => "Malformed CIDR, one '/' required".to_owned(),
            BadBlock::NotAnInteger => "Malformed CIDR, mask bits must be an integer".to_owned(),
            BadBlock::Negative => "Malformed CIDR, mask bits must not be negative".to_owned(),
            BadBlock::TooManyBits(family, most) => format!("{family} mask bits must be < {most}"),
            BadBlock::Address(address) => format!("Nonstandard IP address: {address}"),
        })
    })
}
