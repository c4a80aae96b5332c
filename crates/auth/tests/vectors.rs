//! Requests signed by botocore verify here, and our signer signs them alike.
//! `vectors/generate.py` says how the data file is made.

mod support;

use support::{ACCESS_KEY, NOW_S, SECRET_KEY, authenticate, request, verifier};
use waystation_auth::{Signer, Unsigned};

#[derive(Default, Debug)]
struct Vector {
    name: String,
    service: String,
    region: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    include_str!("vectors/botocore.txt")
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
        .map(|block| {
            let mut vector = Vector::default();
            for line in block.lines() {
                let (field, value) = line.split_once(' ').unwrap_or((line, ""));
                let text = value.to_owned();
                match field {
                    "name" => vector.name = text,
                    "service" => vector.service = text,
                    "region" => vector.region = text,
                    "method" => vector.method = text,
                    "path" => vector.path = text,
                    "query" => vector.query = text,
                    "header" => {
                        let (name, value) = value.split_once(": ").unwrap();
                        vector.headers.push((name.to_owned(), value.to_owned()));
                    }
                    "body" => vector.body = from_hex(value),
                    other => panic!("unknown field {other}"),
                }
            }
            vector
        })
        .collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn idn_001_to_029_requests_of_botocore_verify() {
    let verifier = verifier();
    let vectors = vectors();
    assert_eq!(vectors.len(), 17);
    for vector in vectors {
        let request = request(
            &vector.method,
            &vector.path,
            &vector.query,
            &vector.headers,
            &vector.body,
        );
        let identity = authenticate(&verifier, &request, &vector.service, NOW_S)
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_eq!(identity.region, *vector.region, "{}", vector.name);
        assert_eq!(identity.access_key.as_deref(), Some(ACCESS_KEY));
        assert_eq!(identity.account, "000000000000");
    }
}

#[test]
fn the_signer_signs_like_botocore() {
    let mut compared = 0;
    for vector in vectors() {
        let find = |name: &str| {
            let found = vector.headers.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.clone())
        };
        // Presigned requests and those with a `Date` header are not what our signer makes.
        let (Some(authorization), Some(amz_date)) = (find("Authorization"), find("X-Amz-Date"))
        else {
            continue;
        };
        let headers: Vec<(&str, &str)> = vector
            .headers
            .iter()
            .filter(|(name, _)| name != "Authorization" && name != "X-Amz-Date")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let unsigned = Unsigned {
            method: &vector.method,
            path: &vector.path,
            query: &vector.query,
            headers: &headers,
            body: &vector.body,
        };
        let signed = Signer::new(ACCESS_KEY, SECRET_KEY, &vector.region, &vector.service)
            .sign(&unsigned, NOW_S);
        assert_eq!(signed.authorization, authorization, "{}", vector.name);
        assert_eq!(signed.amz_date, amz_date, "{}", vector.name);
        compared += 1;
    }
    assert_eq!(compared, 13);
}
