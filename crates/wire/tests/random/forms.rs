//! Forms: a random structure written as a client writes it is read back.

use crate::sample::{Sample, sample};
use crate::seeded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;
use waystation_wire::form::{Form, decode};
use waystation_wire::timestamp;

/// The parameters of a sample, as names and values.
fn parameters(sample: &Sample, prefix: &str, out: &mut Vec<(String, String)>) {
    let name = |part: &str| {
        if prefix.is_empty() {
            part.to_owned()
        } else {
            format!("{prefix}.{part}")
        }
    };
    let mut put =
        |part: &str, value: Option<String>| out.extend(value.map(|value| (name(part), value)));
    put("Text", sample.text.as_ref().map(|text| text.to_string()));
    put(
        "Blob",
        sample.blob.as_ref().map(|blob| STANDARD.encode(blob)),
    );
    put("Boolean", sample.boolean.map(|value| value.to_string()));
    put("Integer", sample.integer.map(|value| value.to_string()));
    put("Long", sample.long.map(|value| value.to_string()));
    put("Float", sample.float.map(|value| value.to_string()));
    put("Double", sample.double.map(|value| value.to_string()));
    put("Time", sample.time.map(timestamp::iso8601));
    for (at, text) in sample.texts.iter().flatten().enumerate() {
        put(&format!("Texts.member.{}", at + 1), Some(text.to_string()));
    }
    for (at, text) in sample.flat_texts.iter().flatten().enumerate() {
        put(&format!("Item.{}", at + 1), Some(text.to_string()));
    }
    for (at, (key, value)) in sample.text_map.iter().flatten().enumerate() {
        put(
            &format!("TextMap.entry.{}.key", at + 1),
            Some(key.to_string()),
        );
        put(
            &format!("TextMap.entry.{}.value", at + 1),
            Some(value.to_string()),
        );
    }
    for (at, (key, _)) in sample.sample_map.iter().flatten().enumerate() {
        put(&format!("SampleMap.{}.Name", at + 1), Some(key.to_string()));
    }
    for (at, inner) in sample.samples.iter().flatten().enumerate() {
        parameters(inner, &name(&format!("Samples.member.{}", at + 1)), out);
    }
    for (at, (_, inner)) in sample.sample_map.iter().flatten().enumerate() {
        parameters(inner, &name(&format!("SampleMap.{}.Value", at + 1)), out);
    }
    if let Some(inner) = &sample.inner {
        parameters(inner, &name("Inner"), out);
    }
}

fn escape(rng: &mut Rng, text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' if rng.bool() => escaped.push('+'),
            b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                escaped.push(char::from(byte))
            }
            byte if rng.bool() => escaped.push_str(&format!("%{byte:02X}")),
            byte => escaped.push_str(&format!("%{byte:02x}")),
        }
    }
    escaped
}

/// Empty structures leave no trace in a form, so both sides are compared by their parameters.
#[test]
fn a_form_is_read_back_whatever_the_order_and_wherever_it_stands() {
    let mut rng = seeded("a_form_is_read_back_whatever_the_order_and_wherever_it_stands");
    for _ in 0..1_000 {
        let mut given = Vec::new();
        parameters(&sample(&mut rng, 2), "", &mut given);
        given.retain(|(_, value)| !value.is_empty());
        rng.shuffle(&mut given);
        let split = rng.usize(..=given.len());
        let (body, query) = given.split_at(split);
        let mut join = |part: &[(String, String)]| -> String {
            let pairs = part
                .iter()
                .map(|(name, value)| format!("{name}={}", escape(&mut rng, value)));
            pairs.collect::<Vec<_>>().join("&")
        };
        let (body, query) = (join(body), join(query));
        let form = Form::new(&Bytes::from(body), &query, Vec::new()).unwrap();
        let mut decoded = Sample::default();
        if let Err(error) = decode::document(&form, &mut decoded) {
            // Texts may repeat once empty ones are gone.
            assert!(error.message.contains("more than once"), "{error}");
            continue;
        }
        let mut read = Vec::new();
        parameters(&decoded, "", &mut read);
        read.retain(|(_, value)| !value.is_empty());
        let renumbered = |pairs: &[(String, String)]| {
            let mut values: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{}={value}", unnumbered(name)))
                .collect();
            values.sort();
            values
        };
        assert_eq!(renumbered(&read), renumbered(&given));
    }
}

/// Positions may have gaps once empty values are gone; the reader closes them.
fn unnumbered(name: &str) -> String {
    name.split('.')
        .filter(|part| part.parse::<u32>().is_err())
        .collect::<Vec<_>>()
        .join(".")
}
