//! What a request presents to prove who sent it: the parts of the
//! `Authorization` header (IDN-001) or of a presigned query string (IDN-028).
//!
//! Parsing never refuses anything and borrows from the request. The router
//! reads the service from it, open mode the account and region; whether the
//! parts are good is decided in [`crate::verify`].

use std::borrow::Cow;

use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderName};

use crate::canonical::hex_digit;

const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Where the credentials of a request stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the `Authorization` header.
    Header,
    /// In the query string.
    Query,
}

/// The authentication parts of one request, as sent.
#[derive(Debug, Default)]
pub struct Presented<'a> {
    /// The whole `Authorization` header.
    pub(crate) authorization: Option<Cow<'a, str>>,
    /// Whether the query string carries credentials of any form.
    pub(crate) in_query: bool,
    pub(crate) algorithm: Option<Cow<'a, str>>,
    pub(crate) credential: Option<Cow<'a, str>>,
    pub(crate) signed_headers: Option<Cow<'a, str>>,
    pub(crate) signature: Option<Cow<'a, str>>,
    pub(crate) amz_date: Option<Cow<'a, str>>,
    /// The `Date` header, which counts where `X-Amz-Date` is missing (IDN-003).
    pub(crate) date_header: Option<&'a str>,
    pub(crate) expires: Option<Cow<'a, str>>,
    pub(crate) token: Option<Cow<'a, str>>,
}

/// The five elements of a credential (IDN-001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The access key id.
    pub access_key: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    /// The region the request is signed for.
    pub region: &'a str,
    /// The signing name of the service.
    pub service: &'a str,
    /// `aws4_request`, when the sender is right.
    pub terminator: &'a str,
}

impl<'a> Presented<'a> {
    /// Collects what `headers` and the query string present.
    pub fn parse(headers: &'a HeaderMap, query: Option<&'a str>) -> Self {
        let mut presented = Self::default();
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            presented.read_query(query);
        }
        if let Some(value) = headers.get(AUTHORIZATION) {
            presented.read_authorization(value.as_bytes());
        }
        if presented.location() != Some(Location::Query) {
            let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
            presented.amz_date = text(AMZ_DATE).map(Cow::Borrowed);
            presented.token = text(SECURITY_TOKEN).map(Cow::Borrowed);
            if presented.amz_date.is_none() {
                presented.date_header = text(DATE);
            }
        }
        presented
    }

    /// The one place with credentials; `None` without any and with both (IDN-034).
    pub fn location(&self) -> Option<Location> {
        match (self.authorization.is_some(), self.in_query) {
            (true, false) => Some(Location::Header),
            (false, true) => Some(Location::Query),
            _ => None,
        }
    }

    /// The credential, when it has exactly five elements.
    pub fn credential(&self) -> Option<Credential<'_>> {
        let mut elements = self.credential.as_deref()?.split('/');
        let credential = Credential {
            access_key: elements.next()?,
            date: elements.next()?,
            region: elements.next()?,
            service: elements.next()?,
            terminator: elements.next()?,
        };
        elements.next().is_none().then_some(credential)
    }

    fn read_authorization(&mut self, value: &'a [u8]) {
        self.authorization = Some(match std::str::from_utf8(value) {
            Ok(text) => {
                self.read_parameters(text);
                Cow::Borrowed(text)
            }
            // It has no parts then, and its text is only echoed.
            Err(_) => String::from_utf8_lossy(value),
        });
    }

    fn read_parameters(&mut self, text: &'a str) {
        let (algorithm, parameters) = text.split_once(' ').unwrap_or((text, ""));
        self.algorithm = Some(Cow::Borrowed(algorithm));
        for parameter in parameters.split(',') {
            let Some((name, value)) = parameter.trim().split_once('=') else {
                continue;
            };
            let slot = match name {
                "Credential" => &mut self.credential,
                "SignedHeaders" => &mut self.signed_headers,
                "Signature" => &mut self.signature,
                _ => continue,
            };
            *slot = Some(Cow::Borrowed(value));
        }
    }

    fn read_query(&mut self, query: &'a str) {
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "X-Amz-Algorithm" => &mut self.algorithm,
                "X-Amz-Credential" => &mut self.credential,
                "X-Amz-SignedHeaders" => &mut self.signed_headers,
                "X-Amz-Signature" => &mut self.signature,
                "X-Amz-Date" => &mut self.amz_date,
                "X-Amz-Expires" => &mut self.expires,
                "X-Amz-Security-Token" => &mut self.token,
                // Version 2 counts as credentials, with parts missing (IDN-065).
                "AWSAccessKeyId" => {
                    self.in_query = true;
                    continue;
                }
                _ => continue,
            };
            *slot = Some(percent_decoded(value));
        }
        self.in_query |=
            self.algorithm.is_some() || self.credential.is_some() || self.signature.is_some();
    }
}

/// Decodes percent sequences; a text that is not UTF-8 afterwards stays as sent.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (byte, tail)
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn header(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn idn_002_parameters_come_in_any_order_with_any_white_space() {
        for text in [
            "AWS4-HMAC-SHA256 Credential=A/d/r/s/t, SignedHeaders=h1;h2, Signature=f",
            "AWS4-HMAC-SHA256 Signature=f,SignedHeaders=h1;h2,Credential=A/d/r/s/t",
            "AWS4-HMAC-SHA256   SignedHeaders=h1;h2 ,\tCredential=A/d/r/s/t  ,  Signature=f",
        ] {
            let headers = header(text);
            let presented = Presented::parse(&headers, None);
            assert_eq!(presented.algorithm.as_deref(), Some("AWS4-HMAC-SHA256"));
            assert_eq!(presented.signed_headers.as_deref(), Some("h1;h2"));
            assert_eq!(presented.signature.as_deref(), Some("f"));
            let credential = presented.credential().unwrap();
            assert_eq!(credential.access_key, "A");
            assert_eq!(credential.service, "s");
            assert_eq!(presented.location(), Some(Location::Header));
        }
    }

    #[test]
    fn idn_028_presigned_parameters_are_decoded() {
        let headers = HeaderMap::new();
        let query =
            "Action=X&X-Amz-Credential=A%2Fd%2Fr%2Fs%2Ft&X-Amz-SignedHeaders=a%3bb&X-Amz-Date=%";
        let presented = Presented::parse(&headers, Some(query));
        assert_eq!(presented.location(), Some(Location::Query));
        assert_eq!(presented.credential().unwrap().region, "r");
        assert_eq!(presented.signed_headers.as_deref(), Some("a;b"));
        assert_eq!(presented.amz_date.as_deref(), Some("%"));
    }

    #[test]
    fn a_credential_has_exactly_five_elements() {
        for value in ["A", "A/d/r/s", "A/d/r/s/t/u", ""] {
            let headers = header(&format!("AWS4-HMAC-SHA256 Credential={value}"));
            assert_eq!(Presented::parse(&headers, None).credential(), None);
        }
    }

    #[test]
    fn a_header_that_is_not_text_still_counts_as_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            HeaderValue::from_bytes(b"AWS4 \xff").unwrap(),
        );
        let presented = Presented::parse(&headers, None);
        assert_eq!(presented.location(), Some(Location::Header));
        assert!(presented.algorithm.is_none());
    }
}
