//! The shape of a file: how long it is, what it is called, and that it begins by saying what it is.

use super::Finding;
use super::sources::Source;

/// Past this a file has two jobs.
const FILE_LINES_MAX: usize = 500;

/// Names that say nothing: a thing that cannot be named is not a thing yet.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "misc", "manager",
];

/// A file has at most 500 lines, unless a program wrote it.
pub(crate) fn length(source: &Source) -> Vec<Finding> {
    let written_by_hand = matches!(
        source.extension(),
        "rs" | "py" | "cjs" | "mjs" | "js" | "ts"
    );
    let lines = source.text.lines().count();
    if !written_by_hand || source.is_generated() || lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![Finding::of(
        source,
        format!("{lines} lines, at most {FILE_LINES_MAX}: find the seam"),
    )]
}

/// A Rust file starts with `//!`, a Python file with a docstring, a script of Node with a comment.
pub(crate) fn header(source: &Source) -> Vec<Finding> {
    let wanted = match source.extension() {
        "rs" => "//!",
        "py" => "\"\"\"",
        "cjs" | "mjs" => "//",
        _ => return Vec::new(),
    };
    if source.text.starts_with(wanted) {
        return Vec::new();
    }
    vec![Finding::of(
        source,
        format!("starts without {wanted}: say what the file does and why"),
    )]
}

/// No file or directory is called after nothing in particular.
pub(crate) fn name(source: &Source) -> Vec<Finding> {
    let parts = source
        .path
        .split('/')
        .map(|part| part.split('.').next().unwrap_or(part));
    let empty = parts.filter(|part| EMPTY_NAMES.contains(&part.to_lowercase().as_str()));
    empty
        .map(|part| Finding::of(source, format!("`{part}` names nothing")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_found_unless_generated() {
        let text = "//! x\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(
            length(&Source::sample("crates/a/src/long.rs", &text)).len(),
            1
        );
        assert_eq!(length(&Source::sample("crates/a/src/api.rs", &text)), []);
    }

    #[test]
    fn every_language_says_first_what_a_file_is_for() {
        assert_eq!(header(&Source::sample("a.rs", "use std::fmt;\n")).len(), 1);
        assert_eq!(header(&Source::sample("a.rs", "//! Formats.\n")), []);
        assert_eq!(header(&Source::sample("a.py", "import os\n")).len(), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found_in_directories_too() {
        assert_eq!(name(&Source::sample("crates/a/src/utils.rs", "")).len(), 1);
        assert_eq!(name(&Source::sample("tests/common/server.py", "")).len(), 1);
        assert_eq!(name(&Source::sample("crates/a/src/queues.rs", "")), []);
    }
}
