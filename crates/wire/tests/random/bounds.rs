//! Hostile documents: nesting and memory stay within the limits.

use crate::memory::peak_bytes;
use crate::sample::Sample;
use bytes::Bytes;
use waystation_wire::form::{Form, decode as form};
use waystation_wire::json::decode as json;
use waystation_wire::limits::{DECODED_BYTES_BASE, DECODED_BYTES_PER_BODY_BYTE, FORM_PAIRS_MAX};
use waystation_wire::model::Serialization;

const MEGABYTE: usize = 1 << 20;

/// What decoding a body may take: vectors double as they grow and hold old and new elements while they move.
fn allowed(body: usize) -> usize {
    3 * (DECODED_BYTES_BASE + DECODED_BYTES_PER_BODY_BYTE * body)
}

fn measured(document: String) -> (usize, bool) {
    let body = Bytes::from(document);
    let mut taken = false;
    let peak = peak_bytes(|| {
        taken = json::document(&body, Serialization::TokenNames, &mut Sample::default()).is_ok()
    });
    assert!(
        peak <= allowed(body.len()),
        "{peak} bytes for a body of {}",
        body.len()
    );
    (peak, taken)
}

#[test]
fn deep_documents_are_refused() {
    for (open, close) in [
        ("[", "]"),
        ("{\"x\":", "}"),
        ("{\"Inner\":", "}"),
        ("{\"Samples\":[", "]}"),
    ] {
        for levels in [1_000, 200_000] {
            let document = format!("{{\"y\":{}{}}}", open.repeat(levels), close.repeat(levels));
            assert!(!measured(document).1);
            assert!(!measured(format!("{}{}", open.repeat(levels), close.repeat(levels))).1);
        }
    }
    let fits = format!("{}{{}}{}", "{\"Inner\":".repeat(100), "}".repeat(100));
    assert!(measured(fits).1);
}

#[test]
fn many_small_elements_cannot_become_much_memory() {
    let elements = |element: &str| vec![element; MEGABYTE / (element.len() + 1)].join(",");
    assert!(!measured(format!("{{\"Samples\":[{}]}}", elements("{}"))).1);
    assert!(measured(format!("{{\"Texts\":[{}]}}", elements("\"\""))).1);
    assert!(measured(format!("{{\"Unknown\":[{}]}}", elements("0"))).1);
    let keys: Vec<String> = (0..MEGABYTE / 12)
        .map(|key| format!("\"{key}\":{{}}"))
        .collect();
    measured(format!("{{\"SampleMap\":{{{}}}}}", keys.join(",")));
}

/// Skipping costs nothing, and text is shared, not copied.
#[test]
fn a_large_text_is_not_copied() {
    let (peak, taken) = measured(format!(
        "{{\"Unknown\":[0,{{}}],\"Text\":\"{}\"}}",
        "x".repeat(MEGABYTE)
    ));
    assert!(taken && peak < 4_096, "{peak} bytes");
}

#[test]
fn a_form_cannot_become_much_memory() {
    let count = FORM_PAIRS_MAX / 5;
    let pairs = |make: fn(usize) -> String| (1..=count).map(make).collect::<Vec<_>>().join("&");
    for document in [
        pairs(|n| format!("Item.{n}=x")),
        pairs(|n| format!("Samples.member.{n}.Text=x")),
        pairs(|n| format!("SampleMap.{n}.Value.Inner.Inner.Inner.Text=x")),
        pairs(|n| format!("Text.{n}.{n}")),
        "a&".repeat(FORM_PAIRS_MAX + 1),
        "Inner.".repeat(MEGABYTE / 6),
        format!("{}Text=x", "Inner.".repeat(2_000)),
    ] {
        let body = Bytes::from(document);
        let peak = peak_bytes(|| {
            if let Ok(read) = Form::new(&body, "", Vec::new()) {
                let _ = form::document(&read, &mut Sample::default());
            }
        });
        assert!(
            peak <= allowed(body.len()),
            "{peak} bytes for a body of {}",
            body.len()
        );
    }
    assert!(
        Form::new(
            &Bytes::from("a&".repeat(FORM_PAIRS_MAX + 1)),
            "",
            Vec::new()
        )
        .is_err()
    );
}

/// Sorted pairs keep decoding near-linear; a quadratic reader would take minutes here.
#[test]
fn a_list_of_many_elements_is_read_in_one_go() {
    let document: Vec<String> = (1..FORM_PAIRS_MAX)
        .rev()
        .map(|n| format!("Item.{n}={n}"))
        .collect();
    let form = Form::new(&Bytes::from(document.join("&")), "", Vec::new()).unwrap();
    let mut sample = Sample::default();
    form::document(&form, &mut sample).unwrap();
    let texts = sample.flat_texts.unwrap();
    assert_eq!(texts.len(), FORM_PAIRS_MAX - 1);
    assert_eq!((&*texts[0], &*texts[99]), ("1", "100"));
}
