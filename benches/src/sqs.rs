//! `waystation-bench`: drives an SQS endpoint and prints what it measured.

mod cells;

pub(crate) mod api;
mod client;
mod consumer;
mod polls;
mod requests;
pub(crate) mod sender;
mod session;
mod soak;
pub(crate) mod workloads;

use std::process::ExitCode;

use crate::options::Options;
use crate::run;

const USAGE: &str = "usage: waystation-bench [sqs] [--cells A,B] [--seconds N] [--scale small|full] [--backlog N] [--polls N]\n\
     \x20   [--threads N] [--server PATH] [--server-arg ARG]... [--data-dir DIR] [--durability strict|os|MS]\n\
     \x20   [--endpoint http://HOST:PORT[,PID]] [--peer NAME=http://HOST:PORT[,PID]]... [--json FILE|-]\n\
     \x20   [--region R] [--access-key K] [--secret-key S]\n\
     \x20      waystation-bench soak [--seconds N] [flags]: mixed load for that long; fails unless memory, files and latency stay flat\n";

/// The program: exit code and standard streams are those of the process.
pub fn main() -> ExitCode {
    let usage = run::usage(USAGE, cells::CELLS);
    run::program("waystation-bench", &usage, |arguments| {
        match arguments.split_first() {
            Some((first, rest)) if first == "soak" => soak::run(&Options::parse(rest)?),
            _ => cells::run(&Options::parse(arguments)?),
        }
    })
}
