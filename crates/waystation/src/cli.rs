//! Flags. Every flag is also an environment variable and a line of `waystation.toml`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The AWS event backbone on your own machine. Acknowledged means on disk.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER_HELP: &str = "\
Flags win over environment variables, those over waystation.toml, that over the defaults.

First steps:
  waystation
  aws --endpoint-url http://localhost:4566 sqs create-queue --queue-name orders";

/// What else it can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a data directory from end to end and list every damaged place; changes nothing.
    Check {
        /// The data directory; the default one if not given.
        #[arg(long, value_name = "DIR", env = "WAYSTATION_DATA_DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeFlags {
    /// Where to listen: an address and a port; `localhost` means 127.0.0.1 and ::1
    /// [default: localhost:4566]
    #[arg(long, value_name = "ADDR:PORT", env = "WAYSTATION_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Where everything is kept [default: the user's data directory of this platform]
    #[arg(long, value_name = "DIR", env = "WAYSTATION_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Keep everything in a temporary directory and remove it at exit
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) ephemeral: bool,

    /// Who may call: `open` (anybody), `verify` (signatures are checked), `enforce` (and policies;
    /// not built yet) [default: open]
    #[arg(long, value_name = "MODE", env = "WAYSTATION_AUTH")]
    pub(crate) auth: Option<String>,

    /// Credentials for `--auth verify`: lines of `access_key secret_key [account] [principal]`,
    /// file mode 0600, read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "WAYSTATION_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,

    /// When an answer may leave: `strict` (after the flush), `os` (after the write), or a number of
    /// milliseconds between flushes [default: strict]
    #[arg(long, value_name = "MODE", env = "WAYSTATION_DURABILITY")]
    pub(crate) durability: Option<String>,

    /// `none` drops AWS's rate limits and 60-second waits, `aws` keeps them [default: none]
    #[arg(long, value_name = "WHICH", env = "WAYSTATION_LIMITS")]
    pub(crate) limits: Option<String>,

    /// Read this file instead of ./waystation.toml
    #[arg(long, value_name = "FILE", env = "WAYSTATION_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Log level: error, warn, info, debug, trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "WAYSTATION_LOG")]
    pub(crate) log: Option<String>,

    /// Serve HTTPS on the same port: `self-signed`, or CERTIFICATE.pem,KEY.pem
    #[arg(long, value_name = "HOW", env = "WAYSTATION_TLS")]
    pub(crate) tls: Option<String>,

    /// Listen beyond this machine although `--auth open` lets anybody in
    #[arg(long)]
    pub(crate) open_to_network: bool,

    /// Let tests move time: POST /_waystation/clock
    #[arg(long)]
    pub(crate) test_clock: bool,

    /// Offer the endpoints that tests use to look and reset; loopback only
    #[arg(long)]
    pub(crate) test_endpoints: bool,

    /// Threads that run queues [default: half the processors]
    #[arg(long, value_name = "N", env = "WAYSTATION_WORKERS")]
    pub(crate) workers: Option<usize>,

    /// Benchmarks: answer 200 to everything, to measure the machine
    #[arg(long, hide = true)]
    pub(crate) bare: bool,

    /// Tests: keep journal writes in memory for so many milliseconds before they are flushed, so
    /// that killing the process loses what was not
    #[arg(long, value_name = "MS", hide = true)]
    pub(crate) test_volatile_writes: Option<u64>,
}
