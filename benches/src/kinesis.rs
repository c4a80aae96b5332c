//! `waystation-bench-kinesis`: drives a Kinesis endpoint and prints what it measured.
//!
//! Bodies are CBOR, as the Java SDK and the producer library send them, but for the cells that say JSON. Data is random.

mod cells;

mod api;
mod cbor;
mod documents;
mod puts;
mod reads;
mod session;
mod subscription;
mod tails;

use std::process::ExitCode;

use crate::options::{Options, Scale};
use crate::run;

const USAGE: &str = "usage: waystation-bench-kinesis [--cells A,B] [--seconds N] [--scale small|full] [--retained-mb N]\n\
     \x20   [--threads N] [--server PATH] [--server-arg ARG]... [--data-dir DIR] [--durability strict|os|MS]\n\
     \x20   [--endpoint http://HOST:PORT[,PID]] [--peer NAME=http://HOST:PORT[,PID]]... [--json FILE|-]\n\
     \x20   [--region R] [--access-key K] [--secret-key S]\n";

/// The program: exit code and standard streams are those of the process.
pub fn main() -> ExitCode {
    let usage = run::usage(USAGE, cells::CELLS);
    run::program("waystation-bench-kinesis", &usage, |arguments| {
        let mut options = Options::parse(arguments)?;
        if options.scale == Scale::Small {
            // A cell has several rows here, and a smoke test is to end soon.
            options.measured /= 5;
        }
        cells::run(&options)
    })
}
