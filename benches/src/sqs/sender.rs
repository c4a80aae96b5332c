//! Send requests: a pool of signed ones for standard queues, freshly built ones for FIFO queues.
//!
//! AWS accepts a signed request any number of times within five minutes (IDN-025, IDN-026), and a standard queue takes
//! equal messages, so signing is paid once per pool. FIFO messages need a deduplication id of their own each.

use crate::limits::{BATCH_MAX, POOL_BYTES, POOL_REQUESTS_MAX};
use crate::response::excerpt;
use crate::scan;
use crate::sign::Signer;
use crate::sqs::api::Operation;
use crate::sqs::requests::{self, FifoPlace};
use crate::targets::Answers;

/// What is sent, and where to.
#[derive(Clone)]
pub(crate) struct SendPlan {
    /// Queues; a connection keeps to one of them.
    pub(crate) queue_urls: Vec<String>,
    /// Size of a message's body.
    pub(crate) body_bytes: usize,
    /// Messages per request; 1 means `SendMessage`.
    pub(crate) batch: usize,
    /// Message groups of a FIFO queue; `None` for standard queues.
    pub(crate) groups: Option<u64>,
    /// What a good answer contains.
    pub(crate) answers: Answers,
}

/// Makes the send requests of one thread.
pub(crate) struct Sender {
    plan: SendPlan,
    signer: Signer,
    bodies: Vec<String>,
    pool: Vec<Vec<Vec<u8>>>,
    turn: usize,
    deduplication: u64,
    text: String,
}

impl Sender {
    /// A sender with its own random bodies; `random` differs per thread.
    pub(crate) fn new(plan: SendPlan, signer: Signer, mut random: fastrand::Rng) -> Self {
        assert!((1..=BATCH_MAX).contains(&plan.batch) && !plan.queue_urls.is_empty());
        let request_bytes = plan.body_bytes * plan.batch * plan.queue_urls.len();
        let pooled = (POOL_BYTES / request_bytes.max(1)).clamp(2, POOL_REQUESTS_MAX);
        let bodies = (0..pooled * plan.batch)
            .map(|_| requests::random_body(&mut random, plan.body_bytes))
            .collect();
        let deduplication = random.u64(..);
        let mut sender = Self {
            plan,
            signer,
            bodies,
            pool: Vec::new(),
            turn: 0,
            deduplication,
            text: String::new(),
        };
        sender.fill_pool();
        sender
    }

    /// Messages per request.
    pub(crate) fn batch(&self) -> usize {
        self.plan.batch
    }

    /// Writes the next request of `connection`.
    pub(crate) fn write(&mut self, connection: usize, out: &mut Vec<u8>) {
        let renewed = self.signer.refresh();
        self.turn = (self.turn + 1) % (self.bodies.len() / self.plan.batch);
        let queue = connection % self.plan.queue_urls.len();
        match self.plan.groups {
            Some(groups) => self.write_fifo(queue, groups, out),
            None => {
                if renewed {
                    self.fill_pool();
                }
                out.extend_from_slice(&self.pool[queue][self.turn]);
            }
        }
    }

    /// Checks an answer: every message acknowledged.
    pub(crate) fn answered(&self, body: &[u8]) -> Result<u64, String> {
        if self.plan.answers == Answers::Bare {
            return Ok(self.plan.batch as u64);
        }
        let ids = scan::strings(body, "MessageId").count();
        if ids != self.plan.batch || requests::has_failed_entries(body) {
            return Err(format!(
                "{ids} of {} messages acknowledged: {}",
                self.plan.batch,
                excerpt(body)
            ));
        }
        Ok(ids as u64)
    }

    fn write_fifo(&mut self, queue: usize, groups: u64, out: &mut Vec<u8>) {
        let first = self.deduplication;
        self.deduplication = first.wrapping_add(self.plan.batch as u64);
        let place = |offset: usize| {
            let deduplication = first.wrapping_add(offset as u64);
            Some(FifoPlace {
                group: deduplication % groups,
                deduplication,
            })
        };
        self.write_body(queue, self.turn, place);
        self.signer
            .write(out, self.operation(), self.text.as_bytes());
    }

    fn write_body(
        &mut self,
        queue: usize,
        turn: usize,
        place: impl Fn(usize) -> Option<FifoPlace>,
    ) {
        let url = &self.plan.queue_urls[queue];
        let bodies = &self.bodies[turn * self.plan.batch..][..self.plan.batch];
        if self.plan.batch == 1 {
            requests::send(&mut self.text, url, &bodies[0], place(0));
        } else {
            let entries = bodies
                .iter()
                .enumerate()
                .map(|(offset, body)| (body.as_str(), place(offset)));
            requests::send_batch(&mut self.text, url, entries);
        }
    }

    fn fill_pool(&mut self) {
        if self.plan.groups.is_some() {
            return;
        }
        self.pool.clear();
        for queue in 0..self.plan.queue_urls.len() {
            let mut requests = Vec::new();
            for turn in 0..self.bodies.len() / self.plan.batch {
                self.write_body(queue, turn, |_| None);
                let mut request = Vec::new();
                self.signer
                    .write(&mut request, self.operation(), self.text.as_bytes());
                requests.push(request);
            }
            self.pool.push(requests);
        }
    }

    fn operation(&self) -> Operation {
        if self.plan.batch == 1 {
            Operation::SendMessage
        } else {
            Operation::SendMessageBatch
        }
    }
}
