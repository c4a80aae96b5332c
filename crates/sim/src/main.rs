//! `waystation-sim [--seeds N] [--seed S] [--steps N] [--tell]`: runs seeds and names those that fail.

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
    options: Options,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        first: 1,
        seeds: 0,
        options: Options {
            steps: STEPS,
            told: false,
        },
    };
    let mut one = false;
    let mut arguments = arguments;
    while let Some(option) = arguments.next() {
        if option == "--tell" {
            parsed.options.told = true;
            continue;
        }
        let value = arguments.next().and_then(|value| value.parse().ok());
        let value = value.ok_or_else(|| format!("{option} takes a number"))?;
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

fn failed(seed: u64, steps: u64, outcome: &Outcome) -> bool {
    let Some(violation) = &outcome.violation else {
        return false;
    };
    say(&format!("seed {seed}: {violation}"));
    say(&format!("  again: waystation-sim --seed {seed} --steps {steps} --tell"));
    true
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            say(&why);
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut broken) = (0_u64, 0_u64);
    let mut tried = Tried::default();
    for seed in arguments.first..arguments.first + arguments.seeds {
        let outcome = run(seed, arguments.options);
        if failed(seed, arguments.options.steps, &outcome) {
            broken += 1;
        } else {
            passed += 1;
        }
        if arguments.seeds == 1 {
            say(&format!("trace {:016x}", outcome.trace));
        }
        tried.add(&outcome.tried);
    }
    say(&format!("{tried:?}"));
    say(&format!("{passed} passed, {broken} failed"));
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
