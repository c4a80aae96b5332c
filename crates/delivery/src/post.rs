//! One HTTP POST to an endpoint of somebody else, and what its outcome means for a retry (SNS-244 to SNS-247).
//!
//! Every attempt opens a connection of its own: endpoints come and go, and an attempt must never hang on the remains of
//! the one before. Redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::limits;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Post {
    /// Where to: `http://host[:port]/path?query`.
    pub uri: Uri,
    /// All headers but `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A status of 200 to 299.
    Delivered,
    /// No answer in time, no connection, or a status that may change: 429 and from 500 on.
    Retry(String),
    /// Any other status.
    Refused(String),
}

/// Sends once. Ends within [`limits::POST_SECONDS_MAX`].
pub async fn post(post: Post) -> Outcome {
    let time = Duration::from_secs(limits::POST_SECONDS_MAX);
    match tokio::time::timeout(time, attempt(post)).await {
        Ok(Ok(status)) => judge(status),
        Ok(Err(reason)) => Outcome::Retry(reason),
        Err(_) => Outcome::Retry(format!(
            "no answer within {} seconds",
            limits::POST_SECONDS_MAX
        )),
    }
}

fn judge(status: StatusCode) -> Outcome {
    if status.is_success() {
        Outcome::Delivered
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Outcome::Retry(format!("status {status}"))
    } else {
        Outcome::Refused(format!("status {status}"))
    }
}

async fn attempt(post: Post) -> Result<StatusCode, String> {
    let shown = |error: &dyn std::fmt::Display| error.to_string();
    let authority = post
        .uri
        .authority()
        .ok_or("the endpoint names no host")?
        .clone();
    let port = authority.port_u16().unwrap_or(80);
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| shown(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| shown(&error))?;
    let connection = tokio::spawn(connection);
    let path = post.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .body(Full::new(post.body))
        .map_err(|error| shown(&error))?;
    *request.headers_mut() = post.headers;
    let named = HeaderValue::from_str(authority.as_str()).map_err(|error| shown(&error))?;
    request.headers_mut().insert(HOST, named);
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| shown(&error));
    let status = match answer {
        Ok(answer) => {
            let status = answer.status();
            // Read to the end, so that the endpoint sees its answer taken.
            let _unread = Limited::new(answer.into_body(), limits::ANSWER_BYTES_MAX)
                .collect()
                .await;
            Ok(status)
        }
        Err(reason) => Err(reason),
    };
    connection.abort();
    status
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
            assert!(matches!(judge(status), Outcome::Retry(_)));
        }
        for status in [
            StatusCode::NOT_FOUND,
            StatusCode::FOUND,
            StatusCode::BAD_REQUEST,
        ] {
            assert!(matches!(judge(status), Outcome::Refused(_)));
        }
    }
}
