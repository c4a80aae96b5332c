//! The matcher with many patterns against a plain evaluation of each one, on random patterns and events.
//!
//! `plain` is written straight from the references, without an index, without shared code. `PATTERN_SEED=n` repeats a run.

mod plain;
mod sample;

use std::collections::BTreeMap;

use sample::Sample;
use serde_json::Value;
use waystation_pattern::{Attribute, AttributeValue, Dialect, Matcher, Pattern};

fn seeds() -> Vec<u64> {
    match std::env::var("PATTERN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => vec![seed],
        None => {
            let first = fastrand::u64(..);
            (0..20).map(|offset| first.wrapping_add(offset)).collect()
        }
    }
}

/// Patterns come and go; after every few changes events are matched both ways.
fn compare(seed: u64, dialect: Dialect) -> (usize, usize) {
    let mut sample = Sample::new(seed, dialect);
    let mut matcher = Matcher::new();
    let mut known: BTreeMap<u64, Value> = BTreeMap::new();
    let (mut hits, mut misses) = (0, 0);
    for _ in 0..12 {
        for _ in 0..sample.below(120) {
            let owner = sample.below(150) as u64;
            if sample.below(3) == 0 {
                assert_eq!(
                    matcher.remove(owner),
                    known.remove(&owner).is_some(),
                    "PATTERN_SEED={seed}"
                );
                continue;
            }
            let value = sample.pattern();
            if let Ok(pattern) = Pattern::parse(&value.to_string(), dialect) {
                matcher.insert(owner, &pattern);
                known.insert(owner, value);
            }
        }
        assert_eq!(matcher.len(), known.len());
        for _ in 0..8 {
            let event = sample.event();
            let mut found = Vec::new();
            let text = event.to_string();
            if dialect == Dialect::SnsAttributes {
                match_attributes(&matcher, &event, &mut found);
            } else {
                matcher.match_json(&text, &mut found).expect("an object");
            }
            let expected: Vec<u64> = known
                .iter()
                .filter(|(_, pattern)| plain::matches(pattern, &event, dialect))
                .map(|(owner, _)| *owner)
                .collect();
            for owner in known.keys() {
                assert_eq!(
                    found.contains(owner),
                    expected.contains(owner),
                    "PATTERN_SEED={seed} {dialect:?}: {} on {text}",
                    known[owner]
                );
            }
            assert_eq!(found, expected, "PATTERN_SEED={seed}: each once, in order");
            hits += expected.len();
            misses += known.len() - expected.len();
        }
    }
    (hits, misses)
}

/// The event's members as attributes: strings, numbers, and everything else as `String.Array`.
fn match_attributes(matcher: &Matcher, event: &Value, found: &mut Vec<u64>) {
    let members = event.as_object().expect("an object");
    let texts: Vec<(&String, &Value, String)> = members
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, value, text.clone()),
            other => (name, value, other.to_string()),
        })
        .collect();
    let attributes: Vec<Attribute<'_>> = texts
        .iter()
        .map(|(name, value, text)| Attribute {
            name,
            value: match value {
                Value::String(_) => AttributeValue::Text(text),
                Value::Number(_) => AttributeValue::Number(text),
                _ => AttributeValue::Array(text),
            },
        })
        .collect();
    matcher.match_attributes(&attributes, found);
}

fn all(dialect: Dialect) {
    let (mut hits, mut misses) = (0, 0);
    for seed in seeds() {
        let (hit, missed) = compare(seed, dialect);
        hits += hit;
        misses += missed;
    }
    // A sample in which nothing ever matches, or everything, would show nothing.
    assert!(
        hits * 100 > misses && misses * 5 > hits,
        "{hits} hits, {misses} misses"
    );
}

#[test]
fn event_patterns_match_as_written() {
    all(Dialect::EventBridge);
}

#[test]
fn body_policies_match_as_written() {
    all(Dialect::SnsBody);
}

#[test]
fn attribute_policies_match_as_written() {
    all(Dialect::SnsAttributes);
}
