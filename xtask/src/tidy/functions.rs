//! A function fits a screen. Counted on formatted code: the closing brace stands under the line that begins the function.

use super::Finding;
use super::sources::Source;

const FUNCTION_LINES_MAX: usize = 70;

/// No function of a Rust file is longer than a screen.
pub(crate) fn length(source: &Source) -> Vec<Finding> {
    if source.extension() != "rs" || source.is_generated() {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let count = lines_of(&lines[index..]);
        if count > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {count} lines, at most {FUNCTION_LINES_MAX}");
            findings.push(Finding::at(source, index + 1, what));
        }
    }
    findings
}

fn function_name(line: &str) -> Option<&str> {
    const BEFORE: &[&str] = &[
        "pub",
        "const",
        "async",
        "unsafe",
        "extern",
        "\"C\"",
        "pub(crate)",
        "pub(super)",
    ];
    let mut words = line.split_whitespace();
    let word = words
        .by_ref()
        .find(|word| !BEFORE.contains(word) && !word.starts_with("pub("))?;
    if word != "fn" {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

/// Lines from the first, which begins a function, to the one that closes it; 1 for a function without a body.
fn lines_of(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let indent: String = first.chars().take_while(|c| *c == ' ').collect();
    let closing = format!("{indent}}}");
    for (index, line) in lines.iter().enumerate() {
        let inside_signature = index == 0
            || line.starts_with(&format!("{indent} "))
            || line.starts_with(&format!("{indent})"));
        if *line == closing
            || (inside_signature
                && line.ends_with(';')
                && !lines[..=index].iter().any(|line| line.ends_with('{')))
        {
            return index + 1;
        }
        if index == 0 && line.ends_with('}') {
            return 1;
        }
    }
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(body_lines: usize) -> String {
        format!(
            "    pub(crate) async fn long(&self) {{\n{}    }}\n",
            "        work();\n".repeat(body_lines)
        )
    }

    #[test]
    fn the_seventy_first_line_is_one_too_many() {
        let fits = function(FUNCTION_LINES_MAX - 2);
        assert_eq!(length(&Source::sample("a.rs", &fits)), []);
        let found = length(&Source::sample("a.rs", &function(FUNCTION_LINES_MAX - 1)));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("`long`"));
    }

    #[test]
    fn declarations_and_one_line_functions_end_where_they_begin() {
        assert_eq!(
            lines_of(&["    fn get(&self) -> u64;", "    fn set(&self);"]),
            1
        );
        assert_eq!(lines_of(&["fn empty() {}", "fn next() {"]), 1);
        assert_eq!(
            lines_of(&[
                "fn wide(",
                "    first: u64,",
                ") -> u64 {",
                "    first",
                "}",
                "after"
            ]),
            5
        );
        assert_eq!(
            lines_of(&["fn wide(", "    first: u64,", ") -> u64;", "after"]),
            3
        );
    }

    #[test]
    fn only_functions_are_functions() {
        assert_eq!(
            function_name("    pub(crate) const unsafe fn f<T>(x: T) {"),
            Some("f")
        );
        assert_eq!(function_name("    let f = fn_name(a);"), None);
        assert_eq!(function_name("    // fn f"), None);
    }
}
