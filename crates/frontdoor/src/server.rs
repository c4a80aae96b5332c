//! `FrontDoor`: from a configuration to open sockets to a clean stop.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, Parts};
use crate::connection::Phase;
use crate::door::Door;
use crate::limits::{CERTIFICATE_CHECK_INTERVAL, CONNECTIONS_MAX};
use crate::listener::{self, BindError};
use crate::open_files;
use crate::tls::{Certificates, TlsError};

/// Why the front door does not open.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// There is no usable certificate.
    Tls(TlsError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind(error) => error.source(),
            Self::Tls(error) => error.source(),
        }
    }
}

/// How a stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Clean,
    /// The drain timeout cut this many connections.
    Cut(usize),
}

/// The HTTP server, with its sockets open and nothing accepted yet.
pub struct FrontDoor {
    door: Arc<Door>,
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    certificates: Option<Certificates>,
    connections_max: usize,
}

impl FrontDoor {
    /// Raises the limit of open files, gets the certificate and opens the
    /// sockets. Clients can connect from now on; they are answered by
    /// [`FrontDoor::run`]. Must be called within a tokio runtime.
    pub fn bind(config: Config, parts: Parts) -> Result<Self, StartError> {
        let files = open_files::raise_open_file_limit();
        let wanted = config.limits.connections_max.min(CONNECTIONS_MAX);
        let connections_max = open_files::connections_within(files, wanted);
        let certificates = match &config.tls {
            Some(tls) => Some(Certificates::open(tls, &config.hosts).map_err(StartError::Tls)?),
            None => None,
        };
        let listeners =
            listener::bind_all(&config.addresses, config.port).map_err(StartError::Bind)?;
        let addresses = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let limits = config.limits.clone();
        Ok(Self {
            door: Door::new(&config, limits, parts),
            listeners,
            addresses,
            certificates,
            connections_max,
        })
    }

    /// The addresses that are listened on, with the port that was chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` is ready, then accepts nothing more, answers the
    /// requests under way and returns, at the latest after the drain timeout.
    /// Long polls end at once when the services see the same shutdown.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Drained, StartError> {
        let acceptor = match &self.certificates {
            Some(certificates) => Some(certificates.acceptor().map_err(StartError::Tls)?),
            None => None,
        };
        let (phase, watched) = watch::channel(Phase::Serving);
        // Each listener holds a permit for the connection it waits for.
        let permits = self.connections_max + self.listeners.len();
        let room = Arc::new(Semaphore::new(permits));
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(listener::accept(
                Arc::clone(&self.door),
                listener,
                acceptor.clone(),
                Arc::clone(&room),
                watched.clone(),
            ));
        }
        let (limits, watchman) = (&self.door.limits, &self.door.watchman);
        tokio::select! {
            () = shutdown => {}
            () = watch_certificates(self.certificates.as_ref()) => {}
            never = watchman.go_round(limits) => match never {},
        }
        phase.send_replace(Phase::Draining);
        watchman.call_all();
        while accepting.join_next().await.is_some() {}
        let drained = tokio::select! {
            drained = drain(&room, permits, limits.drain_timeout) => drained,
            never = watchman.go_round(limits) => match never {},
        };
        phase.send_replace(Phase::Over);
        watchman.call_all();
        Ok(drained)
    }
}

/// Never ends.
async fn watch_certificates(certificates: Option<&Certificates>) {
    let Some(certificates) = certificates else {
        return std::future::pending().await;
    };
    let mut checks = tokio::time::interval(CERTIFICATE_CHECK_INTERVAL);
    loop {
        checks.tick().await;
        certificates.reload_if_changed();
    }
}

/// Waits until every connection has given its permit back.
async fn drain(room: &Semaphore, permits: usize, time: Duration) -> Drained {
    let all = u32::try_from(permits).unwrap_or(u32::MAX);
    match timeout(time, room.acquire_many(all)).await {
        Ok(_) => Drained::Clean,
        Err(_) => Drained::Cut(permits.saturating_sub(room.available_permits())),
    }
}
