//! `docs/reference/statuses.toml`: what no test shows, and why.

use std::collections::BTreeMap;
use std::fs;

use toml::{Table, Value};

use crate::tree::Tree;

const FILE: &str = "docs/reference/statuses.toml";

/// What a behaviour is that no test shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not built.
    Absent,
    /// Nobody could tell.
    NotObservable,
}

/// Status and reason by id.
#[derive(Debug)]
pub(super) struct Statuses {
    pub(super) by_id: BTreeMap<String, (Status, String)>,
}

impl Statuses {
    /// Reads the reviewed file.
    pub(super) fn read(tree: &Tree) -> Result<Statuses, String> {
        let file = tree.root.join(FILE);
        let text = fs::read_to_string(&file);
        let parsed = text.map_err(|error| error.to_string());
        let parsed = parsed.and_then(|text| Statuses::parse(&text));
        parsed.map_err(|error| format!("{FILE}: {error}"))
    }

    pub(super) fn parse(text: &str) -> Result<Statuses, String> {
        let document: Table = text.parse().map_err(|error| format!("{error}"))?;
        let entries = document.get("status").and_then(Value::as_array);
        let mut by_id = BTreeMap::new();
        for entry in entries.into_iter().flatten() {
            let (ids, status, reason) = entry_of(entry)?;
            for id in ids {
                if by_id.insert(id.clone(), (status, reason.clone())).is_some() {
                    return Err(format!("{id} is listed twice"));
                }
            }
        }
        Ok(Statuses { by_id })
    }
}

fn entry_of(entry: &Value) -> Result<(Vec<String>, Status, String), String> {
    let text = |name: &str| {
        let value = entry.get(name).and_then(Value::as_str);
        let value = value.filter(|text| !text.is_empty());
        value.ok_or_else(|| format!("an entry has no {name}: {entry:?}"))
    };
    let ids = entry.get("ids").and_then(Value::as_array);
    let ids: Option<Vec<String>> = ids.and_then(|ids| {
        let ids = ids.iter().map(|id| id.as_str().map(str::to_owned));
        ids.collect()
    });
    let status = match text("status")? {
        "absent" => Status::Absent,
        "not observable" => Status::NotObservable,
        other => return Err(format!("there is no status '{other}'")),
    };
    let ids = ids.ok_or_else(|| format!("an entry has no ids: {entry:?}"))?;
    Ok((ids, status, text("reason")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_ids_a_status_and_a_reason() {
        let entry = |ids: &str, status: &str, reason: &str| {
            Statuses::parse(&format!(
                "[[status]]\nids = {ids}\nstatus = '{status}'\nreason = '{reason}'\n"
            ))
        };
        let statuses = entry("['A-001', 'A-002']", "not observable", "why").unwrap();
        assert_eq!(
            statuses.by_id["A-002"],
            (Status::NotObservable, "why".to_owned())
        );
        assert!(entry("['A-001', 'A-001']", "absent", "why").is_err());
        assert!(entry("['A-001']", "later", "why").is_err());
        assert!(entry("['A-001']", "absent", "").is_err());
        assert!(entry("'A-001'", "absent", "why").is_err());
    }
}
