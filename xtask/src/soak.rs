//! `xtask soak [--minutes N]`: everything that takes too long for every test run.
//!
//! First the programs in Java and Go that walk the main paths through their own SDK, then a third of the time mixed load
//! that must leave memory, files and latency as they were, then crash rounds over a million messages, and for the rest
//! simulation seeds and crash rounds, over and over, until something breaks or time is up. Every pass takes fresh seeds
//! and prints them, so whatever breaks can be run again alone.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::tools::{self, Tools};
use crate::tree::Tree;
use crate::{peers, process, sim, suites};

const MINUTES: u64 = 60;
const SEEDS_PER_PASS: u64 = 500;

/// Runs until the time is over; the first failure ends it.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<ExitCode, String> {
    let minutes = match arguments {
        [] => MINUTES,
        [option, number] if option == "--minutes" => number
            .parse()
            .map_err(|_| format!("--minutes takes a number, not `{number}`"))?,
        _ => return Err("usage: cargo xtask soak [--minutes N]".to_owned()),
    };
    let tools = tools::install(tree)?;
    tools::install_for_soak()?;
    peers::moto(tree)?;
    suites::build(tree)?;
    let deadline = Instant::now() + Duration::from_secs(minutes * 60);
    pass("programs in other languages");
    process::run(suites::pytest(tree, &tools).arg("tests/sdk"))?;
    steady(tree, minutes * 60 / 3)?;
    pass("crash rounds over a million messages");
    process::run(suites::pytest(tree, &tools).args(["-s", "tests/soak"]))?;
    passes(tree, &tools, deadline)?;
    eprintln!("\nnothing broke in {minutes} minutes");
    Ok(ExitCode::SUCCESS)
}

/// Mixed load against the release binary; fails unless it stays as it was.
fn steady(tree: &Tree, seconds: u64) -> Result<(), String> {
    pass(&format!("mixed load for {seconds} seconds"));
    let mut soak = tree.command(&tree.binary("waystation-bench"));
    soak.args(["soak", "--seconds", &seconds.to_string(), "--server"])
        .arg(tree.binary("waystation"))
        .arg("--data-dir")
        .arg(tree.target.join("test-data"));
    process::run(&mut soak)
}

fn passes(tree: &Tree, tools: &Tools, deadline: Instant) -> Result<(), String> {
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_secs());
    while Instant::now() < deadline {
        pass(&format!("seeds and crash rounds from seed {seed}"));
        let (from, seeds) = (seed.to_string(), SEEDS_PER_PASS.to_string());
        process::run(&mut sim::command(
            tree,
            &["--seed", &from, "--seeds", &seeds],
        ))?;
        let mut rounds = suites::pytest(tree, tools);
        process::run(rounds.arg("tests/recovery").env("WAYSTATION_SEED", &from))?;
        seed += SEEDS_PER_PASS;
    }
    Ok(())
}

fn pass(name: &str) {
    eprintln!("\n== {name}");
}
