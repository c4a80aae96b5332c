//! The server process of a cell: started on an empty directory, awaited, stopped or killed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::limits::START_MAX;
use crate::link;
use crate::options::Options;
use crate::sign::Credentials;

/// What the server's journal has done so far, as the server itself counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journal {
    /// Flushes.
    pub(crate) flushes: u64,
    /// Bytes of frames, padding included.
    pub(crate) written_bytes: u64,
    /// Bytes zeroed ahead of the writer.
    pub(crate) zeroed_bytes: u64,
}

impl Journal {
    /// Reads the counters of the server at `address`; `None` for servers that have no such metrics.
    pub(crate) fn read(address: SocketAddr) -> Option<Self> {
        let (status, text) = link::get(address, "/metrics", Duration::from_secs(5)).ok()?;
        let text = String::from_utf8(text).ok().filter(|_| status == 200)?;
        let counter = |name: &str| {
            let name = format!("waystation_journal_{name}_total ");
            text.lines()
                .find_map(|line| line.strip_prefix(&name))?
                .trim()
                .parse()
                .ok()
        };
        Some(Self {
            flushes: counter("flushes")?,
            written_bytes: counter("written_bytes")?,
            zeroed_bytes: counter("zeroed_bytes")?,
        })
    }

    /// What was added since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            flushes: self.flushes.saturating_sub(earlier.flushes),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
            zeroed_bytes: self.zeroed_bytes.saturating_sub(earlier.zeroed_bytes),
        }
    }
}

/// How the server is started.
#[derive(Clone)]
pub(crate) struct ServerPlan {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// Where cells get their directories.
    pub(crate) root: PathBuf,
    /// Value of `--durability`.
    pub(crate) durability: String,
    /// What the server has to verify.
    pub(crate) credentials: Credentials,
    /// Further arguments, as given.
    pub(crate) extra: Vec<String>,
}

impl ServerPlan {
    /// A server of our own, as the command line wants it.
    pub(crate) fn of(options: &Options) -> Self {
        Self {
            binary: options.server.clone(),
            root: options.data_dir.clone(),
            durability: options.durability.clone(),
            credentials: Credentials {
                access_key: options.access_key.clone(),
                secret_key: options.secret_key.clone(),
                region: options.region.clone(),
            },
            extra: options.server_arguments.clone(),
        }
    }
}

/// What answers the requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// The server as it is.
    Full,
    /// The same listener and threads, which read the body and answer 200.
    Bare,
}

/// A running server. Dropping it kills the process and removes its directory.
pub(crate) struct Server {
    plan: ServerPlan,
    mode: Mode,
    directory: PathBuf,
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server on a new, empty directory and waits until it is ready.
    pub(crate) fn start(plan: &ServerPlan, mode: Mode) -> Result<Self, String> {
        let root = std::path::absolute(&plan.root).map_err(|error| error.to_string())?;
        let directory = root.join(format!("waystation-bench-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        write_credentials(&directory.join("credentials"), &plan.credentials)?;
        let address = free_address()?;
        let child = spawn(plan, mode, &directory, address)?;
        let mut server = Self {
            plan: plan.clone(),
            mode,
            directory,
            child,
            address,
        };
        server.await_ready(Instant::now())?;
        Ok(server)
    }

    /// Kills the process without warning, starts it again on the same directory, and says how long it took from the
    /// start of the process to the first healthy answer.
    pub(crate) fn kill_and_restart(&mut self) -> Result<Duration, String> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(|error| format!("kill: {error}"))?;
        let started_at = Instant::now();
        self.child = spawn(&self.plan, self.mode, &self.directory, self.address)?;
        self.await_ready(started_at)
    }

    /// Files in its data directory, and the bytes they take on the disk.
    pub(crate) fn stored(&self) -> (u64, u64) {
        stored(&self.directory)
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn await_ready(&mut self, started_at: Instant) -> Result<Duration, String> {
        loop {
            let within = Duration::from_secs(1);
            if link::get(self.address, "/_waystation/health", within)
                .is_ok_and(|(status, _)| status == 200)
            {
                return Ok(started_at.elapsed());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!(
                    "the server ended with {status}: {}",
                    self.log_tail()
                ));
            }
            if started_at.elapsed() > START_MAX {
                return Err(format!(
                    "the server is not ready after {START_MAX:?}: {}",
                    self.log_tail()
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn spawn(
    plan: &ServerPlan,
    mode: Mode,
    directory: &Path,
    address: SocketAddr,
) -> Result<Child, String> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join("log"));
    let log = log.map_err(|error| format!("{}: {error}", directory.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let binary = std::path::absolute(&plan.binary).map_err(|error| error.to_string())?;
    let mut command = Command::new(binary);
    // no configuration file of the caller's directory takes part
    command.current_dir(directory);
    // the last lines of its log explain a failed start; a backtrace would push them out
    command.env("RUST_BACKTRACE", "0");
    command.args([
        "--listen",
        &address.to_string(),
        "--auth",
        "verify",
        "--limits",
        "none",
    ]);
    command.args(["--durability", &plan.durability]);
    command.arg("--data-dir").arg(directory.join("data"));
    command
        .arg("--credentials")
        .arg(directory.join("credentials"));
    if mode == Mode::Bare {
        command.arg("--bare");
    }
    command
        .args(&plan.extra)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    command
        .spawn()
        .map_err(|error| format!("{}: {error}", plan.binary.display()))
}

/// Counts what lies below; files that go meanwhile are not counted.
fn stored(directory: &Path) -> (u64, u64) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.fold((0, 0), |(files, bytes), entry| match entry.metadata() {
        Ok(found) if found.is_dir() => {
            let (below, size) = stored(&entry.path());
            (files + below, bytes + size)
        }
        Ok(found) => (files + 1, bytes + found.blocks() * 512),
        Err(_) => (files, bytes),
    })
}

/// One line `access_key secret_key`, closed to others, as verify mode wants it.
fn write_credentials(path: &Path, credentials: &Credentials) -> Result<(), String> {
    let file: std::io::Result<File> = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| {
        writeln!(
            file,
            "{} {}",
            credentials.access_key, credentials.secret_key
        )
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// A loopback port that was free a moment ago; the server binds it right after.
fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0");
    listener
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}
