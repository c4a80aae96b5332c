//! The binary: configuration in, one running server out. The only crate that sees all others.

mod cli;
mod settings;
mod config_file;
mod declared;
mod data_home;
mod clock;
mod clock_endpoint;
mod cloudwatch_metrics;
mod peek_endpoint;
mod peek_rendering;
mod captured_endpoint;
mod reset_endpoint;
mod certificate_page;
mod no_functions;
mod json_answer;
mod metrics;
mod queue_metrics;
mod topic_metrics;
mod stream_metrics;
mod serve;
mod greeting;
mod verify_data;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Exit code after bad flags or configuration.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Exit code when the server could not start.
pub(crate) const EXIT_START: u8 = 1;
/// Exit code when the disk failed: what was acknowledged is safe, nothing more is accepted.
pub(crate) const EXIT_STORAGE: i32 = 74;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    #[cfg(feature = "planted-bugs")]
    if let Some(bug) = &cli.serve.test_plant {
        let known = waystation_storage::plant::select(bug) | waystation_engine::plant::select(bug);
        assert!(known, "no bug is called {bug}");
    }
    let outcome = match &cli.command {
        Some(cli::Command::Check) => verify_data::run(&cli.serve),
        None => match settings::Settings::resolve(&cli.serve) {
            Ok(settings) => serve::run(settings).map_err(|error| (EXIT_START, error)),
            Err(error) => Err((EXIT_USAGE, error)),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            let mut stderr = std::io::stderr().lock();
            let _unwritable = writeln!(stderr, "waystation: {message}");
            ExitCode::from(code)
        }
    }
}

/// An error and everything that caused it, in one line.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
