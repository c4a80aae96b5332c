//! Validation against the constraints of the model, in AWS's words.
//!
//! Most services list every violation in one answer; SQS names the first bad parameter alone (SQS-054, SQS-055). Which words
//! a service uses is part of its model's dialect.

use crate::error::ApiError;
use crate::limits::{
    ABSENT_MEMBERS_MAX, ECHOED_CHARACTERS_MAX, ECHOED_ELEMENTS_MAX, VIOLATIONS_MAX,
};
use crate::model::{Dialect, Validation};
use crate::path::Path;
use crate::presence::Present;
use crate::shape::{Bounds, Presence, Shape, StructShape, TextShape};
use crate::{Structure, Value, errors};

/// What a request did wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<Violation>,
    /// Names of absent members whose fields hold a default, which nobody gave and which therefore violates nothing.
    absent: Vec<String>,
}

#[derive(Debug)]
struct Violation {
    /// Absent when the member is.
    value: Option<String>,
    validation_name: String,
    parameter_name: String,
    constraint: String,
}

impl Violations {
    /// Reports the required members that a request did not give.
    pub fn absent(&mut self, shape: &'static StructShape, present: &Present, path: &Path<'_>) {
        for (index, member) in shape.members.iter().enumerate() {
            if member.presence == Presence::Optional || present.contains(index) {
                continue;
            }
            if self.absent.len() >= ABSENT_MEMBERS_MAX {
                return;
            }
            let path = Path::Member(path, member);
            if member.presence == Presence::Required {
                self.report(None, &path, String::from("Member must not be null"));
            }
            self.absent.push(path.validation_name());
        }
    }

    /// Checks the constraints of everything that is there.
    pub fn check(&mut self, input: &dyn Structure) {
        self.structure(input, &Path::Root);
    }

    /// The answer to the request, if anything is wrong with it.
    pub fn into_result(self, dialect: Dialect) -> Result<(), ApiError> {
        let Some(first) = self.found.first() else {
            return Ok(());
        };
        Err(match (dialect.validation, &first.value) {
            (Validation::ListAll, _) => errors::VALIDATION.with(list_all(&self.found)),
            (Validation::FirstParameter, None) => errors::MISSING_PARAMETER.with(format!(
                "The request must contain the parameter {}.",
                first.parameter_name
            )),
            (Validation::FirstParameter, Some(value)) => {
                errors::INVALID_PARAMETER_VALUE.with(format!(
                    "Value {value} for parameter {} is invalid. Reason: {}.",
                    first.parameter_name, first.constraint
                ))
            }
        })
    }

    fn report(&mut self, value: Option<String>, path: &Path<'_>, constraint: String) {
        if self.found.len() >= VIOLATIONS_MAX {
            return;
        }
        let validation_name = path.validation_name();
        let within = |absent: &String| {
            let rest = validation_name.strip_prefix(absent.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.absent.iter().any(within) {
            return;
        }
        self.found.push(Violation {
            value: value.map(|value| echoed(value, path)),
            parameter_name: path.parameter_name(),
            validation_name,
            constraint,
        });
    }

    fn structure(&mut self, source: &dyn Structure, path: &Path<'_>) {
        for (index, member) in source.shape().members.iter().enumerate() {
            if let Some(field) = source.value(index) {
                self.value(member.shape, &field, &Path::Member(path, member));
            }
        }
    }

    fn value(&mut self, shape: Shape, field: &Value<'_>, path: &Path<'_>) {
        match (field, shape) {
            (Value::Struct(inner), _) => self.structure(*inner, path),
            (Value::List(list), Shape::List(table)) => {
                self.own_constraints(shape, field, path);
                let mut of_elements = Vec::new();
                for (index, element) in
                    (0..list.count()).filter_map(|index| Some((index, list.element(index)?)))
                {
                    match element {
                        Value::Struct(_) | Value::List(_) | Value::Map(_) => {
                            self.value(table.element, &element, &Path::Element(path, index + 1));
                        }
                        scalar => of_elements.extend(constraints(table.element, &scalar)),
                    }
                }
                self.of_parts("Member", of_elements, described(table.element), field, path);
            }
            (Value::Map(map), Shape::Map(table)) => {
                self.own_constraints(shape, field, path);
                let mut bad_keys = Vec::new();
                let mut bad_values = Vec::new();
                for (key, element) in (0..map.count()).filter_map(|index| map.entry(index)) {
                    bad_keys.extend(text_constraints(table.key, key));
                    match element {
                        Value::Struct(_) | Value::List(_) | Value::Map(_) => {
                            self.value(table.value, &element, &Path::Key(path, key));
                        }
                        scalar => bad_values.extend(constraints(table.value, &scalar)),
                    }
                }
                let keys = described(Shape::Text(table.key));
                self.of_parts("Map keys", bad_keys, keys, field, path);
                self.of_parts("Map value", bad_values, described(table.value), field, path);
            }
            _ => self.own_constraints(shape, field, path),
        }
    }

    fn own_constraints(&mut self, shape: Shape, field: &Value<'_>, path: &Path<'_>) {
        for constraint in constraints(shape, field) {
            self.report(Some(shown(field)), path, constraint);
        }
    }

    /// Scalars in a list or map are reported on the whole, with all constraints they have.
    fn of_parts(
        &mut self,
        what: &str,
        violated: Vec<String>,
        all: Vec<String>,
        whole: &Value<'_>,
        path: &Path<'_>,
    ) {
        if !violated.is_empty() {
            let constraint = format!("{what} must satisfy constraint: [{}]", all.join(", "));
            self.report(Some(shown(whole)), path, constraint);
        }
    }
}

fn list_all(found: &[Violation]) -> String {
    let plural = if found.len() == 1 { "" } else { "s" };
    let parts: Vec<String> = found
        .iter()
        .map(|violation| {
            let value = violation
                .value
                .as_ref()
                .map_or_else(|| String::from("null"), |value| format!("'{value}'"));
            format!(
                "Value {value} at '{}' failed to satisfy constraint: {}",
                violation.validation_name, violation.constraint
            )
        })
        .collect();
    format!(
        "{} validation error{plural} detected: {}",
        found.len(),
        parts.join("; ")
    )
}

/// A refused value as far as an answer repeats it.
fn echoed(value: String, path: &Path<'_>) -> String {
    if path.is_sensitive() {
        return String::from("***");
    }
    value.chars().take(ECHOED_CHARACTERS_MAX).collect()
}

/// The constraints that a value violates, in words.
fn constraints(shape: Shape, field: &Value<'_>) -> Vec<String> {
    match (field, shape) {
        (Value::Text(value), Shape::Text(table)) => text_constraints(table, value),
        (Value::Blob(value), Shape::Blob(table)) => length(table.length, value.len()),
        (Value::Integer(value), Shape::Integer(table)) => range(table.range, f64::from(*value)),
        (Value::Long(value), Shape::Long(table)) => range(table.range, *value as f64),
        (Value::Float(value), Shape::Float(table)) => range(table.range, f64::from(*value)),
        (Value::Double(value), Shape::Double(table)) => range(table.range, *value),
        (Value::List(list), Shape::List(table)) => length(table.length, list.count()),
        (Value::Map(map), Shape::Map(table)) => length(table.length, map.count()),
        _ => Vec::new(),
    }
}

fn text_constraints(table: &TextShape, value: &str) -> Vec<String> {
    let mut violated = Vec::new();
    if table.pattern.is_some_and(|pattern| !pattern.matches(value)) {
        violated.extend(pattern_words(table));
    }
    if table.length.min.is_some() || table.length.max.is_some() {
        // As Java counts: characters beyond the basic plane are two (KIN-018).
        violated.extend(length(table.length, value.encode_utf16().count()));
    }
    if !table.values.is_empty() && !table.values.contains(&value) {
        violated.extend(values_words(table));
    }
    violated
}

fn length(bounds: Bounds, length: usize) -> Vec<String> {
    outside(bounds, length as f64, "length")
}

fn range(bounds: Bounds, value: f64) -> Vec<String> {
    outside(bounds, value, "value")
}

fn outside(bounds: Bounds, value: f64, what: &str) -> Vec<String> {
    let mut violated = Vec::new();
    violated.extend(
        bounds
            .max
            .filter(|max| value > *max as f64)
            .map(|max| at_most(what, max)),
    );
    violated.extend(
        bounds
            .min
            .filter(|min| value < *min as f64)
            .map(|min| at_least(what, min)),
    );
    violated
}

fn at_most(what: &str, max: i64) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn at_least(what: &str, min: i64) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

fn pattern_words(table: &TextShape) -> Option<String> {
    table.pattern.map(|pattern| {
        format!(
            "Member must satisfy regular expression pattern: {}",
            pattern.source()
        )
    })
}

fn values_words(table: &TextShape) -> Option<String> {
    (!table.values.is_empty()).then(|| {
        format!(
            "Member must satisfy enum value set: [{}]",
            table.values.join(", ")
        )
    })
}

/// Every constraint of a scalar shape, in words.
fn described(shape: Shape) -> Vec<String> {
    let (bounds, what) = match shape {
        Shape::Text(table) => (table.length, "length"),
        Shape::Blob(table) => (table.length, "length"),
        Shape::Integer(table) | Shape::Long(table) | Shape::Float(table) | Shape::Double(table) => {
            (table.range, "value")
        }
        _ => return Vec::new(),
    };
    let mut words: Vec<String> = Vec::new();
    words.extend(bounds.max.map(|max| at_most(what, max)));
    words.extend(bounds.min.map(|min| at_least(what, min)));
    if let Shape::Text(table) = shape {
        words.extend(pattern_words(table));
        words.extend(values_words(table));
    }
    words
}

/// A refused value as messages show it.
fn shown(field: &Value<'_>) -> String {
    match field {
        Value::Text(value) => value.chars().take(ECHOED_CHARACTERS_MAX).collect(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Timestamp(value) => value.0.to_string(),
        Value::List(list) => {
            let elements =
                (0..list.count().min(ECHOED_ELEMENTS_MAX)).filter_map(|index| list.element(index));
            format!(
                "[{}]",
                elements
                    .map(|element| shown(&element))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Map(map) => {
            let pairs =
                (0..map.count().min(ECHOED_ELEMENTS_MAX)).filter_map(|index| map.entry(index));
            format!(
                "{{{}}}",
                pairs
                    .map(|(key, value)| format!("{key}={}", shown(&value)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        // A buffer shows where it stands in it (KIN-028).
        Value::Blob(bytes) => {
            let length = bytes.len();
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        // The service shows an object's address here; its name says as much.
        Value::Struct(inner) => inner.shape().name.to_owned(),
    }
}
