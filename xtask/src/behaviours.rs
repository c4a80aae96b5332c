//! Behaviours that Rust tests show. A test that shows some prints `behaviour SQS-041` lines; cargo is asked to print what
//! passed tests wrote, under a heading that says whether they passed.

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;

use crate::tree::Tree;

/// Tests by outcome, by id.
type Record = BTreeMap<String, BTreeMap<&'static str, Vec<String>>>;

/// Writes what the run of `cargo test` showed, beside the records of the other suites.
pub(crate) fn record(tree: &Tree, lines: &[String]) -> Result<(), String> {
    let directory = tree.target.join("behaviours");
    let file = directory.join("rust.json");
    let text = format!("{:#}\n", json!(of_cargo(lines)));
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn of_cargo(lines: &[String]) -> Record {
    let mut record = Record::new();
    let (mut outcome, mut test) = ("failed", String::new());
    for line in lines {
        match line.as_str() {
            "successes:" => outcome = "passed",
            "failures:" => outcome = "failed",
            _ => {}
        }
        let named = line.strip_prefix("---- ");
        if let Some(name) = named.and_then(|rest| rest.strip_suffix(" stdout ----")) {
            name.clone_into(&mut test);
        }
        if let Some(id) = line.strip_prefix("behaviour ") {
            let outcomes = record.entry(id.to_owned()).or_default();
            outcomes.entry(outcome).or_default().push(test.clone());
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_belong_to_the_test_and_the_heading_above_them() {
        let text = "test a ... ok\n\nsuccesses:\n\n---- a stdout ----\nbehaviour SQS-001\n\n\nsuccesses:\n    a\n\n\
                    failures:\n\n---- b stdout ----\nbehaviour SQS-001\nbehaviour SQS-002\nthread 'b' panicked\n";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let record = of_cargo(&lines);
        assert_eq!(record["SQS-001"]["passed"], ["a"]);
        assert_eq!(record["SQS-001"]["failed"], ["b"]);
        assert_eq!(record["SQS-002"]["failed"], ["b"]);
        assert!(!record["SQS-002"].contains_key("passed"));
    }
}
