//! `xtask soak [--minutes N]`: simulation seeds and crash rounds, over and over, until something breaks or time is up.
//!
//! Every pass takes fresh seeds and prints them, so whatever breaks can be run again alone.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::tools;
use crate::tree::Tree;
use crate::{process, sim, suites};

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
    suites::build(tree)?;
    let deadline = Instant::now() + Duration::from_secs(minutes * 60);
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_secs());
    while Instant::now() < deadline {
        eprintln!("\n== pass from seed {seed}");
        let (from, seeds) = (seed.to_string(), SEEDS_PER_PASS.to_string());
        process::run(&mut sim::command(
            tree,
            &["--seed", &from, "--seeds", &seeds],
        ))?;
        let mut rounds = suites::pytest(tree, &tools);
        process::run(rounds.arg("tests/recovery").env("WAYSTATION_SEED", &from))?;
        seed += SEEDS_PER_PASS;
    }
    eprintln!("\nnothing broke in {minutes} minutes");
    Ok(ExitCode::SUCCESS)
}
