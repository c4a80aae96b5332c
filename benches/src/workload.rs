//! What the connections of one generator thread do: send, receive and delete, in closed loops.
//!
//! Every connection has at most one request under way, so offered load follows the server's speed; latencies are those
//! of a client that waits, not of an arrival schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::consumer::Consumer;
use crate::sender::Sender;

/// Decides the requests of a thread's connections.
pub(crate) trait Workload: Send {
    /// Names of the operations whose indexes the other functions use. Messages of the last one are the cell's rate.
    fn operations(&self) -> &'static [&'static str];

    /// Writes the next request of `connection` to the empty `out`, and says which operation it is; `None` when this
    /// connection has nothing more to do.
    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize>;

    /// Takes the body of a 200 answer and says how many messages it moved; an error fails the cell.
    fn answered(&mut self, connection: usize, operation: usize, body: &[u8])
    -> Result<u64, String>;
}

/// A number of messages that the threads of a cell share out among themselves.
#[derive(Clone)]
pub(crate) struct Budget(Arc<AtomicI64>);

impl Budget {
    /// A budget of `messages`.
    pub(crate) fn of(messages: u64) -> Self {
        Self(Arc::new(AtomicI64::new(
            i64::try_from(messages).unwrap_or(i64::MAX),
        )))
    }

    /// A budget that no cell uses up.
    pub(crate) fn unlimited() -> Self {
        Self::of(u64::MAX)
    }

    fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Takes up to `messages`, also below zero; false when nothing was left before.
    fn take(&self, messages: u64) -> bool {
        self.0.fetch_sub(messages as i64, Ordering::Relaxed) > 0
    }
}

/// Sends until the budget is used up.
pub(crate) struct Sends {
    /// Makes the requests.
    pub(crate) sender: Sender,
    /// Messages to send.
    pub(crate) budget: Budget,
}

impl Workload for Sends {
    fn operations(&self) -> &'static [&'static str] {
        &["send"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.budget
            .take(self.sender.batch() as u64)
            .then(|| self.sender.write(connection, out))
            .map(|()| 0)
    }

    fn answered(
        &mut self,
        _connection: usize,
        _operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        self.sender.answered(body)
    }
}

/// Receives and deletes until the budget is used up.
pub(crate) struct Drains {
    /// Makes the requests.
    pub(crate) consumer: Consumer,
    /// Messages to receive.
    pub(crate) budget: Budget,
}

impl Workload for Drains {
    fn operations(&self) -> &'static [&'static str] {
        &["receive", "delete"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        if self.consumer.holds_messages(connection) {
            self.consumer.write_delete(connection, out);
            return Some(1);
        }
        self.budget
            .is_left()
            .then(|| self.consumer.write_receive(connection, out))
            .map(|()| 0)
    }

    fn answered(
        &mut self,
        connection: usize,
        operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        if operation == 1 {
            return self.consumer.deleted(connection, body);
        }
        let messages = self.consumer.received(connection, body)?;
        self.budget.take(messages);
        Ok(messages)
    }
}

/// Every connection sends, receives as many as it sent, and deletes them. Each receive takes at most what one send
/// brought: otherwise a few lucky connections would starve the others of messages, and the load would fade.
pub(crate) struct Pipelines {
    sender: Sender,
    consumer: Consumer,
    sent: Vec<bool>,
}

impl Pipelines {
    /// A pipeline for `connections` connections.
    pub(crate) fn new(sender: Sender, consumer: Consumer, connections: usize) -> Self {
        assert_eq!(
            sender.batch(),
            consumer.batch(),
            "a receive takes what a send brought"
        );
        Self {
            sender,
            consumer,
            sent: vec![false; connections],
        }
    }
}

impl Workload for Pipelines {
    fn operations(&self) -> &'static [&'static str] {
        &["send", "receive", "delete"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        if self.consumer.holds_messages(connection) {
            self.consumer.write_delete(connection, out);
            return Some(2);
        }
        if std::mem::replace(&mut self.sent[connection], true) {
            self.consumer.write_receive(connection, out);
            return Some(1);
        }
        self.sender.write(connection, out);
        Some(0)
    }

    fn answered(
        &mut self,
        connection: usize,
        operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        match operation {
            0 => self.sender.answered(body),
            1 => self.consumer.received(connection, body),
            _ => {
                self.sent[connection] = false;
                self.consumer.deleted(connection, body)
            }
        }
    }
}
