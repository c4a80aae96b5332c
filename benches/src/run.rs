//! A run: the chosen cells one after another against everybody who is measured, and what is printed of them.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::disk;
use crate::options::{Options, Scale};
use crate::report::{self, Row};
use crate::server::{Mode, ServerPlan};
use crate::targets::Target;

/// A named measurement.
pub(crate) struct Cell<K> {
    /// Name on the command line and in the results.
    pub(crate) name: &'static str,
    /// What it measures.
    pub(crate) about: &'static str,
    /// How.
    pub(crate) kind: K,
}

/// A row of a table of cells.
pub(crate) const fn cell<K>(name: &'static str, about: &'static str, kind: K) -> Cell<K> {
    Cell { name, about, kind }
}

/// The help text of a generator: how it is called, and its cells.
pub(crate) fn usage<K>(called: &str, cells: &[Cell<K>]) -> String {
    let mut text = format!("{called}\ncells:\n");
    for cell in cells {
        text.push_str(&format!("  {:<20} {}\n", cell.name, cell.about));
    }
    text
}

/// A generator as a program: help on request, the reason of a failure on the error stream.
pub(crate) fn program(
    name: &str,
    usage: &str,
    run: impl FnOnce(&[String]) -> Result<(), String>,
) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wants_help = |argument: &String| argument == "--help" || argument == "-h";
    if arguments.iter().any(wants_help) {
        let _ = std::io::stdout().write_all(usage.as_bytes());
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "{name}: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What all cells of a run share.
pub(crate) struct Bench<'a> {
    /// As the command line says.
    pub(crate) options: &'a Options,
    /// The server that the run is about.
    pub(crate) main: Target,
    /// The same listener without the server behind it.
    pub(crate) bare: Option<Target>,
    /// Others to compare with.
    pub(crate) peers: Vec<Target>,
    file_system: String,
}

/// Runs the chosen cells and prints their table. `warm` comes before the first of them.
pub(crate) fn run<K: 'static>(
    options: &Options,
    cells: &'static [Cell<K>],
    warm: impl FnOnce(&Bench<'_>),
    measure: impl Fn(&Bench<'_>, &Cell<K>) -> Vec<Row>,
) -> Result<(), String> {
    let chosen = choose(cells, &options.cells)?;
    raise_descriptor_limit();
    let bench = Bench::new(options)?;
    // one clear error instead of one per cell
    drop(bench.main.start()?);
    let run = bench.describe();
    warm(&bench);
    let mut rows = Vec::new();
    for cell in chosen {
        progress(&format!("{}: {}", cell.name, cell.about));
        let found = measure(&bench, cell);
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

fn choose<K: 'static>(
    cells: &'static [Cell<K>],
    names: &[String],
) -> Result<Vec<&'static Cell<K>>, String> {
    let unknown = names
        .iter()
        .find(|name| cells.iter().all(|cell| cell.name != **name));
    if let Some(name) = unknown {
        return Err(format!("no cell is called {name} (--help lists them)"));
    }
    Ok(cells
        .iter()
        .filter(|cell| names.is_empty() || names.iter().any(|name| name == cell.name))
        .collect())
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

    /// The server that the run is about, then its peers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.main).chain(&self.peers)
    }

    /// Whether a target is one of the others.
    pub(crate) fn is_peer(&self, target: &Target) -> bool {
        self.peers.iter().any(|peer| std::ptr::eq(peer, target))
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
}

/// The rows of a cell on a target; a failure is a row that says why.
pub(crate) fn rows_of(cell: &str, target: &Target, found: Result<Vec<Row>, String>) -> Vec<Row> {
    found.unwrap_or_else(|reason| {
        vec![Row {
            error: Some(reason),
            ..Row::new(cell, target.name())
        }]
    })
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

/// Tells the person at the terminal how far the run is.
pub(crate) fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
