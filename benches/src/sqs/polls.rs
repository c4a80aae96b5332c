//! Long polls that stay empty: what parked receivers cost.

use crate::sqs::consumer::Consumer;
use crate::workload::Workload;

/// Polls empty queues for ever; a message would be an error.
pub(crate) struct IdlePolls {
    /// Makes the requests.
    pub(crate) consumer: Consumer,
}

impl Workload for IdlePolls {
    fn operations(&self) -> &'static [&'static str] {
        &["poll"]
    }

    fn next(&mut self, connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        self.consumer.write_receive(connection, out);
        Some(0)
    }

    fn answered(
        &mut self,
        connection: usize,
        _operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        match self.consumer.received(connection, body)? {
            0 => Ok(0),
            messages => Err(format!(
                "{messages} messages in a queue that nobody sends to"
            )),
        }
    }
}
