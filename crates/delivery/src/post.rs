//! One HTTP POST to an endpoint of somebody else, and what its outcome means for a retry (SNS-244 to SNS-250).
//!
//! Every attempt opens a connection of its own: endpoints come and go, and an attempt must never hang on the remains of
//! the one before. Redirects are not followed. User and password of the URL are shown to an endpoint that asks for them, and
//! only over TLS.

mod challenge;
mod trust;

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::limits;
pub use challenge::User;
pub use trust::{Trust, TrustError};

/// What is sent.
#[derive(Debug, Clone)]
pub struct Post {
    /// Where to: `http[s]://[user:password@]host[:port]/path?query`.
    pub uri: Uri,
    /// All headers but `Host`, `Authorization` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What an attempt means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A status of 200 to 299.
    Delivered,
    /// No answer in time, no connection, no trust, or a status that may change: 429 and from 500 on.
    Retry,
    /// Any other status.
    Refused,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What it means.
    pub outcome: Outcome,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the answer, or why there is none.
    pub text: String,
}

/// The parts of a URL that an attempt needs.
struct Place {
    is_tls: bool,
    host: String,
    port: u16,
    /// As the `Host` header names it: without user and password.
    named: HeaderValue,
    user: Option<User>,
}

/// An answer, as far as anybody looks at it.
struct Answer {
    status: StatusCode,
    challenge: Vec<HeaderValue>,
    text: String,
}

/// Whether a host of a URL has an address now (SNS-061).
pub async fn is_reachable(uri: &Uri) -> bool {
    let Ok(place) = Place::of(uri) else {
        return false;
    };
    let time = Duration::from_secs(limits::LOOKUP_SECONDS_MAX);
    let lookup = tokio::net::lookup_host((place.host, place.port));
    match tokio::time::timeout(time, lookup).await {
        Ok(Ok(mut addresses)) => addresses.next().is_some(),
        _ => false,
    }
}

/// Sends once. Ends within [`limits::POST_SECONDS_MAX`].
pub async fn post(trust: &Trust, post: Post) -> Ended {
    let time = Duration::from_secs(limits::POST_SECONDS_MAX);
    let reason = match tokio::time::timeout(time, attempt(trust, &post)).await {
        Ok(Ok(answer)) => {
            return Ended {
                outcome: judge(answer.status),
                status: Some(answer.status.as_u16()),
                text: answer.text,
            };
        }
        Ok(Err(reason)) => reason,
        Err(_) => format!("no answer within {} seconds", limits::POST_SECONDS_MAX),
    };
    Ended {
        outcome: Outcome::Retry,
        status: None,
        text: reason,
    }
}

fn judge(status: StatusCode) -> Outcome {
    if status.is_success() {
        Outcome::Delivered
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Outcome::Retry
    } else {
        Outcome::Refused
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Place {
    fn of(uri: &Uri) -> Result<Place, String> {
        let authority = uri.authority().ok_or("the endpoint names no host")?;
        let is_tls = uri.scheme_str() == Some("https");
        let (user, named) = match authority.as_str().rsplit_once('@') {
            Some((user, named)) => (Some(user), named),
            None => (None, authority.as_str()),
        };
        Ok(Place {
            is_tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            named: HeaderValue::from_str(named).map_err(shown)?,
            user: user.filter(|_| is_tls).map(User::of), // SNS-249
        })
    }
}

/// SNS-249: a second request when the first one was asked who we are.
async fn attempt(trust: &Trust, post: &Post) -> Result<Answer, String> {
    let place = Place::of(&post.uri)?;
    let answer = once(trust, &place, post, None).await?;
    let Some(user) = place
        .user
        .as_ref()
        .filter(|_| answer.status == StatusCode::UNAUTHORIZED)
    else {
        return Ok(answer);
    };
    let path = path_of(&post.uri);
    let headers = answer
        .challenge
        .iter()
        .filter_map(|value| value.to_str().ok());
    match user.answer(headers, Method::POST.as_str(), path) {
        Some(authorization) => {
            let authorization = HeaderValue::from_str(&authorization).map_err(shown)?;
            once(trust, &place, post, Some(authorization)).await
        }
        None => Ok(answer),
    }
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

async fn once(
    trust: &Trust,
    place: &Place,
    post: &Post,
    authorization: Option<HeaderValue>,
) -> Result<Answer, String> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path_of(&post.uri))
        .body(Full::new(post.body.clone()))
        .map_err(shown)?;
    *request.headers_mut() = post.headers.clone();
    request.headers_mut().insert(HOST, place.named.clone());
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    let stream = TcpStream::connect((place.host.as_str(), place.port))
        .await
        .map_err(shown)?;
    if place.is_tls {
        let name = ServerName::try_from(place.host.clone()).map_err(shown)?;
        let stream = trust.connector().connect(name, stream).await;
        send(stream.map_err(shown)?, request).await
    } else {
        send(stream, request).await
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(shown)?;
    let connection = tokio::spawn(connection);
    let answer = match sender.send_request(request).await {
        Ok(answer) => {
            let status = answer.status();
            let challenge = answer.headers().get_all(WWW_AUTHENTICATE);
            let challenge = challenge.iter().cloned().collect();
            // Read to the end, so that the endpoint sees its answer taken.
            let body = Limited::new(answer.into_body(), limits::ANSWER_BYTES_MAX);
            let body = body.collect().await.map(|body| body.to_bytes());
            let body = body.unwrap_or_default();
            let start = body.get(..limits::ANSWER_BYTES_SHOWN).unwrap_or(&body);
            Ok(Answer {
                status,
                challenge,
                text: String::from_utf8_lossy(start).into_owned(),
            })
        }
        Err(error) => Err(shown(error)),
    };
    connection.abort();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whether_to_try_again() {
        // SNS-244, SNS-245, SNS-246, SNS-247
        for status in [StatusCode::OK, StatusCode::ACCEPTED, StatusCode::NO_CONTENT] {
            assert_eq!(judge(status), Outcome::Delivered);
        }
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::INTERNAL_SERVER_ERROR,
        ] {
            assert_eq!(judge(status), Outcome::Retry);
        }
        for status in [
            StatusCode::NOT_FOUND,
            StatusCode::FOUND,
            StatusCode::BAD_REQUEST,
        ] {
            assert_eq!(judge(status), Outcome::Refused);
        }
    }

    #[test]
    fn passwords_are_for_tls_and_not_for_the_host_header() {
        // SNS-249
        let place = |url: &str| Place::of(&url.parse().expect("a URL")).expect("a place");
        let found = place("https://me:secret@host:8443/path");
        assert_eq!((found.host.as_str(), found.port), ("host", 8443));
        assert_eq!(found.named, "host:8443");
        assert!(found.user.is_some() && found.is_tls);
        assert!(place("http://me:secret@host/").user.is_none());
        assert_eq!(place("http://[::1]/").host, "::1");
        assert_eq!((place("https://h").port, place("http://h").port), (443, 80));
    }
}
