//! What a large backlog costs: memory, the rate of receiving from it, and the time to be ready again after a kill.

use std::time::Instant;

use crate::disk::check_room;
use crate::limits::BATCH_MAX;
use crate::measure::Measurement;
use crate::options::{Options, Scale};
use crate::report::{self, Row};
use crate::sqs::cells::load::{Stock, drain, fill};
use crate::sqs::client::QueueKind;
use crate::sqs::consumer::ReceivePlan;
use crate::sqs::session::Session;
use crate::targets::Target;

const BODY_BYTES: usize = 1024;
const CONNECTIONS: usize = 64;
/// Room for everything that does not grow with the backlog.
const ROOM_BYTES: u64 = 2_000_000_000;

/// Fills a queue, then looks at it from four sides.
pub(crate) fn run(
    cell: &str,
    target: &Target,
    options: &Options,
    messages: u64,
) -> Result<Vec<Row>, String> {
    // A backlog takes its frames, its index and the segments of the drains beside it.
    check_room(
        &options.data_dir,
        messages * 3 * BODY_BYTES as u64 + ROOM_BYTES,
    )?;
    let mut session = Session::open(target)?;
    session.at.server()?;
    let name = |part: &str| format!("{cell}-{part}");
    let idle = report::memory(&name("idle"), target.name(), session.at.pid)?;
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
    let full = report::memory(&name("memory"), target.name(), session.at.pid)?;
    let restarted = restart(&name("restart"), target, &mut session)?;
    let counted = session
        .client
        .count(urls.first().map_or("", String::as_str))?;
    if counted != messages {
        return Err(format!(
            "{counted} messages after the kill, {messages} were acknowledged"
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

/// Messages of a backlog cell that is about `messages`, in whole batches.
pub(crate) fn messages(options: &Options, messages: u64) -> u64 {
    let scaled = match options.scale {
        Scale::Small => messages / 50,
        Scale::Full => messages,
    };
    let batch = BATCH_MAX as u64;
    options
        .backlog
        .unwrap_or(scaled)
        .next_multiple_of(batch)
        .max(batch)
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
    let mut session = Session::open(target)?;
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
    let took = session.kill_and_restart()?;
    report::restart(name, target.name(), session.at.pid, took)
}
