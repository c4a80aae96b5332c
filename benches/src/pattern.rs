//! `waystation-bench-pattern`: events per second against 10,000 patterns on one core, with the `quamina` crate beside it.
//!
//! Both get the same patterns as JSON text and the same event as bytes, and both parse the event each time. The last
//! column is the same through message attributes, which need no parsing. `cargo xtask bench pattern` builds and runs it.

use std::fmt::Display;
use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use quamina::Quamina;
use waystation_pattern::{Attribute, AttributeValue, Dialect, Matcher, Pattern};

/// Patterns in every cell.
const PATTERNS: u64 = 10_000;
/// How long one number is measured.
const WINDOW: Duration = Duration::from_millis(700);
/// Longest that adding patterns may take; quamina's automata of many wildcards take minutes.
const BUILD_MAX: Duration = Duration::from_secs(20);

/// Name, the pattern with a number, and the event whose values fit number 4,321 alone.
type Cell = (&'static str, fn(u64) -> String, &'static str);

const CELLS: &[Cell] = &[
    (
        "same kind, own customer",
        |n| format!(r#"{{"kind":["order"],"customer":["c{n}"]}}"#),
        r#"{"id":"0815","kind":"order","customer":"c4321","note":"two of each, please","total":17.5}"#,
    ),
    (
        "four fields, ten values each",
        |n| {
            let [a, b, c, d] = [n / 1000, n / 100 % 10, n / 10 % 10, n % 10];
            format!(r#"{{"a":["v{a}"],"b":["v{b}"],"c":["v{c}"],"d":["v{d}"]}}"#)
        },
        r#"{"a":"v4","b":"v3","c":"v2","d":"v1","note":"two of each, please"}"#,
    ),
    (
        "prefix",
        |n| format!(r#"{{"name":[{{"prefix":"user-{n}-"}}]}}"#),
        r#"{"kind":"order","name":"user-4321-berlin","note":"two of each, please"}"#,
    ),
    (
        "suffix",
        |n| format!(r#"{{"name":[{{"suffix":"-{n}.png"}}]}}"#),
        r#"{"kind":"order","name":"picture-4321.png","note":"two of each, please"}"#,
    ),
    (
        "numeric range",
        |n| format!(r#"{{"total":[{{"numeric":[">=",{n},"<",{}]}}]}}"#, n + 1),
        r#"{"kind":"order","total":4321.5,"note":"two of each, please"}"#,
    ),
    (
        "anything-but and own customer",
        |n| format!(r#"{{"kind":[{{"anything-but":"test"}}],"customer":["c{n}"]}}"#),
        r#"{"kind":"order","customer":"c4321","note":"two of each, please"}"#,
    ),
    (
        "wildcard in the middle",
        |n| format!(r#"{{"name":[{{"wildcard":"*-{n}-*"}}]}}"#),
        r#"{"kind":"order","name":"user-4321-berlin","note":"two of each, please"}"#,
    ),
];

/// The program: exit code and standard streams are those of the process.
pub fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "waystation-bench-pattern: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(out: &mut impl Write) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    writeln!(
        out,
        "{PATTERNS} patterns, events/s on one core; one of them matches"
    )
    .map_err(text)?;
    writeln!(
        out,
        "{:<30} {:>12} {:>10} {:>14} {:>14} {:>12}",
        "patterns", "waystation", "build ms", "attributes", "quamina", "build ms"
    )
    .map_err(text)?;
    for (name, pattern, event) in CELLS {
        let patterns: Vec<String> = (0..PATTERNS).map(pattern).collect();
        let (matcher, built) = compiled(&patterns)?;
        let ours = rate(|| {
            let mut found = Vec::new();
            let _read = matcher.match_json(black_box(event), &mut found);
            found.len()
        })?;
        let attributes = attributes(event);
        let by_attributes = rate(|| {
            let mut found = Vec::new();
            matcher.match_attributes(black_box(&attributes), &mut found);
            found.len()
        })?;
        // quamina 0.7 panics on some sets of patterns; that is its result for the cell.
        let theirs = std::panic::catch_unwind(|| peer(&patterns, event));
        let (their_rate, their_build) = match theirs {
            Err(_) => ("panics".to_owned(), "-".to_owned()),
            Ok(Err(reason)) => (reason, "-".to_owned()),
            Ok(Ok(None)) => ("-".to_owned(), format!("> {}", BUILD_MAX.as_millis())),
            Ok(Ok(Some((rate, built)))) => (format!("{rate:.0}"), built.as_millis().to_string()),
        };
        writeln!(
            out,
            "{name:<30} {ours:>12.0} {:>10} {by_attributes:>14.0} {their_rate:>14} {their_build:>12}",
            built.as_millis()
        )
        .map_err(text)?;
    }
    Ok(())
}

fn compiled(patterns: &[String]) -> Result<(Matcher, Duration), String> {
    let started = Instant::now();
    let mut matcher = Matcher::new();
    for (owner, pattern) in patterns.iter().enumerate() {
        let pattern = Pattern::parse(pattern, Dialect::EventBridge).map_err(shown)?;
        matcher.insert(owner as u64, &pattern);
    }
    Ok((matcher, started.elapsed()))
}

/// Quamina's rate and the time it took to add the patterns; nothing when that took too long.
fn peer(patterns: &[String], event: &str) -> Result<Option<(f64, Duration)>, String> {
    let started = Instant::now();
    let mut peer: Quamina<u64> = Quamina::new();
    for (owner, pattern) in patterns.iter().enumerate() {
        peer.add_pattern(owner as u64, pattern).map_err(shown)?;
        if started.elapsed() > BUILD_MAX {
            return Ok(None);
        }
    }
    let built = started.elapsed();
    let rate = rate(|| {
        let found = peer.matches_for_event(black_box(event.as_bytes()));
        found.map_or(0, |found| found.len())
    })?;
    Ok(Some((rate, built)))
}

/// The event's members as attributes of a message.
fn attributes(event: &'static str) -> Vec<Attribute<'static>> {
    let members = event.trim_matches(['{', '}']).split(",\"");
    let pairs = members.filter_map(|member| member.trim_start_matches('"').split_once("\":"));
    pairs
        .map(|(name, value)| Attribute {
            name,
            value: match value.strip_prefix('"') {
                Some(text) => AttributeValue::Text(text.trim_end_matches('"')),
                None => AttributeValue::Number(value),
            },
        })
        .collect()
}

/// Calls per second of something that must find exactly one pattern.
fn rate(mut once: impl FnMut() -> usize) -> Result<f64, String> {
    let found = once();
    if found != 1 {
        return Err(format!("{found} patterns match instead of one"));
    }
    let started = Instant::now();
    let mut count: u64 = 0;
    while started.elapsed() < WINDOW {
        for _ in 0..100 {
            black_box(once());
        }
        count += 100;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

fn shown(error: impl Display) -> String {
    error.to_string()
}
