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

/// Decodes a form into `root`. Absent required members are reported among the violations.
pub fn document(form: &Form, root: &mut dyn Structure) -> Result<Violations, ApiError> {
    let mut decoder = Decoder {
        form,
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
    /// Name of the parameter that is being read, or the prefix of its parts.
    name: String,
    depth: usize,
    budget: Budget,
    violations: Violations,
}

impl Decoder<'_> {
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
            let outer = self.enter(member.query_name);
            if self.is_given(member) {
                present.insert(index);
                if let Some(slot) = target.slot(index) {
                    self.value(
                        member.shape,
                        member.flattened,
                        slot,
                        &Path::Member(path, member),
                    )?;
                }
            }
            self.name.truncate(outer);
        }
        self.violations.absent(shape, &present, path);
        self.depth -= 1;
        Ok(())
    }

    /// Goes down to a part; the returned length leads back up.
    fn enter(&mut self, part: &str) -> usize {
        let outer = self.name.len();
        if outer > 0 {
            self.name.push('.');
        }
        self.name.push_str(part);
        outer
    }

    fn is_given(&mut self, member: &MemberShape) -> bool {
        if self.form.get(&self.name).is_some() {
            return true;
        }
        matches!(
            member.shape,
            Shape::List(_) | Shape::Map(_) | Shape::Struct(_)
        ) && self.any_below()
    }

    fn any_below(&mut self) -> bool {
        self.name.push('.');
        let any = self.form.any_below(&self.name);
        self.name.pop();
        any
    }

    fn value(
        &mut self,
        shape: Shape,
        flattened: bool,
        slot: Slot<'_>,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        match (slot, shape) {
            (Slot::Struct(inner), _) => self.structure(inner, path),
            (Slot::List(list), Shape::List(table)) => {
                let wrapper = if flattened {
                    None
                } else {
                    Some(table.element_name)
                };
                self.list(list, table.element, wrapper, path)
            }
            (Slot::Map(map), Shape::Map(table)) => self.map(
                map,
                table,
                if flattened { None } else { Some("entry") },
                path,
            ),
            (slot, _) => match self.form.get(&self.name) {
                Some(text) => scalar(slot, text).ok_or_else(|| self.malformed(text)),
                None => Ok(()),
            },
        }
    }

    fn list(
        &mut self,
        list: &mut dyn List,
        element: Shape,
        wrapper: Option<&str>,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        let outer = self.name.len();
        if let Some(wrapper) = wrapper {
            self.enter(wrapper);
        }
        for position in self.positions() {
            self.charge(list.element_bytes())?;
            let inner = self.enter(&position.to_string());
            self.value(
                element,
                false,
                list.append(),
                &Path::Element(path, position as usize),
            )?;
            self.name.truncate(inner);
        }
        self.name.truncate(outer);
        Ok(())
    }

    fn map(
        &mut self,
        map: &mut dyn Entries,
        table: &MapShape,
        wrapper: Option<&str>,
        path: &Path<'_>,
    ) -> Result<(), ApiError> {
        let outer = self.name.len();
        if let Some(wrapper) = wrapper {
            self.enter(wrapper);
        }
        for position in self.positions() {
            self.charge(map.entry_bytes())?;
            let inner = self.enter(&position.to_string());
            let entry = self.enter(table.key_name);
            let key = self.form.get(&self.name).cloned().unwrap_or_default();
            self.name.truncate(entry);
            self.enter(table.value_name);
            let slot = map.append(key.clone());
            self.value(
                table.value,
                false,
                slot,
                &Path::Element(path, position as usize),
            )?;
            self.name.truncate(inner);
        }
        self.name.truncate(outer);
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
        let positions = self.form.positions(&self.name);
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
