//! Ids through the life of a bucket: open, closed, written, spilled, dropped; and over a restart.

use super::super::{Deduplication, Listed, Lookup};
use super::{Bench, QUEUE, WINDOW_MS, seeded};
use crate::codec::{Reader, Writer};
use waystation_storage::View;

const START_MS: u64 = 1_700_000_000_000;

/// Sends at random moments over more than one window; returns (id, sequence, time).
fn busy(bench: &mut Bench, rng: &mut fastrand::Rng, sends: u64) -> Vec<(u128, u64, u64)> {
    let mut now_ms = START_MS;
    let mut sent = Vec::new();
    for sequence in 0..sends {
        now_ms += rng.u64(0..400);
        let id = rng.u128(..);
        bench.remember(id, sequence * 3, now_ms);
        sent.push((id, sequence * 3, now_ms));
        if rng.u16(0..300) == 0 {
            bench.spill();
        }
    }
    sent
}

fn restarted(bench: &mut Bench) -> Bench {
    let mut out = Writer::default();
    bench.memory.encode(&mut out);
    let mut after = Bench::new(bench.index.bucket_entries_max);
    after.generation = bench.generation;
    after.rows = std::mem::take(&mut bench.rows);
    let mut input = Reader::new(&out.bytes, "test");
    for listed in after.memory.decode(&mut input).unwrap() {
        let keys = listed.keys(QUEUE.shard(), QUEUE).into_iter();
        let rows = keys.map(|key| after.rows.get(&key.bytes()).unwrap().unwrap());
        let rows: Vec<_> = rows.collect();
        after.memory.restore(&listed, &rows, &after.index).unwrap();
    }
    after
}

#[test]
fn what_was_sent_within_the_window_is_found_wherever_it_lies() {
    let mut rng = seeded("what_was_sent_within_the_window_is_found_wherever_it_lies");
    for bucket_entries_max in [5, 700, 100_000] {
        let mut bench = Bench::new(bucket_entries_max);
        let sent = busy(&mut bench, &mut rng, 5000);
        let now_ms = sent.last().unwrap().2;
        for restart in [false, true] {
            if restart {
                bench.spill();
                bench = restarted(&mut bench);
            }
            for (id, sequence, at_ms) in &sent {
                let expected = match at_ms + WINDOW_MS > now_ms {
                    true => Lookup::Seen {
                        sequence: *sequence,
                        at_ms: *at_ms,
                    },
                    false => Lookup::New,
                };
                assert_eq!(bench.find(*id, now_ms), expected, "SQS-268, SQS-269");
            }
            assert!(bench.reads > 0, "nothing was spilled");
            bench.reads = 0;
            for _ in 0..5000 {
                assert_eq!(bench.find(rng.u128(..), now_ms), Lookup::New);
            }
            // With the smallest buckets a thousand filters are asked.
            assert!(bench.reads < 600, "{} reads for fresh ids", bench.reads);
        }
    }
}

#[test]
fn time_alone_gives_everything_back() {
    let mut rng = seeded("time_alone_gives_everything_back");
    let mut bench = Bench::new(100);
    let sent = busy(&mut bench, &mut rng, 3000);
    bench.find(sent.last().unwrap().0, sent.last().unwrap().2);
    bench.spill();
    while let Some(due_ms) = bench.memory.due() {
        let before = bench.memory.due();
        bench.memory.pass_time(due_ms, &mut bench.index);
        assert_ne!(bench.memory.due(), before, "the same is due twice");
    }
    assert_eq!(bench.usage(), (0, 0));
    for key in bench.memory.take_dropped_rows(QUEUE.shard()) {
        bench.rows.write(&[(key.bytes(), None)]).unwrap();
    }
    assert_eq!(bench.rows.0.lock().unwrap().len(), 0, "rows are left");
}

#[test]
fn a_bucket_that_grows_while_it_is_written_is_written_again() {
    let mut bench = Bench::new(100);
    bench.remember(1, 10, START_MS);
    let images = bench.capture();
    bench.remember(2, 11, START_MS + 5);
    bench.seal(images);
    let mut lost = restarted(&mut bench);
    assert_eq!(lost.find(2, START_MS + 5), Lookup::New, "it is in no row");
    bench.rows = lost.rows;
    bench.spill();
    let mut after = restarted(&mut bench);
    for (id, sequence, at_ms) in [(1, 10, START_MS), (2, 11, START_MS + 5)] {
        let seen = Lookup::Seen { sequence, at_ms };
        assert_eq!(after.find(id, START_MS + 5), seen);
    }
}

#[test]
fn a_failed_checkpoint_leaves_everything_in_memory_and_to_be_written() {
    let mut bench = Bench::new(3);
    for id in 1..=4 {
        bench.remember(id, id as u64, START_MS);
    }
    let _images = bench.capture();
    bench.memory.abandoned(bench.generation);
    bench.memory.evict(0, &bench.index.usage);
    assert!(matches!(bench.find(1, START_MS), Lookup::Seen { .. }));
    assert_eq!(bench.reads, 0, "it left memory without rows that count");
    bench.spill();
    assert!(matches!(bench.find(1, START_MS), Lookup::Seen { .. }));
    assert_eq!(bench.reads, 1, "the closed bucket spilled");
}

#[test]
fn a_purge_forgets_spilled_ids_too() {
    let mut bench = Bench::new(3);
    for id in 1..=9 {
        bench.remember(id, id as u64, START_MS);
    }
    bench.spill();
    bench.find(2, START_MS);
    bench.memory.clear(&mut bench.index);
    assert_eq!(bench.find(2, START_MS), Lookup::New, "SQS-276");
    assert_eq!(bench.usage(), (0, 0));
}

#[test]
fn sparse_buckets_stay_open_longer() {
    let mut bench = Bench::new(262_144);
    bench.remember(1, 0, START_MS);
    assert_eq!(bench.memory.due(), Some(START_MS + 60_000));
    for id in 2..=512 {
        bench.remember(id, id as u64, START_MS + 1);
    }
    assert_eq!(bench.memory.due(), Some(START_MS + 10_000));
}

#[test]
fn entries_of_format_1_are_found_and_move_to_buckets() {
    let mut chunk = Writer::default();
    chunk.u8(1);
    let seen: Vec<(u128, u64, u64)> = (0..100)
        .map(|n| (n * n, n as u64, n as u64 * 1000))
        .collect();
    chunk.list(&seen, |out, (id, sequence, offset_ms)| {
        out.u128(*id).u64(*sequence).u64(START_MS + offset_ms);
    });
    let listed = Listed::Chunk {
        number: 4,
        generation: 9,
    };
    let mut bench = Bench::new(1000);
    let rows = [bytes::Bytes::from(chunk.bytes)];
    let rewrite = bench.memory.restore(&listed, &rows, &bench.index).unwrap();
    assert!(rewrite, "the old row goes with the next checkpoint");
    let dropped = bench.memory.take_dropped_rows(QUEUE.shard());
    assert_eq!(dropped, listed.keys(QUEUE.shard(), QUEUE));
    bench.spill();
    for (id, sequence, offset_ms) in seen {
        let at_ms = START_MS + offset_ms;
        let expected = Lookup::Seen { sequence, at_ms };
        assert_eq!(bench.find(id, START_MS + 100_000), expected);
    }
    assert_eq!(bench.usage().0, 100);
    let mut emptied = Deduplication::new(QUEUE);
    assert!(emptied.restore(&listed, &[], &bench.index).is_err());
}
