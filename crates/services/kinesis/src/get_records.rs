//! `GetRecords` (KIN-110 to KIN-127).

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use waystation_engine::{Engine, LogBatch, LogEntry, LogRead};
use waystation_wire::{ApiError, Caller, Str, Timestamp};

use crate::addressing::{self, Located, Target};
use crate::api::{self, ChildShard, GetRecordsInput, GetRecordsOutput, Record as ShownRecord};
use crate::errors::{internal, invalid};
use crate::iterators::{ShardIterator, readable};
use crate::positions::settled;
use crate::put::{rate_exceeded, would_succeed};
use crate::record::Record;
use crate::sequence::SequenceNumber;
use crate::shard_rows::Shard;
use crate::tokens::Purpose;
use crate::{Kinesis, catalog, describe, limits};

/// `Thu Jan 22 01:22:02 UTC 2015` (KIN-110)
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
);

/// `GetRecords`
pub(crate) async fn get(
    kinesis: &Kinesis,
    caller: &Caller,
    input: GetRecordsInput,
) -> Result<GetRecordsOutput, ApiError> {
    let begun_ms = kinesis.now_ms();
    let iterator = open(kinesis, &input.shard_iterator, begun_ms)?;
    let target = Target {
        account: &iterator.account,
        region: &caller.region,
        name: &iterator.name,
    };
    if let Some(arn) = input.stream_arn.as_deref()
        && addressing::by_arn(caller, arn)? != target
    {
        return Err(invalid("Invalid ShardIterator."));
    }
    let (located, shard) = readable(kinesis, caller, &target, iterator.shard)?;
    if located.stream.settings.id != iterator.stream {
        return Err(invalid("Invalid ShardIterator.")); // KIN-040
    }
    would_succeed(input.dry_run)?;
    let figures = kinesis.figures.of(&located);
    if !kinesis.rates.begin_read(shard.log, begun_ms) {
        figures.note_refused_read(shard.index);
        return Err(
            api::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION.with(rate_exceeded(
                shard.index,
                target.name,
                target.account,
            )),
        );
    }
    let max = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let read = LogRead {
        from: iterator.position,
        entries_max: max.unwrap_or(limits::READ_RECORDS_MAX),
        bytes_max: limits::READ_BYTES_MAX,
        wait_ms: 0,
    };
    let log = &kinesis.engine.log(shard.log);
    let batch = settled(&kinesis.reshards, || log.read(read)).await?;
    let seen = Seen::of(&kinesis.engine, &located, &shard, batch).await?;
    let now_ms = kinesis.now_ms();
    let bytes = seen
        .records
        .iter()
        .map(|record| record.data.len() as u64)
        .sum();
    kinesis.rates.note_read(shard.log, bytes, now_ms);
    let behind_ms = seen.behind_ms;
    figures.note_get_records(
        shard.index,
        seen.records.len(),
        bytes,
        behind_ms,
        now_ms.saturating_sub(begun_ms),
    );
    let next = ShardIterator {
        position: seen.next,
        ..iterator
    };
    let is_ended = seen.children.is_some();
    Ok(GetRecordsOutput {
        records: seen.records,
        next_shard_iterator: (!is_ended).then(|| next.issue(kinesis, now_ms)),
        millis_behind_latest: Some(behind_ms as i64),
        child_shards: seen.children,
    })
}

/// Reads an iterator (KIN-110, KIN-111).
fn open(kinesis: &Kinesis, text: &str, now_ms: u64) -> Result<ShardIterator, ApiError> {
    let malformed = || invalid("Invalid ShardIterator.");
    let opened = kinesis
        .tokens
        .open(Purpose::Iterator, text)
        .ok_or_else(malformed)?;
    if opened.is_expired(now_ms) {
        return Err(api::EXPIRED_ITERATOR_EXCEPTION.with(format!(
            "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the \
             future than the tolerated delay of {} milliseconds.",
            date(opened.issued_ms),
            date(now_ms),
            limits::TOKEN_MS
        )));
    }
    ShardIterator::decode(&opened.content).map_err(|_| malformed())
}

fn date(ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp((ms / 1_000) as i64);
    let text = time.ok().and_then(|time| time.format(DATE).ok());
    text.unwrap_or_default()
}

/// A part of a shard as readers of both kinds see it.
pub(crate) struct Seen {
    pub(crate) records: Vec<ShownRecord>,
    /// Position to go on at.
    pub(crate) next: u64,
    /// KIN-123
    pub(crate) behind_ms: u64,
    /// Present exactly when the shard is closed and was read to its end (KIN-119, KIN-120).
    pub(crate) children: Option<Vec<ChildShard>>,
}

impl Seen {
    /// From what the shard's log gave.
    pub(crate) async fn of(
        engine: &Engine,
        located: &Located,
        shard: &Shard,
        batch: LogBatch,
    ) -> Result<Seen, ApiError> {
        let now_ms = engine.now_ms();
        let horizon_ms = located.stream.settings.horizon_ms(now_ms);
        let behind_ms = match (batch.at_tip, batch.entries.last()) {
            (true, _) => 0,
            (false, Some(last)) => now_ms.saturating_sub(last.time_ms),
            (false, None) => batch.newest_ms.map_or(0, |ms| now_ms.saturating_sub(ms)),
        };
        // KIN-127: the log may not know yet that retention fell.
        let readable = |entry: &&LogEntry| entry.time_ms >= horizon_ms;
        let mut records = Vec::with_capacity(batch.entries.len());
        for entry in batch.entries.iter().filter(readable) {
            records.push(record(shard, entry)?);
        }
        let children = match batch.ended {
            true => Some(children(engine, located, shard.index).await?),
            false => None,
        };
        Ok(Seen {
            records,
            next: batch.next,
            behind_ms,
            children,
        })
    }
}

/// KIN-116
fn record(shard: &Shard, entry: &LogEntry) -> Result<ShownRecord, ApiError> {
    let record = Record::decode(&entry.body).map_err(internal)?;
    let (position, time_ms) = (entry.position, entry.time_ms);
    let number = SequenceNumber::of_record(shard.created_s, shard.index, position, time_ms);
    Ok(ShownRecord {
        sequence_number: Str::from(number.text()),
        approximate_arrival_timestamp: Some(Timestamp::from_ms(time_ms)),
        data: record.data,
        partition_key: record.partition_key,
        encryption_type: record.is_encrypted.then(|| Str::from_static("KMS")),
    })
}

/// The children of a closed shard. Its log may know of the close a moment before the catalog shows it.
pub(crate) async fn children(
    engine: &Engine,
    located: &Located,
    parent: u32,
) -> Result<Vec<ChildShard>, ApiError> {
    for _ in 0..2 {
        let newer = addressing::find_row(engine, &located.scope, &located.name)?;
        let newer = newer.ok_or_else(|| located.not_found())?;
        let shards = newer.shards(engine)?;
        let children: Vec<ChildShard> = shards
            .children(parent)
            .map(|shard| describe::child(shard))
            .collect();
        if !children.is_empty() {
            return Ok(children);
        }
        catalog::catch_up(engine, &located.scope).await?;
    }
    Err(internal("a closed shard has no children"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_java() {
        // KIN-110
        assert_eq!(date(1_421_889_722_000), "Thu Jan 22 01:22:02 UTC 2015");
    }
}
