//! Whatever is signed verifies, and any single change to it fails (IDN-027).
//! Randomised: set `SEED` to repeat a run.

mod support;

use support::{ACCESS_KEY, NOW_S, SECRET_KEY, authenticate, request, verifier};
use waystation_auth::{Signer, Unsigned};

const CASES: usize = 300;

struct Plain {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn text(random: &mut fastrand::Rng, alphabet: &str, chars: std::ops::Range<usize>) -> String {
    let count = random.usize(chars);
    (0..count)
        .map(|_| char::from(*random.choice(alphabet.as_bytes()).unwrap()))
        .collect()
}

fn plain(random: &mut fastrand::Rng) -> Plain {
    let mut headers = vec![
        ("host".to_owned(), "localhost:4566".to_owned()),
        (
            "content-type".to_owned(),
            "application/x-amz-json-1.0".to_owned(),
        ),
    ];
    for index in 0..random.usize(0..4) {
        let value = format!("v{}", text(random, "ab  ,;=/", 0..12));
        headers.push((format!("x-amz-{index}"), value));
    }
    let pairs: Vec<String> = (0..random.usize(0..5))
        .map(|_| {
            let name = text(random, "abAB-._~", 1..4);
            format!(
                "{name}={}",
                text(random, "01zZ-+", 0..5).replace('+', "%2B")
            )
        })
        .collect();
    let method = random.choice(["GET", "POST", "DELETE"]).unwrap();
    let body_bytes = random.usize(0..200);
    Plain {
        method: method.to_owned(),
        path: format!("/{}", text(random, "abc/.:-", 0..10)),
        query: pairs.join("&"),
        headers,
        body: (0..body_bytes).map(|_| random.u8(..)).collect(),
    }
}

fn signed(plain: &Plain) -> Plain {
    let pairs: Vec<(&str, &str)> = plain
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let unsigned = Unsigned {
        method: &plain.method,
        path: &plain.path,
        query: &plain.query,
        headers: &pairs,
        body: &plain.body,
    };
    let added = Signer::new(ACCESS_KEY, SECRET_KEY, "us-east-1", "sqs").sign(&unsigned, NOW_S);
    let mut headers = plain.headers.clone();
    headers.push(("x-amz-date".to_owned(), added.amz_date));
    headers.push(("authorization".to_owned(), added.authorization));
    Plain {
        method: plain.method.clone(),
        path: plain.path.clone(),
        query: plain.query.clone(),
        headers,
        body: plain.body.clone(),
    }
}

/// Changes one thing that the signature covers and says what.
fn tamper(random: &mut fastrand::Rng, plain: &mut Plain) -> String {
    match random.usize(0..6) {
        0 => {
            plain.method = format!("{}X", plain.method);
            "method".to_owned()
        }
        1 => {
            plain.path = format!("{}z", plain.path);
            "path".to_owned()
        }
        2 => {
            plain.query = match plain.query.as_str() {
                "" => "extra".to_owned(),
                query => format!("{query}&extra=1"),
            };
            "query".to_owned()
        }
        3 => {
            let at = random.usize(..=plain.body.len());
            match plain.body.get_mut(at) {
                Some(byte) => *byte ^= 1 << random.u8(..8),
                None => plain.body.push(random.u8(..)),
            }
            format!("body at {at}")
        }
        4 => {
            // The last two headers are the date and the authorization.
            let at = random.usize(..plain.headers.len() - 2);
            let (name, value) = &mut plain.headers[at];
            value.push('x');
            format!("header {name}")
        }
        _ => {
            let (_, authorization) = plain.headers.last_mut().unwrap();
            let signature_at = authorization.len() - 1 - random.usize(..64);
            let digit = authorization[signature_at..=signature_at].to_owned();
            let other = if digit == "0" { "1" } else { "0" };
            authorization.replace_range(signature_at..=signature_at, other);
            format!("signature at {signature_at}")
        }
    }
}

#[test]
fn idn_027_a_signed_request_verifies_and_any_single_change_fails() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let verifier = verifier();
    let check = |plain: &Plain| {
        let request = request(
            &plain.method,
            &plain.path,
            &plain.query,
            &plain.headers,
            &plain.body,
        );
        authenticate(&verifier, &request, "sqs", NOW_S)
    };
    for case in 0..CASES {
        let mut sent = signed(&plain(&mut random));
        check(&sent).unwrap_or_else(|error| panic!("case {case}: {error}"));
        let what = tamper(&mut random, &mut sent);
        let error = check(&sent).expect_err(&format!("case {case}: changed {what}"));
        assert_eq!(error.kind.query_code, "SignatureDoesNotMatch", "{what}");
    }
}
