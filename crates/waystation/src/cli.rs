//! Flags. Every flag with a value is also an environment variable, and all but `--config` a line of `waystation.toml`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "waystation",
    bin_name = "waystation",
    version,
    about = ABOUT,
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    // Lines are broken by hand, each option's help stands below it.
    next_line_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const ABOUT: &str = "\
Amazon SQS on your own machine: unmodified AWS SDKs and the AWS CLI work against
it, and what it acknowledged is on disk. Without options: http://localhost:4566.";

const AFTER_HELP: &str = "\
Options with a value are environment variables too (WAYSTATION_DATA_DIR stands for
--data-dir) and lines of waystation.toml (data_dir = \"...\"). Options win over the
environment, that over the file, that over the defaults. The file may also declare
queues to create at the start ([[sqs.queues]], see docs/guide.md).

First steps:
  waystation
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
  aws --endpoint-url http://localhost:4566 sqs create-queue --queue-name orders";

/// The part of the help for those who test with it.
const TESTS: &str = "For tests";

/// What else it can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the data directory from end to end and list every damaged place
    Check,
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeFlags {
    /// Where to listen; localhost is 127.0.0.1 and ::1 [default: localhost:4566]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "WAYSTATION_LISTEN",
        hide_env = true
    )]
    pub(crate) listen: Option<String>,

    /// Where messages and queues are kept [default: waystation in the user's data
    /// directory, on Linux ~/.local/share/waystation]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WAYSTATION_DATA_DIR",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) data_dir: Option<PathBuf>,

    /// Keep everything in a temporary directory and remove it at exit
    #[arg(long)]
    pub(crate) ephemeral: bool,

    /// When an answer may leave: strict (after the flush to disk), os (after the
    /// write), or milliseconds between flushes [default: strict]
    #[arg(
        long,
        value_name = "MODE",
        env = "WAYSTATION_DURABILITY",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) durability: Option<String>,

    /// none drops AWS's rate limits and 60-second waits, aws keeps them
    /// [default: none]
    #[arg(
        long,
        value_name = "WHICH",
        env = "WAYSTATION_LIMITS",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) limits: Option<String>,

    /// Who may call: open (anybody on this machine, with any credentials) or verify
    /// (signatures are checked, see --credentials) [default: open]
    #[arg(
        long,
        value_name = "MODE",
        env = "WAYSTATION_AUTH",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) auth: Option<String>,

    /// Credentials for --auth verify: lines of access_key secret_key [account]
    /// [principal], file mode 0600, read again on SIGHUP
    #[arg(
        long,
        value_name = "FILE",
        env = "WAYSTATION_CREDENTIALS",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) credentials: Option<PathBuf>,

    /// Listen beyond this machine although --auth open lets anybody in
    #[arg(long)]
    pub(crate) open_to_network: bool,

    /// Serve HTTPS on the same port: self-signed, or CERTIFICATE.pem,KEY.pem
    /// [default: plain HTTP]
    #[arg(
        long,
        value_name = "HOW",
        env = "WAYSTATION_TLS",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) tls: Option<String>,

    /// Trust these authorities too, for certificates of HTTPS endpoints: a PEM file
    #[arg(
        long,
        value_name = "FILE",
        env = "WAYSTATION_TRUSTED_CA",
        hide_env = true
    )]
    pub(crate) trusted_ca: Option<PathBuf>,

    /// Read this file instead of ./waystation.toml
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "WAYSTATION_CONFIG",
        hide_env = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// What is logged: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "WAYSTATION_LOG", hide_env = true)]
    pub(crate) log: Option<String>,

    /// Threads that run queues, 1 to 16 [default: half the processors]
    #[arg(long, value_name = "N", env = "WAYSTATION_WORKERS", hide_env = true)]
    pub(crate) workers: Option<usize>,

    /// Memory for the index of messages, in megabytes; beyond it what nobody needs
    /// soon is kept on disk only [default: 384]
    #[arg(
        long,
        value_name = "MB",
        env = "WAYSTATION_INDEX_MEMORY",
        hide_env = true,
        verbatim_doc_comment
    )]
    pub(crate) index_memory: Option<u64>,

    /// Let tests move time with POST /_waystation/clock; loopback only
    #[arg(long, help_heading = TESTS)]
    pub(crate) test_clock: bool,

    /// Offer the endpoints with which tests look and reset; loopback only
    #[arg(long, help_heading = TESTS)]
    pub(crate) test_endpoints: bool,

    /// Benchmarks: answer 200 to everything, to measure the machine
    #[arg(long, hide = true)]
    pub(crate) bare: bool,

    /// Tests: keep journal writes in memory for so many milliseconds before they are flushed, so
    /// that killing the process loses what was not
    #[arg(long, value_name = "MS", hide = true)]
    pub(crate) test_volatile_writes: Option<u64>,

    /// Tests: behave as if the server had this bug
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_name = "BUG", hide = true)]
    pub(crate) test_plant: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_with_a_value_is_an_environment_variable_by_its_name() {
        let command = Cli::command();
        let flags = command.get_arguments().filter(|flag| {
            flag.get_action().takes_values() && !flag.is_hide_set() && flag.get_long().is_some()
        });
        let mut seen = 0;
        for flag in flags {
            let name = flag.get_long().unwrap().to_uppercase().replace('-', "_");
            assert_eq!(flag.get_env().unwrap(), &*format!("WAYSTATION_{name}"));
            seen += 1;
        }
        assert_eq!(seen, 12);
    }

    #[test]
    fn the_help_fits_a_terminal_of_88_columns() {
        let help = Cli::command().render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 88, "{line}");
        }
    }

    #[test]
    fn the_data_directory_may_stand_before_or_after_check() {
        for words in [["--data-dir", "/d", "check"], ["check", "--data-dir", "/d"]] {
            let cli = Cli::try_parse_from(["waystation"].iter().chain(&words)).unwrap();
            assert!(matches!(cli.command, Some(Command::Check)));
            assert_eq!(cli.serve.data_dir, Some("/d".into()));
        }
    }
}
