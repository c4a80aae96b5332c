//! `cargo xtask bench sqs [--peers] [flags]`: the server as it is shipped, driven by the load generator, cell by cell.
//! `cargo xtask bench sns [--peers] [flags]`: the same for publishing, by the number of subscriptions.
//! `cargo xtask bench kinesis [--peers] [flags]`: the same for streams.
//! `cargo xtask bench pattern`: the matcher of patterns with a peer beside it; one core, no server.
//! `cargo xtask bench log [folder]`: logs of the engine, beside the journal alone; no server.
//!
//! `--peers` measures other servers of the same API too, which are fetched, started and stopped here. Other flags go to the
//! generator; `cargo xtask bench sqs --help` lists those of `sqs`, and its cells. Run it unprivileged and on an otherwise
//! idle machine; the `other%` column tells when somebody else used the CPU.

use std::process::Command;

use crate::peers::{Peer, Peers};
use crate::tree::Tree;

/// The profile of what is shipped: what is measured is what people get.
const PROFILE: &str = "dist";

/// What is measured through a server: its generator, and the peers that speak it.
const SERVED: &[(&str, &str, &[Peer])] = &[
    ("sqs", "waystation-bench", &[Peer::ElasticMq, Peer::Moto]),
    ("sns", "waystation-bench-sns", &[Peer::Moto]),
    ("kinesis", "waystation-bench-kinesis", &[Peer::Kinesalite]),
];

/// Builds what is measured and what measures, and runs it with the remaining arguments.
pub(crate) fn run(tree: &Tree, args: &[String]) -> Result<(), String> {
    let served = args.split_first().and_then(|(what, flags)| {
        let row = SERVED.iter().find(|(name, ..)| name == what)?;
        Some((row, flags))
    });
    if let Some(((_, generator, peers), flags)) = served {
        return drive(tree, generator, peers, flags);
    }
    match args.split_first() {
        Some((what, [])) if what == "pattern" => alone(tree, "waystation-bench-pattern", &[]),
        Some((what, folder)) if what == "log" => alone(tree, "waystation-bench-log", folder),
        _ => Err(
            "usage: cargo xtask bench sqs [--peers] [flags] (--help lists them)\n       \
             cargo xtask bench sns [--peers] [--seconds N] [--connections N] [--cells A,B]\n       \
             cargo xtask bench kinesis [--peers] [flags] (--help lists them)\n       \
             cargo xtask bench pattern\n       cargo xtask bench log [folder]"
                .to_owned(),
        ),
    }
}

/// A program that measures something without a server.
fn alone(tree: &Tree, program: &str, arguments: &[String]) -> Result<(), String> {
    build(tree, &["waystation-benches"])?;
    let program = tree.target.join(PROFILE).join(program);
    succeed(Command::new(program).args(arguments), "benchmark")
}

/// Runs a generator against the server.
fn drive(tree: &Tree, generator: &str, spoken: &[Peer], flags: &[String]) -> Result<(), String> {
    build(tree, &["waystation", "waystation-benches"])?;
    let folder = tree.target.join(PROFILE);
    let mut bench = Command::new(folder.join(generator));
    bench.arg("--server").arg(folder.join("waystation"));
    bench.args(flags.iter().filter(|flag| *flag != "--peers"));
    let peers = flags.iter().any(|flag| flag == "--peers");
    let peers = peers.then(|| Peers::start(tree, spoken)).transpose()?;
    if let Some(peers) = &peers {
        bench.args(peers.flags());
    }
    succeed(&mut bench, "benchmark")
}

fn build(tree: &Tree, packages: &[&str]) -> Result<(), String> {
    let mut build = tree.cargo(&["build", "--quiet", "--profile", PROFILE]);
    for package in packages {
        build.args(["--package", package]);
    }
    succeed(&mut build, "build")
}

fn succeed(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("{what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed: {status}"))
    }
}
