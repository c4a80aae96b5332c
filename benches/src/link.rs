//! Blocking connections, for what is asked outside of measured windows: one request at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::limits::CALL_MAX;
use crate::response::{self, excerpt};
use crate::sign::Signer;

/// A blocking connection that is opened when it is needed.
pub(crate) struct Link {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// An unsigned GET on a connection of its own: status and body.
pub(crate) fn get(
    address: SocketAddr,
    path: &str,
    within: Duration,
) -> Result<(u16, Vec<u8>), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Link::to(address).exchange(request.as_bytes(), within)
}

impl Link {
    /// A link to `address`, not connected yet.
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Sends a request without waiting for its answer; `finish` reads it.
    pub(crate) fn start(&mut self, request: &[u8], within: Duration) -> Result<(), String> {
        let stream = self.stream(within)?;
        let sent = stream.write_all(request);
        sent.map_err(|error| self.broken(&error))
    }

    /// Reads the answer of the request that was started.
    pub(crate) fn finish(&mut self) -> Result<(u16, Vec<u8>), String> {
        let mut buffer = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        loop {
            let stream = self.stream.as_mut().ok_or("no request under way")?;
            match stream.read(&mut chunk) {
                Ok(0) => return Err(self.broken(&std::io::ErrorKind::UnexpectedEof.into())),
                Ok(bytes) => buffer.extend_from_slice(chunk.get(..bytes).unwrap_or_default()),
                Err(error) => return Err(self.broken(&error)),
            }
            if let Some(response) = response::parse(&buffer)? {
                if response.close {
                    self.stream = None;
                }
                return Ok((response.status, response.body.into_owned()));
            }
        }
    }

    /// Calls an operation with a fresh signature; anything but 200 is an error. Answers the body.
    pub(crate) fn call(
        &mut self,
        signer: &mut Signer,
        operation: impl Into<usize> + Copy + std::fmt::Debug,
        body: &[u8],
    ) -> Result<Vec<u8>, String> {
        signer.refresh();
        let mut request = Vec::new();
        signer.write(&mut request, operation, body);
        match self.exchange(&request, CALL_MAX)? {
            (200, answer) => Ok(answer),
            (status, answer) => Err(format!(
                "{operation:?}: HTTP {status}: {}",
                excerpt(&answer)
            )),
        }
    }

    fn exchange(&mut self, request: &[u8], within: Duration) -> Result<(u16, Vec<u8>), String> {
        self.start(request, within)?;
        self.finish()
    }

    fn stream(&mut self, within: Duration) -> Result<&mut TcpStream, String> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, within)
                .map_err(|error| format!("{}: {error}", self.address))?;
            stream
                .set_nodelay(true)
                .map_err(|error| error.to_string())?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or("no connection")?;
        stream
            .set_read_timeout(Some(within))
            .map_err(|error| error.to_string())?;
        Ok(stream)
    }

    fn broken(&mut self, error: &std::io::Error) -> String {
        self.stream = None;
        format!("{}: {error}", self.address)
    }
}
