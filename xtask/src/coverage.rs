//! `xtask coverage [--check]`: writes `docs/coverage.md`, which behaviours of the reference a passed test shows.
//!
//! The test suites record the ids of their tests below the target directory; a behaviour is shown when every test that
//! cites it passed. What no test shows has a status and a reason in one reviewed file. `--check` fails when the committed page differs, so the page is always what the tests said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

use serde_json::{Map, Value};

mod statuses;

use crate::tree::Tree;
use statuses::{Status, Statuses};

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

/// Pages on which every behaviour is shown or has a status.
const COMPLETE: &[&str] = &["SQS-"];

/// Everything that is known of every behaviour.
struct Known {
    shown: BTreeSet<String>,
    statuses: Statuses,
}

fn page(tree: &Tree) -> Result<String, String> {
    let pages = reference(tree)?;
    let known = Known {
        shown: shown(tree)?,
        statuses: Statuses::read(tree)?,
    };
    let defined: BTreeSet<&str> = pages
        .values()
        .flatten()
        .flat_map(|section| section.ids.iter().map(String::as_str))
        .collect();
    known.judge(&defined)?;
    let mut text = String::from(
        "# Coverage\n\n\
         Which behaviours of [the reference](reference/) are shown by a passed test against the running server, which are\n\
         absent, and which nobody can observe. Written by `cargo xtask coverage` from the last test run and\n\
         [the reviewed statuses](reference/statuses.toml); never edited by hand.\n",
    );
    for (file, sections) in pages {
        let ids = sections.iter().flat_map(|section| &section.ids);
        if ids.clone().any(|id| known.shown.contains(id)) {
            let ids: Vec<&str> = ids.map(String::as_str).collect();
            known.write(&mut text, &file, &sections, &ids);
        }
    }
    Ok(text)
}

/// Ids by what is known of them.
#[derive(Default)]
struct Sorted<'a> {
    shown: usize,
    absent: Vec<&'a str>,
    not_observable: Vec<&'a str>,
    open: Vec<&'a str>,
}

impl Known {
    /// Fails on ids that contradict each other, the reference or the promise to know of every one.
    fn judge(&self, defined: &BTreeSet<&str>) -> Result<(), String> {
        let listed = || self.statuses.by_id.keys().map(String::as_str);
        let shown = || self.shown.iter().map(String::as_str);
        let complain = |why: &str, ids: Vec<&str>| match ids.is_empty() {
            true => Ok(()),
            false => Err(format!("{why}: {}", ranges(&ids))),
        };
        let unknown = shown().chain(listed()).filter(|id| !defined.contains(id));
        complain("not in docs/reference", unknown.collect())?;
        let both = listed().filter(|id| self.shown.contains(*id));
        complain(
            "listed in statuses.toml, and shown by a test",
            both.collect(),
        )?;
        let open = defined.iter().copied().filter(|id| {
            COMPLETE.iter().any(|prefix| id.starts_with(prefix))
                && !self.shown.contains(*id)
                && !self.statuses.by_id.contains_key(*id)
        });
        complain(
            "neither shown by a test nor in statuses.toml",
            open.collect(),
        )
    }

    fn sorted<'a>(&self, ids: &[&'a str]) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        for id in ids {
            let status = self.statuses.by_id.get(*id).map(|(status, _)| *status);
            match status {
                _ if self.shown.contains(*id) => sorted.shown += 1,
                Some(Status::Absent) => sorted.absent.push(id),
                Some(Status::NotObservable) => sorted.not_observable.push(id),
                None => sorted.open.push(id),
            }
        }
        sorted
    }

    fn write(&self, text: &mut String, file: &str, sections: &[Section], ids: &[&str]) {
        let all = self.sorted(ids);
        let _ = write!(
            text,
            "\n## [{file}](reference/{file}): {} tested, {} absent, {} not observable of {}\n\n",
            all.shown,
            all.absent.len(),
            all.not_observable.len(),
            ids.len()
        );
        text.push_str("| Section | Tested | Absent | Not observable | Not shown |\n");
        text.push_str("| --- | --- | --- | --- | --- |\n");
        for section in sections {
            let ids: Vec<&str> = section.ids.iter().map(String::as_str).collect();
            let sorted = self.sorted(&ids);
            let _ = writeln!(
                text,
                "| {} | {} of {} | {} | {} | {} |",
                section.title,
                sorted.shown,
                ids.len(),
                ranges(&sorted.absent),
                ranges(&sorted.not_observable),
                ranges(&sorted.open)
            );
        }
        self.write_reasons(text, ids);
    }

    fn write_reasons(&self, text: &mut String, ids: &[&str]) {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for id in ids {
            let Some((_, reason)) = self.statuses.by_id.get(*id) else {
                continue;
            };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, ids)) => ids.push(id),
                None => reasons.push((reason, vec![id])),
            }
        }
        if !reasons.is_empty() {
            text.push('\n');
        }
        for (reason, ids) in reasons {
            let _ = writeln!(text, "- {}: {reason}", ranges(&ids));
        }
    }
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
    let is_page = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|kind| kind == "md");
    for entry in entries.flatten().filter(is_page) {
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

    fn known(shown: &[&str], statuses: &str) -> Known {
        Known {
            shown: shown.iter().map(|id| (*id).to_owned()).collect(),
            statuses: Statuses::parse(statuses).unwrap(),
        }
    }

    const LISTED: &str =
        "[[status]]\nids = ['SQS-002']\nstatus = 'absent'\nreason = 'Not built.'\n";

    #[test]
    fn ids_that_contradict_each_other_are_refused() {
        let defined = BTreeSet::from(["SQS-001", "SQS-002", "SNS-001"]);
        assert_eq!(known(&["SQS-001"], LISTED).judge(&defined), Ok(()));
        for (shown, why) in [
            (
                &["SQS-001", "SQS-002"][..],
                "listed in statuses.toml, and shown by a test: SQS-002",
            ),
            (
                &[][..],
                "neither shown by a test nor in statuses.toml: SQS-001",
            ),
            (
                &["SQS-001", "SQS-009"][..],
                "not in docs/reference: SQS-009",
            ),
        ] {
            assert_eq!(known(shown, LISTED).judge(&defined), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_page_counts_what_is_what_and_gives_reasons() {
        let sections = [Section {
            title: "1. One".to_owned(),
            ids: ["SQS-001", "SQS-002"].map(str::to_owned).to_vec(),
        }];
        let mut text = String::new();
        known(&["SQS-001"], LISTED).write(&mut text, "sqs.md", &sections, &["SQS-001", "SQS-002"]);
        assert!(
            text.contains("1 tested, 1 absent, 0 not observable of 2"),
            "{text}"
        );
        assert!(
            text.contains("| 1. One | 1 of 2 | SQS-002 |  |  |"),
            "{text}"
        );
        assert!(text.ends_with("\n- SQS-002: Not built.\n"), "{text}");
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
