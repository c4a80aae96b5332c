//! One accepted connection as bytes: plain or TLS, told apart by the first
//! byte, and watched for its timeouts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use waystation_wire::Scheme;

use crate::activity::Activity;
use crate::limits::READ_AHEAD_BYTES;
use crate::tls::ALPN_HTTP2;
use crate::unread;

/// The first byte of a TLS handshake record; no HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// What every HTTP/2 client sends first; no HTTP/1 request begins so.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A plain or an encrypted connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Looks at the first byte and does the TLS handshake where one begins.
    pub(crate) async fn open(tcp: TcpStream, tls: Option<&TlsAcceptor>) -> io::Result<Self> {
        let Some(tls) = tls else {
            return Ok(Self::Plain(tcp));
        };
        let mut first = [0];
        if tcp.peek(&mut first).await? == 0 || first != [TLS_HANDSHAKE] {
            return Ok(Self::Plain(tcp));
        }
        // In boxes, as plain connections are more.
        Ok(Self::Tls(Box::new(Box::pin(tls.accept(tcp)).await?)))
    }

    pub(crate) fn scheme(&self) -> Scheme {
        match self {
            Self::Plain(_) => Scheme::Http,
            Self::Tls(_) => Scheme::Https,
        }
    }
}

/// A stream that notes in its [`Activity`] when bytes come and go.
pub(crate) struct Watched {
    stream: Stream,
    activity: Arc<Activity>,
    /// What stands in for an answer that has no document, as far as it is not written yet.
    instead: Bytes,
    /// What was read to know the protocol, as far as nobody took it yet.
    read_ahead: BytesMut,
    /// Requests come side by side, so that bytes say nothing of a request that begins.
    multiplexed: bool,
}

impl Watched {
    pub(crate) fn new(stream: Stream, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            instead: Bytes::new(),
            read_ahead: BytesMut::new(),
            multiplexed: false,
        }
    }

    /// Whether the client speaks HTTP/2: the handshake chose it, or the first bytes are its preface. Those count under TLS too
    /// when the client left nothing to choose, as the AWS SDK for Java does for Kinesis.
    pub(crate) async fn speaks_http2(&mut self) -> io::Result<bool> {
        self.multiplexed = match &mut self.stream {
            Stream::Tls(stream) => match stream.get_ref().1.alpn_protocol() {
                Some(chosen) => chosen == ALPN_HTTP2,
                None => begins_with_preface(stream, &mut self.read_ahead, &self.activity).await?,
            },
            Stream::Plain(stream) => {
                begins_with_preface(stream, &mut self.read_ahead, &self.activity).await?
            }
        };
        if self.multiplexed {
            self.activity.head_is_no_request();
        }
        Ok(self.multiplexed)
    }

    /// Whether these bytes are taken and something else goes out in their place.
    fn stands_in(&mut self, bytes: &[u8]) -> bool {
        match unread::answered(bytes) {
            Some(instead) => {
                self.instead = instead;
                true
            }
            None => false,
        }
    }

    /// Writes what stands in for something that was taken before.
    fn write_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = match &mut self.stream {
                Stream::Plain(stream) => Pin::new(stream).poll_write(cx, &self.instead),
                Stream::Tls(stream) => Pin::new(stream).poll_write(cx, &self.instead),
            };
            match ready!(self.note(written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.instead.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => self.activity.write_stalls(),
            Poll::Ready(_) => self.activity.write_proceeds(),
        }
        written
    }
}

/// Reads until it is known whether the preface of HTTP/2 comes; what was read stands in `read_ahead`.
async fn begins_with_preface(
    stream: &mut (impl AsyncRead + Unpin),
    read_ahead: &mut BytesMut,
    activity: &Activity,
) -> io::Result<bool> {
    read_ahead.reserve(READ_AHEAD_BYTES);
    loop {
        if read_ahead.starts_with(HTTP2_PREFACE) {
            return Ok(true);
        }
        let may_be = HTTP2_PREFACE.starts_with(read_ahead);
        if !may_be || stream.read_buf(read_ahead).await? == 0 {
            return Ok(false);
        }
        activity.read();
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read_ahead.is_empty() {
            let count = buffer.remaining().min(self.read_ahead.len());
            buffer.put_slice(&self.read_ahead.split_to(count));
            if self.read_ahead.is_empty() {
                self.read_ahead = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let result = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before && !self.multiplexed {
            self.activity.read();
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_instead(cx))?;
        if self.stands_in(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_instead(cx))?;
        if let Some(first) = slices.first()
            && self.stands_in(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(cx))?;
        let flushed = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        };
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        };
        self.note(closed)
    }
}
