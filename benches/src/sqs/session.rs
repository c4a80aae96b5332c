//! A server and the queues made on it.

use std::time::Duration;

use crate::sign::Signer;
use crate::sqs::api::SQS;
use crate::sqs::client::{Client, QueueKind};
use crate::targets::{Answers, Running, Target};

/// A server that answers, and the queues made on it.
pub(crate) struct Session {
    /// The server.
    pub(crate) at: Running,
    /// Signs for this server's host.
    pub(crate) signer: Signer,
    /// Calls outside of measured windows.
    pub(crate) client: Client,
    queue_urls: Vec<String>,
}

impl Session {
    /// Starts or finds the server.
    pub(crate) fn open(target: &Target) -> Result<Self, String> {
        let at = target.start()?;
        let signer = at.signer(&SQS);
        Ok(Self {
            client: Client::new(at.address, signer.clone()),
            at,
            signer,
            queue_urls: Vec::new(),
        })
    }

    /// Makes `count` queues with names that no earlier run used.
    pub(crate) fn queues(&mut self, count: usize, kind: QueueKind) -> Result<Vec<String>, String> {
        let suffix = if kind == QueueKind::Fifo { ".fifo" } else { "" };
        let run = fastrand::u32(..);
        let made = (0..count).map(|number| {
            let name = format!("bench-{run:08x}-{number}{suffix}");
            match self.at.answers {
                Answers::Acknowledge => self.client.create_queue(&name, kind),
                Answers::Bare => Ok(format!("http://{}/000000000000/{name}", self.at.address)),
            }
        });
        let made: Vec<String> = made.collect::<Result<_, _>>()?;
        self.queue_urls.extend_from_slice(&made);
        Ok(made)
    }

    /// Kills the process and starts it again; how long until it was ready.
    pub(crate) fn kill_and_restart(&mut self) -> Result<Duration, String> {
        let took = self.at.kill_and_restart()?;
        self.client = Client::new(self.at.address, self.signer.clone());
        Ok(took)
    }
}

impl Drop for Session {
    /// Leaves other people's servers as they were found; our own goes away with its directory.
    fn drop(&mut self) {
        if !self.at.is_ours() {
            for url in &self.queue_urls {
                let _ = self.client.delete_queue(url);
            }
        }
    }
}
