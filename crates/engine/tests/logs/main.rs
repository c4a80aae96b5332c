//! Logs through the engine's handle, with its threads on a real disk. What they promise under crashes, faults and any
//! order of events is the simulator's business.

#![allow(
    clippy::disallowed_methods,
    reason = "real threads, a real disk and callers that wait"
)]

mod node;

use std::time::Duration;

use bytes::Bytes;
use node::{Node, asked, content, wait};
use waystation_engine::{CatalogEffect, EngineError, LogConfig, LogId, LogRead, LogSpot};

const DAY_MS: u64 = 86_400_000;

fn all(from: u64) -> LogRead {
    LogRead {
        from,
        entries_max: 10_000,
        bytes_max: u64::MAX,
        wait_ms: 0,
    }
}

fn patient(from: u64) -> LogRead {
    LogRead {
        wait_ms: 60_000,
        ..all(from)
    }
}

#[test]
fn entries_of_ten_mebibytes_come_back_also_after_a_restart() {
    let mut node = Node::start("large");
    let id = node.create(DAY_MS);
    let sizes = [10, 10 << 20, 0, 300_000, 16 << 20];
    let bodies: Vec<Bytes> = (0..)
        .zip(sizes)
        .map(|(seed, size)| content(seed, size))
        .collect();
    let appended = wait(node.engine().log(id).append(bodies.clone())).expect("room");
    let positions: Vec<u64> = appended.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, [0, 1, 2, 3, 4]);
    let beyond = vec![Bytes::from_static(b"small"), content(1, (16 << 20) + 1)];
    let refused = wait(node.engine().log(id).append(beyond));
    assert_eq!(
        refused,
        Err(EngineError::TooLarge),
        "and the small one with it"
    );
    for life in 0..2 {
        let log = node.engine().log(id);
        let batch = wait(log.read(all(0))).expect("entries");
        let read: Vec<&Bytes> = batch.entries.iter().map(|entry| &entry.body).collect();
        assert!(read == bodies.iter().collect::<Vec<_>>(), "life {life}");
        assert!(batch.at_tip && !batch.ended && batch.next == 5);
        let little = LogRead {
            bytes_max: 100,
            ..all(1)
        };
        let batch = wait(log.read(little)).expect("entries");
        assert_eq!(
            (batch.entries.len(), batch.next),
            (1, 2),
            "the first comes whatever its size"
        );
        // Whoever holds a log holds its engine.
        drop(log);
        node.restart();
    }
}

#[test]
fn an_append_wakes_every_reader_at_the_end_but_those_who_left() {
    let node = Node::start("wake");
    let id = node.create(DAY_MS);
    let log = node.engine().log(id);
    let parked = || {
        wait(log.state()).expect("an answer behind everything asked before");
        node.engine().usage().parked_receives.get()
    };
    let mut readers: Vec<_> = (0..4).map(|_| asked(log.read(patient(0)))).collect();
    assert_eq!(parked(), 4);
    drop(readers.pop());
    wait(log.append(vec![content(1, 100)])).expect("room");
    for reader in readers {
        let batch = wait(reader).expect("entries");
        assert_eq!((batch.entries.len(), batch.next), (1, 1));
    }
    assert_eq!(parked(), 0);
}

#[test]
fn a_split_is_one_write_and_ends_those_who_wait() {
    let node = Node::start("split");
    let parent = node.create(DAY_MS);
    let gone = node.create(DAY_MS);
    let engine = node.engine();
    wait(engine.log(parent).append(vec![content(1, 10)])).expect("room");
    let children = [engine.new_log_id(), engine.new_log_id()];
    let config = LogConfig {
        retention_ms: DAY_MS,
    };
    let logs = [engine.log(parent), engine.log(gone)];
    let at_end = asked(logs[0].read(patient(1)));
    let at_gone = asked(logs[1].read(patient(0)));
    for log in &logs {
        wait(log.state()).expect("an answer behind the read");
    }
    assert_eq!(engine.usage().parked_receives.get(), 2);
    node.write(vec![
        CatalogEffect::SealLog(parent),
        CatalogEffect::ConfigureLog(children[0], config),
        CatalogEffect::ConfigureLog(children[1], config),
        CatalogEffect::RemoveLog(gone),
    ]);
    let batch = wait(at_end).expect("an end");
    assert!(batch.ended && batch.entries.is_empty());
    assert_eq!(wait(at_gone), Err(EngineError::NoSuchLog));
    let sealed = wait(engine.log(parent).append(vec![content(2, 10)]));
    assert_eq!(sealed, Err(EngineError::LogSealed));
    let batch = wait(engine.log(parent).read(all(0))).expect("what it had");
    assert!(batch.entries.len() == 1 && batch.ended);
    for child in children {
        wait(engine.log(child).append(vec![content(3, 10)])).expect("a child takes entries");
    }
}

#[test]
fn a_time_and_a_position_are_found_and_a_trim_moves_the_horizon() {
    let node = Node::start("spots");
    let id = node.create(DAY_MS);
    let log = node.engine().log(id);
    let mut times = Vec::new();
    for seed in 0..5 {
        let appended = wait(log.append(vec![content(seed, 10); 700])).expect("room");
        times.push(appended[0].time_ms);
        node.pass(1_000);
    }
    for (number, time_ms) in times.iter().enumerate() {
        let point = wait(log.locate(LogSpot::Time(*time_ms))).expect("a point");
        assert_eq!(
            (point.position, point.time_ms),
            (number as u64 * 700, Some(*time_ms))
        );
        let later = wait(log.locate(LogSpot::Time(time_ms + 900))).expect("a point");
        assert_eq!(later.position, (number as u64 + 1) * 700);
    }
    wait(log.trim(1_500)).expect("trims");
    let state = wait(log.state()).expect("a state");
    assert_eq!(
        (state.first, state.next, state.newest_ms),
        (1_500, 3_500, Some(times[4]))
    );
    let horizon = wait(log.locate(LogSpot::Horizon)).expect("a point");
    assert_eq!((horizon.position, horizon.time_ms), (1_500, Some(times[2])));
    let batch = wait(log.read(all(3))).expect("entries");
    assert_eq!((batch.entries[0].position, batch.next), (1_500, 3_500));
}

#[test]
fn two_thousand_small_logs_share_the_files_and_the_flushes() {
    let node = Node::start("many");
    let engine = node.engine();
    let logs: Vec<LogId> = (0..2_000).map(|_| engine.new_log_id()).collect();
    let config = LogConfig {
        retention_ms: DAY_MS,
    };
    for logs in logs.chunks(200) {
        let effects = logs
            .iter()
            .map(|log| CatalogEffect::ConfigureLog(*log, config));
        node.write(effects.collect());
    }
    let before = engine.journal_statistics();
    std::thread::scope(|scope| {
        for logs in logs.chunks(125) {
            scope.spawn(move || {
                let appends = logs.iter().map(|log| {
                    let log = engine.log(*log);
                    async move { log.append(vec![content(log_seed(&log), 100)]).await }
                });
                for appended in node::wait_all(appends.collect()) {
                    appended.expect("room");
                }
            });
        }
    });
    let after = engine.journal_statistics();
    assert_eq!(after.segments, before.segments, "no log owns a file");
    assert!(
        after.flushes - before.flushes < 500,
        "{} flushes",
        after.flushes - before.flushes
    );
    assert_eq!(engine.usage().logs.get(), 2_000);
}

fn log_seed(log: &waystation_engine::LogHandle) -> u64 {
    format!("{log:?}").len() as u64
}

#[test]
fn a_rotten_entry_is_told_of_and_can_be_passed() {
    let node = Node::start("rotten");
    let id = node.create(DAY_MS);
    let log = node.engine().log(id);
    let bodies: Vec<Bytes> = (0..5).map(|seed| content(seed, 50_000)).collect();
    wait(log.append(bodies.clone())).expect("room");
    // Out of the journal's memory.
    wait(log.append(vec![content(99, 1 << 20); 6])).expect("room");
    node.flip_a_bit_of(&bodies[2]);
    let batch = wait(log.read(all(0))).expect("those before it");
    assert_eq!(
        (batch.entries.len(), batch.next, batch.at_tip),
        (2, 2, false)
    );
    let rotten = wait(log.read(all(2)));
    assert!(
        matches!(rotten, Err(EngineError::Unreadable(_))),
        "{rotten:?}"
    );
    let batch = wait(log.read(all(3))).expect("those behind it");
    assert_eq!(batch.entries[0].body, bodies[3]);
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    let node = Node::start("patience");
    let id = node.create(DAY_MS);
    let read = LogRead {
        wait_ms: 50,
        ..all(0)
    };
    let began = std::time::Instant::now();
    let batch = wait(node.engine().log(id).read(read)).expect("nothing");
    assert!(batch.entries.is_empty() && batch.at_tip && !batch.ended);
    assert!(began.elapsed() < Duration::from_secs(30));
}
