//! What publishers ask: one message for many queues, some of which may be gone, in order of their topic.

use bytes::Bytes;
use fastrand::Rng;
use waystation_engine::{Label, Publication, QueueId, Target};

use crate::model::Model;
use crate::operation::Request;
use crate::workload::Workload;

/// Topics in use; the engine need not know them.
const TOPICS: [QueueId; 2] = [QueueId(0x11 << 56 | 1), QueueId(0x52 << 56 | 1)];
/// Message groups in use, beside those of sends.
const GROUPS: u64 = 4;
/// Deduplication ids in use by publishers alone.
const IDS: u128 = 6;

/// The name of a message that may share its body with others.
pub(crate) fn name_of(body: &Bytes, label: Option<Label>) -> Bytes {
    match label {
        Some(label) => Bytes::from([body.as_ref(), &label.0].concat()),
        None => body.clone(),
    }
}

impl Workload {
    /// A publish to some of the queues.
    pub(crate) fn publish(&mut self, rng: &mut Rng, model: &Model, settled: &[QueueId]) -> Request {
        let topic = TOPICS[rng.usize(0..TOPICS.len())];
        let many = self.profile.bulk_max > 10 && rng.bool();
        let count = match many {
            true => rng.usize(1..=40),
            false => rng.usize(1..=3),
        };
        let publications = (0..count).map(|_| self.publication(rng, model, settled, many));
        Request::Publish {
            topic,
            publications: publications.collect(),
        }
    }

    fn publication(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        settled: &[QueueId],
        small: bool,
    ) -> Publication {
        let bodies = (0..rng.usize(1..=2)).map(|_| self.body(rng, small));
        let bodies: Vec<Bytes> = bodies.collect();
        let mut targets = Vec::new();
        for queue in settled {
            for _ in 0..rng.usize(0..=2) {
                let fifo = model.queues.get(queue).is_some_and(|known| known.is_fifo());
                targets.push(self.target(rng, *queue, fifo, bodies.len()));
            }
        }
        if rng.u8(0..10) == 0 && !self.named.is_empty() {
            // Perhaps one that is gone.
            let (_, queue) = self.named[rng.usize(0..self.named.len())];
            let fifo = model
                .queues
                .get(&queue)
                .is_some_and(|known| known.is_fifo());
            targets.push(self.target(rng, queue, fifo, bodies.len()));
        }
        if let ([only], [_]) = (targets.as_mut_slice(), bodies.as_slice()) {
            only.label = None;
        }
        Publication {
            dedup: None,
            bodies,
            targets,
            log: None,
        }
    }

    fn target(&mut self, rng: &mut Rng, queue: QueueId, fifo: bool, bodies: usize) -> Target {
        self.labels += 1;
        let id = match rng.u8(0..4) {
            0 => u128::from(rng.u64(..)) % IDS,
            _ => self.labels + IDS,
        };
        // Ids are hashes; these are unlike any that sends bring.
        let half = |salt: u64| Rng::with_seed((id as u64) << 8 | salt).u64(..);
        let id = u128::from(half(1)) << 64 | u128::from(half(2));
        Target {
            queue,
            body: rng.usize(0..bodies) as u16,
            group: (fifo || rng.u8(0..5) == 0).then(|| rng.u64(1..=GROUPS)),
            dedup: fifo.then_some(id),
            label: Some(Label(self.labels.to_le_bytes())),
            reader: None,
        }
    }
}
