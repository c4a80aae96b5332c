//! `waystation-sim [--seeds N] [--seed S] [--steps N] [--plant NAME|all] [--tell]`: runs seeds and names those that fail.

use std::io::Write;
use std::process::ExitCode;

use waystation_sim::{Options, Outcome, Tried, run};

/// Seeds without an option.
const SEEDS: u64 = 100;
/// Scheduler steps without an option.
const STEPS: u64 = 1500;

struct Arguments {
    first: u64,
    seeds: u64,
    plant: Option<String>,
    options: Options,
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        first: 1,
        seeds: 0,
        plant: None,
        options: Options {
            steps: STEPS,
            told: false,
        },
    };
    let mut one = false;
    while let Some(option) = arguments.next() {
        if option == "--tell" {
            parsed.options.told = true;
            continue;
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{option} takes a value"))?;
        if option == "--plant" {
            parsed.plant = Some(value);
            continue;
        }
        let value = value
            .parse()
            .map_err(|_| format!("{option} takes a number"))?;
        match option.as_str() {
            "--seeds" => parsed.seeds = value,
            "--seed" => (parsed.first, one) = (value, true),
            "--steps" => parsed.options.steps = value,
            _ => return Err(format!("unknown option {option}")),
        }
    }
    if parsed.seeds == 0 {
        parsed.seeds = if one { 1 } else { SEEDS };
    }
    Ok(parsed)
}

fn say(line: &str) {
    // A closed pipe is the reader's wish.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn closing(passed: u64, failed: u64) -> ExitCode {
    say(&format!("{passed} passed, {failed} failed"));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            say(&why);
            return ExitCode::from(2);
        }
    };
    match &arguments.plant {
        None => seeds(&arguments),
        Some(plant) => planted(plant, &arguments),
    }
}

/// The same seed with the same options, again.
fn repeat(seed: u64, arguments: &Arguments) -> String {
    let plant = arguments
        .plant
        .as_ref()
        .map(|plant| format!(" --plant {plant}"));
    let (steps, plant) = (arguments.options.steps, plant.unwrap_or_default());
    format!("waystation-sim --seed {seed} --steps {steps}{plant} --tell")
}

fn seeds(arguments: &Arguments) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    let mut tried = Tried::default();
    for seed in arguments.first..arguments.first + arguments.seeds {
        let Outcome {
            trace,
            tried: this,
            violation,
        } = run(seed, arguments.options);
        match violation {
            None => passed += 1,
            Some(violation) => {
                failed += 1;
                say(&format!("seed {seed}: {violation}"));
                say(&format!("  again: {}", repeat(seed, arguments)));
            }
        }
        if arguments.seeds == 1 {
            say(&format!("trace {trace:016x}"));
        }
        tried.add(&this);
    }
    say(&format!("{tried:?}"));
    closing(passed, failed)
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(_: &str, _: &Arguments) -> ExitCode {
    say("--plant needs a build with the feature `planted-bugs`");
    ExitCode::from(2)
}

/// One bug in all the seeds, or all bugs, each until a seed finds it.
#[cfg(feature = "planted-bugs")]
fn planted(plant: &str, arguments: &Arguments) -> ExitCode {
    use waystation_sim::planted;
    if plant != "all" {
        if !planted::select(plant) {
            say(&format!(
                "no bug is called {plant}; there are {:?}",
                planted::names()
            ));
            return ExitCode::from(2);
        }
        return seeds(arguments);
    }
    let (mut passed, mut failed) = (0, 0);
    for name in planted::names() {
        let found = planted::hunt(name, arguments.first, arguments.seeds, arguments.options);
        match found.by {
            Some((seed, how)) => {
                passed += 1;
                let line = how.lines().next().unwrap_or_default();
                let short: String = line.chars().take(160).collect();
                say(&format!("{name}: found by seed {seed}: {short}"));
            }
            None => {
                failed += 1;
                say(&format!("{name}: not found by {} seeds", arguments.seeds));
            }
        }
    }
    closing(passed, failed)
}
