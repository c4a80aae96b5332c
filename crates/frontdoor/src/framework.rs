//! Headers that AWS's own framework puts on the answers of some services, Kinesis among them: a second id (KIN-003), and what
//! pages may read and send (KIN-022, KIN-023). Which pages may call at all is decided in `browser.rs`.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::FRAMEWORK_PREFLIGHT_MAX_AGE_S;

const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");

const EXPOSED_HEADERS: &str =
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";

/// Characters of a second id: those of Base64, 72 of which hold 54 bytes.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ID_2_CHARACTERS: usize = 72;

/// Completes an answer to a page or to somebody else; `asked` are the headers of an `OPTIONS`.
pub(crate) fn complete(of_page: bool, asked: Option<&HeaderMap>, response: &mut HeaderMap) {
    if of_page {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED_HEADERS),
        );
    }
    match asked.filter(|_| of_page) {
        Some(asked) => preflight(asked, response),
        None => {
            response.insert(ID_2, id_2());
        }
    }
}

fn preflight(asked: &HeaderMap, response: &mut HeaderMap) {
    for (wanted, allowed) in [
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
    ] {
        if let Some(value) = asked.get(wanted) {
            response.insert(allowed, value.clone());
        }
    }
    let age = HeaderValue::from(FRAMEWORK_PREFLIGHT_MAX_AGE_S);
    response.insert(ACCESS_CONTROL_MAX_AGE, age);
}

/// Random and without meaning, like those of AWS to everybody else.
fn id_2() -> HeaderValue {
    let character = |_| ALPHABET.get(fastrand::usize(..ALPHABET.len())).copied();
    let text: Vec<u8> = (0..ID_2_CHARACTERS).filter_map(character).collect();
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("AAAA"))
}
