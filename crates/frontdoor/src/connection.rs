//! One connection: handshake, requests one after another, timeouts, and a
//! polite end when the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::activity::{Activity, Verdict};
use crate::answer_body::AnswerBody;
use crate::body;
use crate::config::Answers;
use crate::door::Door;
use crate::exchange::{Peer, exchange};
use crate::limits::READ_BUFFER_BYTES_MAX;
use crate::stream::{Stream, Watched};

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Requests under way are finished, no further ones are taken.
    Draining,
    /// The time to finish is over.
    Over,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(
    door: Arc<Door>,
    tls: Option<TlsAcceptor>,
    tcp: TcpStream,
    from: SocketAddr,
    mut phase: watch::Receiver<Phase>,
) {
    let opening = timeout(
        door.limits.header_read_timeout,
        Stream::open(tcp, tls.as_ref()),
    );
    let stream = tokio::select! {
        opened = opening => match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%from, %error, "the handshake failed"),
            Err(_) => return tracing::debug!(%from, "the handshake takes too long"),
        },
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
    };
    door.metrics.connections.fetch_add(1, Relaxed);
    serve_requests(&door, stream, from, phase).await;
    door.metrics.connections.fetch_sub(1, Relaxed);
}

async fn serve_requests(
    door: &Arc<Door>,
    stream: Stream,
    from: SocketAddr,
    phase: watch::Receiver<Phase>,
) {
    let activity = Arc::new(Activity::new(Instant::now()));
    let peer = Peer {
        address: from.ip().to_canonical(),
        scheme: stream.scheme(),
    };
    // Borrowed, not cloned: a counter that all connections share would be
    // written twice per request by every thread.
    let (door, noted, watched) = (&**door, &activity, &phase);
    let service = service_fn(move |request| async move {
        noted.request_begins();
        let mut response = respond(door, peer, request).await;
        match response.body_mut() {
            AnswerBody::Whole(_) => noted.request_ends(Instant::now()),
            AnswerBody::Frames(running) => running.attend(Arc::clone(noted), watched.clone()),
        }
        Ok::<_, Infallible>(response)
    });
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let mut connection = pin!(protocol(door).serve_connection(io, service));
    // Before the phase is looked at: a change after this calls.
    door.watchman.watch(&activity);
    let mut draining = false;
    loop {
        match *phase.borrow() {
            Phase::Serving => {}
            Phase::Draining if draining => {}
            Phase::Draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            Phase::Over => return,
        }
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%from, %error, "the connection broke");
                }
                return;
            }
            () = activity.called() => match activity.verdict(&door.limits, Instant::now()) {
                Verdict::GoOn => {}
                Verdict::CloseIdle => connection.as_mut().graceful_shutdown(),
                Verdict::Cut(reason) => return tracing::debug!(%from, reason, "the connection is cut"),
            },
        }
    }
}

fn protocol(door: &Door) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .keep_alive(true)
        .max_headers(door.limits.headers_max)
        .max_header_size(door.limits.header_bytes_max)
        .max_buf_size(READ_BUFFER_BYTES_MAX.max(door.limits.header_bytes_max))
        // `Activity` watches this without a timer per request.
        .header_read_timeout(None);
    protocol
}

async fn respond(
    door: &Door,
    peer: Peer,
    request: http::Request<Incoming>,
) -> http::Response<AnswerBody> {
    match door.answers {
        Answers::Services => exchange(door, peer, request).await,
        Answers::Bare => bare(door, request).await,
    }
}

/// The least a server can do: read everything, say yes.
async fn bare(door: &Door, request: http::Request<Incoming>) -> http::Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let read = body::read(body, &head.headers, &door.limits, &door.budget).await;
    let mut response = http::Response::new(AnswerBody::Whole(Full::new(Bytes::from_static(b"{}"))));
    if read.is_err() {
        *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
    }
    response
}
