//! The texts of authentication failures, word for word (IDN-053, IDN-054).
//!
//! Codes and statuses per protocol stand in [`waystation_wire::errors`].

use waystation_wire::errors::{
    AMBIGUOUS_SIGNATURE, INCOMPLETE_SIGNATURE, INVALID_SIGNATURE, MISSING_AUTHENTICATION_TOKEN,
    UNRECOGNIZED_CLIENT,
};
use waystation_wire::{ApiError, ErrorKind};

use crate::limits;
use crate::request_time::RequestTime;
use crate::signature::TERMINATOR;

/// The two protocol families word the lack of credentials differently.
static NO_CREDENTIALS: ErrorKind =
    MISSING_AUTHENTICATION_TOKEN.query_message("Request is missing Authentication Token");

pub(crate) fn no_credentials() -> ApiError {
    NO_CREDENTIALS.with("Missing Authentication Token")
}

pub(crate) fn header_and_query() -> ApiError {
    AMBIGUOUS_SIGNATURE.with(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
}

/// `missing`: parameters in the order of the reference. `date` is a sentence of its own.
pub(crate) fn header_parts_missing(missing: &[&str], date_missing: bool, header: &str) -> ApiError {
    let mut text = String::new();
    for name in missing {
        text.push_str(&format!(
            "Authorization header requires '{name}' parameter. "
        ));
    }
    if date_missing {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.push_str(&format!("Authorization={header}"));
    INCOMPLETE_SIGNATURE.with(text)
}

pub(crate) fn query_parts_missing(missing: &[&str]) -> ApiError {
    let mut text = String::new();
    for name in missing {
        text.push_str(&format!(
            "AWS query-string parameters must include '{name}'. "
        ));
    }
    text.push_str("Re-examine the query-string parameters.");
    INCOMPLETE_SIGNATURE.with(text)
}

pub(crate) fn algorithm(name: &str) -> ApiError {
    INCOMPLETE_SIGNATURE.with(format!("Unsupported AWS 'algorithm': '{name}'."))
}

/// Not in the reference's table; AWS's text as it is widely quoted (unverified).
pub(crate) fn time_form(text: &str) -> ApiError {
    INCOMPLETE_SIGNATURE.with(format!(
        "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}

/// Not in the reference's table: outside S3 no text is known (IDN-031, IDN-038).
pub(crate) fn expires(text: &str) -> ApiError {
    INCOMPLETE_SIGNATURE.with(format!(
        "'X-Amz-Expires' must be a number of seconds from 1 to {}, not '{text}'.",
        limits::EXPIRES_MAX_S
    ))
}

pub(crate) fn scope_form(credential: &str) -> ApiError {
    INCOMPLETE_SIGNATURE.with(format!(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
    ))
}

pub(crate) fn unknown_key() -> ApiError {
    UNRECOGNIZED_CLIENT.with("The security token included in the request is invalid.")
}

pub(crate) fn too_old(at: &RequestTime, now_s: i64, window_s: i64) -> ApiError {
    let (now, limit) = (now_s, now_s.saturating_sub(window_s));
    INVALID_SIGNATURE.with(format!(
        "Signature expired: {} is now earlier than {} ({} - {}.)",
        at.as_str(),
        RequestTime::from_epoch_s(limit).as_str(),
        RequestTime::from_epoch_s(now).as_str(),
        window(window_s)
    ))
}

pub(crate) fn too_new(at: &RequestTime, now_s: i64) -> ApiError {
    let limit = now_s.saturating_add(limits::SKEW_MAX_S);
    INVALID_SIGNATURE.with(format!(
        "Signature not yet current: {} is still later than {} ({} + {}.)",
        at.as_str(),
        RequestTime::from_epoch_s(limit).as_str(),
        RequestTime::from_epoch_s(now_s).as_str(),
        window(limits::SKEW_MAX_S)
    ))
}

/// `5 min`; presigned requests may live for odd numbers of seconds.
fn window(seconds: i64) -> String {
    if seconds % 60 == 0 {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} sec")
    }
}

pub(crate) fn scope_date(date: &str, at: &RequestTime) -> ApiError {
    INVALID_SIGNATURE.with(format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{}', from '{}'.",
        at.date(),
        at.as_str()
    ))
}

pub(crate) fn scope_region(region: &str) -> ApiError {
    INVALID_SIGNATURE.with(format!(
        "Credential should be scoped to a valid region, not '{region}'. "
    ))
}

pub(crate) fn scope_service(right: &str) -> ApiError {
    INVALID_SIGNATURE.with(format!(
        "Credential should be scoped to correct service: '{right}'. "
    ))
}

pub(crate) fn scope_terminator(terminator: &str) -> ApiError {
    INVALID_SIGNATURE.with(format!(
        "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
    ))
}

/// Not in the reference's table; AWS's text as it is widely quoted (unverified).
pub(crate) fn host_not_signed() -> ApiError {
    INVALID_SIGNATURE
        .with("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
}

pub(crate) fn signature() -> ApiError {
    INVALID_SIGNATURE.with(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
}
