//! Subscribed consumers that read a stock from its beginning, as fast as they are given it.

use crate::kinesis::api::Encoding;
use crate::kinesis::cells::put::{STOCK_BATCH, STOCK_RECORD_BYTES, Stock, fill};
use crate::kinesis::cells::read::SHARDS;
use crate::kinesis::session::{Session, shard_id};
use crate::kinesis::subscription::{Heard, Subscription};
use crate::options::{Options, Scale};
use crate::process::{Clocks, Sample};
use crate::report::Row;
use crate::targets::Target;

/// Records that all consumers get together, about; what is put for one is bounded.
const DELIVERED: u64 = 2_000_000;
const STOCK_MAX: u64 = 500_000;

/// Puts a stock, subscribes everybody to all shards, and waits until each has all of it.
pub(super) fn run(
    name: &str,
    target: &Target,
    options: &Options,
    consumers: usize,
) -> Result<Vec<Row>, String> {
    let mut session = Session::open(target)?;
    let stream = session.stream(SHARDS)?;
    let arns = session.consumers(&stream, consumers)?;
    let scale = match options.scale {
        Scale::Small => 50,
        Scale::Full => 1,
    };
    let records = (DELIVERED / consumers as u64).min(STOCK_MAX) / scale;
    let stock = Stock::Records(records.next_multiple_of(STOCK_BATCH));
    let (_, stored) = fill(
        name,
        target,
        &session,
        options,
        &stream,
        Encoding::Cbor,
        stock,
    )?;

    let pid = session.at.pid.ok_or("no process")?;
    let (before, clocks) = (Sample::take(pid)?, Clocks::now());
    let delivered = deliver(&session, &arns)?;
    let (after, now) = (Sample::take(pid)?, Clocks::now());
    if delivered != stored * consumers as u64 {
        return Err(format!(
            "{delivered} records came to {consumers} consumers of {stored}"
        ));
    }
    let cpu = after.cpu - before.cpu;
    let seconds = (now.at - clocks.at).as_secs_f64();
    let (delivered, generator) = (delivered as f64, now.generator - clocks.generator);
    let row = Row::new(name, target.name())
        .with("connections", (consumers * SHARDS) as f64)
        .with("seconds", seconds)
        .with("messages", delivered)
        .with("messages_per_s", delivered / seconds)
        .with(
            "mb_per_s",
            delivered * STOCK_RECORD_BYTES as f64 / seconds / 1e6,
        )
        .with(
            "server_cpu_us_per_message",
            cpu.as_secs_f64() * 1e6 / delivered,
        )
        .with(
            "generator_cpu_us_per_message",
            generator.as_secs_f64() * 1e6 / delivered,
        )
        .with("rss_mb", after.rss_bytes as f64 / 1e6)
        .with(
            "other_cpu_percent",
            now.other_share_since(&clocks, cpu) * 100.0,
        );
    Ok(vec![row.noting(format!("{stored} records for each"))])
}

/// Reads everything with one subscription for each consumer and shard; how many records came.
fn deliver(session: &Session, arns: &[String]) -> Result<u64, String> {
    let address = session.at.address;
    let signer = &session.signer(Encoding::Cbor);
    std::thread::scope(|scope| {
        let mut readers = Vec::new();
        for arn in arns {
            for shard in 0..SHARDS {
                let begin = move || {
                    let shard = shard_id(shard);
                    let subscription =
                        Subscription::begin(address, signer, arn, &shard, "TRIM_HORIZON");
                    to_the_tip(subscription?)
                };
                readers.push(scope.spawn(begin));
            }
        }
        let found = readers
            .into_iter()
            .map(|reader| reader.join().map_err(|_| "a reader panicked".to_owned())?);
        found.sum()
    })
}

fn to_the_tip(mut subscription: Subscription) -> Result<u64, String> {
    let mut records = 0;
    loop {
        if let Heard::Event(read) = subscription.hear(&mut |_| {})? {
            records += read.records;
            if read.behind_ms == 0 {
                return Ok(records);
            }
        }
    }
}
