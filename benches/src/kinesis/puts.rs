//! Puts from a pool of signed requests. A stream takes equal records, and a signature is good for five minutes (IDN-025), so
//! building and signing are paid once per pool.

use crate::kinesis::api::{Encoding, Operation};
use crate::kinesis::documents::{self, Record};
use crate::limits::{POOL_BYTES, PUT_POOL_REQUESTS_MAX};
use crate::response::excerpt;
use crate::sign::Signer;
use crate::targets::Answers;
use crate::workload::{Budget, Workload};

/// What is put, and where to.
#[derive(Clone)]
pub(crate) struct PutPlan {
    /// The stream; random partition keys spread over its shards.
    pub(crate) stream: String,
    /// Bytes of a record's data.
    pub(crate) data_bytes: usize,
    /// Records per request; 1 means `PutRecord`.
    pub(crate) batch: usize,
    /// How documents are written.
    pub(crate) encoding: Encoding,
    /// What a good answer contains.
    pub(crate) answers: Answers,
}

/// Puts until the budget is used up.
pub(crate) struct Puts {
    plan: PutPlan,
    signer: Signer,
    budget: Budget,
    bodies: Vec<Vec<u8>>,
    pool: Vec<Vec<u8>>,
    turn: usize,
}

impl Puts {
    /// With random data and keys of its own.
    pub(crate) fn new(
        plan: PutPlan,
        signer: Signer,
        budget: Budget,
        mut random: fastrand::Rng,
    ) -> Self {
        let pooled = POOL_BYTES / (plan.data_bytes * plan.batch).max(1);
        let pooled = pooled.clamp(2, PUT_POOL_REQUESTS_MAX);
        let bodies = (0..pooled).map(|_| body(&plan, &mut random)).collect();
        let mut puts = Self {
            plan,
            signer,
            budget,
            bodies,
            pool: Vec::new(),
            turn: 0,
        };
        puts.sign();
        puts
    }

    fn sign(&mut self) {
        let operation = match self.plan.batch {
            1 => Operation::PutRecord,
            _ => Operation::PutRecords,
        };
        let bodies = self.bodies.iter().map(|body| {
            let mut request = Vec::with_capacity(body.len() + 1024);
            self.signer.write(&mut request, operation, body);
            request
        });
        self.pool = bodies.collect();
    }
}

fn body(plan: &PutPlan, random: &mut fastrand::Rng) -> Vec<u8> {
    let records: Vec<(String, Vec<u8>)> = (0..plan.batch)
        .map(|_| (format!("{:016x}", random.u64(..)), data(plan, random)))
        .collect();
    let records: Vec<Record<'_>> = records
        .iter()
        .map(|(key, data)| Record { key, data })
        .collect();
    match records[..] {
        [record] => documents::put_record(plan.encoding, &plan.stream, record, None),
        _ => documents::put_records(plan.encoding, &plan.stream, &records),
    }
}

fn data(plan: &PutPlan, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut data = vec![0; plan.data_bytes];
    random.fill(&mut data);
    data
}

impl Workload for Puts {
    fn operations(&self) -> &'static [&'static str] {
        &["put"]
    }

    fn next(&mut self, _connection: usize, out: &mut Vec<u8>) -> Option<usize> {
        if !self.budget.take(self.plan.batch as u64) {
            return None;
        }
        if self.signer.refresh() {
            self.sign();
        }
        self.turn = (self.turn + 1) % self.pool.len();
        out.extend_from_slice(&self.pool[self.turn]);
        Some(0)
    }

    fn answered(
        &mut self,
        _connection: usize,
        _operation: usize,
        body: &[u8],
    ) -> Result<u64, String> {
        let stored = match self.plan.answers {
            Answers::Bare => self.plan.batch,
            Answers::Acknowledge => documents::stored(body),
        };
        if stored != self.plan.batch {
            return Err(format!(
                "{stored} of {} records acknowledged: {}",
                self.plan.batch,
                excerpt(body)
            ));
        }
        Ok(stored as u64)
    }
}
