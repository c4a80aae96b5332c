//! No bytes, however broken, make a decoder panic.

use crate::sample::{Sample, sample, text};
use crate::seeded;
use bytes::Bytes;
use fastrand::Rng;
use waystation_wire::form::{Form, decode as form};
use waystation_wire::json::{decode as json, encode};
use waystation_wire::model::Serialization;
use waystation_wire::timestamp;

const ROUNDS: usize = 5_000;

/// Changes, adds, drops, doubles or moves a few bytes.
pub(crate) fn mutate(rng: &mut Rng, document: &mut Vec<u8>) {
    const TELLING: &[u8] = b"{}[]\",:\\0123456789.-+eE tfnu\n\0\x1f\x7f\xff&=%.";
    let at = rng.usize(..=document.len());
    match rng.u8(..5) {
        0 if at < document.len() => document[at] = rng.u8(..),
        1 if at < document.len() => drop(document.remove(at)),
        2 => document.insert(at, TELLING[rng.usize(..TELLING.len())]),
        3 if at < document.len() => {
            let end = (at + rng.usize(..20)).min(document.len());
            let part = document[at..end].to_vec();
            document.splice(at..at, part);
        }
        _ => document.truncate(at),
    }
}

fn decode_everything(bytes: Vec<u8>) {
    if let Ok(text) = std::str::from_utf8(&bytes) {
        let _ = timestamp::parse(text);
        if let Ok(read) = Form::new(&Bytes::new(), text, Vec::new()) {
            let _ = form::document(&read, &mut Sample::default());
        }
    }
    let bytes = Bytes::from(bytes);
    let _ = json::document(&bytes, Serialization::TokenNames, &mut Sample::default());
    if let Ok(read) = Form::new(&bytes, "", Vec::new()) {
        let _ = form::document(&read, &mut Sample::default());
    }
}

#[test]
fn random_bytes_are_survived() {
    let mut rng = seeded("random_bytes_are_survived");
    for _ in 0..ROUNDS {
        let mut bytes = vec![0; rng.usize(..64)];
        rng.fill(&mut bytes);
        decode_everything(bytes);
    }
}

#[test]
fn mutated_documents_are_survived() {
    let mut rng = seeded("mutated_documents_are_survived");
    for _ in 0..ROUNDS {
        let mut document = Vec::new();
        encode::structure(&mut document, &sample(&mut rng, 1));
        for _ in 0..rng.usize(1..6) {
            mutate(&mut rng, &mut document);
        }
        decode_everything(document);
    }
}

#[test]
fn mutated_forms_are_survived() {
    let mut rng = seeded("mutated_forms_are_survived");
    const NAMES: &[&str] = &[
        "Text",
        "Blob",
        "Integer",
        "Texts.member.1",
        "Item.2",
        "SampleMap.1.Name",
        "SampleMap.1.Value.Text",
        "Inner.Inner.Long",
    ];
    for _ in 0..ROUNDS {
        let pairs: Vec<String> = (0..rng.usize(..8))
            .map(|_| format!("{}={}", NAMES[rng.usize(..NAMES.len())], text(&mut rng)))
            .collect();
        let mut document = pairs.join("&").into_bytes();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut rng, &mut document);
        }
        decode_everything(document);
    }
}
