//! One connection: handshake, requests one after another or, over HTTP/2, side
//! by side, timeouts, and a polite end when the server stops.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::activity::{Activity, Streaming, Verdict};
use crate::answer_body::AnswerBody;
use crate::body;
use crate::config::Answers;
use crate::door::Door;
use crate::exchange::{Peer, exchange};
use crate::limits::{
    HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_SEND_BUFFER_BYTES, HTTP2_STREAM_WINDOW_BYTES,
    HTTP2_STREAMS_MAX, READ_BUFFER_BYTES_MAX,
};
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

/// Serves a connection until either side ends it, which makes room for another one.
pub(crate) async fn serve(
    door: Arc<Door>,
    tls: Option<TlsAcceptor>,
    tcp: TcpStream,
    from: SocketAddr,
    mut phase: watch::Receiver<Phase>,
    _room: OwnedSemaphorePermit,
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
    let mut io = Watched::new(stream, Arc::clone(&activity));
    // Before the phase is looked at: a change after this calls.
    door.watchman.watch(&activity);
    let attendance = Attendance {
        door,
        from,
        activity: &activity,
        phase: &phase,
    };
    let http2 = tokio::select! {
        http2 = io.speaks_http2() => http2,
        () = attendance.until_over() => return,
    };
    match http2 {
        Ok(false) => attendance.http1(peer, io).await,
        // In a box: most connections are of the other kind, and each is as large as the larger one.
        Ok(true) => Box::pin(attendance.http2(peer, io)).await,
        Err(error) => tracing::debug!(%from, %error, "the connection broke"),
    }
}

/// What it takes to serve one connection and to see when it is over.
struct Attendance<'a> {
    door: &'a Arc<Door>,
    from: SocketAddr,
    activity: &'a Arc<Activity>,
    phase: &'a watch::Receiver<Phase>,
}

impl Attendance<'_> {
    async fn http1(&self, peer: Peer, io: Watched) {
        // Borrowed, not cloned: a counter that all connections share would be
        // written twice per request by every thread.
        let (door, activity, phase) = (&**self.door, self.activity, self.phase);
        let service = service_fn(move |request| async move {
            Ok::<_, Infallible>(answer(door, peer, activity, phase, request).await)
        });
        let connection = http1_protocol(door).serve_connection(TokioIo::new(io), service);
        self.see_through(pin!(connection), |connection| {
            connection.graceful_shutdown()
        })
        .await;
    }

    async fn http2(&self, peer: Peer, io: Watched) {
        let (door, activity, phase) = (self.door, self.activity, self.phase);
        // Requests are tasks of their own here, and outlive this function.
        let service = service_fn(move |request| {
            let (door, activity, phase) = (Arc::clone(door), Arc::clone(activity), phase.clone());
            async move { Ok::<_, Infallible>(answer(&door, peer, &activity, &phase, request).await) }
        });
        let connection = http2_protocol(door).serve_connection(TokioIo::new(io), service);
        self.see_through(pin!(connection), |connection| {
            connection.graceful_shutdown()
        })
        .await;
    }

    /// Drives a connection to its end; `close` ends it politely.
    async fn see_through<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        close: impl Fn(Pin<&mut C>),
    ) {
        let (mut draining, mut closing) = (false, false);
        loop {
            match *self.phase.borrow() {
                Phase::Serving => {}
                Phase::Draining if draining => {}
                Phase::Draining => {
                    draining = true;
                    close(connection.as_mut());
                }
                Phase::Over => return,
            }
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(from = %self.from, %error, "the connection broke");
                    }
                    return;
                }
                () = self.activity.called() => match self.verdict() {
                    Verdict::GoOn => {}
                    // Whoever does not take leave within a round is not worth another one.
                    Verdict::CloseIdle if closing => return,
                    Verdict::CloseIdle => {
                        closing = true;
                        close(connection.as_mut());
                    }
                    Verdict::Cut(reason) => return self.cut(reason),
                },
            }
        }
    }

    /// Resolves when a connection that has said nothing yet is not waited for any longer.
    async fn until_over(&self) {
        while *self.phase.borrow() == Phase::Serving {
            self.activity.called().await;
            match self.verdict() {
                Verdict::GoOn => {}
                Verdict::CloseIdle => return,
                Verdict::Cut(reason) => return self.cut(reason),
            }
        }
    }

    fn verdict(&self) -> Verdict {
        self.activity.verdict(&self.door.limits, Instant::now())
    }

    fn cut(&self, reason: &str) {
        tracing::debug!(from = %self.from, reason, "the connection is cut");
    }
}

fn http1_protocol(door: &Door) -> http1::Builder {
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

/// Streams, windows and buffers are bounded; streams that are opened and reset at once are bounded by the library.
fn http2_protocol(door: &Door) -> http2::Builder<TokioExecutor> {
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    let header_bytes_max = u32::try_from(door.limits.header_bytes_max).unwrap_or(u32::MAX);
    protocol
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(header_bytes_max)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(HTTP2_SEND_BUFFER_BYTES);
    protocol
}

/// Answers one request, which is under way until its answer is ready, and if that is a stream until its end.
async fn answer(
    door: &Door,
    peer: Peer,
    activity: &Arc<Activity>,
    phase: &watch::Receiver<Phase>,
    request: http::Request<Incoming>,
) -> http::Response<AnswerBody> {
    let _under_way = activity.request_begins();
    let mut response = respond(door, peer, request).await;
    if let AnswerBody::Frames(running) = response.body_mut() {
        running.attend(Streaming::begin(Arc::clone(activity)), phase.clone());
    }
    response
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
