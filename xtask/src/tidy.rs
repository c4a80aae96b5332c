//! `xtask tidy`: the rules of the house that a program can check. Each rule is one function over the sources.
//!
//! A rule that stops making sense is changed here, with its reason in the commit; there is no way to switch one off.

mod citations;
mod doors;
mod functions;
mod graph;
mod shape;
mod sources;
mod wording;

use std::fmt;
use std::process::ExitCode;

use crate::tree::Tree;
use sources::Source;

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 means the file as a whole.
    line: usize,
    what: String,
}

impl Finding {
    fn at(source: &Source, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: source.path.clone(),
            line,
            what: what.into(),
        }
    }

    fn of(source: &Source, what: impl Into<String>) -> Finding {
        Finding::at(source, 0, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(out, "{}: {}", self.path, self.what),
            line => write!(out, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// The rules that look at one file at a time.
const RULES: &[fn(&Source) -> Vec<Finding>] = &[
    shape::length,
    shape::header,
    shape::name,
    functions::length,
    doors::files,
    doors::listeners,
    wording::unfinished,
    wording::blanks,
    wording::waivers,
    wording::machines,
    citations::decision_length,
];

/// The command line form.
pub(crate) fn run(tree: &Tree) -> Result<ExitCode, String> {
    check(tree)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every rule; the error lists every finding.
pub(crate) fn check(tree: &Tree) -> Result<(), String> {
    let sources = sources::read(tree)?;
    let mut findings = graph::check(tree)?;
    findings.extend(citations::unknown(&sources));
    for source in &sources {
        findings.extend(RULES.iter().flat_map(|rule| rule(source)));
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files keep every rule", sources.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    Err(format!("tidy: {} findings", findings.len()))
}
