//! Signing requests as a client: for the load generator, tests and pushes to
//! other servers.

use std::fmt;

use crate::authorization::Location;
use crate::canonical::CanonicalRequest;
use crate::request_time::RequestTime;
use crate::signature::{self, Scope, SigningKey};

/// A request to be signed. Headers must contain `host`; each one given is
/// signed, and `x-amz-date` is added by the signer.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// HTTP method in upper case.
    pub method: &'a str,
    /// Path as it will be sent.
    pub path: &'a str,
    /// Query string as it will be sent, empty for none.
    pub query: &'a str,
    /// Names in any case, values as they will be sent.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body.
    pub body: &'a [u8],
}

/// The two headers to add to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Value of `X-Amz-Date`.
    pub amz_date: String,
    /// Value of `Authorization`.
    pub authorization: String,
}

/// A sender with its secret, for one region and service. The derived key of
/// the day is kept, so that signing many requests is cheap.
#[derive(Clone)]
pub struct Signer {
    access_key: String,
    secret_key: String,
    region: String,
    service: String,
    /// The key of the last request, with its `YYYYMMDD`.
    key: Option<(String, SigningKey)>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for `service` (its signing name) in `region`.
    pub fn new(access_key: &str, secret_key: &str, region: &str, service: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            key: None,
        }
    }

    /// Signs `request` as of `epoch_s` seconds after 1970 (IDN-001..016).
    pub fn sign(&mut self, request: &Unsigned<'_>, epoch_s: i64) -> Signed {
        let at = RequestTime::from_epoch_s(epoch_s);
        let mut headers = Vec::with_capacity(request.headers.len() + 1);
        headers.extend_from_slice(request.headers);
        headers.push(("x-amz-date", at.as_str()));
        let names = lower_case_names(&headers);
        let signed: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut canonical = Vec::with_capacity(512);
        let written = CanonicalRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: headers.as_slice(),
            signed: &signed,
            location: Location::Header,
            payload_hash: &signature::hex(&signature::sha256(request.body)),
        }
        .write(&mut canonical);
        debug_assert!(written.is_ok(), "the names come from the headers");
        let key = self.key_of(at.date());
        let scope = Scope {
            date: at.date(),
            region: &self.region,
            service: &self.service,
        };
        let signature = signature::hex(&key.sign(&at, scope, &canonical));
        let authorization = format!(
            "{} Credential={}/{}/{}/{}/{}, SignedHeaders={}, Signature={}",
            signature::ALGORITHM,
            self.access_key,
            scope.date,
            scope.region,
            scope.service,
            signature::TERMINATOR,
            signed.join(";"),
            String::from_utf8_lossy(&signature),
        );
        Signed {
            amz_date: at.as_str().to_owned(),
            authorization,
        }
    }

    fn key_of(&mut self, date: &str) -> SigningKey {
        if let Some((day, key)) = &self.key
            && day == date
        {
            return key.clone();
        }
        let scope = Scope {
            date,
            region: &self.region,
            service: &self.service,
        };
        let key = SigningKey::derive(&self.secret_key, scope);
        self.key = Some((date.to_owned(), key.clone()));
        key
    }
}

fn lower_case_names(headers: &[(&str, &str)]) -> Vec<String> {
    let mut names: Vec<String> = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
