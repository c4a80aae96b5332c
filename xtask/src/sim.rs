//! `xtask sim [--seeds N] [--seed S]`: the engine under the simulator, for many seeds or for one that failed.

use std::process::{Command, ExitCode};

use crate::process;
use crate::tally::{self, Tally};
use crate::tree::Tree;

/// How many seeds a test run tries: bounded, so that it stays a matter of a minute or two.
pub(crate) const SEEDS_IN_TESTS: &str = "200";

/// How many seeds may pass before one finds a planted bug.
pub(crate) const SEEDS_PER_BUG: &str = "400";

/// Builds the simulator and runs it with the given arguments.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<ExitCode, String> {
    process::run(&mut tree.cargo(&["build", "--release", "--package", "waystation-sim"]))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    process::run(&mut command(tree, &arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// The simulator, already built.
pub(crate) fn command(tree: &Tree, arguments: &[&str]) -> Command {
    let mut command = tree.command(&tree.binary("waystation-sim"));
    command.args(arguments);
    command
}

/// Reads the simulator's closing line, `N passed, N failed`: one per seed, or one per planted bug.
pub(crate) fn count(lines: &[String]) -> Tally {
    lines
        .last()
        .map_or_else(Tally::default, |line| tally::of_counts(line, ','))
}
