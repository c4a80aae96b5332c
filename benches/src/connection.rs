//! One keep-alive connection of the generator: non-blocking bytes out, one response back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::limits::CALL_MAX;
use crate::response::{self, Response};

/// State of one connection; at most one request is under way.
pub(crate) struct Connection {
    stream: Option<TcpStream>,
    out: Vec<u8>,
    written: usize,
    partial: Vec<u8>,
    waiting: Option<Waiting>,
}

/// The request that has no answer yet.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    /// Index of its operation in the workload.
    pub(crate) operation: usize,
    /// When its first byte was handed to the kernel.
    pub(crate) sent_at: Instant,
}

impl Connection {
    /// A connection that is opened by its first request.
    pub(crate) fn new() -> Self {
        Self {
            stream: None,
            out: Vec::new(),
            written: 0,
            partial: Vec::new(),
            waiting: None,
        }
    }

    /// Connects if there is no live connection; answers the new stream so that the caller can watch it.
    pub(crate) fn open(&mut self, address: SocketAddr) -> Result<Option<&TcpStream>, String> {
        if self.stream.is_some() {
            return Ok(None);
        }
        let stream = TcpStream::connect_timeout(&address, CALL_MAX)
            .map_err(|error| format!("connect {address}: {error}"))?;
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_nonblocking(true));
        prepared.map_err(|error| format!("socket options: {error}"))?;
        self.partial.clear();
        Ok(Some(self.stream.insert(stream)))
    }

    /// The request under way.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting
    }

    /// Empty buffer for the next request.
    pub(crate) fn request(&mut self) -> &mut Vec<u8> {
        self.out.clear();
        self.written = 0;
        &mut self.out
    }

    /// Starts sending what was put into `request`.
    pub(crate) fn send(&mut self, operation: usize) -> Result<(), String> {
        debug_assert!(self.waiting.is_none(), "one request at a time");
        self.waiting = Some(Waiting {
            operation,
            sent_at: Instant::now(),
        });
        self.flush()
    }

    /// Writes as much of the request as the socket takes.
    pub(crate) fn flush(&mut self) -> Result<(), String> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("write: {error}")),
            }
        }
        Ok(())
    }

    /// Reads what has arrived; hands a complete answer to `take`. `scratch` is shared by the connections of a thread.
    pub(crate) fn read<T>(
        &mut self,
        scratch: &mut [u8],
        take: impl FnOnce(Waiting, Response<'_>) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        loop {
            let Some(stream) = &mut self.stream else {
                return Ok(None);
            };
            let bytes = match stream.read(scratch) {
                Ok(0) => return self.closed().map(|()| None),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("read: {error}")),
            };
            let Some(waiting) = self.waiting else {
                return Err("bytes that answer no request".into());
            };
            let arrived = scratch.get(..bytes).unwrap_or_default();
            let whole = if self.partial.is_empty() {
                arrived
            } else {
                self.partial.extend_from_slice(arrived);
                &self.partial
            };
            let Some(response) = response::parse(whole)? else {
                if self.partial.is_empty() {
                    self.partial.extend_from_slice(arrived);
                }
                continue;
            };
            if response.bytes != whole.len() {
                return Err("more bytes than one response".into());
            }
            self.waiting = None;
            let close = response.close;
            let taken = take(waiting, response)?;
            self.partial.clear();
            if close {
                self.stream = None;
            }
            return Ok(Some(taken));
        }
    }

    fn closed(&mut self) -> Result<(), String> {
        self.stream = None;
        match self.waiting {
            Some(_) => Err("the server closed a connection instead of answering".into()),
            None => Ok(()),
        }
    }
}
