//! The JSON rendering of a query answer, for a GET with `Accept: application/json` (SQS-048).
//!
//! It is older than the JSON protocol and differs from it: absent members are `null`, maps are lists of name-value pairs,
//! and some members have names of their own.

use crate::json::encode::{text, value};
use crate::model::OperationModel;
use crate::shape::Shape;
use crate::{Structure, Value};

/// Appends `{"OpResponse":{"OpResult":{..},"ResponseMetadata":{"RequestId":".."}}}`.
pub fn response(
    out: &mut Vec<u8>,
    operation: &OperationModel,
    output: &dyn Structure,
    request_id: &str,
) {
    out.extend_from_slice(format!("{{\"{}Response\":{{", operation.name).as_bytes());
    if let Some(wrapper) = operation.result_wrapper {
        text(out, wrapper);
        out.push(b':');
        structure(out, output);
        out.push(b',');
    }
    out.extend_from_slice(b"\"ResponseMetadata\":{\"RequestId\":");
    text(out, request_id);
    out.extend_from_slice(b"}}}");
}

fn structure(out: &mut Vec<u8>, source: &dyn Structure) {
    out.push(b'{');
    for (index, member) in source.shape().members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, member.view_name);
        out.push(b':');
        match source.value(index) {
            Some(field) => element(out, member.shape, &field),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

fn element(out: &mut Vec<u8>, shape: Shape, field: &Value<'_>) {
    match (field, shape) {
        (Value::Struct(inner), _) => structure(out, *inner),
        (Value::List(list), Shape::List(table)) => {
            let items = (0..list.count()).filter_map(|index| list.element(index));
            array(out, items, |out, item| element(out, table.element, &item));
        }
        (Value::Map(map), Shape::Map(table)) => {
            let pairs = (0..map.count()).filter_map(|index| map.entry(index));
            array(out, pairs, |out, (key, item)| {
                out.push(b'{');
                text(out, table.key_name);
                out.push(b':');
                text(out, key);
                out.push(b',');
                text(out, table.value_name);
                out.push(b':');
                element(out, table.value, &item);
                out.push(b'}');
            });
        }
        _ => value(out, shape, field),
    }
}

fn array<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}
