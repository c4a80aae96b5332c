//! The files that tidy looks at: what git tracks or would track, as text.

use std::fs;
use std::path::Path;

use crate::process;
use crate::tree::Tree;

/// One text file of the tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl Source {
    /// The part of the file name after the last dot.
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path)
            .extension()
            .and_then(|text| text.to_str())
            .unwrap_or("")
    }

    /// The file name without its extension.
    pub(crate) fn stem(&self) -> &str {
        Path::new(&self.path)
            .file_stem()
            .and_then(|text| text.to_str())
            .unwrap_or("")
    }

    /// True for Rust files that a program writes: types and tables, whose length nobody reads.
    pub(crate) fn is_generated(&self) -> bool {
        self.extension() == "rs" && self.stem() == "api"
    }

    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The number of the line where the crate's tests begin; code from there on never runs in the server.
    pub(crate) fn tests_from(&self) -> usize {
        let is_test_module = |line: &str| line.starts_with("#[cfg(test)]");
        self.lines()
            .find(|(_, line)| is_test_module(line))
            .map_or(usize::MAX, |(number, _)| number)
    }

    #[cfg(test)]
    pub(crate) fn sample(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// Reads all text files; binary ones are left out.
pub(crate) fn read(tree: &Tree) -> Result<Vec<Source>, String> {
    let mut git = tree.command("git".as_ref());
    let list = process::read(git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]))?;
    let mut sources = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        // A file that was deleted but not yet committed is still listed.
        let Ok(bytes) = fs::read(tree.root.join(path)) else {
            continue;
        };
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(sources)
}
