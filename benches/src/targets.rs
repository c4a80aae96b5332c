//! Who is measured: a server of our own, its bare listener, or a server that runs already.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::client::{Client, QueueKind};
use crate::options::Remote;
use crate::sender::Answers;
use crate::server::{Mode, Server, ServerPlan};
use crate::sign::{Credentials, Signer};

/// A server to be.
pub(crate) enum Target {
    /// Started for each cell, on an empty directory.
    Own(ServerPlan, Mode),
    /// Started by somebody else.
    Remote(Remote, Credentials),
}

impl Target {
    /// Name in the table.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Own(_, Mode::Full) => "waystation",
            Self::Own(_, Mode::Bare) => "bare",
            Self::Remote(remote, _) => &remote.name,
        }
    }

    /// Starts or finds the server.
    pub(crate) fn open(&self) -> Result<Session, String> {
        match self {
            Self::Own(plan, mode) => {
                let server = Server::start(plan, *mode)?;
                let signer = Signer::new(&server.address().to_string(), &plan.credentials);
                let answers = if *mode == Mode::Bare {
                    Answers::Bare
                } else {
                    Answers::Acknowledge
                };
                Ok(Session::new(
                    server.address(),
                    signer,
                    answers,
                    Some(server.pid()),
                    Some(server),
                ))
            }
            Self::Remote(remote, credentials) => {
                let addresses = remote
                    .host
                    .to_socket_addrs()
                    .map_err(|error| format!("{}: {error}", remote.host))?;
                let address = addresses
                    .min_by_key(SocketAddr::is_ipv6)
                    .ok_or_else(|| format!("{}: no address", remote.host))?;
                let signer = Signer::new(&remote.host, credentials);
                Ok(Session::new(
                    address,
                    signer,
                    Answers::Acknowledge,
                    remote.pid,
                    None,
                ))
            }
        }
    }
}

/// A server that answers, and the queues made on it.
pub(crate) struct Session {
    /// Where requests go.
    pub(crate) address: SocketAddr,
    /// Signs for this server's host.
    pub(crate) signer: Signer,
    /// What its answers to sends contain.
    pub(crate) answers: Answers,
    /// Its process, where known.
    pub(crate) pid: Option<u32>,
    /// Calls outside of measured windows.
    pub(crate) client: Client,
    server: Option<Server>,
    queue_urls: Vec<String>,
}

impl Session {
    fn new(
        address: SocketAddr,
        signer: Signer,
        answers: Answers,
        pid: Option<u32>,
        server: Option<Server>,
    ) -> Self {
        let client = Client::new(address, signer.clone());
        Self {
            address,
            signer,
            answers,
            pid,
            client,
            server,
            queue_urls: Vec::new(),
        }
    }

    /// Makes `count` queues with names that no earlier run used.
    pub(crate) fn queues(&mut self, count: usize, kind: QueueKind) -> Result<Vec<String>, String> {
        let suffix = if kind == QueueKind::Fifo { ".fifo" } else { "" };
        let run = fastrand::u32(..);
        let made = (0..count).map(|number| {
            let name = format!("bench-{run:08x}-{number}{suffix}");
            match self.answers {
                Answers::Acknowledge => self.client.create_queue(&name, kind),
                Answers::Bare => Ok(format!("http://{}/000000000000/{name}", self.address)),
            }
        });
        let made: Vec<String> = made.collect::<Result<_, _>>()?;
        self.queue_urls.extend_from_slice(&made);
        Ok(made)
    }

    /// The process, where it is ours to kill.
    pub(crate) fn server(&mut self) -> Result<&mut Server, String> {
        self.server
            .as_mut()
            .ok_or_else(|| "needs a server that the generator starts itself".into())
    }

    /// Notes a new process after a restart.
    pub(crate) fn restarted(&mut self) {
        self.pid = self.server.as_ref().map(Server::pid);
        self.client = Client::new(self.address, self.signer.clone());
    }
}

impl Drop for Session {
    /// Leaves other people's servers as they were found; our own goes away with its directory.
    fn drop(&mut self) {
        if self.server.is_none() {
            for url in &self.queue_urls {
                let _ = self.client.delete_queue(url);
            }
        }
    }
}
