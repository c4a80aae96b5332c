//! Form decoding: parameters into a structure, by its table.
//!
//! A list `Name.N` or `Name.member.N` counts from 1 and may have gaps, as AWS takes them; a map is a list of key and value
//! (SQS-039). A member without any parameter is absent; a list whose own name has an empty value is there and empty.

use super::Form;
use crate::budget::Budget;
use crate::error::ApiError;
use crate::json::decode::BASE64;
use crate::limits::DEPTH_MAX;
use crate::path::Path;
use crate::presence::Present;
use crate::shape::{MapShape, MemberShape, Shape};
use crate::validation::Violations;
use crate::value::{Entries, List, repeated_key};
use crate::{Slot, Str, Structure, errors, timestamp};
use base64::Engine as _;
use bytes::Bytes;
use std::ops::Range;

/// Decodes a form into `root`. Absent required members are reported among the violations.
pub fn document(form: &Form, root: &mut dyn Structure) -> Result<Violations, ApiError> {
    let mut decoder = Decoder {
        form,
        scope: form.all(),
        name: String::with_capacity(64),
        depth: 0,
        budget: Budget::new(form.bytes),
        violations: Violations::default(),
    };
    decoder.structure(root, &Path::Root)?;
    Ok(decoder.violations)
}

struct Decoder<'a> {
    form: &'a Form,
    /// The pairs below what is being read.
    scope: Range<usize>,
    /// Name of the parameter that is being read, or the prefix of its parts.
    name: String,
    depth: usize,
    budget: Budget,
    violations: Violations,
}

/// Where a decoder was before it went down to a part.
struct Outer {
    scope: Range<usize>,
    name: usize,
}

impl<'a> Decoder<'a> {
    fn structure(&mut self, target: &mut dyn Structure, path: &Path<'_>) -> Result<(), ApiError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(
                errors::MALFORMED_QUERY_STRING.with("The parameters are nested too deeply.")
            );
        }
        let shape = target.shape();
        let mut present = Present::default();
        for (index, member) in shape.members.iter().enumerate() {
            if self.member(member, index, target, path)? {
                present.insert(index);
            }
        }
        self.violations.absent(shape, &present, path);
        self.depth -= 1;
        Ok(())
    }

    /// Reads a member if the form gives it, and says whether it does. Only members with parts look below their name.
    fn member(
        &mut self,
        member: &'static MemberShape,
        index: usize,
        target: &mut dyn Structure,
        path: &Path<'_>,
    ) -> Result<bool, ApiError> {
        let parts = matches!(
            member.shape,
            Shape::List(_) | Shape::Map(_) | Shape::Struct(_)
        );
        let given = self.part(member.query_name);
        if given.is_none() && !parts {
            return Ok(false);
        }
        let outer = self.enter(member.query_name);
        let found = given.is_some() || !self.scope.is_empty();
        let slot = if found { target.slot(index) } else { None };
        if let Some(slot) = slot {
            let path = Path::Member(path, member);
            self.value(member.shape, member.flattened, given, slot, &path)?;
        }
        self.leave(outer);
        Ok(found)
    }

    /// Extends the name by a part; the returned length leads back.
    fn extend(&mut self, part: &str) -> usize {
        let outer = self.name.len();
        if outer > 0 {
            self.name.push('.');
        }
        self.name.push_str(part);
        outer
    }

    /// The value of a part itself.
    fn part(&mut self, part: &str) -> Option<&'a Str> {
        let outer = self.extend(part);
        let value = self.form.get_within(&self.scope, &self.name);
        self.name.truncate(outer);
        value
    }

    /// Goes down to a part: from here on only what is below it is seen.
    fn enter(&mut self, part: &str) -> Outer {
        let name = self.extend(part);
        self.name.push('.');
        let below = self.form.below(&self.scope, &self.name);
        self.name.pop();
        Outer {
            scope: std::mem::replace(&mut self.scope, below),
            name,
        }
    }

    fn leave(&mut self, outer: Outer) {
        self.name.truncate(outer.name);
        self.scope = outer.scope;
    }

    fn value(
        &mut self,
        shape: Shape,
        flattened: bool,
        given: Option<&Str>,
        slot: Slot<'_>,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        match (slot, shape) {
            (Slot::Struct(inner), _) => self.structure(inner, path),
            (Slot::List(list), Shape::List(table)) => {
                let wrapper = (!flattened).then_some(table.element_name);
                self.within(wrapper, |decoder| decoder.list(list, table.element, path))
            }
            (Slot::Map(map), Shape::Map(table)) => {
                let wrapper = (!flattened).then_some("entry");
                self.within(wrapper, |decoder| decoder.map(map, table, path))
            }
            (slot, _) => match given {
                Some(text) => scalar(slot, text).ok_or_else(|| self.malformed(text)),
                None => Ok(()),
            },
        }
    }

    fn within(
        &mut self,
        wrapper: Option<&str>,
        read: impl FnOnce(&mut Self) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let Some(wrapper) = wrapper else {
            return read(self);
        };
        let outer = self.enter(wrapper);
        read(self)?;
        self.leave(outer);
        Ok(())
    }

    fn list(
        &mut self,
        list: &mut dyn List,
        element: Shape,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        for position in self.positions() {
            self.charge(list.element_bytes())?;
            let number = position.to_string();
            let given = self.part(&number);
            let outer = self.enter(&number);
            let path = Path::Element(path, position as usize);
            self.value(element, false, given, list.append(), &path)?;
            self.leave(outer);
        }
        Ok(())
    }

    fn map(
        &mut self,
        map: &mut dyn Entries,
        table: &MapShape,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        for position in self.positions() {
            self.charge(map.entry_bytes())?;
            let entry = self.enter(&position.to_string());
            let key = self.part(table.key_name).cloned().unwrap_or_default();
            let given = self.part(table.value_name);
            let outer = self.enter(table.value_name);
            let slot = map.append(key.clone());
            let path = Path::Entry(path, position as usize, &key);
            self.value(table.value, false, given, slot, &path)?;
            self.leave(outer);
            self.leave(entry);
        }
        match repeated_key(map) {
            Some(key) => Err(errors::INVALID_PARAMETER_VALUE.with(format!(
                "The parameter {} names {key} more than once.",
                self.name
            ))),
            None => Ok(()),
        }
    }

    fn positions(&mut self) -> Vec<u32> {
        self.name.push('.');
        let positions = self.form.positions(&self.scope, &self.name);
        self.name.pop();
        positions
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ApiError> {
        if self.budget.charge(bytes) {
            return Ok(());
        }
        Err(errors::MALFORMED_QUERY_STRING.with("The request has too many parameters."))
    }

    /// A value that is not what the parameter holds.
    fn malformed(&self, text: &str) -> ApiError {
        let shown: String = text
            .chars()
            .take(crate::limits::ECHOED_CHARACTERS_MAX)
            .collect();
        errors::MALFORMED_INPUT.with(format!(
            "Invalid value '{shown}' for parameter {}.",
            self.name
        ))
    }
}

/// Puts a text into a scalar's place; `None` when it is not of that kind.
fn scalar(slot: Slot<'_>, text: &Str) -> Option<()> {
    match slot {
        Slot::Text(place) => *place = text.clone(),
        Slot::Blob(place) => *place = Bytes::from(BASE64.decode(text.as_bytes()).ok()?),
        Slot::Boolean(place) => *place = boolean(text)?,
        Slot::Integer(place) => *place = text.trim().parse().ok()?,
        Slot::Long(place) => *place = text.trim().parse().ok()?,
        Slot::Float(place) => *place = text.trim().parse().ok()?,
        Slot::Double(place) => *place = text.trim().parse().ok()?,
        Slot::Timestamp(place) => *place = timestamp::parse(text)?,
        Slot::List(_) | Slot::Map(_) | Slot::Struct(_) => return None,
    }
    Some(())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
