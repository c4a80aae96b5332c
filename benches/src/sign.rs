//! Signature Version 4 for one kind of request: `POST /` with a document in the body and the operation in a header.
//!
//! Everything that does not change between requests is hashed once: the key, and the canonical request up to the
//! payload hash. What remains per request is the body's hash, the end of the canonical request and one HMAC over a
//! prepared key. It is written apart from the server's verifier on purpose, so that each checks the other.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::limits::SIGNATURE_AGE_MAX_S;

/// Who signs, and for which region.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Access key id.
    pub(crate) access_key: String,
    /// Secret access key.
    pub(crate) secret_key: String,
    /// Region of the credential scope.
    pub(crate) region: String,
}

/// A service and how it is spoken to.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its name in the credential scope.
    pub(crate) service: &'static str,
    /// What stands before the operation in the target.
    pub(crate) target: &'static str,
    /// What the bodies are.
    pub(crate) content_type: &'static str,
    /// The operations that are called.
    pub(crate) operations: &'static [&'static str],
}

/// Writes signed requests to one host.
#[derive(Clone)]
pub(crate) struct Signer {
    api: &'static Api,
    host: String,
    credentials: Credentials,
    stamped_s: u64,
    stamp: String,
    scope: String,
    key: Hmac<Sha256>,
    prepared: Vec<Prepared>,
}

/// What all requests of one operation share until the date changes.
#[derive(Clone)]
struct Prepared {
    head: Vec<u8>,
    canonical: Sha256,
}

impl Signer {
    /// A signer for requests to `host` (with port), stamped with the present time.
    pub(crate) fn new(host: &str, credentials: &Credentials, api: &'static Api) -> Self {
        Self::at(host, credentials, api, now_s())
    }

    fn at(host: &str, credentials: &Credentials, api: &'static Api, now_s: u64) -> Self {
        let stamp = stamp(now_s);
        let day = &stamp[..8];
        let scope = format!("{day}/{}/{}/aws4_request", credentials.region, api.service);
        let mut key = hmac(
            format!("AWS4{}", credentials.secret_key).as_bytes(),
            day.as_bytes(),
        );
        for part in [credentials.region.as_str(), api.service, "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let mut signer = Self {
            api,
            host: host.to_owned(),
            credentials: credentials.clone(),
            stamped_s: now_s,
            stamp,
            scope,
            key: keyed(&key),
            prepared: Vec::new(),
        };
        let operations = api.operations.iter();
        signer.prepared = operations.map(|name| signer.prepare(name)).collect();
        signer
    }

    /// Renews the date when it is old (IDN-025); answers whether requests signed before have to be signed again.
    pub(crate) fn refresh(&mut self) -> bool {
        let now_s = now_s();
        let stale = now_s.abs_diff(self.stamped_s) >= SIGNATURE_AGE_MAX_S;
        if stale {
            *self = Self::at(&self.host, &self.credentials, self.api, now_s);
        }
        stale
    }

    /// Appends the whole signed request to `out`; `operation` is its place in the table of the API.
    pub(crate) fn write(&self, out: &mut Vec<u8>, operation: impl Into<usize>, body: &[u8]) {
        let prepared = &self.prepared[operation.into()];
        out.extend_from_slice(&prepared.head);
        out.extend_from_slice(&self.signature(prepared, body));
        out.extend_from_slice(b"\r\nContent-Length: ");
        out.extend_from_slice(body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }

    /// IDN-005 to IDN-007 with the prepared parts.
    fn signature(&self, prepared: &Prepared, body: &[u8]) -> [u8; 64] {
        let mut canonical = prepared.canonical.clone();
        canonical.update(hex(&Sha256::digest(body).into()));
        let mut text = self.key.clone();
        for part in ["AWS4-HMAC-SHA256\n", &self.stamp, "\n", &self.scope, "\n"] {
            text.update(part.as_bytes());
        }
        text.update(&hex(&canonical.finalize().into()));
        hex(&text.finalize().into_bytes().into())
    }

    fn prepare(&self, operation: &str) -> Prepared {
        const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";
        let Self {
            host,
            stamp,
            scope,
            credentials,
            ..
        } = self;
        let Api {
            target,
            content_type,
            ..
        } = self.api;
        let canonical = format!(
            "POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{stamp}\n\
             x-amz-target:{target}.{operation}\n\n{SIGNED}\n"
        );
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: waystation-bench\r\nX-Amz-Target: {target}.{operation}\r\n\
             Content-Type: {content_type}\r\nX-Amz-Date: {stamp}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={SIGNED}, Signature=",
            credentials.access_key
        );
        Prepared {
            head: head.into_bytes(),
            canonical: Sha256::new_with_prefix(canonical),
        }
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(text).finalize().into_bytes().into()
}

fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// `YYYYMMDDTHHMMSSZ` of seconds since 1970. Years are counted from March in eras of 400 years, so that the leap day
/// is the last day of a year and month lengths follow one formula.
fn stamp(now_s: u64) -> String {
    let (day, second) = (now_s / 86_400 + 719_468, now_s % 86_400);
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day_of_month:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::api::{Operation, SQS};

    fn example() -> Credentials {
        Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            region: "us-east-1".into(),
        }
    }

    /// The signature was made by botocore 1.43 for the same request at the same second (IDN-001, IDN-005 to IDN-007).
    #[test]
    fn idn_006_same_signature_as_botocore() {
        let body = br#"{"QueueUrl":"http://127.0.0.1:9324/000000000000/q","MessageBody":"hello"}"#;
        let mut request = Vec::new();
        Signer::at("127.0.0.1:9324", &example(), &SQS, 1_795_182_330).write(
            &mut request,
            Operation::SendMessage,
            body,
        );
        let text = String::from_utf8(request).expect("ASCII");
        assert!(text.contains("X-Amz-Date: 20261120T134530Z\r\n"), "{text}");
        assert!(text.contains(
            "Credential=AKIDEXAMPLE/20261120/us-east-1/sqs/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=35ced686d671f8dff88d42bf8e56615f29d57e882f8caafc9c758ea372e5a462\r\n"
        ));
        assert!(text.ends_with(&format!(
            "Content-Length: {}\r\n\r\n{}",
            body.len(),
            String::from_utf8_lossy(body)
        )));
    }

    #[test]
    fn stamps_of_known_days() {
        for (now_s, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_735_689_599, "20241231T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(stamp(now_s), expected);
        }
    }

    #[test]
    fn idn_025_old_stamps_are_renewed() {
        let mut signer = Signer::at("h", &example(), &SQS, 1_700_000_000);
        assert!(signer.refresh());
        assert!(!signer.refresh());
        assert_ne!(signer.stamp, "20231114T221320Z");
    }
}
