//! A structure with a member of every kind, and random ones of it.

use fastrand::Rng;
use waystation_wire::shape::{
    BLOB, BOOLEAN, DOUBLE, FLOAT, INTEGER, LONG, ListShape, MapShape, PLAIN_TEXT, Shape, TEXT,
    TIMESTAMP, list, map, member,
};
use waystation_wire::{Blob, Map, Str, Timestamp};

static TEXTS: ListShape = list(TEXT);
static NAMED_TEXTS: ListShape = list(TEXT).element_name("Item");
static SAMPLES: ListShape = list(Shape::Struct(&SAMPLE));
static TEXT_MAP: MapShape = map(&PLAIN_TEXT, TEXT);
static SAMPLE_MAP: MapShape = map(&PLAIN_TEXT, Shape::Struct(&SAMPLE)).entry_names("Name", "Value");

waystation_wire::structure! { Sample, SAMPLE, "Sample" {
    0 text: Option<Str> = member("Text", TEXT),
    1 blob: Option<Blob> = member("Blob", BLOB),
    2 boolean: Option<bool> = member("Boolean", BOOLEAN),
    3 integer: Option<i32> = member("Integer", INTEGER),
    4 long: Option<i64> = member("Long", LONG),
    5 float: Option<f32> = member("Float", FLOAT),
    6 double: Option<f64> = member("Double", DOUBLE),
    7 time: Option<Timestamp> = member("Time", TIMESTAMP),
    8 texts: Option<Vec<Str>> = member("Texts", Shape::List(&TEXTS)),
    9 flat_texts: Option<Vec<Str>> = member("FlatTexts", Shape::List(&NAMED_TEXTS)).named("Item").flattened(),
    10 samples: Option<Vec<Sample>> = member("Samples", Shape::List(&SAMPLES)),
    11 text_map: Option<Map<Str>> = member("TextMap", Shape::Map(&TEXT_MAP)),
    12 sample_map: Option<Map<Sample>> = member("SampleMap", Shape::Map(&SAMPLE_MAP)).flattened(),
    13 inner: Option<Box<Sample>> = member("Inner", Shape::Struct(&SAMPLE)),
}}

/// A random sample; deeper ones are smaller.
pub(crate) fn sample(rng: &mut Rng, depth: usize) -> Sample {
    let inner = depth.checked_sub(1);
    Sample {
        text: some(rng, text),
        blob: some(rng, |rng| {
            Blob::from((0..rng.usize(..9)).map(|_| rng.u8(..)).collect::<Vec<_>>())
        }),
        boolean: some(rng, |rng| rng.bool()),
        integer: some(rng, |rng| rng.i32(..)),
        long: some(rng, |rng| rng.i64(..)),
        float: some(rng, |rng| (rng.f32() - 0.5) * 1e9),
        double: some(rng, |rng| (rng.f64() - 0.5) * 10f64.powi(rng.i32(-30..30))),
        time: some(rng, |rng| {
            Timestamp(rng.u32(..) as f64 + f64::from(rng.u16(..1000)) / 1000.0)
        }),
        texts: some(rng, |rng| few(rng, text)),
        flat_texts: some(rng, |rng| few(rng, text)),
        samples: inner.and_then(|depth| some(rng, |rng| few(rng, |rng| sample(rng, depth)))),
        text_map: some(rng, |rng| {
            few(rng, |rng| (text(rng), text(rng))).into_iter().collect()
        }),
        sample_map: inner.and_then(|depth| {
            some(rng, |rng| {
                few(rng, |rng| (text(rng), sample(rng, depth)))
                    .into_iter()
                    .collect()
            })
        }),
        inner: inner.and_then(|depth| some(rng, |rng| Box::new(sample(rng, depth)))),
    }
}

fn some<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    if rng.u8(..3) == 0 {
        Some(make(rng))
    } else {
        None
    }
}

/// One to three; an empty list or map leaves no trace in a form.
fn few<T>(rng: &mut Rng, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(1..4)).map(|_| make(rng)).collect()
}

/// Text that XML can hold, with everything that some format escapes.
pub(crate) fn text(rng: &mut Rng) -> Str {
    const SPECIAL: &[char] = &[
        '"',
        '\\',
        '/',
        '\n',
        '\r',
        '\t',
        '&',
        '<',
        '>',
        '\'',
        '%',
        '+',
        '=',
        '.',
        ' ',
        '\u{7f}',
        'é',
        '\u{2028}',
        '€',
        '\u{fffd}',
        '\u{efff}',
        '😀',
        '\u{10ffff}',
    ];
    let length = if rng.u8(..20) == 0 {
        rng.usize(..200)
    } else {
        rng.usize(..12)
    };
    let character = |_| match rng.u8(..4) {
        0 => SPECIAL[rng.usize(..SPECIAL.len())],
        _ => char::from(rng.u8(b' '..b'~')),
    };
    (0..length).map(character).collect::<String>().into()
}
