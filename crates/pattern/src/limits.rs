//! Every bound of patterns in one place.

/// Bytes of a filter policy (SNS-272).
pub(crate) const POLICY_BYTES_MAX: usize = 256_000;
/// Leaf keys of a filter policy (SNS-267, SNS-268).
pub(crate) const POLICY_KEYS_MAX: usize = 5;
/// Complexity of a filter policy (SNS-269).
pub(crate) const POLICY_COMPLEXITY_MAX: u64 = 150;
/// Wildcards in one string of a filter policy (SNS-275).
pub(crate) const POLICY_WILDCARDS_MAX: usize = 3;
/// Points of all wildcard strings of a filter policy (SNS-276).
pub(crate) const POLICY_WILDCARD_POINTS_MAX: u64 = 100;
/// Numbers of a filter policy lie between this and its negative (SNS-274).
pub(crate) const POLICY_NUMBER_MAX: f64 = 1e9;
/// Bytes of any other pattern; EventBridge allows 4,096 characters (EVB-061).
pub(crate) const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// Alternatives that `$or` may make of one pattern (EVB-192).
pub(crate) const ALTERNATIVES_MAX: u64 = 1000;
/// Levels of a pattern or an event. Both are read recursively, so this bounds the stack.
pub(crate) const DEPTH_MAX: usize = 128;
/// Rules of an index node before it looks for a field that tells them apart.
pub(crate) const NODE_RULES_MAX: usize = 8;
/// Places in the index that one rule may take; a rule with more values stays in a list that is always looked at.
pub(crate) const RULE_PLACES_MAX: usize = 4096;
/// Numeric ranges in one block of the range index.
pub(crate) const RANGE_BLOCK_MAX: usize = 64;
/// Combinations of array elements that are tried for one rule and event. Only events made for the purpose come near it
/// (several arrays of thousands of objects below each other); such an event then does not match that rule.
pub(crate) const COMBINATIONS_TRIED_MAX: u32 = 1_000_000;
