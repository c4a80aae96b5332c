//! What is matched: the leaves of an event or the attributes of a message, as far as some rule looks at them.
//!
//! Arrays are entered (SNS-311 to SNS-314, EVB-175 to EVB-182). Every element of an array is a scope; a leaf remembers
//! the innermost scope it stands in. Two leaves go together unless their scopes are different elements of one array.

use std::borrow::Cow;

use crate::condition::Scalar;
use crate::number;
use crate::paths::{PathId, Paths, ROOT};
use crate::tokens::{Reader, SyntaxError, Token};

/// The text to be matched is not a JSON object (SNS-308).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject;

impl std::fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the text is not a JSON object")
    }
}

impl std::error::Error for NotAnObject {}

impl From<SyntaxError> for NotAnObject {
    fn from(_: SyntaxError) -> NotAnObject {
        NotAnObject
    }
}

/// A message attribute as filter policies see it. Binary attributes are left out (SNS-288).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The attribute's name.
    pub name: &'a str,
    /// Its value.
    pub value: AttributeValue<'a>,
}

/// The value of a message attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeValue<'a> {
    /// Of type String.
    Text(&'a str),
    /// Of type Number.
    Number(&'a str),
    /// Of type String.Array: a JSON array as text (SNS-159).
    Array(&'a str),
}

/// The scope outside of all arrays.
const OUTSIDE: u32 = 0;

/// An element of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    parent: u32,
    array: u32,
    depth: u32,
}

/// A value that some rule tests.
#[derive(Debug, Clone)]
pub(crate) struct Leaf<'a> {
    pub(crate) path: PathId,
    pub(crate) scope: u32,
    pub(crate) value: Scalar<'a>,
}

/// The tested leaves of an event, sorted by path and within a path by scope, which is the event's order.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    leaves: Vec<Leaf<'a>>,
    scopes: Vec<Scope>,
    /// For every array the scope after its last.
    array_ends: Vec<u32>,
}

impl<'a> Event<'a> {
    fn new() -> Event<'a> {
        Event {
            leaves: Vec::new(),
            scopes: Vec::new(),
            array_ends: Vec::new(),
        }
    }

    /// Reads a JSON object.
    pub(crate) fn from_json(text: &'a str, paths: &Paths) -> Result<Event<'a>, NotAnObject> {
        let mut event = Event::new();
        let mut reader = Reader::new(text);
        let begun = reader.value()?;
        if begun != Token::ObjectStart {
            return Err(NotAnObject);
        }
        event.read(&mut reader, begun, paths, ROOT, OUTSIDE)?;
        reader.end()?;
        event.sort();
        Ok(event)
    }

    /// Takes message attributes (section 23 of the SNS reference).
    pub(crate) fn from_attributes(attributes: &[Attribute<'a>], paths: &Paths) -> Event<'a> {
        let mut event = Event::new();
        for Attribute { name, value } in attributes {
            let Some(path) = paths
                .child(ROOT, name)
                .filter(|path| paths.is_tested(*path))
            else {
                continue;
            };
            match value {
                AttributeValue::Text(text) => {
                    event.add(path, Scalar::Text(escaped(Cow::Borrowed(*text))))
                }
                AttributeValue::Number(text) => event.add(
                    path,
                    number::decimal(text)
                        .map_or(Scalar::Unreadable, |value| Scalar::Number { value, text }),
                ),
                AttributeValue::Array(text) => event.add_array(path, text),
            }
        }
        event.sort();
        event
    }

    fn add(&mut self, path: PathId, value: Scalar<'a>) {
        self.leaves.push(Leaf {
            path,
            scope: OUTSIDE,
            value,
        });
    }

    /// Each element by itself (SNS-290); a text that is no array of scalars is unreadable (SNS-291).
    fn add_array(&mut self, path: PathId, text: &'a str) {
        let before = self.leaves.len();
        let mut read = || -> Result<(), NotAnObject> {
            let mut reader = Reader::new(text);
            if reader.value()? != Token::ArrayStart {
                return Err(NotAnObject);
            }
            let mut first = true;
            while reader.element(&mut first)? {
                let value = match scalar(reader.value()?).ok_or(NotAnObject)? {
                    Scalar::Text(text) => Scalar::Text(escaped(text)),
                    other => other,
                };
                self.add(path, value);
            }
            Ok(reader.end()?)
        };
        if read().is_err() {
            self.leaves.truncate(before);
            self.add(path, Scalar::Unreadable);
        }
    }

    /// The depth of the recursion is that of the text, which the reader limits.
    fn read(
        &mut self,
        reader: &mut Reader<'a>,
        begun: Token<'a>,
        paths: &Paths,
        path: PathId,
        scope: u32,
    ) -> Result<(), SyntaxError> {
        let mut first = true;
        match begun {
            Token::ObjectStart => {
                while let Some(key) = reader.member(&mut first)? {
                    let value = reader.value()?;
                    match paths.child(path, &key) {
                        Some(child) => self.read(reader, value, paths, child, scope)?,
                        None => reader.skip_rest(&value)?,
                    }
                }
            }
            Token::ArrayStart => {
                let array = self.array_ends.len() as u32;
                self.array_ends.push(0);
                while reader.element(&mut first)? {
                    let value = reader.value()?;
                    let element = self.enter(scope, array);
                    self.read(reader, value, paths, path, element)?;
                }
                let after = self.scopes.len() as u32 + 1;
                if let Some(end) = self.array_ends.get_mut(array as usize) {
                    *end = after;
                }
            }
            value => {
                if paths.is_tested(path)
                    && let Some(value) = scalar(value)
                {
                    self.leaves.push(Leaf { path, scope, value });
                }
            }
        }
        Ok(())
    }

    /// A new element of an array that stands in `parent`. Scope 0 is outside, so the first element is 1.
    fn enter(&mut self, parent: u32, array: u32) -> u32 {
        let depth = self.depth(parent) + 1;
        self.scopes.push(Scope {
            parent,
            array,
            depth,
        });
        self.scopes.len() as u32
    }

    fn scope(&self, scope: u32) -> Option<&Scope> {
        self.scopes.get((scope as usize).checked_sub(1)?)
    }

    fn depth(&self, scope: u32) -> u32 {
        self.scope(scope).map_or(0, |scope| scope.depth)
    }

    fn parent(&self, scope: u32) -> u32 {
        self.scope(scope).map_or(OUTSIDE, |scope| scope.parent)
    }

    fn sort(&mut self) {
        if self.leaves.len() > 1 {
            self.leaves.sort_by_key(|leaf| (leaf.path, leaf.scope));
        }
    }

    /// Whether leaves of these scopes may be used together (EVB-179 to EVB-181). If not, the first scope from which on a
    /// leaf may go together with `chosen` again: scopes are numbered in the event's order, so everything before it is in
    /// other elements of the array that the two disagree about.
    pub(crate) fn conflict(&self, chosen: u32, candidate: u32) -> Option<u32> {
        let (mut one, mut other) = (chosen, candidate);
        if one == other || one == OUTSIDE || other == OUTSIDE {
            return None;
        }
        while self.depth(one) > self.depth(other) {
            one = self.parent(one);
        }
        while self.depth(other) > self.depth(one) {
            other = self.parent(other);
        }
        if one == other {
            return None;
        }
        while self.parent(one) != self.parent(other) {
            one = self.parent(one);
            other = self.parent(other);
        }
        let array = self.scope(one)?.array;
        if array != self.scope(other)?.array {
            None
        } else if other < one {
            Some(one)
        } else {
            self.array_ends.get(array as usize).copied()
        }
    }

    /// Whether no two leaves can be in conflict.
    pub(crate) fn has_no_arrays(&self) -> bool {
        self.scopes.is_empty()
    }

    /// All leaves, sorted by path.
    pub(crate) fn leaves(&self) -> &[Leaf<'a>] {
        &self.leaves
    }

    /// The leaves of a path.
    pub(crate) fn at(&self, path: PathId) -> &[Leaf<'a>] {
        let from = self.leaves.partition_point(|leaf| leaf.path < path);
        let rest = self.leaves.get(from..).unwrap_or_default();
        let count = rest.partition_point(|leaf| leaf.path == path);
        rest.get(..count).unwrap_or_default()
    }
}

/// A string attribute as policies see it: with a backslash before quotes and backslashes, so that a policy has to escape
/// them twice, once for itself and once for its JSON (SNS-307).
fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte != b'"' && byte != b'\\') {
        return text;
    }
    Cow::Owned(text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A token that is a whole value.
fn scalar(token: Token<'_>) -> Option<Scalar<'_>> {
    match token {
        Token::Text(text) => Some(Scalar::Text(text)),
        Token::Number(text) => Some(Scalar::Number {
            value: text.parse().unwrap_or(f64::NAN),
            text,
        }),
        Token::True => Some(Scalar::True),
        Token::False => Some(Scalar::False),
        Token::Null => Some(Scalar::Null),
        Token::ObjectStart | Token::ArrayStart => None,
    }
}
