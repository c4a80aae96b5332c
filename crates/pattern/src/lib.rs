//! Event patterns and filter policies: parsed as AWS parses them, compiled into one index, matched.
//!
//! Read in this order: `parse` turns the text of a pattern into a tree and says what is wrong in AWS's words; `pattern`
//! writes the tree as alternatives ("rules"), each a list of paths with conditions; `event` flattens what is to be
//! matched; `matcher` keeps the rules of many patterns and finds those that an event fulfils. `index` makes that cheap:
//! it proposes the few rules that can match, and `check` decides about each of them, so that the index can only cost
//! time, never a wrong answer.
//!
//! SNS filter policies (`docs/reference/sns.md`, sections 22 to 24) and EventBridge patterns
//! (`docs/reference/eventbridge.md`, sections 9 to 13) are two dialects of one language.

// Everything here reads text that strangers sent.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod parse;
mod pattern;
mod condition;
mod number;
mod wildcard;
mod address;
mod case;
mod event;
mod matcher;
mod check;
mod paths;
mod index;
mod tokens;
mod limits;

pub use event::{Attribute, AttributeValue, NotAnObject};
pub use matcher::Matcher;
pub use parse::{Dialect, PatternError};
pub use pattern::Pattern;
