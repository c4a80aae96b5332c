//! `waystation-bench`: drives an SQS endpoint and prints what it measured.
//!
//! The generator has to cost less than the server, or it measures itself: one epoll loop per thread, requests built
//! from templates, signing keys derived once. `cargo xtask bench sqs` builds the release server and runs this.
//! Linux only: it reads `/proc` for the server's CPU time, memory and written bytes.

mod options;

mod cells;
mod targets;

mod consumer;
mod driver;
mod polls;
mod sender;
mod soak;
mod workload;

mod client;
mod connection;
mod requests;
mod response;
mod sign;

mod disk;
mod histogram;
mod limits;
mod measure;
mod process;
mod report;
mod server;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        let _ = std::io::stdout().write_all(options::usage(cells::CELLS).as_bytes());
        return ExitCode::SUCCESS;
    }
    let ran = match arguments.split_first() {
        Some((first, rest)) if first == "soak" => {
            options::Options::parse(rest).and_then(|options| soak::run(&options))
        }
        _ => options::Options::parse(&arguments).and_then(|options| cells::run(&options)),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "waystation-bench: {reason}");
            ExitCode::FAILURE
        }
    }
}
