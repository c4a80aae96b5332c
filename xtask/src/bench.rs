//! `cargo xtask bench sqs [--peers] [flags]`: the server as it is shipped, driven by the load generator, cell by cell.
//! `cargo xtask bench sns [--peers] [flags]`: the same for publishing, by the number of subscriptions.
//! `cargo xtask bench pattern`: the matcher of patterns with a peer beside it; one core, no server.
//! `cargo xtask bench log [folder]`: logs of the engine, beside the journal alone; no server.
//!
//! `--peers` measures ElasticMQ and moto too, which are fetched, started and stopped here. Other flags after `sqs` go to
//! the generator; `cargo xtask bench sqs --help` lists them and the cells. Run it unprivileged and on an otherwise idle
//! machine; the `other%` column tells when somebody else used the CPU.

use std::process::Command;

use crate::peers::Peers;
use crate::tree::Tree;

/// The profile of what is shipped: what is measured is what people get.
const PROFILE: &str = "dist";

/// Builds what is measured and what measures, and runs it with the remaining arguments.
pub(crate) fn run(tree: &Tree, args: &[String]) -> Result<(), String> {
    match args.split_first() {
        Some((what, flags)) if what == "sqs" => served(tree, "waystation-bench", flags),
        Some((what, flags)) if what == "sns" => served(tree, "waystation-bench-sns", flags),
        Some((what, [])) if what == "pattern" => alone(tree, "waystation-bench-pattern", &[]),
        Some((what, folder)) if what == "log" => alone(tree, "waystation-bench-log", folder),
        _ => Err(
            "usage: cargo xtask bench sqs [--peers] [flags] (--help lists them)\n       \
             cargo xtask bench sns [--peers] [--seconds N] [--connections N] [--cells A,B]\n       \
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

fn served(tree: &Tree, generator: &str, flags: &[String]) -> Result<(), String> {
    build(tree, &["waystation", "waystation-benches"])?;
    let folder = tree.target.join(PROFILE);
    let mut bench = Command::new(folder.join(generator));
    bench.arg("--server").arg(folder.join("waystation"));
    bench.args(flags.iter().filter(|flag| *flag != "--peers"));
    let peers = flags.iter().any(|flag| flag == "--peers");
    let peers = peers.then(|| Peers::start(tree)).transpose()?;
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
