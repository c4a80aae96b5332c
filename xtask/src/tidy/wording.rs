//! What must not stand in the text of a file: unfinished work, waived lints without a reason, one machine's paths.

use super::Finding;
use super::sources::Source;

/// Marks of unfinished work. Spelled in two halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimple", "mented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
];

/// Paths and hosts that exist only where somebody happened to work.
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("registry.npm", "js.org"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("--index", "-url"),
];

/// No mark of unfinished work.
pub(crate) fn unfinished(source: &Source) -> Vec<Finding> {
    if !is_ours(source) {
        return Vec::new();
    }
    find(
        source,
        UNFINISHED,
        "is unfinished: finish it or write it down as an issue",
    )
}

/// No absolute path of a machine, no host of a registry.
pub(crate) fn machines(source: &Source) -> Vec<Finding> {
    if source.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    find(source, MACHINES, "exists on one machine only")
}

/// No tabs, no blanks at the end of a line.
pub(crate) fn blanks(source: &Source) -> Vec<Finding> {
    let checked = matches!(
        source.extension(),
        "rs" | "py" | "toml" | "md" | "cjs" | "mjs" | "json" | "ini" | "txt"
    );
    if !checked {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        if line.contains('\t') {
            findings.push(Finding::at(source, number, "holds a tab"));
        }
        if line.ends_with(' ') {
            findings.push(Finding::at(source, number, "ends in blanks"));
        }
    }
    findings
}

/// A lint is waived only with a reason: in the attribute, or in a comment beside or above it.
pub(crate) fn waivers(source: &Source) -> Vec<Finding> {
    if source.extension() != "rs" {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let opens = ["#[allow(", "#![allow(", "#[expect(", "#![expect("]
            .iter()
            .any(|start| text.starts_with(start));
        let conditional = text.starts_with("#[cfg_attr(")
            && (text.contains("allow(") || text.contains("expect("));
        if (opens || conditional) && !has_reason(&lines, index) {
            findings.push(Finding::at(
                source,
                index + 1,
                "waives a lint without a reason",
            ));
        }
    }
    findings
}

fn has_reason(lines: &[&str], index: usize) -> bool {
    let above = index
        .checked_sub(1)
        .is_some_and(|above| lines[above].trim_start().starts_with("//"));
    let rest = &lines[index..];
    let end = rest
        .iter()
        .position(|line| line.trim_end().ends_with(")]"))
        .unwrap_or(0);
    above
        || rest[..=end]
            .iter()
            .any(|line| line.contains("reason =") || line.contains("//"))
}

fn find(source: &Source, words: &[&str], what: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.lines() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            findings.push(Finding::at(source, number, format!("`{word}` {what}")));
        }
    }
    findings
}

fn is_ours(source: &Source) -> bool {
    matches!(source.extension(), "rs" | "py" | "cjs" | "mjs" | "toml") && !source.is_generated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            assert_eq!(
                unfinished(&Source::sample("a.rs", &format!("let x = 1; // {word}\n"))).len(),
                1,
                "{word}"
            );
        }
    }

    #[test]
    fn a_machine_is_found_everywhere_but_in_the_lock_file() {
        let text = concat!("see /ro", "ot/project\n");
        assert_eq!(machines(&Source::sample("README.md", text)).len(), 1);
        assert_eq!(machines(&Source::sample("Cargo.lock", text)), []);
    }

    #[test]
    fn a_waived_lint_needs_a_reason() {
        let bare = "#[allow(dead_code)]\nfn f() {}\n";
        let explained = "#[expect(\n    dead_code,\n    reason = \"kept for the next version\"\n)]\nfn f() {}\n";
        let commented = "// The table is read by a macro.\n#[allow(dead_code)]\nfn f() {}\n";
        assert_eq!(waivers(&Source::sample("a.rs", bare)).len(), 1);
        assert_eq!(waivers(&Source::sample("a.rs", explained)), []);
        assert_eq!(waivers(&Source::sample("a.rs", commented)), []);
    }

    #[test]
    fn tabs_and_trailing_blanks_are_found() {
        assert_eq!(
            blanks(&Source::sample("a.md", "one \n\ttwo\nthree\n")).len(),
            2
        );
    }
}
