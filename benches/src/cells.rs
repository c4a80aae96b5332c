//! The cells: a table of named measurements, and the loop that runs them.

mod backlog;
mod flush;
pub(crate) mod load;
mod polls;
mod wake;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::disk;
use crate::options::{Options, Scale};
use crate::report::{self, Row};
use crate::server::{Mode, ServerPlan};
use crate::targets::Target;

use load::{Load, Shape};

/// A named measurement.
pub(crate) struct Cell {
    /// Name on the command line and in the results.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) about: &'static str,
    kind: Kind,
}

enum Kind {
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

const fn cell(name: &'static str, about: &'static str, kind: Kind) -> Cell {
    Cell { name, about, kind }
}

/// Runs the chosen cells and prints their table.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let chosen = choose(&options.cells)?;
    raise_descriptor_limit();
    let bench = Bench::new(options)?;
    // one clear error instead of one per cell
    drop(bench.main.open()?);
    let run = bench.describe();
    bench.warm_peers();
    let mut rows = Vec::new();
    for cell in chosen {
        progress(&format!("{}: {}", cell.name, cell.about));
        let found = bench.run_cell(cell);
        progress(&report::table(&found));
        rows.extend(found);
    }
    let lines = report::json_lines(&rows, &run);
    match options.json.as_deref() {
        Some("-") => report::print(&lines)?,
        other => {
            report::print(&format!("{run}\n\n{}", report::table(&rows)))?;
            if let Some(path) = other {
                std::fs::write(path, lines).map_err(|error| format!("{path}: {error}"))?;
            }
        }
    }
    // What a peer refuses is its row's news, not our failure.
    let ours = |row: &&Row| bench.peers.iter().all(|peer| peer.name() != row.target);
    let failed = rows.iter().filter(|row| row.error.is_some());
    let failed = failed.filter(ours).count();
    if failed == 0 {
        Ok(())
    } else {
        Err(format!("{failed} cells failed; their rows say why"))
    }
}

fn choose(names: &[String]) -> Result<Vec<&'static Cell>, String> {
    let unknown = names
        .iter()
        .find(|name| CELLS.iter().all(|cell| cell.name != **name));
    if let Some(name) = unknown {
        return Err(format!("no cell is called {name} (--help lists them)"));
    }
    Ok(CELLS
        .iter()
        .filter(|cell| names.is_empty() || names.iter().any(|name| name == cell.name))
        .collect())
}

/// Turns the failure of a cell on a target into a row.
type OrError<'a> = dyn Fn(&Target, Result<Vec<Row>, String>) -> Vec<Row> + 'a;

/// What all cells of a run share.
struct Bench<'a> {
    options: &'a Options,
    main: Target,
    bare: Option<Target>,
    peers: Vec<Target>,
    file_system: String,
}

impl<'a> Bench<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
        let plan = ServerPlan::of(options);
        let credentials = plan.credentials.clone();
        let (main, bare) = match &options.endpoint {
            Some(remote) => (Target::Remote(remote.clone(), credentials.clone()), None),
            None => (
                Target::Own(plan.clone(), Mode::Full),
                Some(Target::Own(plan, Mode::Bare)),
            ),
        };
        let peers = options
            .peers
            .iter()
            .map(|peer| Target::Remote(peer.clone(), credentials.clone()))
            .collect();
        let file_system = disk::file_system(&options.data_dir)?;
        Ok(Self {
            options,
            main,
            bare,
            peers,
            file_system,
        })
    }

    /// The circumstances that belong to every number.
    fn describe(&self) -> Value {
        let first_line = |path: &str| {
            std::fs::read_to_string(path)
                .unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor
            .lines()
            .find_map(|line| line.strip_prefix("model name\t: "))
            .unwrap_or_default()
            .to_owned();
        json!({
            "cores": std::thread::available_parallelism().map_or(1, usize::from),
            "processor": processor,
            "kernel": first_line("/proc/sys/kernel/osrelease"),
            "privileged": rustix::process::geteuid().is_root(),
            "file_system": self.file_system,
            "durability": self.options.durability,
            "seconds": self.options.measured.as_secs_f64(),
            "small": self.options.scale == Scale::Small,
            "generator_threads": self.options.threads,
        })
    }

    /// Peers on a virtual machine start slowly: they get a load before the first one that counts.
    fn warm_peers(&self) {
        let lengths = WARMING.as_secs_f64() / self.options.measured.as_secs_f64();
        let warming = PIPELINE.lengths(lengths.ceil() as u32);
        for peer in &self.peers {
            progress(&format!("{}: warming", peer.name()));
            if let Err(reason) = warming.run("warming", peer, self.options) {
                progress(&format!("{}: {reason}", peer.name()));
            }
        }
    }

    fn run_cell(&self, cell: &Cell) -> Vec<Row> {
        let data_dir: &Path = &self.options.data_dir;
        let on = |target: &Target, rows: Result<Vec<Row>, String>| {
            rows.unwrap_or_else(|reason| {
                vec![Row {
                    error: Some(reason),
                    ..Row::new(cell.name, target.name())
                }]
            })
        };
        let main = &self.main;
        match &cell.kind {
            Kind::Load(load) => self.run_load(cell.name, load, &on),
            Kind::Flush => on(main, flush::run(data_dir, self.options.measured)),
            Kind::Wake => {
                let targets = std::iter::once(main).chain(&self.peers);
                targets
                    .flat_map(|target| on(target, wake::run(cell.name, target, self.options)))
                    .collect()
            }
            Kind::Polls => on(main, polls::run(cell.name, main, self.options)),
            Kind::Backlog(messages) => {
                let messages = self.options.backlog_of(*messages);
                let rows = backlog::run(cell.name, main, self.options, messages);
                on(main, rows)
            }
            Kind::Restart => on(main, backlog::restart_empty(cell.name, main)),
        }
    }

    /// The bare listener first, where the answers do not matter, then the server, then its peers.
    fn run_load(&self, name: &str, load: &Load, on: &OrError<'_>) -> Vec<Row> {
        let bare = self.bare.as_ref().filter(|_| load.runs_bare());
        let bare = bare.map_or_else(Vec::new, |target| {
            on(target, load.run(name, target, self.options))
        });
        let mut rows = on(&self.main, load.run(name, &self.main, self.options));
        for peer in &self.peers {
            rows.extend(on(peer, load.run(name, peer, self.options)));
        }
        if let Some(bare) = bare.first() {
            rows = rows.into_iter().map(|row| row.compared_to(bare)).collect();
        }
        bare.into_iter().chain(rows).collect()
    }
}

/// Ten thousand polls hold as many descriptors here, and as many in the server, which inherits the limit.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
