//! A valid pattern, as alternatives: every way through its `$or`s is one list of paths with conditions, all of which
//! have to be fulfilled. What limits a pattern's size is checked here too.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition::Condition;
use crate::limits;
use crate::parse::{self, Dialect, Member, PatternError, Tree};

/// The conditions of one leaf array.
pub(crate) type Conditions = Arc<[Condition]>;
/// One alternative: conditions by path. A path is its keys joined with periods (SNS-315, EVB-130).
pub(crate) type Alternative = BTreeMap<String, Conditions>;

/// A valid event pattern or filter policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub(crate) dialect: Dialect,
    pub(crate) alternatives: Vec<Alternative>,
}

impl Pattern {
    /// Reads and checks a pattern.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Pattern, PatternError> {
        let most = if dialect.is_sns() {
            limits::POLICY_BYTES_MAX
        } else {
            limits::PATTERN_BYTES_MAX
        };
        if text.len() > most {
            return Err(PatternError::plain(if dialect.is_sns() {
                "Filter policy is too complex"
            } else {
                "Event pattern is too long"
            }));
        }
        let tree = parse::parse(text, dialect)?;
        if dialect.is_sns() {
            check_policy(&tree, dialect)?;
        }
        if alternatives_of(&tree) > limits::ALTERNATIVES_MAX {
            return Err(PatternError::plain("Too many combinations of $or"));
        }
        let mut alternatives = vec![Alternative::new()];
        expand(&tree, None, &mut alternatives);
        Ok(Pattern {
            dialect,
            alternatives,
        })
    }

    /// The language it was written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// How many alternatives a tree stands for (EVB-192).
fn alternatives_of(tree: &Tree) -> u64 {
    let members = tree.members.iter().map(|(_, member)| match member {
        Member::Leaf(_) => 1,
        Member::Object(inner) => alternatives_of(inner),
        Member::Or(parts) => parts
            .iter()
            .map(alternatives_of)
            .fold(0, u64::saturating_add),
    });
    members.fold(1, u64::saturating_mul)
}

/// Adds a tree's conditions to every alternative there is.
fn expand(tree: &Tree, prefix: Option<&str>, alternatives: &mut Vec<Alternative>) {
    // Parts of `$or` come last, so that their conditions replace those of the object around them (EVB-194).
    let (ors, plain): (Vec<_>, Vec<_>) = tree
        .members
        .iter()
        .partition(|(_, member)| matches!(member, Member::Or(_)));
    for (name, member) in plain.into_iter().chain(ors) {
        let path = prefix.map_or_else(|| name.clone(), |prefix| format!("{prefix}.{name}"));
        match member {
            Member::Leaf(conditions) => {
                let conditions: Conditions = conditions.clone().into();
                for alternative in alternatives.iter_mut() {
                    alternative.insert(path.clone(), conditions.clone());
                }
            }
            Member::Object(inner) => expand(inner, Some(&path), alternatives),
            Member::Or(parts) => {
                let before = std::mem::take(alternatives);
                for part in parts {
                    let mut with_part = before.clone();
                    expand(part, prefix, &mut with_part);
                    alternatives.append(&mut with_part);
                }
            }
        }
    }
}

/// What SNS asks of a filter policy beyond its structure (SNS-267 to SNS-277).
fn check_policy(tree: &Tree, dialect: Dialect) -> Result<(), PatternError> {
    if dialect == Dialect::SnsAttributes && is_nested(tree) {
        return Err(PatternError {
            is_about_scope: true,
            ..PatternError::plain(
                "Filter policy scope MessageAttributes does not support nested filter policy",
            )
        });
    }
    let mut leaves = Vec::new();
    collect_leaves(tree, &mut leaves);
    if leaves.len() > limits::POLICY_KEYS_MAX {
        return Err(PatternError::plain(format!(
            "Filter policy can not have more than {} keys",
            limits::POLICY_KEYS_MAX
        )));
    }
    let wildcards = wildcard_points(&leaves);
    if complexity(tree, 1) > limits::POLICY_COMPLEXITY_MAX
        || wildcards.is_none_or(|points| points > limits::POLICY_WILDCARD_POINTS_MAX)
    {
        return Err(PatternError::plain("Filter policy is too complex"));
    }
    Ok(())
}

fn is_nested(tree: &Tree) -> bool {
    tree.members.iter().any(|(_, member)| match member {
        Member::Leaf(_) => false,
        Member::Object(_) => true,
        Member::Or(parts) => parts.iter().any(is_nested),
    })
}

fn collect_leaves<'a>(tree: &'a Tree, leaves: &mut Vec<&'a [Condition]>) {
    for (_, member) in &tree.members {
        match member {
            Member::Leaf(conditions) => leaves.push(conditions),
            Member::Object(inner) => collect_leaves(inner, leaves),
            Member::Or(parts) => parts.iter().for_each(|part| collect_leaves(part, leaves)),
        }
    }
}

/// SNS-269 to SNS-271: array elements times nesting level, multiplied over keys, added over the parts of `$or`.
fn complexity(tree: &Tree, level: u64) -> u64 {
    let members = tree.members.iter().map(|(_, member)| match member {
        Member::Leaf(conditions) => level.saturating_mul(conditions.len() as u64),
        Member::Object(inner) => complexity(inner, level + 1),
        Member::Or(parts) => {
            let parts = parts.iter().map(|part| complexity(part, level));
            parts.fold(0, u64::saturating_add)
        }
    });
    members.fold(1, u64::saturating_mul)
}

/// SNS-275, SNS-276; `None` when one string has too many wildcards.
fn wildcard_points(leaves: &[&[Condition]]) -> Option<u64> {
    let mut total: u64 = 0;
    for conditions in leaves {
        let (mut points, mut patterns) = (0, 0);
        for condition in *conditions {
            match condition {
                Condition::Wildcard(wildcard) => {
                    let stars = wildcard.stars();
                    if stars > limits::POLICY_WILDCARDS_MAX {
                        return None;
                    }
                    points += if stars > 1 { 3 * stars as u64 } else { 1 };
                    patterns += 1;
                }
                Condition::AnythingBut(excluded) => {
                    let wildcards = excluded.iter().filter_map(|condition| match condition {
                        Condition::Wildcard(wildcard) => Some(wildcard.stars()),
                        _ => None,
                    });
                    for stars in wildcards {
                        if stars > limits::POLICY_WILDCARDS_MAX {
                            return None;
                        }
                        points += 1;
                        patterns += 1;
                    }
                }
                _ => {}
            }
        }
        total = total.saturating_add(points * patterns);
    }
    Some(total)
}
