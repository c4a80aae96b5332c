//! HTTP endpoints that subscribe: one listener that takes everything, and counts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::service::between;

/// A listener that answers 200 at once, or after a while; it serves as many endpoints as there are paths.
pub(crate) struct Endpoints {
    pub(crate) address: String,
    /// Notifications so far.
    pub(crate) taken: Arc<AtomicU64>,
    tokens: Receiver<String>,
    is_over: Arc<AtomicBool>,
}

impl Endpoints {
    /// Listens until it is stopped.
    pub(crate) fn listen(delay: Duration) -> Result<Endpoints, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (taken, (told, tokens)) = (Arc::new(AtomicU64::new(0)), channel());
        let counted = Arc::clone(&taken);
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (counted, told) = (Arc::clone(&counted), told.clone());
                if delay.is_zero() {
                    serve(stream, &counted, &told);
                } else {
                    std::thread::spawn(move || {
                        std::thread::sleep(delay);
                        serve(stream, &counted, &told);
                    });
                }
            }
        });
        Ok(Endpoints {
            address: address.to_string(),
            taken,
            tokens,
            is_over,
        })
    }

    /// From now on nobody takes connections.
    pub(crate) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _wakes_the_listener = TcpStream::connect(&self.address);
    }

    /// The token of a confirmation that was posted.
    pub(crate) fn token(&self) -> Result<String, String> {
        let token = self.tokens.recv_timeout(Duration::from_secs(20));
        token.map_err(|_| "no confirmation was posted".to_owned())
    }
}

/// One request of a connection: the server opens a new one for each.
fn serve(mut stream: TcpStream, taken: &AtomicU64, tokens: &Sender<String>) {
    let mut text = Vec::new();
    let mut chunk = [0; 16 << 10];
    while let Ok(bytes) = stream.read(&mut chunk) {
        text.extend_from_slice(chunk.get(..bytes).unwrap_or_default());
        if bytes == 0 || is_complete(&text) {
            break;
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let text = String::from_utf8_lossy(&text);
    match between(&text, "\"Token\" : \"", "\"") {
        Ok(token) => drop(tokens.send(token)),
        Err(_) => drop(taken.fetch_add(1, Ordering::Relaxed)),
    }
}

fn is_complete(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    // The length may be the last header.
    let head = format!("{}\r\n", head.to_ascii_lowercase());
    let length = between(&head, "content-length: ", "\r\n");
    length.is_ok_and(|length| {
        length
            .parse()
            .is_ok_and(|length: usize| body.len() >= length)
    })
}
