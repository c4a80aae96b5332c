//! Hashes of Signature Version 4: the signing key and the signature itself
//! (IDN-005, IDN-007).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::canonical::hex_digit;
use crate::request_time::RequestTime;

/// The only algorithm of this version.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last element of every credential scope (IDN-024).
pub(crate) const TERMINATOR: &str = "aws4_request";

/// What a signing key is good for: one day, region and service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope<'a> {
    /// `YYYYMMDD`.
    pub(crate) date: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// A derived signing key, kept as a keyed HMAC state so that a signature does
/// not hash the key again.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// HMAC chained over date, region, service and terminator, starting from
    /// `AWS4` and the secret (IDN-007).
    pub(crate) fn derive(secret_key: &str, scope: Scope<'_>) -> Self {
        let mut start = Vec::with_capacity(4 + secret_key.len());
        start.extend_from_slice(b"AWS4");
        start.extend_from_slice(secret_key.as_bytes());
        let mut mac = keyed(&start);
        for part in [scope.date, scope.region, scope.service, TERMINATOR] {
            mac.update(part.as_bytes());
            mac = keyed(&mac.finalize().into_bytes());
        }
        Self(mac)
    }

    /// The signature of a canonical request (IDN-005).
    pub(crate) fn sign(
        &self,
        at: &RequestTime,
        scope: Scope<'_>,
        canonical_request: &[u8],
    ) -> [u8; 32] {
        let hash = hex(&sha256(canonical_request));
        let mut mac = self.0.clone();
        for part in [
            ALGORITHM.as_bytes(),
            b"\n",
            at.as_str().as_bytes(),
            b"\n",
            scope.date.as_bytes(),
            b"/",
            scope.region.as_bytes(),
            b"/",
            scope.service.as_bytes(),
            b"/",
            TERMINATOR.as_bytes(),
            b"\n",
            &hash,
        ] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    let mut text = [0; 64];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 15].map(digit);
    }
    text
}

/// Compares a presented signature with the right one in constant time
/// (IDN-018). Only 64 lower-case hexadecimal digits can be equal (IDN-001).
pub(crate) fn matches(presented: &str, right: &[u8; 32]) -> bool {
    let (pairs, []) = presented.as_bytes().as_chunks::<2>() else {
        return false;
    };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || presented.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        match (hex_digit(high), hex_digit(low)) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return false,
        }
    }
    // Two wide comparisons instead of one per byte.
    let (ours, theirs) = (right.as_chunks::<16>().0, bytes.as_chunks::<16>().0);
    let equal = ours
        .iter()
        .zip(theirs)
        .map(|(our, their)| u128::from_ne_bytes(*our).ct_eq(&u128::from_ne_bytes(*their)));
    equal.fold(Choice::from(1), |all, one| all & one).into()
}
