//! The cells: a table of named measurements, and who runs them.

mod fan_out;
mod latency;
mod put;
mod read;
mod retained;

use std::time::Duration;

use crate::flush;
use crate::kinesis::api::Encoding;
use crate::options::Options;
use crate::report::Row;
use crate::run::{self, Bench, cell, progress, rows_of};
use crate::targets::Target;

use put::Put;

/// A named measurement.
pub(crate) type Cell = run::Cell<Kind>;

/// How a cell is measured.
pub(crate) enum Kind {
    Flush,
    Put(Put),
    Beginning(Encoding),
    Tail,
    /// That many consumers.
    FanOut(usize),
    LatencyByPolling,
    LatencyByFanOut,
    /// That many megabytes.
    Retained(u64),
}

/// How long a peer is warmed.
const WARMING: Duration = Duration::from_secs(5);

const ONE: Put = Put::one();
const MANY: Put = Put::many();

/// Every cell, in the order in which they run. Documents are CBOR unless they say otherwise.
#[rustfmt::skip] // a table: one row, one line
pub(crate) const CELLS: &[Cell] = &[
    cell("flush", "the disk alone: 4 KB and 64 KB appends, each flushed", Kind::Flush),
    cell("put-100b", "PutRecord of 100 B over 1, 4 and 100 shards, 64 connections", Kind::Put(ONE.bytes(100))),
    cell("put-1k", "the same of 1 KB", Kind::Put(ONE.bytes(1 << 10))),
    cell("put-100k", "the same of 100 KB", Kind::Put(ONE.bytes(100 << 10))),
    cell("put-1k-json", "PutRecord of 1 KB in JSON, 4 shards, 64 connections", Kind::Put(ONE.bytes(1 << 10).json())),
    cell("puts-100b", "PutRecords of 500 times 100 B over 1, 4 and 100 shards, 16 connections", Kind::Put(MANY.bytes(100))),
    cell("puts-1k", "the same of 500 times 1 KB", Kind::Put(MANY.bytes(1 << 10))),
    cell("puts-100k", "the same of 50 times 100 KB", Kind::Put(MANY.bytes(100 << 10).batch(50))),
    cell("puts-1k-json", "PutRecords of 500 times 1 KB in JSON, 4 shards, 16 connections", Kind::Put(MANY.bytes(1 << 10).json())),
    cell("get-beginning", "GetRecords of 1 KB from the beginning to the tip, 4 shards, a reader each", Kind::Beginning(Encoding::Cbor)),
    cell("get-beginning-json", "the same in JSON", Kind::Beginning(Encoding::Json)),
    cell("get-tail", "PutRecord of 1 KB, then GetRecords at the tip until it comes, 16 shards, a connection each", Kind::Tail),
    cell("fan-out-1", "SubscribeToShard from the beginning, 4 shards, 1 consumer", Kind::FanOut(1)),
    cell("fan-out-5", "the same with 5 consumers", Kind::FanOut(5)),
    cell("fan-out-20", "the same with 20 consumers", Kind::FanOut(20)),
    cell("latency-polling", "from a put to a consumer that polls each of 4 shards every 10 ms, at 10 MB/s", Kind::LatencyByPolling),
    cell("latency-fan-out", "from a put to a subscribed consumer of 4 shards, at 10 MB/s", Kind::LatencyByFanOut),
    cell("retained", "10 GB in 1 KB records, 4 shards: fill, memory, ready after kill -9, read all of it: 16 GB of disk", Kind::Retained(10_000)),
];

const _: () = assert!(CELLS.len() <= 25, "a run that takes too long is not run");

/// Runs the chosen cells and prints their table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    run::run(options, CELLS, warm_peers, run_cell)
}

/// Peers on a virtual machine start slowly: they get a load before the first one that counts.
fn warm_peers(bench: &Bench<'_>) {
    let options = Options {
        measured: WARMING,
        ..bench.options.clone()
    };
    for peer in &bench.peers {
        progress(&format!("{}: warming", peer.name()));
        if let Err(reason) = ONE.json().run("warming", peer, &options, 4) {
            progress(&format!("{}: {reason}", peer.name()));
        }
    }
}

/// The notation in which a target is asked. Kinesalite cuts answers in CBOR off after 16 KB and shows data in them as text.
pub(super) fn spoken(bench: &Bench<'_>, target: &Target, wanted: Encoding) -> Encoding {
    match bench.is_peer(target) {
        true => Encoding::Json,
        false => wanted,
    }
}

fn run_cell(bench: &Bench<'_>, cell: &Cell) -> Vec<Row> {
    let (name, options) = (cell.name, bench.options);
    let ours = |rows| rows_of(name, &bench.main, rows);
    let all = |measure: &dyn Fn(&Target) -> Result<Vec<Row>, String>| -> Vec<Row> {
        bench
            .all()
            .flat_map(|target| rows_of(name, target, measure(target)))
            .collect()
    };
    match cell.kind {
        Kind::Flush => ours(flush::run(&options.data_dir, options.measured)),
        Kind::Put(put) => put.rows(bench, name),
        Kind::Beginning(encoding) => {
            let spoken = |target: &Target| spoken(bench, target, encoding);
            all(&|target| read::from_beginning(name, target, options, spoken(target)))
        }
        Kind::Tail => {
            let spoken = |target: &Target| spoken(bench, target, Encoding::Cbor);
            all(&|target| read::at_tail(name, target, options, spoken(target)))
        }
        Kind::FanOut(consumers) => ours(fan_out::run(name, &bench.main, options, consumers)),
        Kind::LatencyByPolling => {
            let spoken = |target: &Target| spoken(bench, target, Encoding::Cbor);
            all(&|target| latency::by_polling(name, target, options, spoken(target)))
        }
        Kind::LatencyByFanOut => ours(latency::by_fan_out(name, &bench.main, options)),
        Kind::Retained(mb) => ours(retained::run(name, &bench.main, options, mb)),
    }
}
