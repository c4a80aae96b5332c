//! `waystation-bench-sns`: what publishing costs by the number of subscriptions, and how long a message takes to whoever
//! waits for it. `cargo xtask bench sns` builds and runs it; `--peer NAME=http://HOST:PORT` measures another server beside ours.
//!
//! Requests are unsigned forms, which an open server takes: signatures are measured by `waystation-bench`. Messages have 1 KB.

mod cells;
mod endpoints;
mod service;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// What the caller wants.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) server: String,
    pub(crate) data_dir: String,
    pub(crate) measured: Duration,
    pub(crate) connections: usize,
    /// Names and addresses of other servers.
    pub(crate) peers: Vec<(String, String)>,
    /// Which cells; all when empty.
    pub(crate) cells: Vec<String>,
}

fn options() -> Result<Options, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().unwrap_or(&own).display().to_string();
    let mut options = Options {
        server: format!("{folder}/waystation"),
        data_dir: folder,
        measured: Duration::from_secs(5),
        connections: 16,
        peers: Vec::new(),
        cells: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or(format!("{flag} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{flag} takes a number"))
        };
        match flag.as_str() {
            "--server" => {
                let path = std::path::absolute(value).map_err(|error| error.to_string())?;
                options.server = path.display().to_string();
            }
            "--data-dir" => options.data_dir = value,
            "--seconds" => options.measured = Duration::from_secs(number()?.clamp(1, 600)),
            "--connections" => options.connections = number()?.clamp(1, 256) as usize,
            "--cells" => options.cells = value.split(',').map(str::to_owned).collect(),
            "--peer" => {
                let (name, url) = value
                    .split_once('=')
                    .ok_or("--peer NAME=http://HOST:PORT")?;
                let host = url.split(',').next().unwrap_or(url);
                let host = host.trim_start_matches("http://").trim_end_matches('/');
                options.peers.push((name.to_owned(), host.to_owned()));
            }
            _ => return Err(format!("{flag}: unknown")),
        }
    }
    Ok(options)
}

/// The program: exit code and standard streams are those of the process.
pub fn main() -> ExitCode {
    match options().and_then(|options| cells::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "waystation-bench-sns: {reason}");
            ExitCode::FAILURE
        }
    }
}
