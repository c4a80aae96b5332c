//! Counting test results over all languages, from the closing lines that each runner prints.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ran and succeeded.
    pub(crate) passed: u64,
    /// Ran and failed, or could not run because of an error.
    pub(crate) failed: u64,
    /// Did not run, or ran without having to succeed.
    pub(crate) skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Adds up the `test result: ok. 5 passed; 0 failed; 1 ignored; ...` lines of `cargo test`.
pub(crate) fn of_cargo(lines: &[String]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        if let Some(result) = line.strip_prefix("test result: ") {
            let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
            tally += of_counts(counts, ';');
        }
    }
    tally
}

/// Reads pytest's last line: `=== 12 passed, 1 skipped in 2.10s ===`, with or without the frame.
pub(crate) fn of_pytest(lines: &[String]) -> Tally {
    let closing = lines
        .iter()
        .rev()
        .find(|line| line.contains(" in ") && line.contains("s"));
    let Some(closing) = closing else {
        return Tally::default();
    };
    let counts = closing.trim_matches(|c| c == '=' || c == ' ');
    let counts = counts
        .rsplit_once(" in ")
        .map_or(counts, |(counts, _)| counts);
    of_counts(counts, ',')
}

/// Reads the `# pass 3` lines that close the TAP output of `node --test`.
pub(crate) fn of_node(lines: &[String]) -> Tally {
    let count = |word: &str| {
        let number = lines.iter().rev().find_map(|line| {
            line.strip_prefix("# ")?
                .strip_prefix(word)?
                .trim()
                .parse()
                .ok()
        });
        number.unwrap_or(0)
    };
    Tally {
        passed: count("pass "),
        failed: count("fail ") + count("cancelled "),
        skipped: count("skipped ") + count("todo "),
    }
}

/// Reads `12 passed, 0 failed` in whatever order and with whatever other words between.
pub(crate) fn of_counts(text: &str, separator: char) -> Tally {
    let mut tally = Tally::default();
    for part in text.split(separator) {
        let Some((number, word)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word.trim() {
            "passed" => tally.passed += number,
            // A test that passed against its own expectation proves nothing: pytest's strict mode fails it, so do we.
            "failed" | "error" | "errors" | "xpassed" => tally.failed += number,
            "skipped" | "ignored" | "xfailed" => tally.skipped += number,
            _ => {}
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn cargo_results_add_up_over_crates() {
        let text = "running 3 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 1.20s";
        assert_eq!(
            of_cargo(&lines(text)),
            Tally {
                passed: 6,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn pytest_errors_are_failures_and_deselected_tests_do_not_count() {
        let text = "tests/a.py ..\n=== 1 failed, 12 passed, 3 skipped, 7 deselected, 2 errors, 1 xfailed in 3.21s ===";
        assert_eq!(
            of_pytest(&lines(text)),
            Tally {
                passed: 12,
                failed: 3,
                skipped: 4
            }
        );
        assert_eq!(
            of_pytest(&lines("5 passed in 0.10s")),
            Tally {
                passed: 5,
                failed: 0,
                skipped: 0
            }
        );
    }

    #[test]
    fn node_counts_cancelled_tests_as_failed() {
        let text = "ok 1 - a\n# tests 5\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 0\n# duration_ms 12";
        assert_eq!(
            of_node(&lines(text)),
            Tally {
                passed: 3,
                failed: 2,
                skipped: 2
            }
        );
    }

    #[test]
    fn a_runner_that_printed_nothing_counts_nothing() {
        assert_eq!(of_cargo(&[]), Tally::default());
        assert_eq!(of_pytest(&[]), Tally::default());
        assert_eq!(of_node(&[]), Tally::default());
    }
}
