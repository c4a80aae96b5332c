//! `xtask test [FILTER] [--quick]`: builds, checks and tests everything, in the order in which a failure is cheapest.
//!
//! The last line is `N passed, N failed, N skipped` over all languages. A check that fails (format, lints, tidy, generated
//! code, build) ends the run and counts as one failure; a failing test suite does not keep the later ones from running.
//! With `CI` set, a skipped test is a failure too. `FILTER` runs only the tests whose names contain it, without the checks;
//! `--quick` leaves out the simulation and the crash rounds.

use std::env;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::codegen;
use crate::coverage;
use crate::process;
use crate::suites;
use crate::tally::Tally;
use crate::tidy;
use crate::tools::{self, Tools};
use crate::tree::Tree;

/// What of the whole run is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Only tests whose names contain this text, and no checks.
    pub(crate) filter: Option<String>,
    /// Neither simulation nor crash rounds.
    pub(crate) quick: bool,
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        for argument in arguments {
            match argument.as_str() {
                "--quick" => wanted.quick = true,
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}"));
                }
                filter if wanted.filter.is_none() => wanted.filter = Some(filter.to_owned()),
                second => return Err(format!("one filter at most, not also `{second}`")),
            }
        }
        Ok(wanted)
    }
}

/// Runs everything and says what came of it.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<ExitCode, String> {
    let wanted = Wanted::parse(arguments)?;
    let mut run = Run {
        tally: Tally::default(),
        steps: Vec::new(),
    };
    if let Err(reason) = all(tree, &wanted, &mut run) {
        run.tally.failed += 1;
        eprintln!("\nstopped: {reason}");
    }
    Ok(run.close())
}

fn all(tree: &Tree, wanted: &Wanted, run: &mut Run) -> Result<(), String> {
    let tools = run.step("tools", || tools::install(tree))?;
    if wanted.filter.is_none() {
        checks(tree, run)?;
    }
    run.step("build", || suites::build(tree))?;
    tests(tree, &tools, wanted, run)
}

fn checks(tree: &Tree, run: &mut Run) -> Result<(), String> {
    run.step("format", || {
        process::run(&mut tree.cargo(&["fmt", "--check"]))
    })?;
    run.step("lints", || {
        let lint = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--release",
            "--",
            "-D",
            "warnings",
        ];
        process::run(&mut tree.cargo(&lint))
    })?;
    run.step("tidy", || tidy::check(tree))?;
    run.step("generated code", || codegen::run(&["--check".to_owned()]))
}

fn tests(tree: &Tree, tools: &Tools, wanted: &Wanted, run: &mut Run) -> Result<(), String> {
    run.suite("Rust", || suites::cargo(tree, tools, wanted))?;
    if wanted.filter.is_none() && !wanted.quick {
        run.suite("simulation", || suites::simulation(tree))?;
        run.suite("planted bugs", || suites::simulation_planted(tree))?;
    }
    run.suite("black box, Python", || suites::python(tree, tools, wanted))?;
    run.suite("query protocol", || {
        suites::python_query(tree, tools, wanted)
    })?;
    run.suite("black box, Node", || suites::node(tree, tools, wanted))?;
    if wanted.filter.is_none() && !wanted.quick && run.tally.failed == 0 {
        run.step("coverage page", || coverage::check(tree))?;
    }
    Ok(())
}

/// The run so far: what was counted and how long each step took.
struct Run {
    tally: Tally,
    steps: Vec<(&'static str, Duration, String)>,
}

impl Run {
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        self.steps.push((name, start.elapsed(), outcome.to_owned()));
        result
    }

    fn suite(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Tally, String>,
    ) -> Result<(), String> {
        let tally = self.step(name, work)?;
        if let Some(step) = self.steps.last_mut() {
            step.2 = tally.to_string();
        }
        self.tally += tally;
        Ok(())
    }

    /// Prints the table of steps and, last, the count.
    fn close(mut self) -> ExitCode {
        eprintln!();
        for (name, took, outcome) in &self.steps {
            eprintln!("{name:<20} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        let strict = env::var_os("CI").is_some_and(|value| !value.is_empty());
        if strict && self.tally.skipped > 0 {
            eprintln!("with CI set a skipped test counts as a failure");
            self.tally.failed += self.tally.skipped;
            self.tally.skipped = 0;
        }
        // A closed terminal changes nothing about the result, which the exit code carries too.
        let _ = writeln!(std::io::stdout(), "{}", self.tally);
        if self.tally.failed > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Wanted, String> {
        Wanted::parse(
            &arguments
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn filter_and_option_stand_in_any_order() {
        let wanted = Wanted {
            filter: Some("purge".to_owned()),
            quick: true,
        };
        assert_eq!(parse(&["--quick", "purge"]), Ok(wanted));
        assert_eq!(parse(&[]), Ok(Wanted::default()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse(&["--fast"]).is_err());
        assert!(parse(&["one", "two"]).is_err());
    }
}
