//! XML: what is written is well formed and holds every text unchanged.

use crate::elements::Element;
use crate::sample::{sample, text};
use crate::seeded;
use waystation_wire::xml;

#[test]
fn every_answer_is_well_formed() {
    let mut rng = seeded("every_answer_is_well_formed");
    for _ in 0..3_000 {
        let mut written = b"<Root>".to_vec();
        xml::members(&mut written, &sample(&mut rng, 2));
        written.extend_from_slice(b"</Root>");
        Element::parse(std::str::from_utf8(&written).unwrap()).unwrap();
    }
}

/// SQS-052.
#[test]
fn texts_survive() {
    let mut rng = seeded("texts_survive");
    for _ in 0..3_000 {
        let original = format!("x{}x", text(&mut rng));
        let mut written = b"<T>".to_vec();
        xml::text(&mut written, &original);
        written.extend_from_slice(b"</T>");
        let written = String::from_utf8(written).unwrap();
        assert!(!written.contains('\r'));
        assert_eq!(Element::parse(&written).unwrap().text, original);
    }
}

/// SQS-051: what XML cannot hold is replaced, whatever the text.
#[test]
fn forbidden_characters_are_replaced() {
    let mut rng = seeded("forbidden_characters_are_replaced");
    for _ in 0..3_000 {
        let original: String = (0..rng.usize(..80))
            .map(|_| rng.char(..))
            .chain(['\u{ffff}', '\u{1}'])
            .collect();
        let mut written = Vec::new();
        xml::text(&mut written, &original);
        let written = String::from_utf8(written).unwrap();
        let allowed = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(written.chars().all(allowed), "{written:?}");
    }
}
