//! JSON against serde_json, which reads and writes the same documents.

use crate::sample::{Sample, sample, text};
use crate::seeded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;
use serde_json::{Map, Value, json};
use waystation_wire::Str;
use waystation_wire::json::{decode, encode};
use waystation_wire::model::Serialization;

const ROUNDS: usize = 1_000;

/// What serde_json should see of a sample.
fn expected(sample: &Sample) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        members.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("Text", sample.text.as_ref().map(json_text));
    let blob = sample.blob.as_ref();
    put("Blob", blob.map(|blob| json!(STANDARD.encode(blob))));
    put("Boolean", sample.boolean.map(Value::from));
    put("Integer", sample.integer.map(Value::from));
    put("Long", sample.long.map(Value::from));
    put("Float", sample.float.map(json_float));
    put("Double", sample.double.map(Value::from));
    put("Time", sample.time.map(|time| json!(time.0)));
    let texts = |texts: &Vec<Str>| texts.iter().map(json_text).collect();
    put("Texts", sample.texts.as_ref().map(texts));
    put("FlatTexts", sample.flat_texts.as_ref().map(texts));
    let samples = sample.samples.as_ref();
    put(
        "Samples",
        samples.map(|list| list.iter().map(expected).collect()),
    );
    put(
        "TextMap",
        sample.text_map.as_ref().map(|map| json_map(map, json_text)),
    );
    put(
        "SampleMap",
        sample
            .sample_map
            .as_ref()
            .map(|map| json_map(map, expected)),
    );
    put("Inner", sample.inner.as_ref().map(|inner| expected(inner)));
    Value::Object(members)
}

fn json_text(text: &Str) -> Value {
    json!(text.as_str())
}

/// A single-precision number is written with the digits that identify it.
fn json_float(value: f32) -> Value {
    let digits: f64 = value.to_string().parse().unwrap();
    json!(digits)
}

fn json_map<V>(map: &waystation_wire::Map<V>, value: impl Fn(&V) -> Value) -> Value {
    map.iter()
        .map(|(key, item)| (key.to_string(), value(item)))
        .collect()
}

fn decoded(document: impl Into<Bytes>) -> Result<Sample, String> {
    let mut sample = Sample::default();
    decode::document(&document.into(), Serialization::TokenNames, &mut sample)
        .map_err(|error| error.to_string())?;
    Ok(sample)
}

/// Numbers are compared as numbers: ours writes `2` for the double that serde_json writes `2.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[test]
fn serde_json_reads_what_we_write() {
    let mut rng = seeded("serde_json_reads_what_we_write");
    for _ in 0..ROUNDS {
        let sample = sample(&mut rng, 2);
        let mut written = Vec::new();
        encode::structure(&mut written, &sample);
        let read: Value = serde_json::from_slice(&written).unwrap();
        assert!(
            same(&read, &expected(&sample)),
            "{read}\n{}",
            expected(&sample)
        );
        assert_eq!(decoded(written), Ok(sample));
    }
}

#[test]
fn we_read_what_serde_json_writes() {
    let mut rng = seeded("we_read_what_serde_json_writes");
    for _ in 0..ROUNDS {
        let sample = sample(&mut rng, 2);
        let mut document = expected(&sample);
        add_noise(&mut rng, &mut document);
        let pretty = rng.bool();
        let written = if pretty {
            serde_json::to_vec_pretty(&document)
        } else {
            serde_json::to_vec(&document)
        };
        // serde_json's maps are sorted, ours keep the order of the document.
        let read = decoded(written.unwrap()).unwrap();
        assert_eq!(expected(&read), expected(&sample));
    }
}

/// Members that nobody knows, at the top and inside.
fn add_noise(rng: &mut Rng, document: &mut Value) {
    let Value::Object(members) = document else {
        return;
    };
    for (name, value) in members.iter_mut() {
        if name == "Inner" {
            add_noise(rng, value);
        }
    }
    members.insert(format!("Unknown{}", text(rng)), any(rng, 3));
}

fn any(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!(rng.f64()),
        4 => json!(text(rng).as_str()),
        5 => (0..rng.usize(..4)).map(|_| any(rng, depth - 1)).collect(),
        _ => (0..rng.usize(..4))
            .map(|_| (text(rng).to_string(), any(rng, depth - 1)))
            .collect(),
    }
}

/// Where a document is broken, both readers must say so; where it is not, both must take it. Members are unknown here, so
/// only syntax counts.
#[test]
fn we_agree_with_serde_json_about_syntax() {
    let mut rng = seeded("we_agree_with_serde_json_about_syntax");
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..ROUNDS * 10 {
        let mut document =
            serde_json::to_vec(&json!({ "a": any(&mut rng, 3), "b": any(&mut rng, 2) })).unwrap();
        for _ in 0..rng.usize(..4) {
            crate::garbage::mutate(&mut rng, &mut document);
        }
        let theirs = serde_json::from_slice::<Value>(&document);
        if theirs
            .as_ref()
            .is_err_and(|error| error.to_string().contains("out of range"))
        {
            continue;
        }
        let ours = decode::document(
            &Bytes::from(document.clone()),
            Serialization::TokenNames,
            &mut (),
        );
        // Ours also insists on an object, or on nothing.
        let agreed = match &theirs {
            Ok(Value::Object(_) | Value::Null) => ours.is_ok(),
            Ok(_) => ours.is_err(),
            Err(_) => ours.is_err() || document.iter().all(u8::is_ascii_whitespace),
        };
        assert!(
            agreed,
            "{:?}\n{theirs:?}\n{ours:?}",
            String::from_utf8_lossy(&document)
        );
        if theirs.is_ok() {
            taken += 1
        } else {
            refused += 1
        }
    }
    assert!(
        taken > ROUNDS && refused > ROUNDS,
        "{taken} taken, {refused} refused: the mutations lost their balance"
    );
}
