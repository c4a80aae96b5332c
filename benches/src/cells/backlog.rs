//! What a large backlog costs: memory, the rate of receiving from it, and the time to be ready again after a kill.

use std::time::{Duration, Instant};

use crate::cells::load::{Stock, drain, fill};
use crate::client::QueueKind;
use crate::consumer::ReceivePlan;
use crate::measure::Measurement;
use crate::options::Options;
use crate::process::Sample;
use crate::report::{self, Row};
use crate::requests::BATCH_MAX;
use crate::targets::{Session, Target};

const BODY_BYTES: usize = 1024;
const CONNECTIONS: usize = 64;
/// Room for everything that does not grow with the backlog.
const ROOM_BYTES: u64 = 2_000_000_000;
/// Lets buffers be written back and memory be returned before it is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// Fills a queue, then looks at it from four sides.
pub(crate) fn run(
    cell: &str,
    target: &Target,
    options: &Options,
    messages: u64,
) -> Result<Vec<Row>, String> {
    check_room(options, messages)?;
    let mut session = target.open()?;
    session.server()?;
    let name = |part: &str| format!("{cell}-{part}");
    let idle = memory(&name("idle"), target, &session)?;
    let urls = session.queues(1, QueueKind::Standard)?;
    let plan = ReceivePlan {
        queue_urls: urls.clone(),
        batch: BATCH_MAX,
        wait_s: 0,
        body_bytes: BODY_BYTES,
    };

    // the empty queue's rate: as much as the backlog's cell takes away, from a queue that holds nothing else
    let taken = (messages / 4)
        .min(options.measured.as_secs() * 40_000)
        .next_multiple_of(BATCH_MAX as u64);
    fill(&session, options, &urls, BODY_BYTES, Stock::Messages(taken))?;
    let reference = drain(
        &session,
        options,
        CONNECTIONS,
        &plan,
        taken,
        options.measured * 20,
    )?;

    let filled = fill_row(&name("fill"), target, &session, options, &urls, messages)?;
    let full = memory(&name("memory"), target, &session)?;
    let restarted = restart(&name("restart"), target, &mut session)?;
    let expected = messages;
    let counted = session
        .client
        .count(urls.first().map_or("", String::as_str))?;
    if counted != expected {
        return Err(format!(
            "{counted} messages after the kill, {expected} were acknowledged"
        ));
    }
    let at_backlog = drain(
        &session,
        options,
        CONNECTIONS,
        &plan,
        taken,
        options.measured * 20,
    )?;

    let mut rows = vec![idle, filled, full];
    rows.push(restarted.noting(format!("{counted} messages counted after the kill")));
    let table = |part: &str, found| {
        report::rows(&name(part), target.name(), CONNECTIONS, BODY_BYTES, found)
    };
    rows.extend(table("drain-empty", &reference));
    rows.extend(compared(
        table("drain-full", &at_backlog),
        &at_backlog,
        &reference,
    ));
    Ok(rows)
}

/// Refuses to fill a disk to its end: a backlog takes its frames, its index and the segments of the drains beside it.
fn check_room(options: &Options, messages: u64) -> Result<(), String> {
    let room = rustix::fs::statvfs(&options.data_dir).map_err(|error| error.to_string())?;
    let free_bytes = room.f_bavail.saturating_mul(room.f_frsize);
    let needed_bytes = messages * 3 * BODY_BYTES as u64 + ROOM_BYTES;
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    let gb = |bytes: u64| bytes as f64 / 1e9;
    Err(format!(
        "{messages} messages need {:.0} GB of disk, {:.0} GB are free",
        gb(needed_bytes),
        gb(free_bytes)
    ))
}

/// Says in the first row how the rate at the backlog compares to the empty queue's.
fn compared(mut rows: Vec<Row>, at_backlog: &Measurement, reference: &Measurement) -> Vec<Row> {
    let rate = |found: &Measurement| found.messages() as f64 / found.seconds;
    let ratio = rate(at_backlog) / rate(reference);
    if let Some(row) = rows.first_mut() {
        row.values.push(("rate_to_empty_queue", ratio));
        row.note = format!("{ratio:.2} of the empty queue's rate");
    }
    rows
}

/// Kills a server that holds nothing.
pub(crate) fn restart_empty(cell: &str, target: &Target) -> Result<Vec<Row>, String> {
    let mut session = target.open()?;
    session.queues(1, QueueKind::Standard)?;
    Ok(vec![restart(cell, target, &mut session)?])
}

fn fill_row(
    name: &str,
    target: &Target,
    session: &Session,
    options: &Options,
    urls: &[String],
    messages: u64,
) -> Result<Row, String> {
    let started_at = Instant::now();
    let sent = fill(
        session,
        options,
        urls,
        BODY_BYTES,
        Stock::Messages(messages),
    )?;
    let seconds = started_at.elapsed().as_secs_f64();
    let row = Row::new(name, target.name())
        .with("messages", sent as f64)
        .with("seconds", seconds);
    Ok(row
        .with("messages_per_s", sent as f64 / seconds)
        .noting(format!("{sent} messages in batches")))
}

fn restart(name: &str, target: &Target, session: &mut Session) -> Result<Row, String> {
    let took = session.server()?.kill_and_restart()?;
    session.restarted();
    let ms = took.as_secs_f64() * 1e3;
    let row = memory(name, target, session)?
        .with("ready_after_kill_ms", ms)
        .with("p50_ms", ms);
    Ok(row.noting("process start to first healthy answer, warm page cache"))
}

fn memory(name: &str, target: &Target, session: &Session) -> Result<Row, String> {
    std::thread::sleep(SETTLE);
    let sample = Sample::take(session.pid.ok_or("no process")?)?;
    let row = Row::new(name, target.name()).with("rss_mb", sample.rss_bytes as f64 / 1e6);
    Ok(row.with("rss_anonymous_mb", sample.rss_anonymous_bytes as f64 / 1e6))
}
