//! A client that sends exactly the given bytes and reads whole answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any server timeout in the tests: reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffered: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            buffered: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, head: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(request(head, body));
        self.answer()
    }

    /// Calls an operation in JSON without a signature.
    pub(crate) fn call(&mut self, operation: &str, body: &str) -> Answer {
        self.ask(&json_head(operation), body)
    }

    /// The next answer. Interim ones are skipped.
    pub(crate) fn answer(&mut self) -> Answer {
        loop {
            let head = self.read_head();
            let mut lines = head.split("\r\n");
            let status_line = lines.next().unwrap();
            let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let mut answer = Answer {
                status,
                headers,
                body: String::new(),
            };
            if status == 100 {
                continue;
            }
            let length: usize = answer
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            while self.buffered.len() < length {
                assert!(self.fill() > 0, "the connection ends within a body");
            }
            let rest = self.buffered.split_off(length);
            answer.body = String::from_utf8(std::mem::replace(&mut self.buffered, rest)).unwrap();
            return answer;
        }
    }

    /// Reads up to the empty line after a head, without it.
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = self.read_through(b"\r\n\r\n");
        head.truncate(head.len() - 4);
        String::from_utf8(head).unwrap()
    }

    /// The next chunk of a body; empty at its end.
    pub(crate) fn read_chunk(&mut self) -> Vec<u8> {
        let line = self.read_through(b"\r\n");
        let length = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
        while self.buffered.len() < length + 2 {
            assert!(self.fill() > 0, "the connection ends within a chunk");
        }
        let rest = self.buffered.split_off(length + 2);
        let mut chunk = std::mem::replace(&mut self.buffered, rest);
        chunk.truncate(length);
        chunk
    }

    fn read_through(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self
                .buffered
                .windows(end.len())
                .position(|found| found == end)
            {
                let rest = self.buffered.split_off(at + end.len());
                return std::mem::replace(&mut self.buffered, rest);
            }
            assert!(self.fill() > 0, "the connection ends within a line");
        }
    }

    /// Whether the server closes the connection without a further byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        assert!(self.buffered.is_empty(), "unread: {:?}", self.buffered);
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ),
        }
    }

    fn fill(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        let read = self.stream.read(&mut piece).unwrap();
        self.buffered.extend_from_slice(&piece[..read]);
        read
    }
}

/// The head of an unsigned JSON call.
pub(crate) fn json_head(operation: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{operation}"
    )
}

/// A head, its content length, and the body.
pub(crate) fn request(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
