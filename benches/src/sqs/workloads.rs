//! What connections do with queues: send, receive and delete.

use crate::sqs::consumer::Consumer;
use crate::sqs::sender::Sender;
use crate::workload::{Budget, Workload};

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
