//! A service's model as the generator sees it: AWS's trimmed model with our overlay laid over it.
//!
//! The overlay speaks the model's own vocabulary and adds a few words: what today's model no longer says (query codes, XML
//! names) and what no model says (`presence`, `lenient`, `absentWhenEmpty`, `viewName`, `queryMessage`). A null removes.

use super::names;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A model with its overlay.
pub(crate) struct Source {
    /// Our name of the service.
    pub(crate) service: String,
    model: Value,
}

/// The services that have an overlay, in alphabetic order.
pub(crate) fn services(models: &Path) -> Result<Vec<String>, String> {
    let entries =
        fs::read_dir(models).map_err(|error| format!("reading {}: {error}", models.display()))?;
    let mut services: Vec<String> = entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .into_string()
                .ok()?
                .strip_suffix(".overlay.json")
                .map(str::to_owned)
        })
        .collect();
    services.sort();
    Ok(services)
}

impl Source {
    /// Reads a service's two files.
    pub(crate) fn read(models: &Path, service: &str) -> Result<Source, String> {
        let mut model = parse(&models.join(format!("{service}.json")))?;
        overlay(
            &mut model,
            parse(&models.join(format!("{service}.overlay.json")))?,
        );
        Ok(Source {
            service: service.to_owned(),
            model,
        })
    }

    /// A field of the metadata.
    pub(crate) fn metadata(&self, name: &str) -> Option<&Value> {
        self.model.get("metadata")?.get(name)
    }

    /// A text of the metadata.
    pub(crate) fn metadata_text(&self, name: &str) -> Result<&str, String> {
        self.metadata(name)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("metadata has no {name}"))
    }

    /// The operations by name.
    pub(crate) fn operations(&self) -> Result<Vec<(&String, &Value)>, String> {
        let mut operations: Vec<_> = self.section("operations")?.iter().collect();
        operations.sort_by_key(|(name, _)| *name);
        Ok(operations)
    }

    /// The shapes by name.
    pub(crate) fn shapes(&self) -> Result<&Map<String, Value>, String> {
        self.section("shapes")
    }

    /// One shape.
    pub(crate) fn shape(&self, name: &str) -> Result<&Value, String> {
        self.shapes()?
            .get(name)
            .ok_or_else(|| format!("there is no shape {name}"))
    }

    /// The name of a shape's table.
    pub(crate) fn table(&self, name: &str) -> String {
        let is_error = self.shape(name).is_ok_and(|shape| flag(shape, "exception"));
        names::table(name, is_error)
    }

    /// Whether the tables hold constraints; some services check everything themselves, in words of their own.
    pub(crate) fn has_constraints(&self) -> bool {
        self.metadata("constraints").and_then(Value::as_str) != Some("service")
    }

    fn section(&self, name: &str) -> Result<&Map<String, Value>, String> {
        self.model
            .get(name)
            .and_then(Value::as_object)
            .ok_or_else(|| format!("the model has no {name}"))
    }
}

/// The type of a shape.
pub(crate) fn kind(shape: &Value) -> &str {
    shape
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A text inside a value.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// A flag inside a value.
pub(crate) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// The name of the shape that a value refers to.
pub(crate) fn reference(value: &Value) -> Result<&str, String> {
    text(value, "shape").ok_or_else(|| format!("no shape in {value}"))
}

/// The members of a structure in the model's order.
pub(crate) fn members(shape: &Value) -> impl Iterator<Item = (&String, &Value)> {
    shape
        .get("members")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn parse(file: &Path) -> Result<Value, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Lays `over` on `base`: objects merge, a null removes, everything else replaces.
fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.shift_remove(&key);
                } else {
                    overlay(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_overlay_merges_replaces_and_removes() {
        let mut model = json!({"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": 1});
        overlay(
            &mut model,
            json!({"a": {"y": [3], "z": {"w": 1}}, "b": null}),
        );
        assert_eq!(
            model,
            json!({"a": {"x": 1, "y": [3], "z": {"w": 1}}, "c": 1})
        );
    }
}
