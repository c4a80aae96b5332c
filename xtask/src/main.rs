//! The one tool of the workspace: `cargo xtask <command>`. Each command is one file.

mod bench;
mod codegen;
mod behaviours;
mod coverage;
mod model;
mod peers;
mod process;
mod sim;
mod soak;
mod suites;
mod tally;
mod test;
mod tidy;
mod tools;
mod tree;

use std::process::ExitCode;

use tree::Tree;

/// A command gets the arguments after its name; an error is shown as it stands.
type Command = fn(&Tree, &[String]) -> Result<ExitCode, String>;

/// Name, what follows it, what it does, and the function that does it.
const COMMANDS: &[(&str, &str, &str, Command)] = &[
    (
        "test",
        "[FILTER] [--quick]",
        "check and test everything; last line: N passed, N failed, N skipped",
        test::run,
    ),
    (
        "codegen",
        "[--check]",
        "write every service's api.rs from models/",
        |_, arguments| codegen::run(arguments).map(|()| ExitCode::SUCCESS),
    ),
    (
        "model",
        "update [DATA_DIR]",
        "take AWS's models from an installed botocore",
        |_, arguments| model::run(arguments).map(|()| ExitCode::SUCCESS),
    ),
    ("tidy", "", "check the rules of the house", |tree, _| {
        tidy::run(tree)
    }),
    (
        "coverage",
        "[--check]",
        "write docs/coverage.md from the last test run",
        coverage::run,
    ),
    (
        "bench",
        "sqs | sns | kinesis [--peers] [flags] | pattern | log",
        "build what is measured and what measures, and run the cells",
        |tree, arguments| bench::run(tree, arguments).map(|()| ExitCode::SUCCESS),
    ),
    (
        "sim",
        "[--seeds N] [--seed S]",
        "run the engine in the simulator",
        sim::run,
    ),
    (
        "soak",
        "[--minutes N]",
        "simulation and crash rounds over and over",
        soak::run,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, String> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(usage());
    };
    let command = COMMANDS.iter().find(|(known, ..)| known == name);
    let (.., run) = command.ok_or_else(|| format!("no command `{name}`\n{}", usage()))?;
    run(&Tree::find()?, rest)
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n");
    for (name, arguments, purpose, _) in COMMANDS {
        text.push_str(&format!(
            "  {:<34} {purpose}\n",
            format!("{name} {arguments}")
        ));
    }
    text
}
