//! Behaviour ids: every `SQS-041` in code, tests and pages stands in `docs/reference`, and a decision stays one page.

use std::collections::BTreeSet;

use super::Finding;
use super::sources::Source;

const DECISION_LINES_MAX: usize = 60;

/// A cited id that no page of the reference defines is a typing error, or a behaviour nobody wrote down.
pub(crate) fn unknown(sources: &[Source]) -> Vec<Finding> {
    let known: BTreeSet<String> = sources
        .iter()
        .filter(|source| is_reference(source))
        .flat_map(defined)
        .collect();
    // Only prefixes of the reference count: `SHA-256` looks like an id too.
    let prefixes: BTreeSet<&str> = known.iter().filter_map(|id| id.split('-').next()).collect();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !is_reference(source)) {
        for (number, line) in source.lines() {
            for id in ids(line).filter(|id| prefixes.contains(&id[..3]) && !known.contains(*id)) {
                findings.push(Finding::at(
                    source,
                    number,
                    format!("{id} is not in docs/reference"),
                ));
            }
        }
    }
    findings
}

/// A page of `docs/decisions` has at most 60 lines.
pub(crate) fn decision_length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if !source.path.starts_with("docs/decisions/") || lines <= DECISION_LINES_MAX {
        return Vec::new();
    }
    vec![Finding::of(
        source,
        format!("{lines} lines, at most {DECISION_LINES_MAX} for a decision"),
    )]
}

fn is_reference(source: &Source) -> bool {
    source.path.starts_with("docs/reference/")
}

/// The ids that a page defines: `- **SQS-001** text`.
fn defined(source: &Source) -> Vec<String> {
    let definitions = source
        .lines()
        .filter_map(|(_, line)| line.strip_prefix("- **"));
    definitions.flat_map(ids).map(str::to_owned).collect()
}

/// Everything in a line that looks like an id: three capitals, a hyphen, three digits, and nothing that goes on.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    let bytes = line.as_bytes();
    (0..bytes.len().saturating_sub(6)).filter_map(move |start| {
        let id = bytes.get(start..start + 7)?;
        let formed = id[..3].iter().all(u8::is_ascii_uppercase)
            && id[3] == b'-'
            && id[4..].iter().all(u8::is_ascii_digit);
        let joined = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        let alone = !joined(before) && !joined(bytes.get(start + 7));
        (formed && alone).then(|| &line[start..start + 7])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_nobody_defined_is_found() {
        let reference = Source::sample(
            "docs/reference/sqs.md",
            "- **SQS-001** A queue, see above.\n",
        );
        let code = Source::sample(
            "crates/a/src/a.rs",
            concat!("//! SQS-001, SHA-256, SQS", "-900 and SQS-0010.\n"),
        );
        let found = unknown(&[reference, code]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("-900 is not"));
    }

    #[test]
    fn a_decision_of_two_pages_is_found() {
        let text = "line\n".repeat(DECISION_LINES_MAX + 1);
        assert_eq!(
            decision_length(&Source::sample("docs/decisions/001-fsync.md", &text)).len(),
            1
        );
        assert_eq!(decision_length(&Source::sample("docs/guide.md", &text)), []);
    }
}
