//! Rows of the result: one table for people, JSON lines for machines.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::driver::Tally;
use crate::histogram::Histogram;
use crate::measure::Measurement;
use crate::process::Sample;

/// How long a process is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// One line of the table; what was not measured stays empty.
#[derive(Clone, Default)]
pub(crate) struct Row {
    /// Cell, or an operation of the cell above.
    pub(crate) name: String,
    /// Who was measured.
    pub(crate) target: String,
    /// Everything measured: name in the JSON line, value. The table shows those it has a column for.
    pub(crate) values: Vec<(&'static str, f64)>,
    /// What a reader should know.
    pub(crate) note: String,
    /// Why there are no values.
    pub(crate) error: Option<String>,
}

/// Columns of the table: heading, name of the value, digits after the point.
const COLUMNS: [(&str, &str, usize); 20] = [
    ("conns", "connections", 0),
    ("msg/s", "messages_per_s", 0),
    ("MB/s", "mb_per_s", 1),
    ("req/s", "requests_per_s", 0),
    ("p50 ms", "p50_ms", 3),
    ("p99 ms", "p99_ms", 3),
    ("p99.9", "p999_ms", 3),
    ("srv us/req", "server_cpu_us_per_request", 1),
    ("us/msg", "server_cpu_us_per_message", 1),
    ("gen us/req", "generator_cpu_us_per_request", 1),
    ("RSS MB", "rss_mb", 1),
    ("B/msg", "written_bytes_per_message", 0),
    ("ampl", "write_amplification", 2),
    ("frames", "journal_frame_bytes_per_message", 0),
    ("zeroed", "journal_zeroed_bytes_per_message", 0),
    ("flush/s", "flushes_per_s", 0),
    ("rate/bare", "rate_to_bare", 2),
    ("cpu/bare", "cpu_to_bare", 2),
    ("rate/journal", "rate_to_journal", 2),
    ("other%", "other_cpu_percent", 0),
];

impl Row {
    /// A row with nothing in it yet.
    pub(crate) fn new(name: &str, target: &str) -> Self {
        Self {
            name: name.to_owned(),
            target: target.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a value.
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Self {
        self.values.push((name, value));
        self
    }

    /// Adds a note.
    pub(crate) fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Adds the quantiles of latencies.
    pub(crate) fn with_latency(self, latency: &Histogram) -> Self {
        if latency.total() == 0 {
            return self;
        }
        let ms = |share| latency.quantile_ns(share) as f64 / 1e6;
        let row = self
            .with("p50_ms", ms(0.5))
            .with("p99_ms", ms(0.99))
            .with("p999_ms", ms(0.999));
        row.with("max_ms", latency.max_ns() as f64 / 1e6)
    }

    /// A value by its name.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.values
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| *value)
    }

    /// Adds how this row compares to the bare listener's row.
    pub(crate) fn compared_to(mut self, bare: &Self) -> Self {
        for (ratio, name) in [
            ("rate_to_bare", "requests_per_s"),
            ("cpu_to_bare", "server_cpu_us_per_request"),
        ] {
            if let (Some(own), Some(bare)) = (
                self.value(name),
                bare.value(name).filter(|value| *value > 0.0),
            ) {
                self.values.push((ratio, own / bare));
            }
        }
        self
    }

    fn json(&self, run: &Value) -> Value {
        let mut line = Map::new();
        line.insert("cell".into(), self.name.clone().into());
        line.insert("target".into(), self.target.clone().into());
        for (name, value) in &self.values {
            line.insert((*name).into(), json!((value * 1e6).round() / 1e6));
        }
        if !self.note.is_empty() {
            line.insert("note".into(), self.note.clone().into());
        }
        if let Some(error) = &self.error {
            line.insert("error".into(), error.clone().into());
        }
        line.insert("run".into(), run.clone());
        Value::Object(line)
    }
}

/// Rows of a measured run: the cell's own, then one per further operation. `body_bytes` is the payload of a message.
pub(crate) fn rows(
    cell: &str,
    target: &str,
    connections: usize,
    body_bytes: usize,
    found: &Measurement,
) -> Vec<Row> {
    let (requests, messages) = (found.requests() as f64, found.messages() as f64);
    let mut row = Row::new(cell, target)
        .with("connections", connections as f64)
        .with("body_bytes", body_bytes as f64)
        .with("seconds", found.seconds)
        .with("messages", messages)
        .with("requests", requests)
        .with("messages_per_s", messages / found.seconds)
        .with("requests_per_s", requests / found.seconds)
        .with(
            "generator_cpu_us_per_request",
            micros(found.generator_cpu.as_secs_f64(), requests),
        )
        .with("other_cpu_percent", found.other_cpu_share * 100.0);
    if let Some(cpu) = found.server_cpu() {
        row = row.with(
            "server_cpu_us_per_request",
            micros(cpu.as_secs_f64(), requests),
        );
        row = row.with(
            "server_cpu_us_per_message",
            micros(cpu.as_secs_f64(), messages),
        );
    }
    if let Some((_, after)) = found.server {
        row = row
            .with("rss_mb", after.rss_bytes as f64 / 1e6)
            .with("rss_anonymous_mb", after.rss_anonymous_bytes as f64 / 1e6);
    }
    row = with_disk(row, body_bytes, found);
    let mut operations = found.operations.iter();
    if let Some((_, first)) = operations.next() {
        row = row.with_latency(&first.latency);
    }
    let further = operations.map(|(name, tally)| operation_row(name, target, tally, found.seconds));
    std::iter::once(row).chain(further).collect()
}

/// Bytes and flushes. Amplification only where messages came in: a receive has no payload to compare with.
fn with_disk(mut row: Row, body_bytes: usize, found: &Measurement) -> Row {
    let messages = (found.messages() as f64).max(1.0);
    let sends = found
        .operations
        .first()
        .is_some_and(|(name, _)| matches!(*name, "send" | "put"));
    if let Some(written) = found.written_bytes() {
        row = row.with("written_bytes_per_message", written as f64 / messages);
        if sends {
            row = row.with(
                "write_amplification",
                written as f64 / messages / body_bytes as f64,
            );
        }
    }
    if let Some(journal) = found.journal {
        row = row
            .with("flushes_per_s", journal.flushes as f64 / found.seconds)
            .with(
                "messages_per_flush",
                messages / (journal.flushes as f64).max(1.0),
            )
            .with(
                "journal_frame_bytes_per_message",
                journal.written_bytes as f64 / messages,
            )
            .with(
                "journal_zeroed_bytes_per_message",
                journal.zeroed_bytes as f64 / messages,
            );
    }
    row
}

fn operation_row(name: &str, target: &str, tally: &Tally, seconds: f64) -> Row {
    let row = Row::new(&format!("  {name}"), target);
    let row = row
        .with("messages_per_s", tally.messages as f64 / seconds)
        .with("requests_per_s", tally.requests as f64 / seconds);
    row.with_latency(&tally.latency)
}

fn micros(seconds: f64, count: f64) -> f64 {
    if count > 0.0 {
        seconds * 1e6 / count
    } else {
        0.0
    }
}

/// The memory of a process, after a moment in which buffers are written back and memory is returned.
pub(crate) fn memory(name: &str, target: &str, pid: Option<u32>) -> Result<Row, String> {
    std::thread::sleep(SETTLE);
    let sample = Sample::take(pid.ok_or("no process")?)?;
    let row = Row::new(name, target).with("rss_mb", sample.rss_bytes as f64 / 1e6);
    Ok(row.with("rss_anonymous_mb", sample.rss_anonymous_bytes as f64 / 1e6))
}

/// How long a process that was killed took to be ready again, and its memory then.
pub(crate) fn restart(
    name: &str,
    target: &str,
    pid: Option<u32>,
    took: Duration,
) -> Result<Row, String> {
    let ms = took.as_secs_f64() * 1e3;
    let row = memory(name, target, pid)?
        .with("ready_after_kill_ms", ms)
        .with("p50_ms", ms);
    Ok(row.noting("process start to first healthy answer, warm page cache"))
}

/// JSON lines, one per row; operations carry the name of their cell.
pub(crate) fn json_lines(rows: &[Row], run: &Value) -> String {
    let mut text = String::new();
    let mut cell = "";
    for row in rows {
        let mut line = row.json(run);
        if let Some(operation) = row.name.strip_prefix("  ") {
            line["cell"] = cell.into();
            line["operation"] = operation.into();
        } else {
            cell = &row.name;
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The table. Columns without any value are left out.
pub(crate) fn table(rows: &[Row]) -> String {
    let used: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, name, _)| rows.iter().any(|row| row.value(name).is_some()))
        .collect();
    let mut lines: Vec<Vec<String>> =
        vec![["cell", "target"].into_iter().map(String::from).collect()];
    lines[0].extend(used.iter().map(|(heading, _, _)| (*heading).to_owned()));
    for row in rows {
        let mut line = vec![row.name.clone(), row.target.clone()];
        line.extend(used.iter().map(|(_, name, digits)| {
            row.value(name)
                .map_or_else(String::new, |value| format!("{value:.digits$}"))
        }));
        lines.push(line);
    }
    let widths: Vec<usize> = (0..used.len() + 2)
        .map(|at| lines.iter().map(|line| line[at].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = if at < 2 {
                write!(text, "{cell:<width$}  ")
            } else {
                write!(text, "{cell:>width$}  ")
            };
        }
        if let Some(row) = number.checked_sub(1).and_then(|at| rows.get(at)) {
            text.push_str(
                row.error
                    .as_deref()
                    .map_or_else(|| row.note.clone(), |error| format!("ERROR {error}"))
                    .trim(),
            );
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// Prints to the standard output.
pub(crate) fn print(text: &str) -> Result<(), String> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_json_show_the_same_rows() {
        let bare = Row::new("send", "bare")
            .with("requests_per_s", 100.0)
            .with("server_cpu_us_per_request", 5.0);
        let own = Row::new("send", "waystation")
            .with("requests_per_s", 50.0)
            .with("server_cpu_us_per_request", 10.0);
        let mut failed = Row::new("pipeline", "waystation");
        failed.error = Some("send: HTTP 500".into());
        let rows = [
            own.compared_to(&bare).noting("fine"),
            bare,
            failed,
            Row::new("  delete", "waystation"),
        ];
        let text = table(&rows);
        assert!(
            text.lines()
                .next()
                .is_some_and(|heading| heading.contains("rate/bare") && !heading.contains("RSS")),
            "{text}"
        );
        assert!(
            text.contains("0.50")
                && text.contains("2.00")
                && text.contains("fine")
                && text.contains("ERROR send: HTTP 500")
        );
        let lines = json_lines(&rows, &json!({"cores": 2}));
        let parsed: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(
            (&parsed[0]["rate_to_bare"], &parsed[0]["run"]["cores"]),
            (&json!(0.5), &json!(2))
        );
        assert_eq!(
            (&parsed[3]["cell"], &parsed[3]["operation"]),
            (&json!("pipeline"), &json!("delete"))
        );
    }
}
