//! What clients ask next: everything a queue can do, on a handful of queues, with the odd mistake.

use bytes::Bytes;
use fastrand::Rng;
use waystation_engine::{
    Engine, Expect, MoveRequest, QueueConfig, QueueId, QueueKind, ReceiveRequest, Redrive, Scope,
};

use crate::logs::Stream;
use crate::model::{Model, QueueModel, Row};
use crate::operation::{Draft, Request, RowWrite, Subject};
use crate::profile::Profile;

/// Message groups in use.
const GROUPS: u64 = 4;
/// Deduplication ids in use.
const IDS: u64 = 12;
/// Receive request attempt ids in use.
const ATTEMPTS: u128 = 3;

/// The clients together.
pub(crate) struct Workload {
    pub(crate) profile: Profile,
    /// Name of every queue, in order of creation; a queue's dead-letter queue was created before it.
    pub(crate) named: Vec<(Row, QueueId)>,
    /// Streams of logs, in order of creation.
    pub(crate) streams: Vec<Stream>,
    bodies: u64,
    tiny_bodies: u64,
    pub(crate) nonces: u64,
    pub(crate) labels: u128,
}

pub(crate) fn pick<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(0..values.len())]
}

impl Workload {
    /// Clients that know nothing yet.
    pub(crate) fn new(profile: &Profile) -> Workload {
        Workload {
            profile: profile.clone(),
            named: Vec::new(),
            streams: Vec::new(),
            bodies: 0,
            tiny_bodies: 0,
            nonces: 0,
            labels: 0,
        }
    }

    /// The next command, if the dice and the state of the queues give one.
    pub(crate) fn next(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        engine: &Engine,
        step: u64,
    ) -> Option<Request> {
        let settled: Vec<QueueId> = self.settled(model);
        if settled.is_empty() || rng.u8(0..100) < 4 && settled.len() < self.profile.queues_max {
            return Some(self.create(rng, model, engine));
        }
        let queue = pick(rng, &settled);
        if self.profile.floods
            && rng.u8(0..4) == 0
            && let Some(flood) = self.flood(rng, model, &settled)
        {
            return Some(flood);
        }
        if rng.u8(0..200) == 0 {
            // Somebody who did not notice that the queue is gone.
            let place = rng.usize(0..self.named.len());
            let any = self.named.get(place)?.1;
            return Some(Request::Counts { queue: any });
        }
        if rng.u8(0..8) == 0
            && let Some(queue) = model.with_exhausted(&settled, engine.now_ms())
        {
            return Some(receive_none(rng, queue));
        }
        let known = model.queues.get(&queue)?;
        if self.profile.crowded && !known.is_fifo() && rng.u8(0..8) > 0 {
            return Some(match rng.bool() {
                true => self.send(rng, queue, known),
                false => receive(rng, queue, known, &self.profile),
            });
        }
        Some(match rng.u8(0..100) {
            0..27 => self.send(rng, queue, known),
            27..32 => self.publish(rng, model, &settled),
            32..38 => self.move_some(rng, model, queue, &settled, engine.now_ms()),
            38..67 => receive(rng, queue, known, &self.profile),
            67..68 => receive_none(rng, queue),
            68..84 => delete(rng, queue, known)?,
            84..90 => change(rng, queue, known)?,
            90..91 => Request::Purge { queue },
            91..93 => Request::Counts { queue },
            93..94 => Request::Peek {
                queue,
                max: pick(rng, &[1, 7, 100, 1000]),
            },
            94..98 => self.configure(rng, model, queue, step)?,
            _ => self.remove(rng, model, queue, step)?,
        })
    }

    /// Queues that exist for sure, in order of creation.
    pub(crate) fn settled(&self, model: &Model) -> Vec<QueueId> {
        let named = self.named.iter().map(|(_, queue)| *queue);
        let settled = named.filter(|id| model.queues.get(id).is_some_and(QueueModel::is_settled));
        settled.collect()
    }

    fn value(&mut self, queue: QueueId) -> Bytes {
        self.nonces += 1;
        Bytes::from([queue.0.to_le_bytes(), self.nonces.to_le_bytes()].concat())
    }

    fn config(&self, rng: &mut Rng, model: &Model, kind: QueueKind, before: usize) -> QueueConfig {
        let targets = self.named.iter().take(before).map(|(_, queue)| *queue);
        let targets: Vec<QueueId> = targets
            .filter(|id| {
                model
                    .queues
                    .get(id)
                    .is_some_and(|q| q.is_settled() && q.kind == kind)
            })
            .collect();
        QueueConfig {
            kind,
            retention_ms: pick(rng, &[60_000, 345_600_000, 345_600_000, 1_209_600_000]),
            delay_ms: pick(rng, &[0, 0, 0, 500, 5000, 300_000]),
            redrive: (!targets.is_empty() && rng.bool() && !self.profile.crowded).then(|| {
                Redrive {
                    target: pick(rng, &targets),
                    receives_max: pick(rng, &[1, 2, 3, 5]),
                }
            }),
        }
    }

    fn create(&mut self, rng: &mut Rng, model: &Model, engine: &Engine) -> Request {
        let scope = Scope::new("000000000000", pick(rng, &["eu-west-1", "us-east-1"]));
        let count = if rng.u8(0..4) == 0 { 2 } else { 1 };
        let mut rows = Vec::new();
        for _ in 0..count {
            let kind = pick(rng, &[QueueKind::Standard, QueueKind::Fifo]);
            let queue = engine.new_queue_id();
            let config = self.config(rng, model, kind, self.named.len());
            // Now and then two clients want the same name; not while somebody may be removing it, because
            // the row could not tell afterwards whether he did.
            let wanted = self.named.last().map(|(row, _)| row);
            let wanted =
                wanted.filter(|row| row.scope == scope && !model.names.may_be_removed(row));
            let row = match wanted {
                Some(row) if count == 1 && rng.u8(0..4) == 0 => row.clone(),
                _ => Row {
                    scope: scope.clone(),
                    path: format!("queue/{}", self.named.len()).into_bytes(),
                },
            };
            let path = row.path.clone();
            self.named.push((row, queue));
            rows.push(RowWrite {
                path,
                expect: Expect::Absent,
                value: Some(self.value(queue)),
                subject: Subject::Queue(queue, Some(config)),
            });
        }
        Request::Write { scope, rows }
    }

    fn row_of(&self, queue: QueueId) -> Option<(usize, Row)> {
        let place = self.named.iter().position(|(_, id)| *id == queue)?;
        let (row, _) = self.named.get(place)?;
        Some((place, row.clone()))
    }

    /// The row's version, if nobody else is writing it.
    pub(crate) fn expect(
        &self,
        rng: &mut Rng,
        model: &Model,
        row: &Row,
        step: u64,
    ) -> Option<Expect> {
        let version = model.names.settled(row, step)??;
        Some(match rng.u8(0..10) {
            0 => Expect::Any,
            1 => Expect::Version(version + 1),
            2 => Expect::Absent,
            _ => Expect::Version(version),
        })
    }

    fn configure(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        queue: QueueId,
        step: u64,
    ) -> Option<Request> {
        let (place, row) = self.row_of(queue)?;
        let kind = model.queues.get(&queue)?.kind;
        let expect = self.expect(rng, model, &row, step)?;
        let config = self.config(rng, model, kind, place);
        let write = RowWrite {
            path: row.path,
            expect,
            value: Some(self.value(queue)),
            subject: Subject::Queue(queue, Some(config)),
        };
        Some(Request::Write {
            scope: row.scope,
            rows: vec![write],
        })
    }

    fn remove(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        queue: QueueId,
        step: u64,
    ) -> Option<Request> {
        let (_, row) = self.row_of(queue)?;
        let expect = self.expect(rng, model, &row, step)?;
        Some(removal(row, queue, expect))
    }

    /// Removes the queue whatever its row says.
    pub(crate) fn remove_surely(&self, queue: QueueId) -> Option<Request> {
        let (_, row) = self.row_of(queue)?;
        Some(removal(row, queue, Expect::Any))
    }

    fn send(&mut self, rng: &mut Rng, queue: QueueId, known: &QueueModel) -> Request {
        let bulk = self.profile.bulk_max > 10 && rng.u8(0..3) == 0;
        let count = match bulk {
            true => rng.usize(1..=self.profile.bulk_max),
            false if self.profile.crowded => pick(rng, &[1, 10, 10]),
            false => pick(rng, &[1, 1, 1, 2, 10]),
        };
        let fifo = known.is_fifo();
        // Standard queues have their noisy tenants.
        let crowd = match self.profile.crowded {
            true => (bulk || rng.u8(0..3) > 0).then_some(1),
            false => (rng.u8(0..8) == 0).then(|| rng.u64(1..=2)),
        };
        let crowd = crowd.filter(|_| !fifo);
        let drafts = (0..count).map(|_| Draft {
            body: self.body(rng, bulk),
            delay_ms: (rng.u8(0..6) == 0).then(|| pick(rng, &[0, 1, 40, 3000, 900_000])),
            group: crowd.or_else(|| (fifo || rng.u8(0..10) == 0).then(|| rng.u64(1..=GROUPS))),
            dedup: fifo.then(|| match bulk {
                true if rng.u8(0..8) > 0 => hashed(1_000_000 + self.bodies),
                // One of another bulk, or of this one.
                true => hashed(1_000_000 + self.bodies - rng.u64(0..2000).min(self.bodies)),
                false => hashed(rng.u64(0..IDS)),
            }),
        });
        let drafts = drafts.collect();
        Request::Send { queue, drafts }
    }

    /// Fills a good part of a segment with what a purge soon takes away.
    fn flood(&mut self, rng: &mut Rng, model: &Model, settled: &[QueueId]) -> Option<Request> {
        let standard = |id: &&QueueId| model.queues.get(id).is_some_and(|q| !q.is_fifo());
        let queue = *settled.iter().find(standard)?;
        if rng.bool() {
            return Some(Request::Purge { queue });
        }
        let (count, bytes) = pick(rng, &[(3, 900_000), (3, 900_000), (12, 200_000)]);
        let drafts = (0..count).map(|_| Draft {
            body: self.content(bytes),
            delay_ms: None,
            group: None,
            dedup: None,
        });
        Some(Request::Send {
            queue,
            drafts: drafts.collect(),
        })
    }

    /// A body unlike any other of the run.
    pub(crate) fn body(&mut self, rng: &mut Rng, small: bool) -> Bytes {
        if !small && rng.u8(0..20) == 0 {
            self.tiny_bodies += 1;
            let number = self.tiny_bodies;
            return match number {
                0..=250 => Bytes::from(vec![number as u8]),
                _ => Bytes::from((number as u32).to_le_bytes()[..3].to_vec()),
            };
        }
        let most = self.profile.body_bytes_max;
        let bytes = match rng.u8(0..10) {
            _ if small => 8,
            0 => rng.usize(8..=most),
            // About the size from which on a body is cut in chunks.
            1 if most > 300_000 => 256 * 1024 - 30 + rng.usize(0..60),
            2..5 => rng.usize(8..=most.min(5000)),
            _ => rng.usize(8..200),
        };
        self.content(bytes)
    }

    fn content(&mut self, bytes: usize) -> Bytes {
        self.bodies += 1;
        let mut content = Vec::with_capacity(bytes + 8);
        let mut state = self.bodies;
        while content.len() < bytes {
            content.extend_from_slice(&state.to_le_bytes());
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
        }
        content.truncate(bytes);
        Bytes::from(content)
    }
}

impl Workload {
    /// A slice of the queue's move task, which begins now and then; the odd one names destinations that are gone.
    fn move_some(
        &mut self,
        rng: &mut Rng,
        model: &Model,
        queue: QueueId,
        settled: &[QueueId],
        now_ms: u64,
    ) -> Request {
        let last = model.queues.get(&queue).and_then(|known| known.last_task());
        let task = last.filter(|_| rng.bool()).unwrap_or_else(|| {
            self.nonces += 1;
            self.nonces
        });
        let kind = |id: &QueueId| model.queues.get(id).map(|known| known.kind);
        let named = self.named.iter().map(|(_, id)| *id);
        let lost = rng.u8(0..10) == 0;
        let known: Vec<QueueId> = named
            .filter(|id| lost || settled.contains(id))
            .filter(|id| *id != queue && kind(id) == kind(&queue))
            .collect();
        let target = match known.is_empty() || rng.u8(0..3) == 0 {
            true => None,
            false => Some(pick(rng, &known)),
        };
        let request = MoveRequest {
            task,
            target,
            known,
            max: pick(rng, &[0, 3, 3, 300, 300]),
            not_before_ms: now_ms + pick(rng, &[0, 0, 50]),
        };
        Request::Move { queue, request }
    }
}

/// A deduplication id as callers make them: all bits count.
fn hashed(number: u64) -> u128 {
    let half = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u128::from(half(seed)) << 64 | u128::from(half(!seed))
}

fn removal(row: Row, queue: QueueId, expect: Expect) -> Request {
    let write = RowWrite {
        path: row.path,
        expect,
        value: None,
        subject: Subject::Queue(queue, None),
    };
    Request::Write {
        scope: row.scope,
        rows: vec![write],
    }
}

fn receive(rng: &mut Rng, queue: QueueId, known: &QueueModel, profile: &Profile) -> Request {
    let attempt = known.is_fifo() && rng.bool();
    let request = ReceiveRequest {
        max: match rng.u8(0..8) {
            0 if profile.bulk_max > 10 => rng.usize(1..=profile.bulk_max),
            1 => 1,
            _ => rng.usize(1..=10),
        },
        visibility_ms: match profile.crowded && rng.u8(0..8) > 0 {
            true => 600_000,
            false => pick(rng, &[0, 1, 30, 2000, 30_000, 30_000, 600_000]),
        },
        wait_ms: pick(rng, &[0, 0, 0, 20, 1000, 20_000]),
        attempt: attempt.then(|| match known.latest_attempt() {
            Some(latest) if rng.bool() => latest,
            _ => u128::from(rng.u64(..)) % ATTEMPTS,
        }),
    };
    Request::Receive { queue, request }
}

/// Whatever was received too often goes to the dead-letter queue, and nobody waits.
fn receive_none(rng: &mut Rng, queue: QueueId) -> Request {
    let request = ReceiveRequest {
        max: 0,
        visibility_ms: 30_000,
        wait_ms: pick(rng, &[0, 20_000]),
        attempt: None,
    };
    Request::Receive { queue, request }
}

/// Receipts of different messages, the latest rather than old ones.
fn receipts(rng: &mut Rng, known: &QueueModel) -> Option<Vec<waystation_engine::Receipt>> {
    let handles = &known.handles;
    let count = pick(rng, &[1, 1, 2, 10]);
    let mut chosen: Vec<crate::model::Handle> = Vec::new();
    for _ in 0..count {
        let back = if rng.bool() { 12 } else { handles.len() };
        let from = handles.len().saturating_sub(back);
        let handle = handles.get(from + rng.usize(0..back.min(handles.len()).max(1)))?;
        if chosen.iter().all(|other| other.message != handle.message) {
            chosen.push(*handle);
        }
    }
    Some(chosen.into_iter().map(|handle| handle.receipt).collect())
}

fn delete(rng: &mut Rng, queue: QueueId, known: &QueueModel) -> Option<Request> {
    let receipts = receipts(rng, known)?;
    Some(Request::Delete { queue, receipts })
}

fn change(rng: &mut Rng, queue: QueueId, known: &QueueModel) -> Option<Request> {
    let receipts = receipts(rng, known)?;
    let visibilities_ms = [0, 0, 1, 500, 30_000, 600_000, 43_200_000, 50_000_000];
    let changes = receipts
        .into_iter()
        .map(|receipt| (receipt, pick(rng, &visibilities_ms)));
    let changes = changes.collect();
    Some(Request::Change { queue, changes })
}
