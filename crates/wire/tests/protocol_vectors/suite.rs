//! Reading a file of vectors and counting its cases.

use serde_json::Value;
use std::path::PathBuf;

const DIRECTORY: &str = "WAYSTATION_PROTOCOL_VECTORS";

/// What became of a case.
pub(crate) enum Outcome {
    Passed,
    Skipped(&'static str),
}

/// What became of a file.
pub(crate) enum Tally {
    NotThere,
    Ran { passed: usize },
}

/// One case and the model around it.
pub(crate) struct Case<'a> {
    pub(crate) suite: &'a Value,
    pub(crate) case: &'a Value,
}

impl Case<'_> {
    pub(crate) fn id(&self) -> &str {
        self.case["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn operation(&self) -> &str {
        self.case["given"]["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn shapes(&self) -> &Value {
        &self.suite["shapes"]
    }
}

/// Runs every case of a file; the first that fails ends the test.
pub(crate) fn run(file: &str, check: fn(&Case<'_>) -> Result<Outcome, String>) -> Tally {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        println!("skipped {file}: {DIRECTORY} does not name botocore's tests/unit/protocols");
        return Tally::NotThere;
    };
    let text = std::fs::read_to_string(directory.join(file))
        .unwrap_or_else(|error| panic!("{file}: {error}"));
    let suites: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut passed = 0;
    for suite in suites.as_array().into_iter().flatten() {
        for case in suite["cases"].as_array().into_iter().flatten() {
            let case = Case { suite, case };
            match check(&case) {
                Ok(Outcome::Passed) => passed += 1,
                Ok(Outcome::Skipped(reason)) => println!("skipped {file} {}: {reason}", case.id()),
                Err(reason) => panic!("{file} {}: {reason}", case.id()),
            }
        }
    }
    println!("{file}: {passed} passed");
    Tally::Ran { passed }
}
