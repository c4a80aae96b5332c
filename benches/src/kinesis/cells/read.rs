//! Cells that read: a stock from its beginning, or what was just put.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kinesis::api::Encoding;
use crate::kinesis::cells::put::{STOCK_RECORD_BYTES, Stock, fill, with_mb};
use crate::kinesis::reads::{ReadPlan, Reads, Tip};
use crate::kinesis::session::Session;
use crate::kinesis::tails::Tails;
use crate::measure::{Load, Measurement};
use crate::options::Options;
use crate::report::{self, Row};
use crate::targets::Target;
use crate::workload::Workload;

/// Shards that are read from their beginning, each by one reader.
pub(super) const SHARDS: usize = 4;
/// Shards with a reader at the tip each.
const TAILS: usize = 16;

/// Reads a stock over and over.
pub(super) fn from_beginning(
    name: &str,
    target: &Target,
    options: &Options,
    encoding: Encoding,
) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let stream = session.stream(SHARDS)?;
    let stock = Stock::For(options.measured);
    let (_, records) = fill(name, target, &session, options, &stream, encoding, stock)?;
    let load = Load::usual(&session.at, options, SHARDS, options.measured);
    let found = read(&session, &stream, encoding, Tip::StartOver, &load)?;
    let mut rows = shown(name, target, &found);
    if let Some(row) = rows.first_mut() {
        row.note = format!("a stock of {records} records of 1 KB");
    }
    Ok(rows)
}

/// Reads all shards of a stream with a reader each.
pub(super) fn read(
    session: &Session,
    stream: &str,
    encoding: Encoding,
    tip: Tip,
    load: &Load,
) -> Result<Measurement, String> {
    let plan = ReadPlan {
        stream: stream.to_owned(),
        shards: SHARDS,
        encoding,
        tip,
        next_shard: Arc::default(),
        data_bytes: STOCK_RECORD_BYTES,
    };
    load.run(&|_, connections| {
        let signer = session.signer(encoding);
        Box::new(Reads::new(plan.clone(), signer, connections)) as Box<dyn Workload>
    })
}

/// The rows of a read.
pub(super) fn shown(name: &str, target: &Target, found: &Measurement) -> Vec<Row> {
    let rows = report::rows(name, target.name(), SHARDS, STOCK_RECORD_BYTES, found);
    with_mb(rows, STOCK_RECORD_BYTES)
}

/// Puts and reads one record after another.
pub(super) fn at_tail(
    name: &str,
    target: &Target,
    options: &Options,
    encoding: Encoding,
) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let stream = session.stream(TAILS)?;
    let load = Load::usual(&session.at, options, TAILS, options.measured);
    let next_shard = AtomicUsize::new(0);
    let found = load.run(&|_, connections| {
        let first = next_shard.fetch_add(connections, Ordering::Relaxed);
        let own = first..first + connections;
        let (signer, bytes) = (session.signer(encoding), STOCK_RECORD_BYTES);
        Box::new(Tails::new(&stream, TAILS, own, encoding, bytes, signer)) as Box<dyn Workload>
    })?;
    Ok(report::rows(
        name,
        target.name(),
        TAILS,
        STOCK_RECORD_BYTES,
        &found,
    ))
}
