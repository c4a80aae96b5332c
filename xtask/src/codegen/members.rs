//! Rows of a structure's table: `queue_url: Str = member("QueueUrl", TEXT).required()`.

use super::names;
use super::shapes::{expression, rust_type};
use super::source::{Source, flag, kind, members, reference, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The row of one member, without its index.
pub(crate) fn row(
    source: &Source,
    owner: &str,
    name: &str,
    details: &Value,
) -> Result<String, String> {
    let target = reference(details)?;
    let required = source
        .shape(owner)?
        .get("required")
        .and_then(Value::as_array);
    let required = required.is_some_and(|required| required.iter().any(|member| member == name));
    let field = names::field(name);
    let rust = field_type(source, owner, target, required)?;
    let shape = match text(details, "timestampFormat") {
        Some(format) => timestamp(Some(format))?,
        None => expression(source, target)?,
    };
    let mut row = format!("{field}: {rust} = member({name:?}, {shape})");
    match text(details, "presence") {
        Some("service") => row.push_str(".left_to_service()"),
        Some(other) => return Err(format!("{owner}.{name}: presence {other:?} is not known")),
        None if required => row.push_str(".required()"),
        None => {}
    }
    location(details, name, &mut row)?;
    wire_names(source, name, details, &mut row)?;
    if flag(details, "sensitive") || flag(source.shape(target)?, "sensitive") {
        row.push_str(".sensitive()");
    }
    if flag(details, "absentWhenEmpty") {
        row.push_str(".absent_when_empty()");
    }
    Ok(row)
}

/// A structure that contains itself without a list or map between needs a pointer.
fn field_type(
    source: &Source,
    owner: &str,
    target: &str,
    required: bool,
) -> Result<String, String> {
    let mut rust = rust_type(source, target)?;
    if kind(source.shape(target)?) == "structure"
        && reaches(source, target, owner, &mut BTreeSet::new())?
    {
        rust = format!("Box<{rust}>");
    }
    Ok(if required {
        rust
    } else {
        format!("Option<{rust}>")
    })
}

fn reaches<'a>(
    source: &'a Source,
    from: &'a str,
    to: &str,
    seen: &mut BTreeSet<&'a str>,
) -> Result<bool, String> {
    if from == to {
        return Ok(true);
    }
    if !seen.insert(from) || kind(source.shape(from)?) != "structure" {
        return Ok(false);
    }
    for (_, member) in members(source.shape(from)?) {
        if reaches(source, reference(member)?, to, seen)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn location(details: &Value, name: &str, row: &mut String) -> Result<(), String> {
    let place = match text(details, "location") {
        None => return Ok(()),
        Some("uri") => "Uri",
        Some("querystring") => "Query",
        Some("header") => "Header",
        Some("headers") => "HeaderPrefix",
        Some("statusCode") => "StatusCode",
        Some(other) => return Err(format!("member {name}: location {other:?} is not known")),
    };
    let there = text(details, "locationName").unwrap_or(name);
    let _ = write!(row, ".at(Location::{place}, {there:?})");
    Ok(())
}

/// Names in forms and XML: the member's own; else a flattened list goes under its element's name, and a list or map may
/// bring a name from its shape.
fn wire_names(
    source: &Source,
    name: &str,
    details: &Value,
    row: &mut String,
) -> Result<(), String> {
    let shape = source.shape(reference(details)?)?;
    let flattened = flag(details, "flattened") || flag(shape, "flattened");
    let element = shape
        .get("member")
        .and_then(|member| text(member, "locationName"))
        .filter(|_| flattened);
    let own = text(details, "locationName");
    if text(details, "location").is_none() {
        match own.or(element).or_else(|| text(shape, "locationName")) {
            Some(wire) if wire != name => {
                let _ = write!(row, ".named({wire:?})");
            }
            _ => {}
        }
    }
    if let Some(query) = text(details, "queryName") {
        let _ = write!(row, ".query({query:?})");
    }
    if let Some(view) = text(details, "viewName") {
        let _ = write!(row, ".view({view:?})");
    }
    if flattened {
        row.push_str(".flattened()");
    }
    Ok(())
}

/// The `Shape` of a timestamp.
pub(crate) fn timestamp(format: Option<&str>) -> Result<String, String> {
    let format = match format {
        None => return Ok(String::from("TIMESTAMP")),
        Some("unixTimestamp") => "EpochSeconds",
        Some("iso8601") => "Iso8601",
        Some("rfc822") => "HttpDate",
        Some(other) => return Err(format!("timestamp format {other:?} is not known")),
    };
    Ok(format!("Shape::Timestamp(TimestampFormat::{format})"))
}
