//! Every authentication failure: its code, its text and its place in the order
//! of checks (IDN-052..054).

mod support;

use support::{ACCESS_KEY, NOW_S, SECRET_KEY, authenticate, request, verifier};
use waystation_auth::{Authenticator, Credentials, Defaults, Mode, Signer, Unsigned};
use waystation_wire::{ApiError, Request};

const SIGNATURE_TEXT: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const TOKEN_TEXT: &str = "The security token included in the request is invalid.";

/// A rightly signed POST.
fn good() -> Vec<(String, String)> {
    good_at(NOW_S)
}

fn good_at(epoch_s: i64) -> Vec<(String, String)> {
    signed_by(ACCESS_KEY, SECRET_KEY, "us-east-1", "sqs", epoch_s)
}

fn signed_by(
    access_key: &str,
    secret_key: &str,
    region: &str,
    service: &str,
    epoch_s: i64,
) -> Vec<(String, String)> {
    let unsigned = Unsigned {
        method: "POST",
        path: "/",
        query: "",
        headers: &[("host", "localhost:4566")],
        body: b"body",
    };
    let signed = Signer::new(access_key, secret_key, region, service).sign(&unsigned, epoch_s);
    vec![
        ("host".to_owned(), "localhost:4566".to_owned()),
        ("x-amz-date".to_owned(), signed.amz_date),
        ("authorization".to_owned(), signed.authorization),
    ]
}

fn post(headers: &[(String, String)]) -> Request {
    request("POST", "/", "", headers, b"body")
}

/// The good headers with a piece of the `Authorization` replaced.
fn replaced(from: &str, to: &str) -> Vec<(String, String)> {
    let mut headers = good();
    let authorization = &mut headers.last_mut().unwrap().1;
    assert!(authorization.contains(from), "{authorization}");
    *authorization = authorization.replace(from, to);
    headers
}

fn refused(request: &Request) -> ApiError {
    authenticate(&verifier(), request, "sqs", NOW_S).unwrap_err()
}

#[track_caller]
fn assert_refused(request: &Request, codes: (&str, u16, &str, u16), message: &str) {
    let error = refused(request);
    assert_eq!(error.message, message);
    let kind = error.kind;
    assert_eq!(
        (
            kind.query_code,
            kind.query_status.unwrap_or(kind.status),
            kind.shape,
            kind.status
        ),
        codes
    );
}

const INCOMPLETE: (&str, u16, &str, u16) = (
    "IncompleteSignature",
    400,
    "IncompleteSignatureException",
    400,
);
const INVALID: (&str, u16, &str, u16) = (
    "SignatureDoesNotMatch",
    403,
    "InvalidSignatureException",
    400,
);
const UNKNOWN: (&str, u16, &str, u16) = (
    "InvalidClientTokenId",
    403,
    "UnrecognizedClientException",
    400,
);

#[test]
fn no_credentials() {
    let request = post(&[("host".to_owned(), "h".to_owned())]);
    assert_refused(
        &request,
        (
            "MissingAuthenticationToken",
            403,
            "MissingAuthenticationTokenException",
            400,
        ),
        "Missing Authentication Token",
    );
    assert_eq!(
        refused(&request).kind.query_message,
        Some("Request is missing Authentication Token")
    );
}

#[test]
fn idn_034_header_and_query_together() {
    let request = request(
        "POST",
        "/",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        &good(),
        b"body",
    );
    assert_refused(
        &request,
        (
            "InvalidSignatureException",
            400,
            "InvalidSignatureException",
            400,
        ),
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
}

#[test]
fn missing_parts_of_the_header_are_listed_in_order() {
    let headers = [("authorization".to_owned(), "Bearer abc".to_owned())];
    assert_refused(
        &post(&headers),
        INCOMPLETE,
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=Bearer abc",
    );
    let headers: Vec<_> = replaced(", SignedHeaders=host;x-amz-date", "");
    let authorization = &headers.last().unwrap().1;
    assert_refused(
        &post(&headers),
        INCOMPLETE,
        &format!(
            "Authorization header requires 'SignedHeaders' parameter. Authorization={authorization}"
        ),
    );
}

#[test]
fn missing_parts_of_the_query_are_listed_in_order() {
    let query = |text: &str| request("GET", "/", text, &[], b"");
    assert_refused(
        &query("X-Amz-Signature=ab"),
        INCOMPLETE,
        "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    );
    assert_eq!(
        refused(&query("AWSAccessKeyId=A&SignatureVersion=2"))
            .kind
            .query_code,
        "IncompleteSignature",
        "IDN-065"
    );
}

#[test]
fn algorithm_time_and_scope_form() {
    assert_refused(
        &post(&replaced("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")),
        INCOMPLETE,
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'.",
    );
    let mut headers = good();
    headers[1].1 = "2026-01-05".to_owned();
    assert_eq!(
        refused(&post(&headers)).kind.query_code,
        "IncompleteSignature"
    );
    assert_refused(
        &post(&replaced("/aws4_request", "")),
        INCOMPLETE,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20260105/us-east-1/sqs'",
    );
}

#[test]
fn idn_063_064_keys_and_tokens() {
    assert_refused(&post(&replaced(ACCESS_KEY, "NOBODY")), UNKNOWN, TOKEN_TEXT);
    let mut headers = good();
    headers.push(("x-amz-security-token".to_owned(), "token".to_owned()));
    assert_refused(&post(&headers), UNKNOWN, TOKEN_TEXT);
}

#[test]
fn idn_025_the_window_is_five_minutes_both_ways() {
    let verifier = verifier();
    for age_s in [-300, 0, 300] {
        let request = post(&good_at(NOW_S - age_s));
        authenticate(&verifier, &request, "sqs", NOW_S).unwrap();
    }
    assert_refused(
        &post(&good_at(NOW_S - 301)),
        INVALID,
        "Signature expired: 20260105T025904Z is now earlier than 20260105T025905Z (20260105T030405Z - 5 min.)",
    );
    assert_refused(
        &post(&good_at(NOW_S + 301)),
        INVALID,
        "Signature not yet current: 20260105T030906Z is still later than 20260105T030905Z (20260105T030405Z + 5 min.)",
    );
}

#[test]
fn idn_022_to_024_scope_values() {
    assert_refused(
        &post(&replaced("/20260105/", "/20260104/")),
        INVALID,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260104' != '20260105', from '20260105T030405Z'.",
    );
    assert_refused(
        &post(&replaced("/us-east-1/", "/US East/")),
        INVALID,
        "Credential should be scoped to a valid region, not 'US East'. ",
    );
    assert_refused(
        &post(&signed_by(
            ACCESS_KEY,
            SECRET_KEY,
            "us-east-1",
            "sns",
            NOW_S,
        )),
        INVALID,
        "Credential should be scoped to correct service: 'sqs'. ",
    );
    assert_refused(
        &post(&replaced("/aws4_request", "/aws5")),
        INVALID,
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.",
    );
    let mut headers = good();
    headers[0].1 = "sqs.eu-west-1.amazonaws.com".to_owned();
    assert_refused(
        &post(&headers),
        INVALID,
        "Credential should be scoped to a valid region, not 'us-east-1'. ",
    );
}

#[test]
fn wrong_signatures() {
    let wrong_secret = signed_by(ACCESS_KEY, "wrong", "us-east-1", "sqs", NOW_S);
    assert_refused(&post(&wrong_secret), INVALID, SIGNATURE_TEXT);
    for (from, to) in [
        ("host;x-amz-date", "host;x-amz-date;x-amz-gone"),
        ("host;x-amz-date", "host;host;x-amz-date"),
        ("Signature=", "Signature=0"),
    ] {
        assert_refused(&post(&replaced(from, to)), INVALID, SIGNATURE_TEXT);
    }
    // Only lower-case digits are a signature (IDN-001).
    let mut upper = good();
    let authorization = &mut upper.last_mut().unwrap().1;
    let at = authorization.len() - 64;
    let digits = authorization.split_off(at).to_uppercase();
    authorization.push_str(&digits);
    assert_refused(&post(&upper), INVALID, SIGNATURE_TEXT);
    assert_eq!(
        refused(&post(&replaced("host;x-amz-date", "x-amz-date")))
            .kind
            .shape,
        "InvalidSignatureException"
    );
}

#[test]
fn idn_016_the_claimed_hash_must_be_the_hash_of_the_body() {
    for claimed in ["UNSIGNED-PAYLOAD", &"0".repeat(64)] {
        let unsigned = Unsigned {
            method: "POST",
            path: "/",
            query: "",
            headers: &[("host", "h"), ("x-amz-content-sha256", claimed)],
            body: b"body",
        };
        let signed = Signer::new(ACCESS_KEY, SECRET_KEY, "us-east-1", "sqs").sign(&unsigned, NOW_S);
        let headers = [
            ("host".to_owned(), "h".to_owned()),
            ("x-amz-content-sha256".to_owned(), claimed.to_owned()),
            ("x-amz-date".to_owned(), signed.amz_date),
            ("authorization".to_owned(), signed.authorization),
        ];
        assert_refused(&post(&headers), INVALID, SIGNATURE_TEXT);
    }
}

#[test]
fn idn_018_cheap_checks_come_first() {
    // Everything is wrong at once: each repair uncovers the next check.
    let mut headers = replaced("Signature=", "Signature=bad");
    headers[1].1 = "20200101T000000Z".to_owned();
    let authorization = &mut headers.last_mut().unwrap().1;
    *authorization = authorization
        .replace("/sqs/", "/sns/")
        .replace(ACCESS_KEY, "NOBODY");
    assert_eq!(refused(&post(&headers)).message, TOKEN_TEXT);
    headers[2].1 = headers[2].1.replace("NOBODY", ACCESS_KEY);
    assert!(
        refused(&post(&headers))
            .message
            .starts_with("Signature expired")
    );
    headers[1].1 = "20260105T030405Z".to_owned();
    assert!(refused(&post(&headers)).message.contains("correct service"));
    headers[2].1 = headers[2].1.replace("/sns/", "/sqs/");
    assert_eq!(refused(&post(&headers)).message, SIGNATURE_TEXT);
}

const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260105%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20260105T030405Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";

#[test]
fn idn_031_032_presigned_lifetimes() {
    let verifier = verifier();
    let ask = |query: &str, now_s| {
        let headers = [("host".to_owned(), "h".to_owned())];
        let request = request("GET", "/", query, &headers, b"");
        authenticate(&verifier, &request, "sqs", now_s)
            .unwrap_err()
            .message
    };
    let day = format!("{PRESIGNED}&X-Amz-Expires=86400");
    assert_eq!(ask(&day, NOW_S + 86_400), SIGNATURE_TEXT);
    assert_eq!(
        ask(&day, NOW_S + 86_401),
        "Signature expired: 20260105T030405Z is now earlier than 20260105T030406Z (20260106T030406Z - 1440 min.)"
    );
    assert_eq!(ask(&day, NOW_S - 300), SIGNATURE_TEXT);
    assert!(ask(&day, NOW_S - 301).starts_with("Signature not yet current"));
    assert!(ask(PRESIGNED, NOW_S + 301).starts_with("Signature expired"));
    for expires in ["0", "604801", "-1", "x", ""] {
        let query = format!("{PRESIGNED}&X-Amz-Expires={expires}");
        assert!(ask(&query, NOW_S).contains("'X-Amz-Expires'"), "{expires}");
    }
}

#[test]
fn identities_come_from_the_file_the_key_or_the_default() {
    let verifier = verifier();
    let identity = |access_key, secret_key| {
        let headers = signed_by(access_key, secret_key, "eu-west-1", "sqs", NOW_S);
        // Twice: the second time the derived key is at hand.
        let first = authenticate(&verifier, &post(&headers), "sqs", NOW_S).unwrap();
        let second = authenticate(&verifier, &post(&headers), "sqs", NOW_S).unwrap();
        assert_eq!(first, second);
        (first.account.to_string(), first.principal_id.to_string())
    };
    assert_eq!(
        identity(ACCESS_KEY, SECRET_KEY),
        ("000000000000".into(), "AIDALOCAL000000000000".into())
    );
    assert_eq!(
        identity("111122223333", "twelve"),
        ("111122223333".into(), "AIDALOCAL111122223333".into())
    );
    assert_eq!(
        identity("OTHER", "other"),
        ("444455556666".into(), "AIDAOTHER".into())
    );
}

#[test]
fn open_mode_reads_and_never_refuses() {
    let open = Authenticator::new(Mode::Open, Defaults::default());
    let read = |request: &Request| authenticate(&open, request, "sqs", 0).unwrap();
    let unsigned = read(&post(&[]));
    assert_eq!(
        (&*unsigned.account, &*unsigned.region, unsigned.access_key),
        ("000000000000", "us-east-1", None)
    );
    let key = read(&post(&signed_by(
        "123456789012",
        "any",
        "eu-west-1",
        "sns",
        1,
    )));
    assert_eq!((&*key.account, &*key.region), ("123456789012", "eu-west-1"));
    assert_eq!(key.access_key.as_deref(), Some("123456789012"));
    assert_eq!(key.principal_id, "AIDALOCAL123456789012");
    let odd = read(&post(&replaced("/us-east-1/", "/NOT A REGION/")));
    assert_eq!((&*odd.account, &*odd.region), ("000000000000", "us-east-1"));
    let host = read(&post(&[(
        "host".to_owned(),
        "sqs.eu-west-3.localhost.localstack.cloud:4566".to_owned(),
    )]));
    assert_eq!(host.region, "eu-west-3");
    let both = read(&request("GET", "/", PRESIGNED, &good(), b""));
    assert_eq!(both.region, "us-east-1");
}

#[cfg(unix)]
#[test]
fn a_reloaded_secret_replaces_the_derived_key_at_once() {
    use std::os::unix::fs::OpenOptionsExt;
    let path = std::env::temp_dir().join(format!("waystation-auth-reload-{}", std::process::id()));
    let write = |secret: &str| {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        std::io::Write::write_all(
            &mut file.open(&path).unwrap(),
            format!("{ACCESS_KEY} {secret}\n").as_bytes(),
        )
        .unwrap();
    };
    write("old");
    let credentials = std::sync::Arc::new(Credentials::load(&path).unwrap());
    let verifier = Authenticator::new(Mode::Verify(credentials.clone()), Defaults::default());
    let old = post(&signed_by(ACCESS_KEY, "old", "us-east-1", "sqs", NOW_S));
    let new = post(&signed_by(ACCESS_KEY, "new", "us-east-1", "sqs", NOW_S));
    authenticate(&verifier, &old, "sqs", NOW_S).unwrap();
    authenticate(&verifier, &new, "sqs", NOW_S).unwrap_err();
    write("new");
    credentials.reload().unwrap();
    authenticate(&verifier, &old, "sqs", NOW_S).unwrap_err();
    authenticate(&verifier, &new, "sqs", NOW_S).unwrap();
    std::fs::remove_file(&path).unwrap();
}
