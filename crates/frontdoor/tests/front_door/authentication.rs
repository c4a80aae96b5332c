//! Verify mode over the wire: codes and statuses per protocol (IDN-053 to IDN-062).

use std::time::{SystemTime, UNIX_EPOCH};

use waystation_auth::{Signer, Unsigned};

use crate::client::{Answer, json_head};
use crate::server::{ACCESS_KEY, SECRET_KEY, Server};

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

/// The head of a signed call of `Echo`.
fn signed(secret_key: &str, body: &str, epoch_s: i64) -> String {
    let target = "AmazonSQS.Echo";
    let unsigned = Unsigned {
        method: "POST",
        path: "/",
        query: "",
        headers: &[("host", "localhost"), ("x-amz-target", target)],
        body: body.as_bytes(),
    };
    let added = Signer::new(ACCESS_KEY, secret_key, "eu-west-1", "sqs").sign(&unsigned, epoch_s);
    format!(
        "{}\r\nX-Amz-Date: {}\r\nAuthorization: {}",
        json_head("Echo"),
        added.amz_date,
        added.authorization
    )
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, codes: [&str; 2], text: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for code in codes {
        let in_header = answer
            .header("x-amzn-query-error")
            .is_some_and(|header| header.starts_with(&format!("{code};")));
        assert!(
            in_header || answer.body.contains(code),
            "{code}: {answer:?}"
        );
    }
    assert!(answer.body.contains(text), "{}", answer.body);
    assert!(answer.header("date").is_some(), "IDN-062");
}

#[test]
fn a_right_signature_is_let_in() {
    let server = Server::verifying();
    let mut client = server.connect();
    for body in ["{\"Text\":\"a\"}", "{\"Text\":\"b\"}"] {
        let answer = client.ask(&signed(SECRET_KEY, body, now_s()), body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("\"Region\":\"eu-west-1\""));
    }
}

#[test]
fn idn_053_058_json_failures_have_their_codes() {
    let server = Server::verifying();
    let mut client = server.connect();
    let missing = client.call("Echo", "{}");
    let codes = [
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    ];
    assert_error(&missing, 400, codes, "Missing Authentication Token");

    let codes = ["SignatureDoesNotMatch", "InvalidSignatureException"];
    let wrong = client.ask(&signed("wrong", "{}", now_s()), "{}");
    assert_error(
        &wrong,
        400,
        codes,
        "does not match the signature you provided",
    );
    let old = client.ask(&signed(SECRET_KEY, "{}", now_s() - 400), "{}");
    assert_error(&old, 400, codes, "Signature expired: ");

    let head = signed(SECRET_KEY, "{}", now_s()).replace(ACCESS_KEY, "NOBODY");
    let unknown = client.ask(&head, "{}");
    let codes = ["InvalidClientTokenId", "UnrecognizedClientException"];
    assert_error(&unknown, 400, codes, "The security token");
    assert_eq!(
        server
            .service
            .calls
            .load(std::sync::atomic::Ordering::SeqCst),
        0
    );
}

#[test]
fn idn_053_057_query_failures_have_theirs() {
    let server = Server::verifying();
    let answer = server
        .connect()
        .ask("GET /?Action=Echo HTTP/1.1\r\nHost: localhost", "");
    let codes = [
        "<Code>MissingAuthenticationToken</Code>",
        "<Type>Sender</Type>",
    ];
    assert_error(
        &answer,
        403,
        codes,
        "Request is missing Authentication Token",
    );
}

#[test]
fn idn_061_the_operation_is_recognised_first_and_its_parameters_are_not() {
    let server = Server::verifying();
    let mut client = server.connect();
    let answer = client.call("NoSuchOperation", "{}");
    assert!(answer.body.contains("UnknownOperation"), "{}", answer.body);
    let answer = client.call("Echo", "not json");
    assert!(
        answer.body.contains("MissingAuthenticationToken"),
        "{}",
        answer.body
    );
    let head = signed(SECRET_KEY, "not json", now_s());
    let answer = client.ask(&head, "not json");
    assert!(
        answer.body.contains("SerializationException"),
        "{}",
        answer.body
    );
}
