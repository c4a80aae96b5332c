//! What the tests of this crate share: requests, a credentials table and a clock.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use waystation_auth::{Authenticator, Credentials, Defaults, Identity, Mode, Presented};
use waystation_wire::{ApiError, Request, Scheme, Str};

pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2026-01-05 03:04:05 UTC, the time of the vectors.
pub(crate) const NOW_S: i64 = 1_767_582_245;

pub(crate) fn verifier() -> Authenticator {
    let file = format!(
        "{ACCESS_KEY} {SECRET_KEY}\n111122223333 twelve\nOTHER other 444455556666 AIDAOTHER\n"
    );
    let credentials = Credentials::parse(&file).unwrap();
    Authenticator::new(Mode::Verify(credentials.into()), Defaults::default())
}

pub(crate) fn authenticate(
    authenticator: &Authenticator,
    request: &Request,
    service: &str,
    now_s: i64,
) -> Result<Identity, ApiError> {
    let presented = Presented::parse(&request.headers, request.query.as_deref());
    authenticator.authenticate(request, &presented, &[service], (now_s * 1000) as u64)
}

pub(crate) fn request(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let host = map.get("host").map_or("", |host| host.to_str().unwrap());
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        path: path.to_owned(),
        query: (!query.is_empty()).then(|| query.to_owned()),
        host: Str::from(host.to_owned()),
        headers: map,
        body: Bytes::copy_from_slice(body),
        scheme: Scheme::Http,
        request_id: Str::default(),
    }
}
