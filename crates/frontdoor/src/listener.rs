//! The sockets: all addresses with one port, and the loop that accepts.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Phase, serve};
use crate::door::Door;
use crate::limits::{ACCEPT_PAUSE, BACKLOG, PORT_ATTEMPTS_MAX};

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address and port.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (self.address.ip(), self.address.port());
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "port {port} on {ip} is in use: stop the program that listens there or choose another port"
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "port {port} on {ip} is not allowed: ports below 1024 need a privilege"
            ),
            _ => write!(f, "cannot listen on {}", self.address),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Listens on every address with the same port. An address family that the
/// machine does not have is left out while another one is there.
pub(crate) fn bind_all(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match bind_once(addresses, port) {
            // The port that was free for one family is taken in the other.
            Err(error)
                if port == 0
                    && error.source.kind() == io::ErrorKind::AddrInUse
                    && attempts < PORT_ATTEMPTS_MAX => {}
            result => return result,
        }
    }
}

fn bind_once(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    let mut missing = None;
    let mut port = port;
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        match bind(address) {
            Ok(listener) => {
                port = listener.local_addr().map_or(port, |bound| bound.port());
                listeners.push(listener);
            }
            Err(source) if addresses.len() > 1 && is_missing(&source) => {
                tracing::debug!(%address, error = %source, "this address is left out");
                missing = Some(BindError { address, source });
            }
            Err(source) => return Err(BindError { address, source }),
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    #[cfg(unix)]
    {
        // A restarted server must not wait for old connections to be forgotten.
        socket.set_reuseaddr(true)?;
        if address.is_ipv6() {
            // `::` beside `0.0.0.0` would otherwise be the same port twice.
            rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
        }
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// No such address family, or no such address on this machine.
fn is_missing(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::AddrNotAvailable
}

/// Accepts until the server drains. A connection is accepted when there is
/// room for it; until then it waits in the backlog.
pub(crate) async fn accept(
    door: Arc<Door>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    room: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
) {
    let mut stopping = phase.clone();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            let (tcp, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Small answers must not wait for acknowledgements.
            if tcp.set_nodelay(true).is_err() {
                continue;
            }
            let (door, phase) = (Arc::clone(&door), phase.clone());
            tokio::spawn(serve(door, tls.clone(), tcp, from, phase, permit));
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopping.wait_for(|phase| *phase != Phase::Serving) => {}
    }
}
