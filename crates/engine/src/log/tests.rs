//! Rows of logs: their bytes are fixed, and any other bytes are refused or make a log, but never a panic.

use std::sync::Arc;

use super::*;
use crate::codec::Writer;
use crate::config::LogConfig;
use crate::ids::QueueId;
use crate::index::Usage;
use crate::limits::LOG_PAGE_ENTRIES;
use crate::publication::Logged;
use crate::record::{RECORD_VERSION, Record};

const ID: LogId = LogId(0x0700_0000_0000_0009);
const NAME: Label = Label([0xAB; 16]);

fn index() -> ShardIndex {
    ShardIndex {
        log_page_entries: 2,
        log_block_pages: 2,
        ..ShardIndex::new(Arc::new(Usage::default()), 1 << 26)
    }
}

fn indexed(position: u64) -> Indexed {
    Indexed {
        lsn: 0x1000 + position * 0x100,
        bytes: 200,
        time_ms: 5_000 + position * 10,
    }
}

/// A log of seven entries, of which the first is trimmed.
fn seven(index: &mut ShardIndex) -> Log {
    let retention_ms = 100_000;
    let mut log = Log::new(ID, 3, LogConfig { retention_ms });
    for position in 0..7 {
        assert_eq!(log.append(indexed(position), &[(0, 224)], index), position);
    }
    log.trim(1, index);
    log.floor_ms = 4_000;
    let cursor = Cursor {
        number: 2,
        position: 3,
    };
    log.cursors.insert(NAME, cursor);
    log
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What every row and record looks like. A change of layout is a new version with a line of its own.
#[test]
fn rows_and_records_are_these_bytes() {
    let mut index = index();
    let mut log = seven(&mut index);
    let capture = log.capture(7, 5);
    let kinds: Vec<(u8, u64)> = capture
        .rows
        .iter()
        .map(|(key, _)| (key.kind as u8, key.number))
        .collect();
    assert_eq!(kinds, [(10, 0), (10, 4), (11, 0)]);
    let rows: Vec<String> = capture.rows.iter().map(|(_, row)| hex(row)).collect();
    let slot = "0400000000000000" // first position
        .to_owned()
        + "0500000000000000" // generation of its row
        + "02000000" // entries
        + "b013000000000000ba13000000000000" // first and last time
        + "9001000000000000" // bytes
        + "0100000000000000c0010000"; // segments
    assert!(rows[1].starts_with(&("0102000000".to_owned() + &slot)));
    let fields = "0300000000000000a086010000000000" // version, retention
        .to_owned()
        + "00a00f000000000000" // open, floor
        + "01000000000000000700000000000000" // first, next
        + "c413000000000000" // newest
        + "02000000"
        + "00000000000000000500000000000000"
        + "04000000000000000500000000000000";
    let name = "ab".repeat(16);
    let cursors = "01000000".to_owned() + &name + "02000000000000000300000000000000";
    assert_eq!(rows[2], "02".to_owned() + &fields + &cursors);
    // Version 1 had no cursors.
    let (_, own) = &capture.rows[2];
    let first = [&[1], &own[1..own.len() - cursors.len() / 2]].concat();
    let (first, _) = Log::decode(ID, 5, &first).expect("version 1");
    assert_eq!((first.next, first.cursors.len()), (7, 0));
    let (_, page) = &capture.pages[1];
    let page = hex(&page.encode());
    let entries = "0012000000000000c800000000000000".to_owned() // address, length, time
        + "0013000000000000c80000000a000000";
    assert_eq!(
        page,
        "019c13000000000000".to_owned() + "02000000" + &entries
    );
    let mut meta = Writer::default();
    let appended = Record::LogAppended {
        log: ID,
        position: 6,
    };
    appended.encode(&mut meta);
    let trimmed = Record::LogTrimmed { log: ID, before: 1 };
    trimmed.encode(&mut meta);
    assert_eq!((appended.kind(), trimmed.kind()), (18, 19));
    let said = "09000000000000070600000000000000".to_owned() + "09000000000000070100000000000000";
    assert_eq!(hex(&meta.bytes), said);
    let read = Record::decode(18, RECORD_VERSION, &meta.bytes[..16]);
    assert_eq!(read, Ok(appended));
}

/// What a publication says that did something to a log; without one it is a record of kind 17, which ends before that.
#[test]
fn publications_of_logs_are_these_bytes() {
    let published = |log| Record::Published {
        topic: QueueId(ID.0),
        deduplication: None,
        kept: Vec::new(),
        targets: Vec::new(),
        log,
    };
    let cursor = |closed| Logged::Cursor {
        log: ID,
        name: NAME,
        position: 7,
        closed,
    };
    let entry = Logged::Entry {
        log: ID,
        position: 6,
    };
    let name = "ab".repeat(16);
    let head = "0900000000000007".to_owned() + "00" + "00000000" + "00000000";
    for (log, kind, tail) in [
        (None, 17, String::new()),
        (
            Some(entry),
            20,
            "0109000000000000070600000000000000".to_owned(),
        ),
        (
            Some(cursor(false)),
            20,
            "0209000000000000070700000000000000".to_owned() + &name,
        ),
        (
            Some(cursor(true)),
            20,
            "0309000000000000070700000000000000".to_owned() + &name,
        ),
    ] {
        let record = published(log);
        let mut meta = Writer::default();
        record.encode(&mut meta);
        assert_eq!(
            (record.kind(), hex(&meta.bytes)),
            (kind, head.clone() + &tail)
        );
        let read = Record::decode(kind, RECORD_VERSION, &meta.bytes);
        assert_eq!(read, Ok(record));
    }
}

fn restored(rows: &[(u64, Vec<u8>)], own: &[u8], index: &mut ShardIndex) -> Option<Log> {
    let (mut log, blocks) = Log::decode(ID, 5, own).ok()?;
    for (first, generation) in blocks {
        let (_, row) = rows.iter().find(|(number, _)| *number == first)?;
        log.restore_block(first, generation, row, index).ok()?;
    }
    Some(log)
}

#[test]
fn a_restored_log_is_the_same_and_damaged_rows_never_panic() {
    let mut first = index();
    let mut log = seven(&mut first);
    let capture = log.capture(7, 5);
    let rows = capture.rows.iter();
    let mut rows: Vec<(u64, Vec<u8>)> = rows.map(|(key, row)| (key.number, row.clone())).collect();
    let (_, own) = rows.pop().expect("its own row");
    let mut again = index();
    let back = restored(&rows, &own, &mut again).expect("rows as they were written");
    assert_eq!((back.first, back.next, back.body_bytes), (1, 7, 1_400));
    assert_eq!((back.newest_ms(), back.floor_ms), (Some(5_060), 4_000));
    assert_eq!(back.pages.len(), 4);
    assert_eq!(back.cursors, log.cursors);
    assert_eq!(again.live, first.live);
    assert_eq!(again.usage.log_bytes.get(), first.usage.log_bytes.get());

    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let (mut rows, mut own) = (rows.clone(), own.clone());
        let page = capture.pages[random.usize(0..capture.pages.len())]
            .1
            .encode();
        let damaged = damage(page, &mut random);
        let _either = LogPage::decode(&damaged);
        match random.usize(0..3) {
            2 => own = damage(own, &mut random),
            number => rows[number].1 = damage(rows[number].1.clone(), &mut random),
        }
        let _either = restored(&rows, &own, &mut index());
    }
}

fn damage(mut bytes: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..bytes.len());
        bytes[at] = random.u8(..);
    }
    if random.bool() {
        bytes.truncate(random.usize(0..bytes.len()));
    }
    bytes
}

/// What a log costs in memory: 16 bytes an entry while its page is there, and little more than a tenth of a byte when not.
#[test]
fn an_entry_takes_sixteen_bytes() {
    let mut page = LogPage::new(5_000);
    for position in 0..LOG_PAGE_ENTRIES as u64 {
        page.push(indexed(position));
    }
    let bytes = crate::kept::Weighed::memory_bytes(&page);
    assert!(bytes <= 16 * LOG_PAGE_ENTRIES as u64 + 64, "{bytes}");
    assert!(size_of::<LogSlot>() <= 136, "{}", size_of::<LogSlot>());
}
