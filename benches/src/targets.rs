//! Who is measured: a server of our own, its bare listener, or a server that runs already.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::options::Remote;
use crate::server::{Mode, Server, ServerPlan};
use crate::sign::{Api, Credentials, Signer};

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
    pub(crate) fn start(&self) -> Result<Running, String> {
        match self {
            Self::Own(plan, mode) => {
                let server = Server::start(plan, *mode)?;
                Ok(Running {
                    address: server.address(),
                    answers: match mode {
                        Mode::Bare => Answers::Bare,
                        Mode::Full => Answers::Acknowledge,
                    },
                    pid: Some(server.pid()),
                    host: server.address().to_string(),
                    credentials: plan.credentials.clone(),
                    server: Some(server),
                })
            }
            Self::Remote(remote, credentials) => {
                let addresses = remote
                    .host
                    .to_socket_addrs()
                    .map_err(|error| format!("{}: {error}", remote.host))?;
                let address = addresses
                    .min_by_key(SocketAddr::is_ipv6)
                    .ok_or_else(|| format!("{}: no address", remote.host))?;
                Ok(Running {
                    address,
                    answers: Answers::Acknowledge,
                    pid: remote.pid,
                    host: remote.host.clone(),
                    credentials: credentials.clone(),
                    server: None,
                })
            }
        }
    }
}

/// How closely answers are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answers {
    /// Every message has to be acknowledged with an id.
    Acknowledge,
    /// The bare listener answers 200 and nothing else.
    Bare,
}

/// A server that answers.
pub(crate) struct Running {
    /// Where requests go.
    pub(crate) address: SocketAddr,
    /// What its answers contain.
    pub(crate) answers: Answers,
    /// Its process, where known.
    pub(crate) pid: Option<u32>,
    host: String,
    credentials: Credentials,
    server: Option<Server>,
}

impl Running {
    /// Signs requests of an API for this server's host.
    pub(crate) fn signer(&self, api: &'static Api) -> Signer {
        Signer::new(&self.host, &self.credentials, api)
    }

    /// Whether the process is ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.server.is_some()
    }

    /// The process, where it is ours to kill.
    pub(crate) fn server(&mut self) -> Result<&mut Server, String> {
        self.server
            .as_mut()
            .ok_or_else(|| "needs a server that the generator starts itself".into())
    }

    /// Kills the process without warning and starts it again on what it left; how long until it was ready.
    pub(crate) fn kill_and_restart(&mut self) -> Result<Duration, String> {
        let took = self.server()?.kill_and_restart()?;
        self.pid = self.server.as_ref().map(Server::pid);
        Ok(took)
    }
}
