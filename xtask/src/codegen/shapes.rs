//! Tables of shapes: one `structure!` per structure, one static per list, map or constrained scalar, one line per error.

use super::members;
use super::names;
use super::source::{Source, flag, kind, members as members_of, reference, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Members that a structure may have, as in `waystation_wire::limits`.
const MEMBERS_MAX: usize = 256;

/// The shapes that inputs and outputs are made of, in alphabetic order. Errors are not among them.
pub(crate) fn reachable(source: &Source) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for (_, operation) in source.operations()? {
        for side in ["input", "output"] {
            open.extend(operation.get(side).map(reference).transpose()?);
        }
    }
    while let Some(name) = open.pop() {
        if found.insert(name.to_owned()) {
            for part in parts(source.shape(name)?) {
                let part = reference(part)?;
                // Streams of events list the errors they may end with among their members.
                if !flag(source.shape(part)?, "exception") {
                    open.push(part);
                }
            }
        }
    }
    distinct(source, &found)?;
    Ok(found)
}

/// What a shape is made of.
pub(crate) fn parts(shape: &Value) -> Vec<&Value> {
    let aggregate = ["member", "key", "value"]
        .into_iter()
        .filter_map(|part| shape.get(part));
    members_of(shape)
        .map(|(_, member)| member)
        .chain(aggregate)
        .collect()
}

/// Models have shapes whose names differ in case alone; only one of them may need a table.
fn distinct(source: &Source, names: &BTreeSet<String>) -> Result<(), String> {
    let mut tables: BTreeMap<String, &String> = BTreeMap::new();
    for name in names {
        let table = source.table(name);
        if !expression(source, name)?.contains(&format!("&{table})")) {
            continue;
        }
        if let Some(other) = tables.insert(table, name) {
            return Err(format!("shapes {other} and {name} would share a table"));
        }
    }
    Ok(())
}

/// The errors of the model and the overlay.
pub(crate) fn errors(source: &Source, out: &mut String) -> Result<(), String> {
    out.push_str("waystation_wire::error_kinds! {\n");
    for (name, shape) in source.shapes()? {
        if flag(shape, "exception") {
            error(name, shape, out);
        }
    }
    out.push_str("}\n\n");
    Ok(())
}

fn error(name: &str, shape: &Value, out: &mut String) {
    let details = shape.get("error").cloned().unwrap_or_default();
    let receiver = flag(shape, "fault");
    let (kind, usual) = if receiver {
        ("receiver", 500)
    } else {
        ("sender", 400)
    };
    let status = details
        .get("httpStatusCode")
        .and_then(Value::as_u64)
        .unwrap_or(usual);
    let _ = write!(
        out,
        "    {} = ErrorKind::{kind}({name:?}, {status})",
        names::error(name)
    );
    if let Some(code) = text(&details, "code").filter(|code| *code != name) {
        let _ = write!(out, ".query({code:?})");
    }
    if let Some(message) = text(&details, "queryMessage") {
        let _ = write!(out, ".query_message({message:?})");
    }
    out.push_str(";\n");
}

/// The table of one shape; nothing for scalars without constraints.
pub(crate) fn table(source: &Source, name: &str, out: &mut String) -> Result<(), String> {
    let shape = source.shape(name)?;
    let table = source.table(name);
    match kind(shape) {
        "structure" if flag(shape, "eventstream") => event_union(source, name, shape, out)?,
        "structure" => structure(source, name, shape, out)?,
        "list" => {
            let member = shape
                .get("member")
                .ok_or_else(|| format!("list {name} has no member"))?;
            let _ = write!(
                out,
                "static {table}: ListShape = list({})",
                expression(source, reference(member)?)?
            );
            if let Some(element) = text(member, "locationName") {
                let _ = write!(out, ".element_name({element:?})");
            }
            length(source, shape, out);
            out.push_str(";\n\n");
        }
        "map" => map(source, name, shape, out)?,
        "string" if is_constrained(source, shape) || flag(shape, "lenient") => {
            string(source, &table, shape, out)
        }
        "blob" if is_constrained(source, shape) => {
            let _ = write!(
                out,
                "static {table}: LengthShape = LengthShape {{ length: {} }};\n\n",
                bounds(shape)
            );
        }
        "integer" | "long" | "float" | "double" if is_constrained(source, shape) => {
            let _ = write!(
                out,
                "static {table}: RangeShape = RangeShape {{ range: {} }};\n\n",
                bounds(shape)
            );
        }
        _ => {}
    }
    Ok(())
}

fn structure(source: &Source, name: &str, shape: &Value, out: &mut String) -> Result<(), String> {
    if flag(shape, "document") {
        return Err(format!("shape {name}: document is not supported"));
    }
    if members_of(shape).count() > MEMBERS_MAX {
        return Err(format!("shape {name} has more than {MEMBERS_MAX} members"));
    }
    let (rust, table) = (names::structure(name), source.table(name));
    let _ = writeln!(
        out,
        "waystation_wire::structure! {{ {rust}, {table}, {name:?} {{"
    );
    let mut members = Vec::new();
    for (member, details) in members_of(shape) {
        // What an operation streams is no part of its output, which the stream's first frame would carry.
        if !flag(source.shape(reference(details)?)?, "eventstream") {
            members.push((member, details));
        }
    }
    for (index, (member, details)) in members.into_iter().enumerate() {
        let row = members::row(source, name, member, details)?;
        let _ = writeln!(out, "    {index} {row},");
    }
    out.push_str("}}\n\n");
    Ok(())
}

/// An enum of the events, and the errors that the stream may end with.
fn event_union(source: &Source, name: &str, shape: &Value, out: &mut String) -> Result<(), String> {
    let (mut events, mut ends) = (Vec::new(), Vec::new());
    for (member, details) in members_of(shape) {
        let target = reference(details)?;
        let event = source.shape(target)?;
        if flag(event, "exception") {
            ends.push(format!("&{}", names::error(target)));
            continue;
        }
        if members_of(event)
            .any(|(_, part)| flag(part, "eventheader") || flag(part, "eventpayload"))
        {
            return Err(format!(
                "event {target}: members outside of a document are not supported"
            ));
        }
        events.push(format!("{member:?} {}", names::structure(target)));
    }
    let _ = write!(
        out,
        "waystation_wire::event_union! {{ {} {{ {} }} ends [{}] }}\n\n",
        names::structure(name),
        events.join(", "),
        ends.join(", ")
    );
    Ok(())
}

fn map(source: &Source, name: &str, shape: &Value, out: &mut String) -> Result<(), String> {
    let part = |part: &str| {
        shape
            .get(part)
            .ok_or_else(|| format!("map {name} has no {part}"))
    };
    let (key, value) = (part("key")?, part("value")?);
    let key_shape = source.shape(reference(key)?)?;
    let key_table = if is_constrained(source, key_shape) {
        source.table(reference(key)?)
    } else {
        String::from("PLAIN_TEXT")
    };
    let value_table = expression(source, reference(value)?)?;
    let _ = write!(
        out,
        "static {}: MapShape = map(&{key_table}, {value_table})",
        source.table(name)
    );
    if let (Some(key_name), Some(value_name)) =
        (text(key, "locationName"), text(value, "locationName"))
    {
        let _ = write!(out, ".entry_names({key_name:?}, {value_name:?})");
    }
    length(source, shape, out);
    out.push_str(";\n\n");
    Ok(())
}

fn string(source: &Source, table: &str, shape: &Value, out: &mut String) {
    let constrained = source.has_constraints();
    let pattern = text(shape, "pattern").filter(|_| constrained);
    if let Some(pattern) = pattern {
        let _ = writeln!(
            out,
            "static PATTERN_OF_{table}: Pattern = Pattern::new({pattern:?});"
        );
    }
    let _ = write!(out, "static {table}: TextShape = text()");
    length(source, shape, out);
    if pattern.is_some() {
        let _ = write!(out, ".pattern(&PATTERN_OF_{table})");
    }
    if let Some(values) = shape.get("enum").filter(|_| constrained) {
        let _ = write!(out, ".values(&{values})");
    }
    if flag(shape, "lenient") {
        out.push_str(".lenient()");
    }
    out.push_str(";\n\n");
}

fn length(source: &Source, shape: &Value, out: &mut String) {
    if source.has_constraints() && (shape.get("min").is_some() || shape.get("max").is_some()) {
        let _ = write!(out, ".length({})", bounds(shape));
    }
}

fn bounds(shape: &Value) -> String {
    let limit = |name: &str| match shape.get(name).and_then(Value::as_f64) {
        Some(limit) => format!("Some({})", limit as i64),
        None => String::from("None"),
    };
    format!("bounds({}, {})", limit("min"), limit("max"))
}

/// Whether a shape itself, not its parts, has constraints in the tables.
pub(crate) fn is_constrained(source: &Source, shape: &Value) -> bool {
    source.has_constraints()
        && ["min", "max", "pattern", "enum"]
            .iter()
            .any(|name| shape.get(name).is_some())
}

/// The `Shape` of a shape.
pub(crate) fn expression(source: &Source, name: &str) -> Result<String, String> {
    let shape = source.shape(name)?;
    let table = source.table(name);
    let own = is_constrained(source, shape) || flag(shape, "lenient");
    let plain = |plain: &str, variant: &str| {
        if own {
            format!("Shape::{variant}(&{table})")
        } else {
            plain.to_owned()
        }
    };
    Ok(match kind(shape) {
        "string" | "character" => plain("TEXT", "Text"),
        "blob" => plain("BLOB", "Blob"),
        "boolean" => String::from("BOOLEAN"),
        "integer" => plain("INTEGER", "Integer"),
        "long" => plain("LONG", "Long"),
        "float" => plain("FLOAT", "Float"),
        "double" => plain("DOUBLE", "Double"),
        "timestamp" => members::timestamp(text(shape, "timestampFormat"))?,
        "list" => format!("Shape::List(&{table})"),
        "map" => format!("Shape::Map(&{table})"),
        "structure" => format!("Shape::Struct(&{table})"),
        other => return Err(format!("shape {name}: type {other:?} is not supported")),
    })
}

/// The Rust type of a shape.
pub(crate) fn rust_type(source: &Source, name: &str) -> Result<String, String> {
    let shape = source.shape(name)?;
    let part = |part: &str| -> Result<String, String> {
        let part = shape
            .get(part)
            .ok_or_else(|| format!("shape {name} has no {part}"))?;
        rust_type(source, reference(part)?)
    };
    Ok(match kind(shape) {
        "string" | "character" => String::from("Str"),
        "blob" => String::from("Blob"),
        "boolean" => String::from("bool"),
        "integer" => String::from("i32"),
        "long" => String::from("i64"),
        "float" => String::from("f32"),
        "double" => String::from("f64"),
        "timestamp" => String::from("Timestamp"),
        "list" => format!("Vec<{}>", part("member")?),
        "map" => format!("Map<{}>", part("value")?),
        "structure" => names::structure(name),
        other => return Err(format!("shape {name}: type {other:?} is not supported")),
    })
}
