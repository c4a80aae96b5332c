//! Cells that put as fast as the server acknowledges, beside the bare listener and the journal alone.

use std::time::Duration;

use crate::journal::{self, Entries};
use crate::kinesis::api::Encoding;
use crate::kinesis::cells::spoken;
use crate::kinesis::puts::{PutPlan, Puts};
use crate::kinesis::session::Session;
use crate::limits::COUNTED_CELL_MAX;
use crate::measure::{Load, Measurement};
use crate::options::Options;
use crate::report::{self, Row};
use crate::run::{Bench, rows_of};
use crate::targets::Target;
use crate::workload::{Budget, Workload};

/// What the server keeps of a record beside its data: a head of four bytes and the key of these puts.
const ENVELOPE_BYTES: usize = 20;

/// Puts of one size.
#[derive(Clone, Copy)]
pub(crate) struct Put {
    data_bytes: usize,
    /// Records per request; 1 means `PutRecord`.
    batch: usize,
    connections: usize,
    encoding: Encoding,
    /// Each number of shards is a row.
    shards: &'static [usize],
}

impl Put {
    /// `PutRecord` of 1 KB.
    pub(crate) const fn one() -> Self {
        Self {
            data_bytes: 1 << 10,
            batch: 1,
            connections: 64,
            encoding: Encoding::Cbor,
            shards: &[1, 4, 100],
        }
    }

    /// `PutRecords` of 500 times 1 KB.
    pub(crate) const fn many() -> Self {
        Self {
            batch: 500,
            connections: 16,
            ..Self::one()
        }
    }

    /// Records of that size.
    pub(crate) const fn bytes(self, data_bytes: usize) -> Self {
        Self { data_bytes, ..self }
    }

    /// That many records per request.
    pub(crate) const fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// In JSON; the number of shards plays no part in what that costs.
    pub(crate) const fn json(self) -> Self {
        Self {
            encoding: Encoding::Json,
            shards: &[4],
            ..self
        }
    }

    /// The bare listener and the journal alone first, then for each number of shards the server and its peers.
    pub(crate) fn rows(&self, bench: &Bench<'_>, name: &str) -> Vec<Row> {
        let options = bench.options;
        let bare = bench.bare.as_ref().map_or_else(Vec::new, |target| {
            rows_of(name, target, self.run(name, target, options, 1))
        });
        let alone = self.journal_alone(name, options);
        let journal_rate = alone.value("messages_per_s").unwrap_or_default();
        let mut rows = Vec::new();
        for shards in self.shards {
            let name = format!("{name}-s{shards}");
            for target in bench.all() {
                let put = Self {
                    encoding: spoken(bench, target, self.encoding),
                    ..*self
                };
                let found = rows_of(&name, target, put.run(&name, target, options, *shards));
                rows.extend(found.into_iter().map(|row| {
                    let row = bare
                        .first()
                        .map_or(row.clone(), |bare| row.compared_to(bare));
                    match row.value("messages_per_s") {
                        Some(rate) if journal_rate > 0.0 => {
                            row.with("rate_to_journal", rate / journal_rate)
                        }
                        _ => row,
                    }
                }));
            }
        }
        bare.into_iter()
            .chain(std::iter::once(alone))
            .chain(rows)
            .collect()
    }

    /// Runs it on a fresh session of `target`.
    pub(crate) fn run(
        &self,
        name: &str,
        target: &Target,
        options: &Options,
        shards: usize,
    ) -> Result<Vec<Row>, String> {
        let mut session = Session::open(target)?;
        let stream = session.stream(shards)?;
        let load = Load::usual(&session.at, options, self.connections, options.measured);
        let found = self.load(&session, &stream, &load, &Budget::unlimited())?;
        Ok(self.shown(name, target, &found))
    }

    fn shown(&self, name: &str, target: &Target, found: &Measurement) -> Vec<Row> {
        let rows = report::rows(
            name,
            target.name(),
            self.connections,
            self.data_bytes,
            found,
        );
        with_mb(rows, self.data_bytes)
    }

    fn load(
        &self,
        session: &Session,
        stream: &str,
        load: &Load,
        budget: &Budget,
    ) -> Result<Measurement, String> {
        let plan = PutPlan {
            stream: stream.to_owned(),
            data_bytes: self.data_bytes,
            batch: self.batch,
            encoding: self.encoding,
            answers: session.at.answers,
        };
        load.run(&|_, _| {
            let signer = session.signer(self.encoding);
            let random = fastrand::Rng::with_seed(fastrand::u64(..));
            Box::new(Puts::new(plan.clone(), signer, budget.clone(), random)) as Box<dyn Workload>
        })
    }

    /// The same writers, batches and sizes without a server around the journal.
    fn journal_alone(&self, name: &str, options: &Options) -> Row {
        let folder = format!("waystation-bench-journal-{}", std::process::id());
        let entries = Entries {
            writers: self.connections,
            batch: self.batch,
            bytes: self.data_bytes + ENVELOPE_BYTES,
        };
        let rate = journal::alone(&options.data_dir.join(folder), entries, options.measured);
        let row = Row::new(name, "journal")
            .with("connections", self.connections as f64)
            .with("messages_per_s", rate);
        row.with("mb_per_s", rate * self.data_bytes as f64 / 1e6)
            .noting("the journal alone, written by the generator's process")
    }
}

/// Adds megabytes of data per second to the rows that have a rate.
pub(super) fn with_mb(rows: Vec<Row>, data_bytes: usize) -> Vec<Row> {
    let rows = rows.into_iter();
    rows.map(|row| match row.value("messages_per_s") {
        Some(rate) => row.with("mb_per_s", rate * data_bytes as f64 / 1e6),
        None => row,
    })
    .collect()
}

/// How much is put into a stream of four shards before it is read.
#[derive(Clone, Copy)]
pub(super) enum Stock {
    /// So many records, in whole batches.
    Records(u64),
    /// What can be put in this time.
    For(Duration),
}

/// Puts records of 1 KB in batches; the rows of that, and how many were acknowledged.
pub(super) fn fill(
    name: &str,
    target: &Target,
    session: &Session,
    options: &Options,
    stream: &str,
    encoding: Encoding,
    stock: Stock,
) -> Result<(Vec<Row>, u64), String> {
    let put = Put {
        encoding,
        ..Put::many()
    };
    let (budget, longest) = match stock {
        Stock::Records(records) => (Budget::of(records), COUNTED_CELL_MAX),
        Stock::For(time) => (Budget::unlimited(), time),
    };
    let load = Load {
        warm_up: Duration::ZERO,
        ..Load::usual(&session.at, options, put.connections, longest)
    };
    let found = put.load(session, stream, &load, &budget)?;
    Ok((put.shown(name, target, &found), found.messages()))
}

/// Bytes of the records that [`fill`] puts.
pub(super) const STOCK_RECORD_BYTES: usize = 1 << 10;
/// Records of its batches.
pub(super) const STOCK_BATCH: u64 = 500;
