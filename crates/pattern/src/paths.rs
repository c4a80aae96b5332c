//! The paths that the rules of a matcher look at, as a tree of keys. Reading an event walks this tree and skips
//! everything that no rule names (SNS-321, EVB-129).
//!
//! A path is split at its periods whatever the nesting was, and so is every key of an event: that is why a key with
//! periods and a nested key are the same (SNS-315, EVB-130 to EVB-132).

use std::collections::HashMap;

/// A path: its node in the tree.
pub(crate) type PathId = u32;

/// The node above all keys.
pub(crate) const ROOT: PathId = 0;

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, PathId>,
    parent: PathId,
    key: Box<str>,
    /// Rules that test this path, and nodes below it.
    users: usize,
    /// Rules that test this path.
    tests: usize,
}

#[derive(Debug)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    free: Vec<PathId>,
}

impl Paths {
    pub(crate) fn new() -> Paths {
        Paths {
            nodes: vec![Node::default()],
            free: Vec::new(),
        }
    }

    /// The node that a key leads to.
    pub(crate) fn child(&self, node: PathId, key: &str) -> Option<PathId> {
        let mut at = node;
        if !key.contains('.') {
            return self.nodes.get(at as usize)?.children.get(key).copied();
        }
        for part in key.split('.') {
            at = *self.nodes.get(at as usize)?.children.get(part)?;
        }
        Some(at)
    }

    /// Whether a rule tests the value at this path.
    pub(crate) fn is_tested(&self, node: PathId) -> bool {
        self.nodes
            .get(node as usize)
            .is_some_and(|node| node.tests > 0)
    }

    /// Counts one more rule that tests a path, and names the path.
    pub(crate) fn acquire(&mut self, path: &str) -> PathId {
        let mut at = ROOT;
        for part in path.split('.') {
            at = match self.child_exact(at, part) {
                Some(child) => child,
                None => self.add(at, part),
            };
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.users += 1;
            node.tests += 1;
        }
        at
    }

    fn child_exact(&self, node: PathId, part: &str) -> Option<PathId> {
        self.nodes.get(node as usize)?.children.get(part).copied()
    }

    fn add(&mut self, parent: PathId, part: &str) -> PathId {
        let node = Node {
            parent,
            key: part.into(),
            ..Node::default()
        };
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.nodes.push(Node::default());
                (self.nodes.len() - 1) as PathId
            }
        };
        if let Some(place) = self.nodes.get_mut(id as usize) {
            *place = node;
        }
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.children.insert(part.into(), id);
            parent.users += 1;
        }
        id
    }

    /// Takes one rule's use of a path back; nodes that nobody uses are given up.
    pub(crate) fn release(&mut self, path: PathId) {
        let mut at = path;
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.tests = node.tests.saturating_sub(1);
        }
        while let Some(node) = self.nodes.get_mut(at as usize) {
            node.users = node.users.saturating_sub(1);
            if node.users > 0 || at == ROOT {
                return;
            }
            let (parent, key) = (node.parent, std::mem::take(&mut node.key));
            if let Some(above) = self.nodes.get_mut(parent as usize) {
                above.children.remove(&key);
            }
            self.free.push(at);
            at = parent;
        }
    }

    /// Nodes in use, the root included.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.nodes.len() - self.free.len()
    }
}
