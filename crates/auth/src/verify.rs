//! The checks of verify mode, in AWS's order (IDN-052): one credential
//! location, all parts, algorithm, time format, scope form, known key, token,
//! time window, scope values, signature. The first failure is the answer.

use std::sync::Arc;

use http::HeaderName;
use waystation_wire::{ApiError, Request, Str};

use crate::authorization::{Credential, Location, Presented};
use crate::canonical::{CanonicalRequest, signed_names};
use crate::credentials::{Entry, Table};
use crate::failures;
use crate::limits;
use crate::principal::{self, Identity};
use crate::request_time::RequestTime;
use crate::signature::{self, Scope};
use crate::signing_keys::Derived;

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// What the server knows that the request must agree with.
pub(crate) struct Expected<'a> {
    /// Signing names of the service that will answer (IDN-024).
    pub(crate) signing_names: &'a [&'a str],
    /// The account of keys without one.
    pub(crate) default_account: &'a Str,
    /// Wall clock, seconds since 1970.
    pub(crate) now_s: i64,
}

/// The parts of a complete request.
struct Parts<'a> {
    location: Location,
    algorithm: &'a str,
    credential_text: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: DateText<'a>,
}

enum DateText<'a> {
    /// `X-Amz-Date`, always in the basic form.
    Amz(&'a str),
    /// The `Date` header, in one of two forms.
    Header(&'a str),
}

/// Runs every check and names the sender.
pub(crate) fn verify(
    request: &Request,
    presented: &Presented<'_>,
    table: &Table,
    expected: &Expected<'_>,
) -> Result<Identity, ApiError> {
    let parts = complete_parts(presented)?;
    if parts.algorithm != signature::ALGORITHM {
        return Err(failures::algorithm(parts.algorithm));
    }
    let at = parse_time(&parts.date)?;
    let lifetime_s = parse_expires(&parts, presented)?;
    let credential = presented
        .credential()
        .ok_or_else(|| failures::scope_form(parts.credential_text))?;
    let entry = table
        .get(credential.access_key)
        .ok_or_else(failures::unknown_key)?;
    check_token(presented)?;
    check_window(&at, lifetime_s, expected.now_s)?;
    check_scope(request, &credential, &at, expected)?;
    check_signature(
        request,
        &parts,
        &credential,
        &at,
        Known { table, entry },
        expected,
    )
}

/// Where a signature's key comes from.
#[derive(Clone, Copy)]
struct Known<'a> {
    table: &'a Table,
    entry: &'a Entry,
}

fn complete_parts<'a>(presented: &'a Presented<'_>) -> Result<Parts<'a>, ApiError> {
    let location = match (presented.location(), presented.in_query) {
        (Some(location), _) => location,
        (None, true) => return Err(failures::header_and_query()),
        (None, false) => return Err(failures::no_credentials()),
    };
    let date = match (&presented.amz_date, presented.date_header) {
        (Some(date), _) => Some(DateText::Amz(date)),
        (None, Some(date)) => Some(DateText::Header(date)),
        (None, None) => None,
    };
    let present = |part: &'a Option<std::borrow::Cow<'_, str>>| {
        part.as_deref().filter(|text| !text.is_empty())
    };
    match (
        present(&presented.algorithm),
        present(&presented.credential),
        present(&presented.signature),
        present(&presented.signed_headers),
        date,
    ) {
        (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) => {
            Ok(Parts {
                location,
                algorithm,
                credential_text: credential,
                signed_headers,
                signature,
                date,
            })
        }
        (algorithm, credential, signature, signed_headers, date) => Err(parts_missing(
            presented,
            location,
            [
                algorithm.is_none(),
                credential.is_none(),
                signature.is_none(),
                signed_headers.is_none(),
                date.is_none(),
            ],
        )),
    }
}

/// `absent`: algorithm, credential, signature, signed headers, date.
fn parts_missing(presented: &Presented<'_>, location: Location, absent: [bool; 5]) -> ApiError {
    let [algorithm, credential, signature, signed_headers, date] = absent;
    let pick = |rows: &[(bool, &'static str)]| -> Vec<&'static str> {
        rows.iter()
            .filter(|(absent, _)| *absent)
            .map(|(_, name)| *name)
            .collect()
    };
    match location {
        Location::Header => {
            let missing = pick(&[
                (credential, "Credential"),
                (signature, "Signature"),
                (signed_headers, "SignedHeaders"),
            ]);
            let header = presented.authorization.as_deref().unwrap_or_default();
            failures::header_parts_missing(&missing, date, header)
        }
        Location::Query => failures::query_parts_missing(&pick(&[
            (algorithm, "X-Amz-Algorithm"),
            (credential, "X-Amz-Credential"),
            (signature, "X-Amz-Signature"),
            (signed_headers, "X-Amz-SignedHeaders"),
            (date, "X-Amz-Date"),
        ])),
    }
}

fn parse_time(date: &DateText<'_>) -> Result<RequestTime, ApiError> {
    match date {
        DateText::Amz(text) => {
            RequestTime::parse_basic(text).ok_or_else(|| failures::time_form(text))
        }
        DateText::Header(text) => {
            RequestTime::parse_date_header(text).ok_or_else(|| failures::time_form(text))
        }
    }
}

/// The lifetime a presigned request gives itself (IDN-031); `None` is the normal window (IDN-032).
fn parse_expires(parts: &Parts<'_>, presented: &Presented<'_>) -> Result<Option<i64>, ApiError> {
    let Some(text) = presented.expires.as_deref() else {
        return Ok(None);
    };
    if parts.location == Location::Header {
        return Ok(None);
    }
    match text.parse() {
        Ok(seconds) if (1..=limits::EXPIRES_MAX_S).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(failures::expires(text)),
    }
}

/// Every key of the file is a long-term one, and those come without a token (IDN-064).
fn check_token(presented: &Presented<'_>) -> Result<(), ApiError> {
    match presented.token.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => Err(failures::unknown_key()),
    }
}

fn check_window(at: &RequestTime, lifetime_s: Option<i64>, now_s: i64) -> Result<(), ApiError> {
    let age_s = now_s.saturating_sub(at.epoch_s());
    if age_s < -limits::SKEW_MAX_S {
        return Err(failures::too_new(at, now_s));
    }
    let window_s = lifetime_s.unwrap_or(limits::SKEW_MAX_S);
    if age_s > window_s {
        return Err(failures::too_old(at, now_s, window_s));
    }
    Ok(())
}

fn check_scope(
    request: &Request,
    credential: &Credential<'_>,
    at: &RequestTime,
    expected: &Expected<'_>,
) -> Result<(), ApiError> {
    if credential.date != at.date() {
        return Err(failures::scope_date(credential.date, at));
    }
    let right_region = match principal::region_of_host(&request.host) {
        Some(region) => credential.region == region,
        None => principal::is_region(credential.region),
    };
    if !right_region {
        return Err(failures::scope_region(credential.region));
    }
    if !expected.signing_names.contains(&credential.service) {
        let right = expected.signing_names.first().copied().unwrap_or_default();
        return Err(failures::scope_service(right));
    }
    if credential.terminator != signature::TERMINATOR {
        return Err(failures::scope_terminator(credential.terminator));
    }
    Ok(())
}

fn check_signature(
    request: &Request,
    parts: &Parts<'_>,
    credential: &Credential<'_>,
    at: &RequestTime,
    known: Known<'_>,
    expected: &Expected<'_>,
) -> Result<Identity, ApiError> {
    let signed = signed_names(parts.signed_headers).ok_or_else(failures::signature)?;
    if !signed.contains(&"host") {
        return Err(failures::host_not_signed());
    }
    let payload_hash = signature::hex(&signature::sha256(&request.body));
    // A literal instead of the hash would leave the body unprotected; none of
    // our services allows that (IDN-016, IDN-017).
    if let Some(claimed) = request.headers.get(CONTENT_SHA256)
        && claimed.as_bytes() != payload_hash
    {
        return Err(failures::signature());
    }
    let query = request.query.as_deref().unwrap_or_default();
    let mut canonical = Vec::with_capacity(1024 + query.len());
    CanonicalRequest {
        method: request.method.as_str(),
        path: &request.path,
        query,
        headers: &request.headers,
        signed: &signed,
        location: parts.location,
        payload_hash: &payload_hash,
    }
    .write(&mut canonical)
    .map_err(|_| failures::signature())?;

    let scope = Scope {
        date: credential.date,
        region: credential.region,
        service: credential.service,
    };
    let keys = &known.table.signing_keys;
    let kept = keys.get(credential.access_key, scope);
    let fresh = kept.is_none();
    let derived = kept.unwrap_or_else(|| {
        let identity = identity_of(known.entry, scope.region, expected.default_account);
        let secret_key = known.entry.secret_key.expose();
        Arc::new(Derived::new(identity, secret_key, scope))
    });
    let right = derived.key.sign(at, scope, &canonical);
    if !signature::matches(parts.signature, &right) {
        return Err(failures::signature());
    }
    let identity = derived.identity.clone();
    if fresh {
        keys.put(&known.entry.access_key, derived);
    }
    Ok(identity)
}

fn identity_of(entry: &Entry, region: &str, default_account: &Str) -> Identity {
    let account = match &entry.account {
        Some(account) => account.clone(),
        None if principal::is_account(&entry.access_key) => entry.access_key.clone(),
        None => default_account.clone(),
    };
    let principal_id = match &entry.principal_id {
        Some(id) => id.clone(),
        None => Str::from(principal::user_id(&account)),
    };
    Identity {
        account,
        region: Str::from(region.to_owned()),
        access_key: Some(entry.access_key.clone()),
        principal_id,
    }
}
