//! XML encoding: a structure and its table to the elements of a query answer (SQS-036 to SQS-042).
//!
//! Carriage returns are written as references, or they would not survive the reader's line-end rules (SQS-052).

use crate::json::encode::{base64, display, is_empty, non_finite};
use crate::scan;
use crate::shape::{MemberShape, Shape, TimestampFormat};
use crate::timestamp;
use crate::{Structure, Timestamp, Value};

/// Appends the members of a structure as elements, without an element around them.
pub fn members(out: &mut Vec<u8>, structure: &dyn Structure) {
    for (index, member) in structure.shape().members.iter().enumerate() {
        let Some(field) = structure.value(index) else {
            continue;
        };
        if !(member.absent_when_empty && is_empty(&field)) {
            element(out, member, &field);
        }
    }
}

fn element(out: &mut Vec<u8>, member: &MemberShape, field: &Value<'_>) {
    if member.flattened && matches!(field, Value::List(_) | Value::Map(_)) {
        return items(out, member.shape, field, Some(member.xml_name));
    }
    named(out, member.xml_name, |out| {
        content(out, member.shape, field)
    });
}

fn content(out: &mut Vec<u8>, shape: Shape, field: &Value<'_>) {
    match field {
        Value::Struct(inner) => members(out, *inner),
        Value::List(_) | Value::Map(_) => items(out, shape, field, None),
        Value::Text(value) => text(out, value),
        Value::Blob(value) => base64(out, value),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Integer(value) => display(out, value),
        Value::Long(value) => display(out, value),
        Value::Float(value) if value.is_finite() => display(out, value),
        Value::Float(value) => text(out, non_finite(f64::from(*value))),
        Value::Double(value) if value.is_finite() => display(out, value),
        Value::Double(value) => text(out, non_finite(*value)),
        Value::Timestamp(value) => time(out, shape, *value),
    }
}

/// The elements of a list or map, each under `name` or, without one, under the table's own.
fn items(out: &mut Vec<u8>, shape: Shape, field: &Value<'_>, name: Option<&str>) {
    match (field, shape) {
        (Value::List(list), Shape::List(table)) => {
            for item in (0..list.count()).filter_map(|index| list.element(index)) {
                named(out, name.unwrap_or(table.element_name), |out| {
                    content(out, table.element, &item)
                });
            }
        }
        (Value::Map(map), Shape::Map(table)) => {
            for (key, item) in (0..map.count()).filter_map(|index| map.entry(index)) {
                named(out, name.unwrap_or("entry"), |out| {
                    named(out, table.key_name, |out| text(out, key));
                    named(out, table.value_name, |out| {
                        content(out, table.value, &item)
                    });
                });
            }
        }
        _ => {}
    }
}

/// An element with whatever `body` writes; `<Name/>` when it writes nothing (SQS-038).
pub(crate) fn named(out: &mut Vec<u8>, name: &str, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    let start = out.len();
    body(out);
    if out.len() == start {
        out.truncate(start - 1);
        out.extend_from_slice(b"/>");
        return;
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

fn time(out: &mut Vec<u8>, shape: Shape, value: Timestamp) {
    match shape {
        Shape::Timestamp(TimestampFormat::EpochSeconds) => display(out, &value.0),
        Shape::Timestamp(TimestampFormat::HttpDate) => text(out, &timestamp::http_date(value)),
        _ => text(out, &timestamp::iso8601(value)),
    }
}

/// Appends character data. What XML 1.0 cannot hold even as a reference becomes U+FFFD; it occurs only where an error
/// repeats a refused value (SQS-051).
pub fn text(out: &mut Vec<u8>, value: &str) {
    let mut rest = value.as_bytes();
    loop {
        let (run, tail) = rest.split_at(scan::prefix_without(rest, is_special));
        out.extend_from_slice(run);
        let (length, replacement): (usize, &[u8]) = match tail {
            [] => return,
            [b'&', ..] => (1, b"&amp;"),
            [b'<', ..] => (1, b"&lt;"),
            [b'>', ..] => (1, b"&gt;"),
            [b'"', ..] => (1, b"&quot;"),
            [b'\r', ..] => (1, b"&#xD;"),
            [0xEF, 0xBF, 0xBE | 0xBF, ..] => (3, "\u{FFFD}".as_bytes()),
            [byte @ 0x80..=0xFF, ..] => (1, std::slice::from_ref(byte)),
            [..] => (1, "\u{FFFD}".as_bytes()),
        };
        out.extend_from_slice(replacement);
        rest = tail.get(length..).unwrap_or_default();
    }
}

/// Whether a byte may need a replacement. 0xEF may start U+FFFE or U+FFFF.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xEF)
        || (byte < 0x20 && byte != b'\t' && byte != b'\n')
}
