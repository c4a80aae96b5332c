//! CBOR encoding: a structure and its table to a document.
//!
//! Absent members are not written. Structures have an open length, as Kinesis writes them, since their members are counted
//! only by walking them; lists and maps are counted.

use super::{EPOCH_TAG, INDEFINITE, Time, major, simple};
use crate::json::encode::is_empty;
use crate::{Structure, Timestamp, Value};

/// Appends the document of a structure.
pub fn structure(out: &mut Vec<u8>, time: Time, structure: &dyn Structure) {
    out.push(major::MAP << 5 | INDEFINITE);
    for (index, member) in structure.shape().members.iter().enumerate() {
        let Some(field) = structure.value(index) else {
            continue;
        };
        if member.absent_when_empty && is_empty(&field) {
            continue;
        }
        text(out, member.name);
        value(out, time, &field);
    }
    out.push(simple::BREAK);
}

/// Appends a map of texts.
pub fn texts(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    head(out, major::MAP, pairs.len() as u64);
    for (name, said) in pairs {
        text(out, name);
        text(out, said);
    }
}

fn value(out: &mut Vec<u8>, time: Time, field: &Value<'_>) {
    match field {
        Value::Struct(inner) => structure(out, time, *inner),
        Value::List(list) => {
            head(out, major::ARRAY, list.count() as u64);
            for index in 0..list.count() {
                match list.element(index) {
                    Some(element) => value(out, time, &element),
                    None => out.push(simple::NULL),
                }
            }
        }
        Value::Map(map) => {
            let pairs: Vec<_> = (0..map.count())
                .filter_map(|index| map.entry(index))
                .collect();
            head(out, major::MAP, pairs.len() as u64);
            for (key, element) in pairs {
                text(out, key);
                value(out, time, &element);
            }
        }
        Value::Text(value) => text(out, value),
        Value::Blob(value) => {
            head(out, major::BYTES, value.len() as u64);
            out.extend_from_slice(value);
        }
        Value::Boolean(value) => out.push(if *value { simple::TRUE } else { simple::FALSE }),
        Value::Integer(value) => integer(out, i64::from(*value)),
        Value::Long(value) => integer(out, *value),
        Value::Float(value) => {
            out.push(simple::SINGLE);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Double(value) => double(out, *value),
        Value::Timestamp(value) => moment(out, time, *value),
    }
}

fn moment(out: &mut Vec<u8>, time: Time, value: Timestamp) {
    head(out, major::TAG, EPOCH_TAG);
    match time {
        Time::Milliseconds => integer(out, value.as_ms()),
        Time::Seconds if value.0.fract() == 0.0 => integer(out, value.0 as i64),
        Time::Seconds => double(out, value.0),
    }
}

fn double(out: &mut Vec<u8>, value: f64) {
    out.push(simple::DOUBLE);
    out.extend_from_slice(&value.to_be_bytes());
}

fn integer(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => head(out, major::UNSIGNED, value),
        // -1 - value cannot overflow.
        Err(_) => head(out, major::NEGATIVE, !value as u64),
    }
}

fn text(out: &mut Vec<u8>, value: &str) {
    head(out, major::TEXT, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

/// A first byte and its number in the shortest form.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}
