//! Receive and delete requests, and the receipt handles in between.

use crate::limits::BATCH_MAX;
use crate::response::excerpt;
use crate::scan;
use crate::sign::Signer;
use crate::sqs::api::Operation;
use crate::sqs::requests;

/// What is received, and where from.
#[derive(Clone)]
pub(crate) struct ReceivePlan {
    /// Queues; a connection keeps to one of them.
    pub(crate) queue_urls: Vec<String>,
    /// Most messages per receive; 1 also means single deletes.
    pub(crate) batch: usize,
    /// Long poll of the receives.
    pub(crate) wait_s: u64,
    /// Every received body has to have this size.
    pub(crate) body_bytes: usize,
}

/// Makes the receive and delete requests of one thread.
pub(crate) struct Consumer {
    plan: ReceivePlan,
    signer: Signer,
    receives: Vec<Vec<u8>>,
    held: Vec<Vec<String>>,
    text: String,
}

impl Consumer {
    /// A consumer for `connections` connections.
    pub(crate) fn new(plan: ReceivePlan, signer: Signer, connections: usize) -> Self {
        assert!((1..=BATCH_MAX).contains(&plan.batch) && !plan.queue_urls.is_empty());
        let held = vec![Vec::new(); connections];
        let mut consumer = Self {
            plan,
            signer,
            receives: Vec::new(),
            held,
            text: String::new(),
        };
        consumer.sign_receives();
        consumer
    }

    /// Most messages per receive.
    pub(crate) fn batch(&self) -> usize {
        self.plan.batch
    }

    /// Whether `connection` has received messages that it has not deleted.
    pub(crate) fn holds_messages(&self, connection: usize) -> bool {
        !self.held[connection].is_empty()
    }

    /// Writes a receive.
    pub(crate) fn write_receive(&mut self, connection: usize, out: &mut Vec<u8>) {
        if self.signer.refresh() {
            self.sign_receives();
        }
        out.extend_from_slice(&self.receives[connection % self.receives.len()]);
    }

    /// Takes the answer of a receive, which may be empty, and keeps its receipt handles.
    pub(crate) fn received(&mut self, connection: usize, body: &[u8]) -> Result<u64, String> {
        let held = &mut self.held[connection];
        held.extend(scan::strings(body, "ReceiptHandle").map(str::to_owned));
        let mut bodies = 0;
        for text in scan::strings(body, "Body") {
            bodies += 1;
            if text.len() != self.plan.body_bytes {
                return Err(format!(
                    "received a body of {} bytes, sent {}",
                    text.len(),
                    self.plan.body_bytes
                ));
            }
        }
        if held.len() != bodies || bodies > self.plan.batch {
            return Err(format!(
                "{bodies} bodies with {} receipt handles: {}",
                held.len(),
                excerpt(body)
            ));
        }
        Ok(bodies as u64)
    }

    /// Writes the delete of everything that `connection` holds.
    pub(crate) fn write_delete(&mut self, connection: usize, out: &mut Vec<u8>) {
        if self.signer.refresh() {
            self.sign_receives();
        }
        let url = &self.plan.queue_urls[connection % self.plan.queue_urls.len()];
        let held = &self.held[connection];
        let operation = if self.plan.batch == 1 {
            requests::delete(&mut self.text, url, &held[0]);
            Operation::DeleteMessage
        } else {
            requests::delete_batch(&mut self.text, url, held);
            Operation::DeleteMessageBatch
        };
        self.signer.write(out, operation, self.text.as_bytes());
    }

    /// Takes the answer of a delete.
    pub(crate) fn deleted(&mut self, connection: usize, body: &[u8]) -> Result<u64, String> {
        if requests::has_failed_entries(body) {
            return Err(format!("entries not deleted: {}", excerpt(body)));
        }
        let messages = self.held[connection].len() as u64;
        self.held[connection].clear();
        Ok(messages)
    }

    fn sign_receives(&mut self) {
        self.receives.clear();
        for url in &self.plan.queue_urls {
            let mut request = Vec::new();
            let body = requests::receive(url, self.plan.batch, self.plan.wait_s);
            self.signer
                .write(&mut request, Operation::ReceiveMessage, body.as_bytes());
            self.receives.push(request);
        }
    }
}
