//! The index over the rules of a matcher: a tree that tells rules apart by the values they ask for.
//!
//! A node keeps few rules in a list. When the list grows, the node picks the path that tells most of its rules apart and
//! moves those that test it into a table by value (`table`), whose entries are nodes again. Finding rules looks up the
//! event's values in the tables on its way; rules that ask for other values are never seen. So the cost follows the
//! number of rules that nearly match, not the number of rules (`cargo xtask bench pattern`).
//!
//! What is found only may match: `check` decides. A rule stands in every entry that one of its values leads to.

mod affixes;
mod grams;
mod ranges;
mod route;
mod table;

use std::collections::HashMap;

use crate::check::Test;
use crate::event::Event;
use crate::limits::{NODE_RULES_MAX, RULE_PLACES_MAX};
use crate::paths::PathId;
use route::Route;
use table::Table;

/// A rule's place in the matcher.
pub(crate) type RuleId = u32;

/// Looks a rule up.
pub(crate) trait Rules {
    fn tests(&self, rule: RuleId) -> &[Test];
}

/// A node of the index.
#[derive(Debug)]
pub(crate) struct Node {
    rules: Vec<RuleId>,
    tables: HashMap<PathId, Table>,
    /// Rules in this node and below, counted as often as they stand there.
    count: usize,
    /// Length of the list at which the node next looks for a path to tell its rules apart.
    split_at: usize,
}

impl Default for Node {
    fn default() -> Node {
        Node {
            rules: Vec::new(),
            tables: HashMap::new(),
            count: 0,
            split_at: NODE_RULES_MAX,
        }
    }
}

/// The way from the root to a node: the paths whose values are decided already, and how many places the rule takes so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    decided: Vec<PathId>,
    places: usize,
}

impl Way {
    /// What a test looks for, if it can be looked up and was not yet.
    fn routes<'t>(&self, test: &'t Test) -> Option<Vec<Route<'t>>> {
        if self.decided.contains(&test.path) {
            return None;
        }
        let routes = route::of(test)?;
        (routes.len().saturating_mul(self.places.max(1)) <= RULE_PLACES_MAX).then_some(routes)
    }

    fn through(&self, path: PathId, places: usize) -> Way {
        let mut decided = self.decided.clone();
        decided.push(path);
        Way {
            decided,
            places: self.places.max(1) * places,
        }
    }
}

impl Node {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn insert(&mut self, rules: &impl Rules, rule: RuleId, way: &Way) {
        self.count += 1;
        if !self.insert_into_table(rules, rule, way) {
            self.rules.push(rule);
            if self.rules.len() > self.split_at {
                self.split(rules, way);
            }
        }
    }

    /// Into the table where the rule meets the fewest others.
    fn insert_into_table(&mut self, rules: &impl Rules, rule: RuleId, way: &Way) -> bool {
        let candidates = rules.tests(rule).iter().filter_map(|test| {
            let table = self.tables.get(&test.path)?;
            let routes = way.routes(test)?;
            let met: usize = routes.iter().map(|route| table.count(route)).sum();
            Some((met, test.path, routes))
        });
        let Some((_, path, routes)) = candidates.min_by_key(|(met, path, _)| (*met, *path)) else {
            return false;
        };
        let way = way.through(path, routes.len());
        if let Some(table) = self.tables.get_mut(&path) {
            for route in &routes {
                table.node_mut(route).insert(rules, rule, &way);
            }
        }
        true
    }

    /// Gives the list's rules that test the most telling path a table.
    fn split(&mut self, rules: &impl Rules, way: &Way) {
        let Some(path) = self.most_telling(rules, way) else {
            // Looked at again when there are twice as many, so that a list that cannot be split costs no more than that.
            self.split_at = self.rules.len() * 2;
            return;
        };
        self.tables.entry(path).or_default();
        for rule in std::mem::take(&mut self.rules) {
            if !self.insert_into_table(rules, rule, way) {
                self.rules.push(rule);
            }
        }
        self.split_at = NODE_RULES_MAX.max(self.rules.len() * 2);
    }

    /// The path that spares the most looks at rules, if events ask for values as often as rules do.
    fn most_telling(&self, rules: &impl Rules, way: &Way) -> Option<PathId> {
        let mut tally: HashMap<PathId, (usize, HashMap<Route<'_>, usize>)> = HashMap::new();
        for rule in &self.rules {
            for test in rules.tests(*rule) {
                let Some(routes) = way.routes(test) else {
                    continue;
                };
                let (covered, values) = tally.entry(test.path).or_default();
                *covered += 1;
                for route in routes {
                    *values.entry(route).or_default() += 1;
                }
            }
        }
        let all = self.rules.len();
        let spared = |covered: usize, values: &HashMap<Route<'_>, usize>| {
            let looks: usize = values.values().map(|count| count * count).sum();
            (covered * all).saturating_sub(looks)
        };
        tally
            .iter()
            .map(|(path, (covered, values))| (spared(*covered, values), *path))
            .filter(|(spared, _)| *spared > 0)
            .max_by_key(|(spared, path)| (*spared, std::cmp::Reverse(*path)))
            .map(|(_, path)| path)
    }

    /// Takes a rule out wherever it stands; whether it stood here or below.
    pub(crate) fn remove(&mut self, rules: &impl Rules, rule: RuleId, way: &Way) -> bool {
        if let Some(at) = self.rules.iter().position(|known| *known == rule) {
            self.rules.swap_remove(at);
            self.count -= 1;
            if self.rules.is_empty() {
                self.split_at = NODE_RULES_MAX;
            }
            return true;
        }
        for test in rules.tests(rule) {
            let Some(table) = self.tables.get_mut(&test.path) else {
                continue;
            };
            let Some(routes) = way.routes(test) else {
                continue;
            };
            let way = way.through(test.path, routes.len());
            let mut was_here = false;
            for route in &routes {
                was_here |= table.remove(route, |node| node.remove(rules, rule, &way));
            }
            if was_here {
                if table.is_empty() {
                    self.tables.remove(&test.path);
                }
                self.count -= 1;
                return true;
            }
        }
        false
    }

    /// Shows every rule that the event may fulfil, some of them more than once.
    pub(crate) fn find(&self, event: &Event<'_>, found: &mut dyn FnMut(RuleId)) {
        self.rules.iter().for_each(|rule| found(*rule));
        if self.tables.is_empty() {
            return;
        }
        let mut last = None;
        for leaf in event.leaves() {
            let table = match last {
                Some((path, table)) if path == leaf.path => table,
                _ => self.tables.get(&leaf.path),
            };
            last = Some((leaf.path, table));
            if let Some(table) = table {
                table.find(&leaf.value, &mut |node| node.find(event, found));
            }
        }
    }
}
