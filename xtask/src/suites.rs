//! The test suites of each language: how each is started, and what it counts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::behaviours;
use crate::process;
use crate::sim;
use crate::tally::{self, Tally};
use crate::test::Wanted;
use crate::tools::Tools;
use crate::tree::Tree;

/// Features that no release has: bugs on purpose, which the tests must find.
const PLANTED_BUGS: &str = "waystation/planted-bugs,waystation-sim/planted-bugs";

/// What exists in both kinds.
const PLANTED: &[&str] = &["waystation", "waystation-sim"];

/// Builds everything the suites run, and server and simulator once more with bugs planted.
///
/// Always over the whole workspace, so that every crate is built with the same features of its dependencies, and only once.
/// Both kinds are copied aside, because cargo puts the second in the place of the first.
pub(crate) fn build(tree: &Tree) -> Result<(), String> {
    let mut planted = tree.cargo(&[
        "build",
        "--workspace",
        "--release",
        "--features",
        PLANTED_BUGS,
    ]);
    planted.args(PLANTED.iter().flat_map(|name| ["--bin", *name]));
    process::run(&mut planted)?;
    for name in PLANTED {
        keep(tree, name, Kind::Planted)?;
    }
    process::run(&mut tree.cargo(&["build", "--workspace", "--release", "--bins"]))?;
    for name in PLANTED {
        keep(tree, name, Kind::Honest)?;
    }
    Ok(())
}

/// Unit and integration tests of the crates.
pub(crate) fn cargo(tree: &Tree, tools: &Tools, wanted: &Wanted) -> Result<Tally, String> {
    let mut command = tree.cargo(&["test", "--workspace", "--release", "--no-fail-fast"]);
    command.env("WAYSTATION_PROTOCOL_VECTORS", &tools.protocol_vectors);
    // What passed tests wrote is shown: among it are the behaviours that they show.
    command.args(["--", "--show-output"]);
    command.args(&wanted.filter);
    let shown = process::run_shown(&mut command)?;
    behaviours::record(tree, &shown.lines)?;
    let tally = tally::of_cargo(&shown.lines);
    counted("cargo test", shown.success, tally, wanted)
}

/// The engine under a bounded number of seeds.
pub(crate) fn simulation(tree: &Tree) -> Result<Tally, String> {
    let mut command = tree.command(&kept(tree, "waystation-sim", Kind::Honest));
    run_simulation(command.args(["--seeds", sim::SEEDS_IN_TESTS]))
}

/// The engine with one planted bug after the other: each must be found within a bounded number of seeds.
pub(crate) fn simulation_planted(tree: &Tree) -> Result<Tally, String> {
    let mut command = tree.command(&kept(tree, "waystation-sim", Kind::Planted));
    command.args(["--plant", "all", "--seeds", sim::SEEDS_PER_BUG]);
    // Many of these bugs end in a panic, as they should; where from is of no interest.
    run_simulation(command.env("RUST_BACKTRACE", "0"))
}

fn run_simulation(command: &mut Command) -> Result<Tally, String> {
    let shown = process::run_shown(command)?;
    let tally = sim::count(&shown.lines);
    counted("the simulation", shown.success, tally, &Wanted::default())
}

/// The running server through boto3, the AWS command line and plain HTTP.
pub(crate) fn python(tree: &Tree, tools: &Tools, wanted: &Wanted) -> Result<Tally, String> {
    let mut command = pytest(tree, tools);
    command.args(["tests", "--ignore", "tests/sdk", "--ignore", "tests/soak"]);
    if wanted.quick {
        command.args(["--ignore", "tests/recovery"]);
    }
    run_pytest(command, wanted)
}

/// The same SQS tests through the last boto3 that speaks the query protocol.
pub(crate) fn python_query(tree: &Tree, tools: &Tools, wanted: &Wanted) -> Result<Tally, String> {
    let mut command = pytest(tree, tools);
    command
        .arg("tests/sqs")
        .env("PYTHONPATH", &tools.python_query)
        .env("WAYSTATION_PROTOCOL", "query")
        .env("WAYSTATION_RECORD", "python-query");
    // These speak to the server without an SDK, or with one of their own.
    for file in ["test_02_json.py", "test_03_query.py", "test_31_aws_cli.py"] {
        command.arg(format!("--ignore=tests/sqs/{file}"));
    }
    run_pytest(command, wanted)
}

fn run_pytest(mut command: Command, wanted: &Wanted) -> Result<Tally, String> {
    if let Some(filter) = &wanted.filter {
        command.args(["-k", filter]);
    }
    let shown = process::run_shown(&mut command)?;
    let tally = tally::of_pytest(&shown.lines);
    counted("pytest", shown.success, tally, wanted)
}

/// Pytest with everything the black box tests ask of their environment; the caller adds what to run.
pub(crate) fn pytest(tree: &Tree, tools: &Tools) -> Command {
    let mut command = tree.command(&tools.python);
    command
        .args([
            "-m",
            "pytest",
            "-c",
            "tests/pytest.ini",
            "--rootdir",
            "tests",
            "-q",
        ])
        .env("WAYSTATION_BIN", kept(tree, "waystation", Kind::Honest))
        .env(
            "WAYSTATION_PLANTED_BIN",
            kept(tree, "waystation", Kind::Planted),
        )
        .env("WAYSTATION_PYTHON_QUERY", &tools.python_query)
        .env("WAYSTATION_TARGET", &tree.target)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1");
    command
}

/// The running server through the AWS SDK for JavaScript.
pub(crate) fn node(tree: &Tree, tools: &Tools, wanted: &Wanted) -> Result<Tally, String> {
    let mut command = tree.command("node".as_ref());
    command.args(["--test", "--test-reporter=tap"]);
    if let Some(filter) = &wanted.filter {
        command.arg(format!("--test-name-pattern={filter}"));
    }
    command
        .args(node_files(tree)?)
        .env("WAYSTATION_BIN", kept(tree, "waystation", Kind::Honest))
        .env("WAYSTATION_TARGET", &tree.target)
        .env("NODE_PATH", &tools.node_modules);
    let shown = process::run_shown(&mut command)?;
    let tally = tally::of_node(&shown.lines);
    counted("node --test", shown.success, tally, wanted)
}

/// Named one by one: what `node --test` makes of a directory differs between its versions.
fn node_files(tree: &Tree) -> Result<Vec<PathBuf>, String> {
    let directory = tree.root.join("tests/sdk/node");
    let entries =
        fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.cjs"))
        .collect();
    files.sort();
    Ok(files)
}

/// Believes a count only when it agrees with the runner's own verdict, so that a runner that died is no success.
fn counted(runner: &str, success: bool, tally: Tally, wanted: &Wanted) -> Result<Tally, String> {
    let counted = tally.passed + tally.failed + tally.skipped;
    if counted == 0 && wanted.filter.is_some() {
        return Ok(tally);
    }
    if counted == 0 {
        return Err(format!("{runner} ran no test"));
    }
    if !success && tally.failed == 0 {
        return Err(format!("{runner} failed without naming a failed test"));
    }
    Ok(tally)
}

/// With bugs on purpose or without.
#[derive(Clone, Copy)]
enum Kind {
    Honest,
    Planted,
}

fn keep(tree: &Tree, name: &str, kind: Kind) -> Result<(), String> {
    let copy = kept(tree, name, kind);
    let result = fs::create_dir_all(tree.target.join("black-box")).and_then(|()| {
        // The old copy is removed, not overwritten: a server that still runs from it must not stop us.
        let _ = fs::remove_file(&copy);
        fs::copy(tree.binary(name), &copy)
    });
    result
        .map(drop)
        .map_err(|error| format!("{}: {error}", copy.display()))
}

fn kept(tree: &Tree, name: &str, kind: Kind) -> PathBuf {
    let name = match kind {
        Kind::Honest => name.to_owned(),
        Kind::Planted => format!("{name}-planted"),
    };
    tree.target.join("black-box").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_that_fails_without_a_failed_test_is_no_success() {
        let passed = Tally {
            passed: 3,
            ..Tally::default()
        };
        assert!(counted("x", false, passed, &Wanted::default()).is_err());
        assert!(counted("x", true, passed, &Wanted::default()).is_ok());
    }

    #[test]
    fn no_test_at_all_is_an_error_unless_a_filter_chose_none() {
        let none = Tally::default();
        assert!(counted("x", true, none, &Wanted::default()).is_err());
        let filtered = Wanted {
            filter: Some("nothing".to_owned()),
            quick: false,
        };
        assert!(counted("x", true, none, &filtered).is_ok());
    }
}
