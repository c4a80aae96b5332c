//! `Path`: where in a request a decoder or the validation stands.
//!
//! A chain of stack frames, so that walking costs nothing; text is made of it only when something is wrong.

use crate::shape::{MemberShape, Shape};

/// A place in a request.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The input itself.
    Root,
    /// A member of a structure.
    Member(&'a Path<'a>, &'static MemberShape),
    /// An element of a list, counted from 1.
    Element(&'a Path<'a>, usize),
    /// The value of a key of a map.
    Key(&'a Path<'a>, &'a str),
    /// The same in a form, where the entry also has a number.
    Entry(&'a Path<'a>, usize, &'a str),
}

impl Path<'_> {
    /// Whether a member on the way must not be shown.
    pub fn is_sensitive(&self) -> bool {
        match self {
            Path::Root => false,
            Path::Member(parent, member) => member.sensitive || parent.is_sensitive(),
            Path::Element(parent, _) | Path::Key(parent, _) | Path::Entry(parent, ..) => {
                parent.is_sensitive()
            }
        }
    }

    /// As validation messages of most services name it: `records.1.member.partitionKey`.
    pub fn validation_name(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Member(parent, member) => {
                joined(parent.validation_name(), &lower_first(member.name))
            }
            Path::Element(parent, position) => {
                format!("{}.{position}.member", parent.validation_name())
            }
            Path::Key(parent, key) | Path::Entry(parent, _, key) => {
                format!("{}.{key}.member", parent.validation_name())
            }
        }
    }

    /// As parameter errors name it: the model's name, below what forms call its surroundings:
    /// `SendMessageBatchRequestEntry.1.MessageBody`, but `TagKeys`.
    pub fn parameter_name(&self) -> String {
        match self {
            Path::Member(parent, member) => joined(parent.query_name(), member.name),
            other => other.query_name(),
        }
    }

    /// As forms name it: `SendMessageBatchRequestEntry.1.MessageBody`.
    fn query_name(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Member(parent, member) => joined(parent.query_name(), member.query_name),
            Path::Element(parent, position) => match parent {
                Path::Member(
                    _,
                    MemberShape {
                        flattened: false,
                        shape: Shape::List(table),
                        ..
                    },
                ) => {
                    format!("{}.{}.{position}", parent.query_name(), table.element_name)
                }
                _ => format!("{}.{position}", parent.query_name()),
            },
            Path::Key(parent, key) => format!("{}.{key}", parent.query_name()),
            Path::Entry(parent, position, _) => format!("{}.{position}", parent.query_name()),
        }
    }
}

fn joined(mut parent: String, name: &str) -> String {
    if !parent.is_empty() {
        parent.push('.');
    }
    parent.push_str(name);
    parent
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
