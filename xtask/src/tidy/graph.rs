//! Which crate may know which: the invariants of ARCHITECTURE.md, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use crate::process;
use crate::tree::Tree;

/// Crates that nothing at or below the engine may reach, directly or through others: runtimes and sockets.
const RUNTIMES: &[&str] = &["tokio", "hyper", "hyper-util", "mio", "async-std", "smol"];

/// Crates that nothing at or below the engine may ask for itself: randomness arrives as an argument.
const RANDOMNESS: &[&str] = &["rand", "rand_core", "getrandom", "fastrand"];

/// One package: where its manifest lies, and the names it depends on outside tests and build scripts.
#[derive(Debug, Default)]
struct Package {
    /// Manifest directory relative to the root, empty for packages of others.
    place: String,
    dependencies: BTreeSet<String>,
}

type Packages = BTreeMap<String, Package>;

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let text = process::read(&mut tree.cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(broken(&packages(&metadata)))
}

fn packages(metadata: &Value) -> Packages {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let mut packages = Packages::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let place = manifest
            .strip_prefix(root)
            .and_then(|path| path.strip_suffix("/Cargo.toml"));
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let kept = dependencies
            // Kind null is a normal dependency; optional ones count only for our own crates, whose features we use.
            .filter(|one| one["kind"].is_null() && (place.is_some() || one["optional"] == false))
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect();
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let place = place.unwrap_or_default().trim_start_matches('/').to_owned();
        packages.insert(
            name,
            Package {
                place,
                dependencies: kept,
            },
        );
    }
    packages
}

fn broken(packages: &Packages) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, package) in packages
        .iter()
        .filter(|(_, package)| !package.place.is_empty())
    {
        let place = package.place.as_str();
        let mut refuse = |what: String| {
            let path = format!("{place}/Cargo.toml");
            findings.push(Finding {
                path,
                line: 0,
                what,
            });
        };
        for dependency in &package.dependencies {
            let other = packages
                .get(dependency)
                .map_or("", |package| package.place.as_str());
            if let Some(reason) = forbidden(place, other, dependency) {
                refuse(format!("{name} must not depend on {dependency}: {reason}"));
            }
        }
        if is_below_delivery(place) {
            let reached = reachable(packages, name);
            for runtime in RUNTIMES
                .iter()
                .filter(|runtime| reached.contains(**runtime))
            {
                refuse(format!(
                    "{name} reaches {runtime}: nothing at or below the engine sees a runtime or a socket"
                ));
            }
        }
    }
    findings
}

/// Why the crate at `place` may not name `dependency`, which lies at `other` when it is ours.
fn forbidden(place: &str, other: &str, dependency: &str) -> Option<&'static str> {
    let service = |place: &str| place.starts_with("crates/services/");
    let broker = |place: &str| place.starts_with("crates/brokers/");
    if service(place) && service(other) {
        return Some("one service reaches another by ARN or through the registry");
    }
    if broker(place) && broker(other) {
        return Some("brokers stand beside each other");
    }
    if place == "crates/wire" && other.starts_with("crates/") {
        return Some("wire knows no service and nothing else of ours");
    }
    if place == "crates/engine" && other.starts_with("crates/") && other != "crates/storage" {
        return Some("the engine knows storage alone, and no AWS");
    }
    if place == "crates/storage" && other.starts_with("crates/") {
        return Some("storage is the lowest crate");
    }
    if is_below_delivery(place) && RANDOMNESS.contains(&dependency) {
        return Some("randomness arrives as an argument");
    }
    if other == "crates/waystation" {
        return Some("the binary is the only crate that sees all");
    }
    None
}

fn is_below_delivery(place: &str) -> bool {
    matches!(place, "crates/engine" | "crates/storage" | "crates/pattern")
}

fn reachable(packages: &Packages, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for next in packages
            .get(&name)
            .into_iter()
            .flat_map(|package| &package.dependencies)
        {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(rows: &[(&str, &str, &[&str])]) -> Packages {
        let package = |place: &str, dependencies: &[&str]| Package {
            place: place.to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        };
        rows.iter()
            .map(|(name, place, dependencies)| ((*name).to_owned(), package(place, dependencies)))
            .collect()
    }

    #[test]
    fn services_never_depend_on_services() {
        let found = broken(&packages(&[
            ("sns", "crates/services/sns", &["sqs"]),
            ("sqs", "crates/services/sqs", &["engine"]),
            ("engine", "crates/engine", &[]),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "crates/services/sns/Cargo.toml");
    }

    #[test]
    fn a_runtime_is_found_through_a_stranger() {
        let found = broken(&packages(&[
            ("engine", "crates/engine", &["innocent"]),
            ("innocent", "", &["tokio"]),
            ("tokio", "", &[]),
        ]));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("tokio"));
    }

    #[test]
    fn engine_and_storage_keep_to_themselves() {
        let found = broken(&packages(&[
            ("engine", "crates/engine", &["storage", "wire", "fastrand"]),
            ("storage", "crates/storage", &["engine"]),
            ("wire", "crates/wire", &["fastrand"]),
            ("fastrand", "", &[]),
        ]));
        assert_eq!(found.len(), 3);
    }
}
