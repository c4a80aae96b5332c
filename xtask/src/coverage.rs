//! `xtask coverage [--check]`: writes `docs/coverage.md`, which behaviours of the reference a passed test shows.
//!
//! The test suites record the ids of their tests below the target directory; a behaviour is shown when every test that
//! cites it passed. `--check` fails when the committed page differs, so the page is always what the tests said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::tree::Tree;

const PAGE: &str = "docs/coverage.md";

/// Command-line form.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<ExitCode, String> {
    match arguments {
        [] => write(tree)?,
        [flag] if flag == "--check" => check(tree)?,
        _ => return Err("usage: cargo xtask coverage [--check]".to_owned()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails when the committed page is not what the last test run says.
pub(crate) fn check(tree: &Tree) -> Result<(), String> {
    let present = fs::read_to_string(tree.root.join(PAGE)).unwrap_or_default();
    if present == page(tree)? {
        return Ok(());
    }
    Err(format!(
        "{PAGE} is not what the tests show: run `cargo xtask coverage` and commit it"
    ))
}

fn write(tree: &Tree) -> Result<(), String> {
    let file = tree.root.join(PAGE);
    fs::write(&file, page(tree)?).map_err(|error| format!("{}: {error}", file.display()))
}

/// One section of a reference page: its title and the ids it defines.
struct Section {
    title: String,
    ids: Vec<String>,
}

fn page(tree: &Tree) -> Result<String, String> {
    let shown = shown(tree)?;
    let mut text = String::from(
        "# Coverage\n\n\
         Which behaviours of [the reference](reference/) are shown by a passed test against the running server.\n\
         Written by `cargo xtask coverage` from the last test run; never edited by hand.\n",
    );
    for (file, sections) in reference(tree)? {
        let ids = sections.iter().flat_map(|section| &section.ids);
        let of_page = ids.clone().filter(|id| shown.contains(*id)).count();
        if of_page == 0 {
            continue;
        }
        let _ = write!(
            text,
            "\n## [{file}](reference/{file}): {of_page} of {}\n\n",
            ids.count()
        );
        text.push_str("| Section | Shown | Not shown |\n| --- | --- | --- |\n");
        for section in &sections {
            let missing: Vec<&str> = section
                .ids
                .iter()
                .filter(|id| !shown.contains(*id))
                .map(String::as_str)
                .collect();
            let count = section.ids.len() - missing.len();
            let _ = writeln!(
                text,
                "| {} | {count} of {} | {} |",
                section.title,
                section.ids.len(),
                ranges(&missing)
            );
        }
    }
    Ok(text)
}

/// Ids that some test showed and none failed to show.
fn shown(tree: &Tree) -> Result<BTreeSet<String>, String> {
    let directory = tree.target.join("behaviours");
    let mut outcomes: BTreeMap<String, bool> = BTreeMap::new();
    let entries = fs::read_dir(&directory).map_err(|error| {
        format!(
            "{}: {error}; run `cargo xtask test` first",
            directory.display()
        )
    })?;
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path())
            .map_err(|error| format!("{}: {error}", entry.path().display()))?;
        let record: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| format!("{}: {error}", entry.path().display()))?;
        for (id, by_outcome) in record {
            let passed = by_outcome
                .as_object()
                .is_some_and(|by| by.keys().all(|outcome| outcome == "passed"));
            *outcomes.entry(id).or_insert(true) &= passed;
        }
    }
    Ok(outcomes
        .into_iter()
        .filter(|(_, passed)| *passed)
        .map(|(id, _)| id)
        .collect())
}

/// Every page of the reference with its sections.
fn reference(tree: &Tree) -> Result<BTreeMap<String, Vec<Section>>, String> {
    let directory = tree.root.join("docs/reference");
    let entries =
        fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut pages = BTreeMap::new();
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path())
            .map_err(|error| format!("{}: {error}", entry.path().display()))?;
        pages.insert(
            entry.file_name().to_string_lossy().into_owned(),
            sections(&text),
        );
    }
    Ok(pages)
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section {
                title: title.to_owned(),
                ids: Vec::new(),
            });
        } else if let Some((id, _)) = line
            .strip_prefix("- **")
            .and_then(|rest| rest.split_once("**"))
            && let Some(section) = sections.last_mut()
        {
            section.ids.push(id.to_owned());
        }
    }
    sections.retain(|section| !section.ids.is_empty());
    sections
}

/// `SQS-001, SQS-005 to SQS-007`.
fn ranges(ids: &[&str]) -> String {
    let number = |id: &str| {
        id.rsplit('-')
            .next()
            .and_then(|text| text.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for id in ids {
        match parts.last_mut() {
            Some((_, last)) if number(last) + 1 == number(id) => *last = id,
            _ => parts.push((id, id)),
        }
    }
    let texts: Vec<String> = parts
        .iter()
        .map(|(first, last)| {
            if first == last {
                (*first).to_owned()
            } else {
                format!("{first} to {last}")
            }
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_drawn_together() {
        assert_eq!(
            ranges(&["A-001", "A-002", "A-003", "A-007"]),
            "A-001 to A-003, A-007"
        );
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn sections_hold_the_ids_that_they_define() {
        let found = sections(
            "# Page\n## One\n- **A-001** x\ntext A-009\n- **A-002** y\n## Empty\n## Two\n- **A-003** z\n",
        );
        let titles: Vec<&str> = found.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["One", "Two"]);
        assert_eq!(found[0].ids, ["A-001", "A-002"]);
    }
}
