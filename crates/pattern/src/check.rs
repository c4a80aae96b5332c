//! Whether an event fulfils one rule: for every path one leaf that fulfils a condition, all of them consistent, and
//! nothing where nothing may be.

use crate::condition::Condition;
use crate::event::Event;
use crate::limits::COMBINATIONS_TRIED_MAX;
use crate::paths::PathId;
use crate::pattern::Conditions;

/// What a rule asks of one path.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) path: PathId,
    pub(crate) conditions: Conditions,
    /// One of the conditions is that there is no value.
    pub(crate) may_be_absent: bool,
}

impl Test {
    pub(crate) fn new(path: PathId, conditions: Conditions) -> Test {
        let may_be_absent = conditions.contains(&Condition::Absent);
        Test {
            path,
            conditions,
            may_be_absent,
        }
    }

    /// The scopes of the leaves that fulfil a condition.
    fn accepted<'e>(&'e self, event: &'e Event<'_>) -> impl Iterator<Item = u32> + 'e {
        event
            .at(self.path)
            .iter()
            .filter(|leaf| {
                self.conditions
                    .iter()
                    .any(|condition| condition.accepts(&leaf.value))
            })
            .map(|leaf| leaf.scope)
    }
}

/// Whether the event fulfils all tests of a rule.
pub(crate) fn fulfils(event: &Event<'_>, tests: &[Test]) -> bool {
    if event.has_no_arrays() {
        return tests.iter().all(|test| {
            test.accepted(event).next().is_some()
                || (test.may_be_absent && event.at(test.path).is_empty())
        });
    }
    let mut open = Vec::with_capacity(tests.len());
    for test in tests {
        let mut scopes: Vec<u32> = test.accepted(event).collect();
        scopes.dedup();
        // Without a leaf to choose, absence is all that is left, and it shows at the end.
        if scopes.is_empty() && !test.may_be_absent {
            return false;
        }
        open.push((test, scopes));
    }
    // Those with the fewest leaves first: they rule out the most.
    open.sort_by_key(|(_, scopes)| scopes.len());
    let mut search = Search {
        event,
        open: &open,
        chosen: Vec::with_capacity(open.len()),
        absent: Vec::new(),
        tried: 0,
    };
    search.choose(0)
}

/// A search for leaves that go together, path by path.
struct Search<'s, 'e> {
    event: &'s Event<'e>,
    open: &'s [(&'s Test, Vec<u32>)],
    chosen: Vec<u32>,
    absent: Vec<PathId>,
    tried: u32,
}

impl Search<'_, '_> {
    /// Chooses for the tests from this one on. As deep as a rule has paths.
    fn choose(&mut self, index: usize) -> bool {
        let Some((test, scopes)) = self.open.get(index) else {
            return self.absent.iter().all(|path| self.is_absent(*path));
        };
        let mut at = 0;
        while let Some(scope) = scopes.get(at).copied() {
            self.tried += 1;
            if self.tried > COMBINATIONS_TRIED_MAX {
                return false;
            }
            let conflict = self
                .chosen
                .iter()
                .filter_map(|chosen| self.event.conflict(*chosen, scope))
                .max();
            if let Some(next) = conflict {
                at += scopes
                    .get(at..)
                    .unwrap_or_default()
                    .partition_point(|scope| *scope < next)
                    .max(1);
                continue;
            }
            self.chosen.push(scope);
            if self.choose(index + 1) {
                return true;
            }
            self.chosen.pop();
            at += 1;
        }
        if !test.may_be_absent {
            return false;
        }
        self.absent.push(test.path);
        let found = self.choose(index + 1);
        self.absent.pop();
        found
    }

    /// EVB-183: no leaf of the path goes together with those that were chosen.
    fn is_absent(&self, path: PathId) -> bool {
        let consistent = |scope: u32| {
            self.chosen
                .iter()
                .all(|chosen| self.event.conflict(*chosen, scope).is_none())
        };
        !self
            .event
            .at(path)
            .iter()
            .any(|leaf| consistent(leaf.scope))
    }
}
