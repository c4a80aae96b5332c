//! JSON encoding: a structure and its table to a document.
//!
//! Absent members are not written (SQS-014). Text is scanned in blocks for the few bytes that need an escape, since message
//! bodies are most of what a response holds.

use crate::scan;
use crate::shape::{MemberShape, Shape, TimestampFormat};
use crate::timestamp;
use crate::{Structure, Timestamp, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::Write as _;

/// Appends the document of a structure.
pub fn structure(out: &mut Vec<u8>, structure: &dyn Structure) {
    out.push(b'{');
    let mut separate = false;
    for (index, member) in structure.shape().members.iter().enumerate() {
        let Some(field) = structure.value(index) else {
            continue;
        };
        if member.absent_when_empty && is_empty(&field) {
            continue;
        }
        if separate {
            out.push(b',');
        }
        separate = true;
        key(out, member);
        value(out, member.shape, &field);
    }
    out.push(b'}');
}

/// Appends a document of texts.
pub fn texts(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    out.push(b'{');
    for (position, (name, said)) in pairs.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, said);
    }
    out.push(b'}');
}

/// Names of members come from models and need no escape.
fn key(out: &mut Vec<u8>, member: &MemberShape) {
    out.push(b'"');
    out.extend_from_slice(member.name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Whether a list or map has no element; other values are never empty.
pub(crate) fn is_empty(field: &Value<'_>) -> bool {
    match field {
        Value::List(list) => list.count() == 0,
        Value::Map(map) => map.count() == 0,
        _ => false,
    }
}

/// Appends a value.
pub fn value(out: &mut Vec<u8>, shape: Shape, field: &Value<'_>) {
    match field {
        Value::Struct(inner) => structure(out, *inner),
        Value::List(list) => {
            let Shape::List(table) = shape else { return };
            out.push(b'[');
            for index in 0..list.count() {
                if index > 0 {
                    out.push(b',');
                }
                match list.element(index) {
                    Some(element) => value(out, table.element, &element),
                    None => out.extend_from_slice(b"null"),
                }
            }
            out.push(b']');
        }
        Value::Map(map) => {
            let Shape::Map(table) = shape else { return };
            out.push(b'{');
            let pairs = (0..map.count()).filter_map(|index| map.entry(index));
            for (position, (name, element)) in pairs.enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                text(out, name);
                out.push(b':');
                value(out, table.value, &element);
            }
            out.push(b'}');
        }
        scalar => scalar_value(out, shape, scalar),
    }
}

fn scalar_value(out: &mut Vec<u8>, shape: Shape, field: &Value<'_>) {
    match field {
        Value::Text(value) => text(out, value),
        Value::Blob(value) => {
            out.push(b'"');
            base64(out, value);
            out.push(b'"');
        }
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Integer(value) => display(out, value),
        Value::Long(value) => display(out, value),
        Value::Float(value) => number(out, f64::from(*value), value),
        Value::Double(value) => number(out, *value, value),
        Value::Timestamp(value) => time(out, shape, *value),
        Value::List(_) | Value::Map(_) | Value::Struct(_) => {}
    }
}

/// A number that JSON may lack a form for; those are written as text.
fn number(out: &mut Vec<u8>, value: f64, shown: &dyn std::fmt::Display) {
    if value.is_finite() {
        display(out, shown);
    } else {
        text(out, non_finite(value));
    }
}

/// The name of a number that is not finite.
pub(crate) fn non_finite(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn time(out: &mut Vec<u8>, shape: Shape, value: Timestamp) {
    match shape {
        Shape::Timestamp(TimestampFormat::Iso8601) => text(out, &timestamp::iso8601(value)),
        Shape::Timestamp(TimestampFormat::HttpDate) => text(out, &timestamp::http_date(value)),
        _ => display(out, &value.0),
    }
}

/// Appends what `Display` shows.
pub(crate) fn display(out: &mut Vec<u8>, shown: &dyn std::fmt::Display) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{shown}");
}

/// Appends bytes in Base64.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = out
        .get_mut(start..)
        .map_or(Ok(0), |room| BASE64.encode_slice(bytes, room));
    debug_assert_eq!(written.ok(), Some(out.len() - start));
}

/// Appends a quoted text.
pub fn text(out: &mut Vec<u8>, value: &str) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    let mut rest = value.as_bytes();
    while !rest.is_empty() {
        let clean = scan::prefix_without(rest, needs_escape);
        let (run, tail) = rest.split_at(clean);
        out.extend_from_slice(run);
        rest = match tail.split_first() {
            Some((byte, tail)) => {
                escape(out, *byte);
                tail
            }
            None => tail,
        };
    }
    out.push(b'"');
}

/// Whether a byte cannot stand in a JSON text as it is.
const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
