//! What a stream costs that keeps much: memory, the time to be ready again after a kill, and reading all of it.

use std::time::{Duration, Instant};

use crate::disk::check_room;
use crate::kinesis::api::Encoding;
use crate::kinesis::cells::put::{STOCK_BATCH, STOCK_RECORD_BYTES, Stock, fill};
use crate::kinesis::cells::read::{self, SHARDS};
use crate::kinesis::reads::Tip;
use crate::kinesis::session::Session;
use crate::limits::COUNTED_CELL_MAX;
use crate::measure::Load;
use crate::options::{Options, Scale};
use crate::report::{self, Row};
use crate::targets::Target;

/// Room for everything that does not grow with what is kept.
const ROOM_BYTES: u64 = 2_000_000_000;

/// Fills a stream, then looks at it from all sides.
pub(super) fn run(
    name: &str,
    target: &Target,
    options: &Options,
    mb: u64,
) -> Result<Vec<Row>, String> {
    let scaled = match options.scale {
        Scale::Small => mb / 200,
        Scale::Full => mb,
    };
    let bytes = options.retained_mb.unwrap_or(scaled) * 1_000_000;
    // Frames, the index of the entries, and the segments that are prepared ahead.
    check_room(&options.data_dir, bytes / 10 * 13 + ROOM_BYTES)?;
    let mut session = Session::open(target)?;
    session.at.server()?;
    let named = |part: &str| format!("{name}-{part}");
    let idle = report::memory(&named("idle"), target.name(), session.at.pid)?;
    let stream = session.stream(SHARDS)?;
    let records = (bytes / STOCK_RECORD_BYTES as u64).next_multiple_of(STOCK_BATCH);
    let stock = Stock::Records(records);
    let began = Instant::now();
    let (filled, stored) = fill(
        &named("fill"),
        target,
        &session,
        options,
        &stream,
        Encoding::Cbor,
        stock,
    )?;
    if stored != records {
        return Err(format!("{stored} of {records} records were acknowledged"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let full = report::memory(&named("memory"), target.name(), session.at.pid)?;
    let took = session.kill_and_restart()?;
    let restarted = report::restart(&named("restart"), target.name(), session.at.pid, took)?;
    let load = Load {
        warm_up: Duration::ZERO,
        ..Load::usual(&session.at, options, SHARDS, COUNTED_CELL_MAX)
    };
    let found = read::read(&session, &stream, Encoding::Cbor, Tip::Stop, &load)?;
    if found.messages() != stored {
        return Err(format!(
            "{} records after the kill, {stored} were acknowledged",
            found.messages()
        ));
    }
    let mut rows = vec![idle];
    rows.extend(filled);
    rows.push(full.noting(format!("{stored} records, put in {seconds:.0} s")));
    rows.push(restarted);
    let mut reads = read::shown(&named("read"), target, &found);
    if let Some(row) = reads.first_mut() {
        row.note = "every acknowledged record is there".to_owned();
    }
    rows.extend(reads);
    rows.push(report::memory(
        &named("memory-read"),
        target.name(),
        session.at.pid,
    )?);
    Ok(rows)
}
