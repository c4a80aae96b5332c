//! CBOR: what we write we read back, in every form that others may write it, and nothing hostile costs anything.

use crate::garbage::mutate;
use crate::memory::peak_bytes;
use crate::sample::{Sample, sample};
use crate::seeded;
use bytes::Bytes;
use waystation_wire::cbor::{Time, decode, encode};
use waystation_wire::limits::{DECODED_BYTES_BASE, DECODED_BYTES_PER_BODY_BYTE, DEPTH_MAX};
use waystation_wire::model::Serialization;
use waystation_wire::{ApiError, Timestamp};

const ROUNDS: usize = 5_000;
const TIMES: [Time; 2] = [Time::Seconds, Time::Milliseconds];

fn read(document: impl Into<Bytes>, time: Time) -> Result<Sample, ApiError> {
    let mut read = Sample::default();
    decode::document(&document.into(), time, Serialization::ClassNames, &mut read)?;
    Ok(read)
}

fn written(sample: &Sample, time: Time) -> Vec<u8> {
    let mut document = Vec::new();
    encode::structure(&mut document, time, sample);
    document
}

#[test]
fn what_we_write_we_read_back() {
    let mut rng = seeded("what_we_write_we_read_back");
    for _ in 0..ROUNDS {
        let sample = sample(&mut rng, 2);
        for time in TIMES {
            assert_eq!(read(written(&sample, time), time).unwrap(), sample);
        }
    }
}

/// `{"Text": "abc", "Blob": h'0102', "Texts": ["a"], "TextMap": {"k": "v"}}`, each part in the given form.
fn forms(map: (&[u8], &[u8]), text: &[u8], blob: &[u8], list: (&[u8], &[u8])) -> Vec<u8> {
    let end = map.1;
    [
        map.0,
        b"\x64Text",
        text,
        b"\x64Blob",
        blob,
        b"\x65Texts",
        list.0,
        b"\x61a",
        list.1,
        b"\x67TextMap",
        if end.is_empty() { b"\xa1" } else { b"\xbf" },
        b"\x61k\x61v",
        end,
        end,
    ]
    .concat()
}

#[test]
fn lengths_may_be_known_or_open() {
    let known = forms((b"\xa4", b""), b"\x63abc", b"\x42\x01\x02", (b"\x81", b""));
    let open = forms(
        (b"\xbf", b"\xff"),
        b"\x7f\x61a\x62bc\xff",
        b"\x5f\x41\x01\x40\x41\x02\xff",
        (b"\x9f", b"\xff"),
    );
    let long = forms(
        (b"\xbb\x00\x00\x00\x00\x00\x00\x00\x04", b""),
        b"\x78\x03abc",
        b"\x59\x00\x02\x01\x02",
        (b"\x9a\x00\x00\x00\x01", b""),
    );
    let wanted = read(known, Time::Seconds).unwrap();
    assert_eq!(wanted.text.as_deref(), Some("abc"));
    assert_eq!(wanted.blob.as_deref(), Some(&[1, 2][..]));
    assert_eq!(read(open, Time::Seconds).unwrap(), wanted);
    assert_eq!(read(long, Time::Seconds).unwrap(), wanted);
}

#[test]
fn a_time_is_milliseconds_when_it_is_an_integer_and_the_binding_is_the_old_one() {
    let time = |value: &[u8], time| {
        let document = [b"\xa1\x64Time\xc1", value].concat();
        read(document, time).unwrap().time
    };
    let integer = b"\x1b\x00\x00\x01\x8b\xcf\xe5\x68\x7b";
    assert_eq!(
        time(integer, Time::Milliseconds),
        Some(Timestamp(1_700_000_000.123))
    );
    assert_eq!(
        time(integer, Time::Seconds),
        Some(Timestamp(1_700_000_000_123.0))
    );
    for unit in TIMES {
        assert_eq!(time(b"\xf9\x3e\x00", unit), Some(Timestamp(1.5)));
    }
}

#[test]
fn broken_documents_are_survived() {
    let mut rng = seeded("broken_documents_are_survived");
    for _ in 0..ROUNDS {
        let mut document = written(&sample(&mut rng, 1), Time::Seconds);
        let whole = document.len();
        for cut in [rng.usize(..whole), whole - 1] {
            read(document[..cut].to_vec(), Time::Seconds).unwrap_err();
        }
        for _ in 0..rng.usize(1..6) {
            mutate(&mut rng, &mut document);
        }
        let _ = read(document, Time::Milliseconds);
        let mut bytes = vec![0; rng.usize(..64)];
        rng.fill(&mut bytes);
        // Most first bytes end it at once; this one is a map.
        bytes.insert(0, 0xbf);
        let _ = read(bytes, Time::Seconds);
    }
}

#[test]
fn announced_lengths_reserve_nothing() {
    for head in [&b"\x5b"[..], b"\x7b", b"\x9b", b"\xbb", b"\xdb"] {
        for member in [
            &b"\x64Text"[..],
            b"\x64Blob",
            b"\x65Texts",
            b"\x67TextMap",
            b"\x61x",
        ] {
            for length in [u64::MAX, 1 << 40, 1 << 31] {
                let document = [b"\xbf", member, head, &length.to_be_bytes()].concat();
                let peak = peak_bytes(|| {
                    read(document.clone(), Time::Seconds).unwrap_err();
                });
                assert!(peak < 64 * 1024, "{peak} bytes");
            }
        }
    }
}

#[test]
fn deep_and_wide_documents_stay_within_the_limits() {
    let text = |error: ApiError| error.kind.shape;
    for part in [
        &b"\xbf\x65Inner"[..],
        b"\xbf\x61x",
        b"\xa1\x61x",
        b"\x9f",
        b"\x81",
        b"\xc1",
    ] {
        let document = [b"\xbf\x61y", part.repeat(200_000).as_slice()].concat();
        assert_eq!(
            read(document, Time::Seconds).map_err(text),
            Err("SerializationException")
        );
    }
    let inner = b"\xbf\x65Inner".repeat(DEPTH_MAX - 1);
    let fits = [inner.as_slice(), b"\xbf", &[0xff; DEPTH_MAX]].concat();
    read(fits, Time::Seconds).unwrap();

    let bodies = [
        [
            &b"\xbf\x67Samples\x9f"[..],
            &b"\xbf\xff".repeat(1 << 19),
            b"\xff\xff",
        ]
        .concat(),
        [&b"\xbf\x65Texts\x9f"[..], &vec![0x60; 1 << 20], b"\xff\xff"].concat(),
    ];
    for body in bodies {
        let allowed = 3 * (DECODED_BYTES_BASE + DECODED_BYTES_PER_BODY_BYTE * body.len());
        let body = Bytes::from(body);
        let peak = peak_bytes(|| {
            let _ = read(body.clone(), Time::Seconds);
        });
        assert!(peak <= allowed, "{peak} bytes for a body of {}", body.len());
    }
}

#[test]
fn bytes_and_texts_share_the_buffer() {
    let body = Bytes::from_static(b"\xa2\x64Blob\x42\x01\x02\x64Text\x63abc");
    let read = read(body.clone(), Time::Seconds).unwrap();
    assert_eq!(read.blob.unwrap().as_ptr(), body[7..].as_ptr());
    assert_eq!(read.text.unwrap().as_bytes().as_ptr(), body[15..].as_ptr());
}
