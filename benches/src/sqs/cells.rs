//! The cells: a table of named measurements, and the loop that runs them.

mod backlog;
pub(crate) mod load;
mod polls;
mod wake;

use std::path::Path;
use std::time::Duration;

use crate::flush;
use crate::options::Options;
use crate::report::Row;
use crate::run::{self, Bench, cell, progress, rows_of};
use crate::targets::Target;

use load::{Load, Shape};

/// A named measurement.
pub(crate) type Cell = run::Cell<Kind>;

/// How a cell is measured.
pub(crate) enum Kind {
    Load(Load),
    Flush,
    Wake,
    Polls,
    /// That many messages.
    Backlog(u64),
    Restart,
}

/// How long a peer is warmed.
const WARMING: Duration = Duration::from_secs(15);

const SEND: Load = Load::of(Shape::Send);
const DRAIN: Load = Load::of(Shape::Drain);
const PIPELINE: Load = Load::of(Shape::Pipeline);

/// Every cell, in the order in which they run. Loads are 1 KB messages over 64 connections unless they say otherwise.
#[rustfmt::skip] // a table: one row, one line
pub(crate) const CELLS: &[Cell] = &[
    cell("flush", "the disk alone: 4 KB and 64 KB appends, each flushed", Kind::Flush),
    cell("send-c1", "SendMessage, 1 connection", Kind::Load(SEND.connections(1))),
    cell("send-c8", "SendMessage, 8 connections", Kind::Load(SEND.connections(8))),
    cell("send-c64", "SendMessage", Kind::Load(SEND)),
    cell("send-q16", "SendMessage, spread over 16 queues", Kind::Load(SEND.queues(16))),
    cell("send-128b", "SendMessage of 128 B", Kind::Load(SEND.body_bytes(128))),
    cell("send-64k", "SendMessage of 64 KB", Kind::Load(SEND.body_bytes(64 << 10))),
    cell("batch-c1", "SendMessageBatch of ten, 1 connection", Kind::Load(SEND.batch(10).connections(1))),
    cell("batch-c8", "SendMessageBatch of ten, 8 connections", Kind::Load(SEND.batch(10).connections(8))),
    cell("batch-c64", "SendMessageBatch of ten", Kind::Load(SEND.batch(10))),
    cell("drain", "receive one and delete it, from a filled queue", Kind::Load(DRAIN)),
    cell("drain-c8", "the same, 8 connections", Kind::Load(DRAIN.connections(8))),
    cell("drain-batch", "receive ten and delete them, from a filled queue", Kind::Load(DRAIN.batch(10))),
    cell("pipeline-c1", "send, receive, delete, one by one, 1 connection", Kind::Load(PIPELINE.connections(1))),
    cell("pipeline-c8", "send, receive, delete, one by one, 8 connections", Kind::Load(PIPELINE.connections(8))),
    cell("pipeline", "send, receive, delete, one by one", Kind::Load(PIPELINE)),
    cell("pipeline-batch", "send, receive, delete, ten by ten", Kind::Load(PIPELINE.batch(10))),
    cell("fifo-send-g1", "FIFO SendMessage, one group", Kind::Load(SEND.groups(1))),
    cell("fifo-send-g10k", "FIFO SendMessage, 10,000 groups", Kind::Load(SEND.groups(10_000))),
    cell("fifo-g1", "FIFO send, receive, delete, ten by ten, one group", Kind::Load(PIPELINE.batch(10).groups(1))),
    cell("fifo-g10k", "FIFO send, receive, delete, ten by ten, 10,000 groups", Kind::Load(PIPELINE.batch(10).groups(10_000))),
    cell("amplification", "the pipeline in a steady state, checkpoints included", Kind::Load(PIPELINE.settled().lengths(6))),
    cell("wake", "from a send to the receive that waits for it", Kind::Wake),
    cell("polls", "CPU of the server under idle long polls", Kind::Polls),
    cell("restart", "ready again after kill -9, empty", Kind::Restart),
    cell("backlog-100k", "fill, memory, receive and delete at the backlog, ready again after kill -9", Kind::Backlog(100_000)),
    cell("backlog-1m", "the same with a million messages", Kind::Backlog(1_000_000)),
    cell("backlog-10m", "the same with ten million messages: 30 GB of disk", Kind::Backlog(10_000_000)),
];

const _: () = assert!(CELLS.len() <= 30, "a run that takes too long is not run");

/// Runs the chosen cells and prints their table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    run::run(options, CELLS, warm_peers, run_cell)
}

/// Peers on a virtual machine start slowly: they get a load before the first one that counts.
fn warm_peers(bench: &Bench<'_>) {
    let lengths = WARMING.as_secs_f64() / bench.options.measured.as_secs_f64();
    let warming = PIPELINE.lengths(lengths.ceil() as u32);
    for peer in &bench.peers {
        progress(&format!("{}: warming", peer.name()));
        if let Err(reason) = warming.run("warming", peer, bench.options) {
            progress(&format!("{}: {reason}", peer.name()));
        }
    }
}

fn run_cell(bench: &Bench<'_>, cell: &Cell) -> Vec<Row> {
    let options = bench.options;
    let data_dir: &Path = &options.data_dir;
    let main = &bench.main;
    let on = |target: &Target, rows| rows_of(cell.name, target, rows);
    match &cell.kind {
        Kind::Load(load) => run_load(bench, cell.name, load),
        Kind::Flush => on(main, flush::run(data_dir, options.measured)),
        Kind::Wake => bench
            .all()
            .flat_map(|target| on(target, wake::run(cell.name, target, options)))
            .collect(),
        Kind::Polls => on(main, polls::run(cell.name, main, options)),
        Kind::Backlog(messages) => {
            let messages = backlog::messages(options, *messages);
            on(main, backlog::run(cell.name, main, options, messages))
        }
        Kind::Restart => on(main, backlog::restart_empty(cell.name, main)),
    }
}

/// The bare listener first, where the answers do not matter, then the server, then its peers.
fn run_load(bench: &Bench<'_>, name: &str, load: &Load) -> Vec<Row> {
    let on = |target: &Target| rows_of(name, target, load.run(name, target, bench.options));
    let bare = bench.bare.as_ref().filter(|_| load.runs_bare());
    let bare = bare.map_or_else(Vec::new, on);
    let mut rows: Vec<Row> = bench.all().flat_map(on).collect();
    if let Some(bare) = bare.first() {
        rows = rows.into_iter().map(|row| row.compared_to(bare)).collect();
    }
    bare.into_iter().chain(rows).collect()
}
