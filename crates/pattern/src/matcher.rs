//! Many patterns, compiled together: which of them does an event fulfil?

use std::collections::HashMap;
use std::sync::Arc;

use crate::check::{self, Test};
use crate::event::{Attribute, Event, NotAnObject};
use crate::index::{Node, RuleId, Rules, Way};
use crate::paths::Paths;
use crate::pattern::Pattern;

/// The patterns of one topic, bus or source. Adding and removing one costs about as much as its size; matching costs what
/// the event's tested values cost plus the patterns that match, and hardly depends on how many there are.
#[derive(Debug)]
pub struct Matcher {
    paths: Paths,
    rules: Slab,
    index: Node,
    by_owner: HashMap<u64, Vec<RuleId>>,
}

/// One alternative of a pattern.
#[derive(Debug)]
struct Rule {
    owner: u64,
    tests: Arc<[Test]>,
}

#[derive(Debug, Default)]
struct Slab {
    rules: Vec<Option<Rule>>,
    free: Vec<RuleId>,
}

impl Rules for Slab {
    fn tests(&self, rule: RuleId) -> &[Test] {
        match self.rules.get(rule as usize) {
            Some(Some(rule)) => &rule.tests,
            _ => &[],
        }
    }
}

impl Slab {
    fn insert(&mut self, rule: Rule) -> RuleId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.rules.push(None);
            (self.rules.len() - 1) as RuleId
        });
        if let Some(place) = self.rules.get_mut(id as usize) {
            *place = Some(rule);
        }
        id
    }

    fn remove(&mut self, id: RuleId) -> Option<Rule> {
        let rule = self.rules.get_mut(id as usize)?.take()?;
        self.free.push(id);
        Some(rule)
    }
}

impl Default for Matcher {
    fn default() -> Matcher {
        Matcher::new()
    }
}

impl Matcher {
    /// A matcher without patterns.
    pub fn new() -> Matcher {
        Matcher {
            paths: Paths::new(),
            rules: Slab::default(),
            index: Node::default(),
            by_owner: HashMap::new(),
        }
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.by_owner.len()
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.by_owner.is_empty()
    }

    /// Adds a pattern, or replaces the one of this owner.
    pub fn insert(&mut self, owner: u64, pattern: &Pattern) {
        self.remove(owner);
        let mut ids = Vec::with_capacity(pattern.alternatives.len());
        for alternative in &pattern.alternatives {
            let tests: Arc<[Test]> = alternative
                .iter()
                .map(|(path, conditions)| Test::new(self.paths.acquire(path), conditions.clone()))
                .collect();
            let id = self.rules.insert(Rule { owner, tests });
            self.index.insert(&self.rules, id, &Way::default());
            ids.push(id);
        }
        self.by_owner.insert(owner, ids);
    }

    /// Removes an owner's pattern; whether there was one.
    pub fn remove(&mut self, owner: u64) -> bool {
        let Some(ids) = self.by_owner.remove(&owner) else {
            return false;
        };
        for id in ids {
            let found = self.index.remove(&self.rules, id, &Way::default());
            debug_assert!(found, "every rule stands in the index");
            if let Some(rule) = self.rules.remove(id) {
                rule.tests
                    .iter()
                    .for_each(|test| self.paths.release(test.path));
            }
        }
        true
    }

    /// Adds the owners whose patterns a JSON object fulfils to `owners`, each once, in ascending order.
    pub fn match_json(&self, text: &str, owners: &mut Vec<u64>) -> Result<(), NotAnObject> {
        let event = Event::from_json(text, &self.paths)?;
        self.match_event(&event, owners);
        Ok(())
    }

    /// Adds the owners whose filter policies fit the attributes of a message to `owners`, each once, in ascending order.
    /// A message without any attribute fits none (SNS-302); `attributes` leaves binary ones out (SNS-288), so the caller
    /// knows whether there were any.
    pub fn match_attributes(&self, attributes: &[Attribute<'_>], owners: &mut Vec<u64>) {
        let event = Event::from_attributes(attributes, &self.paths);
        self.match_event(&event, owners);
    }

    fn match_event(&self, event: &Event<'_>, owners: &mut Vec<u64>) {
        let mut found = Vec::new();
        self.index.find(event, &mut |id| {
            if let Some(Some(rule)) = self.rules.rules.get(id as usize)
                && check::fulfils(event, &rule.tests)
            {
                found.push(rule.owner);
            }
        });
        // Several rules of an owner may be fulfilled, and the index may show one of them several times.
        found.sort_unstable();
        found.dedup();
        owners.append(&mut found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn nothing_is_left_of_removed_patterns() {
        let mut matcher = Matcher::new();
        for owner in 0..500_u64 {
            let text = format!(
                r#"{{"a":{{"b{}":[{{"prefix":"x{owner}"}},{{"numeric":[">",{owner}]}},"t{owner}"]}},"c":["v"]}}"#,
                owner % 7
            );
            matcher.insert(
                owner,
                &Pattern::parse(&text, Dialect::EventBridge).expect("valid"),
            );
        }
        assert_eq!(matcher.len(), 500);
        for owner in 0..500 {
            assert!(matcher.remove(owner));
            assert!(!matcher.remove(owner));
        }
        assert!(matcher.is_empty() && matcher.index.is_empty());
        assert_eq!(matcher.paths.count(), 1);
    }
}
