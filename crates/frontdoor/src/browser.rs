//! Rules for requests that a web page may have caused.
//!
//! A page on any site can make the browser of a developer send requests to
//! localhost. Without signatures nothing else protects the data, so pages of
//! foreign origins are refused before anything is dispatched, and so are host
//! names that an attacker could point at loopback (DNS rebinding).

use std::net::IpAddr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::PREFLIGHT_MAX_AGE_S;

/// Says in modern browsers whether a page of another site caused the request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Methods that pages may use.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Headers of answers that pages may read; SDKs in browsers need them.
const EXPOSED_HEADERS: &str = "Date, ETag, Location, x-amz-crc32, x-amz-id-2, x-amz-request-id, \
    x-amzn-ErrorMessage, x-amzn-ErrorType, x-amzn-query-error, x-amzn-RequestId, x-amzn-Trace-Id";

/// Suffixes of host names that no stranger can point elsewhere.
const HOST_SUFFIXES: [&str; 4] = [
    ".localhost",
    ".localhost.localstack.cloud",
    ".amazonaws.com",
    ".on.aws",
];

/// Which origins and host names are welcome.
#[derive(Debug)]
pub(crate) struct BrowserRules {
    pub(crate) origins: Vec<String>,
    pub(crate) hosts: Vec<String>,
    /// Rebinding matters only where nobody else could reach the server.
    pub(crate) loopback_only: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Origin,
    Host,
}

impl Refusal {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Origin => {
                "Requests from web pages of this origin are not allowed; add it to cors_origins."
            }
            Self::Host => "This host name is not known; add it to hosts.",
        }
    }
}

impl BrowserRules {
    /// The request's origin, when pages of it may read the answer.
    pub(crate) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        let host = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let configured =
            |known: &String| known == "*" || known.trim_end_matches('/').eq_ignore_ascii_case(text);
        let allowed = host.is_some_and(|host| is_loopback(host_name(host)))
            || self.origins.iter().any(configured);
        allowed.then_some(origin)
    }

    /// Refuses what a page of a foreign origin, or under a foreign name, may have caused.
    pub(crate) fn check(&self, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
        if headers.contains_key(ORIGIN) {
            if self.allowed_origin(headers).is_none() {
                return Err(Refusal::Origin);
            }
        } else if headers.get(FETCH_SITE).is_some_and(is_foreign_site)
            && !self.origins.iter().any(|known| known == "*")
        {
            // Images, links and forms send GET without an origin.
            return Err(Refusal::Origin);
        }
        if self.loopback_only && !host.is_empty() && !self.knows_host(host_name(host)) {
            return Err(Refusal::Host);
        }
        Ok(())
    }

    fn knows_host(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        is_loopback(&lower)
            || lower == "localhost.localstack.cloud"
            || HOST_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&lower))
    }
}

fn is_foreign_site(site: &HeaderValue) -> bool {
    site.as_bytes() == b"cross-site"
}

/// The name in `name[:port]` or `[address]:port`, without a final dot.
pub(crate) fn host_name(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn is_loopback(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "localhost"
        || lower.ends_with(".localhost")
        || lower
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether an `OPTIONS` with these headers asks for permission to send another request.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets pages of `origin` read the answer.
pub(crate) fn allow(origin: HeaderValue, response: &mut HeaderMap) {
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED_HEADERS),
    );
    response.append(VARY, HeaderValue::from_static("Origin"));
}

/// What a preflight answer says beside [`allow`]: every method, and the headers asked for.
pub(crate) fn allow_preflight(request: &HeaderMap, response: &mut HeaderMap) {
    response.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    if let Some(asked) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response.insert(
        ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from(PREFLIGHT_MAX_AGE_S),
    );
    if request.contains_key("access-control-request-private-network") {
        response.insert(
            HeaderName::from_static("access-control-allow-private-network"),
            HeaderValue::from_static("true"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(origins: &[&str]) -> BrowserRules {
        BrowserRules {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            hosts: vec!["waystation.test".to_owned()],
            loopback_only: true,
        }
    }

    fn header(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn pages_of_loopback_and_configured_origins_may_call() {
        let rules = rules(&["https://app.example"]);
        let check = |origin: &str| rules.check(&header("origin", origin), "localhost");
        for origin in [
            "http://localhost:3000",
            "https://app.localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "https://app.example",
            "HTTPS://APP.EXAMPLE",
        ] {
            assert_eq!(check(origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost.evil.example",
            "http://app.example",
            "https://app.example.evil",
            "file://localhost",
            "http://127.0.0.1.nip.io",
        ] {
            assert_eq!(check(origin), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn requests_without_origin_may_still_come_from_foreign_pages() {
        let check = |site: &str| rules(&[]).check(&header("sec-fetch-site", site), "localhost");
        assert_eq!(check("none"), Ok(()));
        assert_eq!(check("same-site"), Ok(()));
        assert_eq!(check("cross-site"), Err(Refusal::Origin));
        let any = rules(&["*"]);
        assert_eq!(
            any.check(&header("sec-fetch-site", "cross-site"), ""),
            Ok(())
        );
    }

    #[test]
    fn host_names_that_can_be_rebound_are_refused_on_loopback() {
        let mut rules = rules(&[]);
        for host in [
            "127.0.0.1:4566",
            "127.9.9.9",
            "[::1]:4566",
            "LOCALHOST:1",
            "localhost.",
            "sqs.us-east-1.localhost",
            "localhost.localstack.cloud:4566",
            "queue.localhost.localstack.cloud",
            "sqs.us-east-1.amazonaws.com",
            "x.lambda-url.us-east-1.on.aws",
            "waystation.test:4566",
            "",
        ] {
            assert_eq!(rules.check(&HeaderMap::new(), host), Ok(()), "{host}");
        }
        for host in ["evil.example", "amazonaws.com.evil.example", "10.0.0.1"] {
            let checked = rules.check(&HeaderMap::new(), host);
            assert_eq!(checked, Err(Refusal::Host), "{host}");
        }
        rules.loopback_only = false;
        assert_eq!(rules.check(&HeaderMap::new(), "evil.example"), Ok(()));
    }
}
