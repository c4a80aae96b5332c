//! `waystation-bench soak`: mixed load for a long time, and whether the server stays as it was.
//!
//! Two pipelines run side by side, standard and FIFO, over a standing stock of messages that nobody receives. The time
//! is cut into windows of equal length. Deduplication ids live for five minutes and caches fill, so the second quarter
//! of the windows is compared with the last one: memory, files and latency must not have grown.

use std::io::Write as _;
use std::time::Duration;

use crate::disk;
use crate::histogram::Histogram;
use crate::measure::Measurement;
use crate::options::Options;
use crate::process::Sample;
use crate::report;
use crate::server::{Mode, ServerPlan};
use crate::sqs::cells::load::{self, Load, Shape, Stock};
use crate::sqs::client::QueueKind;
use crate::sqs::session::Session;
use crate::targets::Target;

/// A shorter run has no verdict: segments, caches and deduplication are still filling.
const JUDGED_MIN: Duration = Duration::from_secs(600);
/// Windows of a run.
const WINDOWS: usize = 20;
/// Messages that stay in a queue of their own, so that old segments live on among dead ones.
const STOCK: u64 = 100_000;
/// Growth from the second to the last quarter that still counts as flat.
const FLAT: f64 = 1.15;
/// Latency at the tail is noisy on a shared machine.
const FLAT_LATENCY: f64 = 2.0;

const STANDARD: Load = Load::of(Shape::Pipeline).connections(16).queues(4);
const FIFO: Load = Load::of(Shape::Pipeline).connections(16).groups(1_000);

/// What one window found.
struct Window {
    messages_per_s: f64,
    p99_ms: f64,
    rss_mb: f64,
    files: f64,
    disk_mb: f64,
    cpu_us: f64,
}

type Figure = fn(&Window) -> f64;

/// Runs it and prints a row per window; an error names what did not stay flat.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let file_system = disk::file_system(&options.data_dir)?;
    let target = Target::Own(ServerPlan::of(options), Mode::Full);
    let mut session = Session::open(&target)?;
    let stock = session.queues(1, QueueKind::Standard)?;
    load::fill(&session, options, &stock, 1024, Stock::Messages(STOCK))?;
    let standard = session.queues(4, QueueKind::Standard)?;
    let fifo = session.queues(1, QueueKind::Fifo)?;
    let length = options.measured / WINDOWS as u32;
    say(&format!(
        "{WINDOWS} windows of {length:?} on {file_system}, {STOCK} messages standing by\n\
         window  messages/s  p99 ms  cpu us/msg  rss MB  files  disk MB"
    ));
    let mut windows = Vec::with_capacity(WINDOWS);
    for number in 1..=WINDOWS {
        let window = measure(&mut session, options, length, &standard, &fifo)?;
        say(&format!(
            "{number:6}  {:10.0}  {:6.2}  {:10.1}  {:6.1}  {:5.0}  {:7.0}",
            window.messages_per_s,
            window.p99_ms,
            window.cpu_us,
            window.rss_mb,
            window.files,
            window.disk_mb
        ));
        windows.push(window);
    }
    let found = verdict(&windows);
    match options.measured < JUDGED_MIN {
        true => Ok(()),
        false => found,
    }
}

fn measure(
    session: &mut Session,
    options: &Options,
    length: Duration,
    standard: &[String],
    fifo: &[String],
) -> Result<Window, String> {
    let options = Options {
        measured: length,
        threads: 1,
        ..options.clone()
    };
    let shared: &Session = session;
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| FIFO.steady(shared, &options, fifo));
        let first = STANDARD.steady(shared, &options, standard);
        (first, other.join())
    });
    let (first, second) = (first?, second.map_err(|_| "a generator thread panicked")??);
    let pid = session.at.pid.ok_or("no server process")?;
    let (files, disk_bytes) = session.at.server()?.stored();
    let messages = (first.messages() + second.messages()).max(1) as f64;
    let mb = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok(Window {
        messages_per_s: messages / first.seconds,
        p99_ms: worst_p99_ms(&[&first, &second]),
        cpu_us: first.server_cpu().unwrap_or_default().as_secs_f64() * 1e6 / messages,
        rss_mb: mb(Sample::take(pid)?.rss_bytes),
        files: files as f64,
        disk_mb: mb(disk_bytes),
    })
}

/// Over sends and deletes: a receive waits for a message, so its time says nothing.
fn worst_p99_ms(found: &[&Measurement]) -> f64 {
    let mut all = Histogram::default();
    let operations = found.iter().flat_map(|found| &found.operations);
    for (_, tally) in operations.filter(|(name, _)| !name.contains("receive")) {
        all.merge(&tally.latency);
    }
    all.quantile_ns(0.99) as f64 / 1e6
}

fn verdict(windows: &[Window]) -> Result<(), String> {
    let quarter = windows.len() / 4;
    let second = windows.get(quarter..2 * quarter).unwrap_or_default();
    let last = windows.get(windows.len() - quarter..).unwrap_or_default();
    let mut grown = Vec::new();
    let figures: [(&str, Figure, f64); 4] = [
        ("memory", |window| window.rss_mb, FLAT),
        ("files", |window| window.files, FLAT),
        ("disk", |window| window.disk_mb, FLAT),
        ("p99", |window| window.p99_ms, FLAT_LATENCY),
    ];
    for (name, figure, allowed) in figures {
        let ratio = median(last, figure) / median(second, figure).max(1e-9);
        say(&format!(
            "{name}: last quarter / second quarter = {ratio:.2}"
        ));
        if ratio > allowed {
            grown.push(name);
        }
    }
    match grown.is_empty() {
        true => Ok(()),
        false => Err(format!("not flat: {}", grown.join(", "))),
    }
}

fn median(windows: &[Window], figure: Figure) -> f64 {
    let mut figures: Vec<f64> = windows.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

fn say(text: &str) {
    // A closed standard output only means that nobody reads along.
    let _ = report::print(&format!("{text}\n"));
    let _ = std::io::stdout().flush();
}
