//! Append, commit, reopen, read.

use super::*;

#[test]
fn records_come_back_in_order_with_their_addresses() {
    let disk = FaultyDisk::new();
    let (journal, seen) = open(&disk);
    assert!(seen.is_empty());
    assert_eq!(journal.epoch(), 1);
    let mut appended = Vec::new();
    for number in 0..50_u64 {
        let meta = content(number, number as usize * 7);
        let body = content(1000 + number, number as usize * 100);
        appended.push(append(
            &journal,
            &meta,
            (number % 2 == 0).then_some((number, &body)),
        ));
        if number % 5 == 4 {
            assert!(matches!(
                commit(&journal),
                Committed::Frame { records: 5, .. }
            ));
        }
    }
    assert_eq!(journal.durable(), journal.position().end);
    drop(journal);
    let (journal, seen) = open(&disk.after_power_loss());
    assert_eq!(journal.epoch(), 2);
    assert_eq!(seen.len(), 50);
    for (number, (seen, appended)) in seen.iter().zip(&appended).enumerate() {
        assert_eq!(
            (seen.lsn, seen.end, &seen.occupies),
            (appended.lsn, appended.end, &appended.occupies)
        );
        assert_eq!((seen.shard, seen.kind, seen.time_ms), (3, 5, 1234));
        assert_eq!(seen.meta, content(number as u64, number * 7));
        assert_eq!(seen.body.map(|body| body.reference), appended.body);
        if let Some(body) = seen.body {
            let read = journal
                .read_body(body.reference, 7, number as u64)
                .expect("the body");
            assert_eq!(read, content(1000 + number as u64, number * 100));
            assert_eq!(
                journal.body_occupies(body.reference).expect("plain"),
                seen.occupies
            );
        }
    }
}

#[test]
fn a_body_reads_from_the_open_frame_the_ring_and_the_file() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(
        &disk,
        JournalOptions {
            ring_bytes_max: 0,
            ..options()
        },
        None,
    )
    .expect("opens");
    let body = content(1, 700_000 / 4);
    let first = append(&journal, b"first", Some((1, &body)))
        .body
        .expect("a body");
    assert_eq!(
        journal
            .read_body_from_memory(first, 7, 1)
            .expect("open frame"),
        body
    );
    commit(&journal);
    assert_eq!(
        journal.read_body_from_memory(first, 7, 1).expect("ring"),
        body
    );
    for number in 2..20 {
        append(&journal, b"later", Some((number, &body)));
    }
    commit(&journal);
    assert_eq!(
        journal.read_body_from_memory(first, 7, 1),
        None,
        "evicted from the smallest ring"
    );
    assert_eq!(journal.read_body(first, 7, 1).expect("file"), body);
    assert!(journal.read_body(first, 8, 1).is_err(), "another owner");
    assert!(journal.read_body(first, 7, 2).is_err(), "another sequence");
    let statistics = journal.statistics();
    assert!(statistics.reads_file >= 1 && statistics.reads_memory >= 2);
    assert!(statistics.ring_bytes <= 2 * 1024 * 1024);
}

#[test]
fn large_bodies_are_chunked_and_nobody_notices() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let body = content(9, 10 * 1024 * 1024 + 17);
    let (left, right) = body.split_at(1_000_003);
    let parts: [&[u8]; 4] = [left, &[], right, &[]];
    let appended = journal
        .append(record(
            b"large",
            Some(Body {
                owner: 7,
                sequence: 42,
                parts: &parts,
            }),
        ))
        .expect("room for a large body");
    append(&journal, b"after", None);
    commit(&journal);
    let reference = appended.body.expect("a body");
    assert_eq!(reference.bytes as usize, body.len());
    assert_eq!(
        journal.read_body(reference, 7, 42).expect("from memory"),
        body
    );
    let total: u32 = appended.occupies.iter().map(|(_, bytes)| bytes).sum();
    assert!(total as usize > body.len() && (total as usize) < body.len() + 10_000);
    assert!(
        appended.occupies.iter().count() >= 3,
        "spread over small segments"
    );
    drop(journal);
    let (journal, seen) = open(&disk.after_power_loss());
    assert_eq!(seen.len(), 2, "chunk records are not shown");
    assert_eq!(
        seen[0].body,
        Some(BodyHead {
            reference,
            owner: 7,
            sequence: 42
        })
    );
    assert_eq!(seen[0].occupies, appended.occupies);
    assert_eq!(
        journal.body_occupies(reference).expect("the list"),
        appended.occupies
    );
    assert_eq!(
        journal.read_body(reference, 7, 42).expect("from files"),
        body
    );
}

#[test]
fn the_chunking_limit_and_other_sizes_read_back() {
    use crate::limits::{CHUNK_BYTES, INLINE_BODY_BYTES_MAX, META_BYTES_MAX};
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let meta = content(1, META_BYTES_MAX);
    let sizes = [
        0,
        1,
        7,
        8,
        4095,
        4096,
        INLINE_BODY_BYTES_MAX,
        INLINE_BODY_BYTES_MAX + 1,
        2 * CHUNK_BYTES,
    ];
    let mut references = Vec::new();
    for (sequence, size) in sizes.into_iter().enumerate() {
        let body = content(sequence as u64, size);
        references.push(
            append(&journal, &meta, Some((sequence as u64, &body)))
                .body
                .expect("a body"),
        );
    }
    commit(&journal);
    let refused = journal.append(record(&content(1, META_BYTES_MAX + 1), None));
    assert_eq!(refused, Err(AppendError::TooLarge));
    let (reopened, seen) = open(&disk.after_power_loss());
    assert_eq!(seen.len(), sizes.len());
    for (sequence, (size, reference)) in sizes.into_iter().zip(references).enumerate() {
        for journal in [&journal, &reopened] {
            let read = journal
                .read_body(reference, 7, sequence as u64)
                .expect("the body");
            assert_eq!(read, content(sequence as u64, size));
        }
    }
}

#[test]
fn segments_switch_and_replay_may_start_at_any_frame() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let mut random = Random::seeded("segments_switch");
    let mut positions = Vec::new();
    let mut count = 0;
    while journal.segment_of(journal.position().frame) < 4 {
        positions.push((journal.position().frame, count));
        for _ in 0..=random.below(6) {
            let body = content(count, random.below(200_000) as usize);
            append(&journal, &count.to_le_bytes(), Some((count, &body)));
            count += 1;
        }
        commit(&journal);
    }
    positions.push((journal.position().frame, count));
    journal.stop();
    journal.run_committer().expect("stops");
    drop(journal);
    for (frame, before) in positions.into_iter().rev().step_by(3) {
        let (reopened, seen) =
            try_open(&disk.after_kill(), options(), Some(frame)).expect("opens at a frame");
        assert_eq!(seen.len() as u64, count - before);
        assert_eq!(
            reopened.epoch(),
            2,
            "the epoch is known wherever replay starts"
        );
        assert!(
            seen.iter()
                .zip(before..)
                .all(|(seen, number)| seen.meta == number.to_le_bytes())
        );
    }
}

#[test]
fn a_start_beyond_the_last_frame_keeps_epoch_and_chain() {
    let mut disk = FaultyDisk::new();
    let mut start = None;
    for epoch in 1..6 {
        let (journal, seen) = try_open(&disk, options(), start).expect("opens");
        assert_eq!(journal.epoch(), epoch);
        assert!(seen.is_empty());
        append(&journal, b"before the checkpoint", None);
        commit(&journal);
        start = Some(journal.position().frame);
        append(&journal, b"never committed", None);
        disk = disk.after_power_loss();
    }
    let (_, seen) = open(&disk);
    assert_eq!(seen.len(), 5, "the chain holds from the very first frame");
}

#[test]
fn a_lazy_record_rides_along_and_is_forgotten_alone() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let lazy = |meta| Append {
        urgency: Urgency::Lazy,
        ..record(meta, None)
    };
    journal.append(lazy(b"rides")).expect("room");
    append(&journal, b"sync", None);
    commit(&journal);
    journal.append(lazy(b"forgotten")).expect("room");
    let (_, seen) = open(&disk.after_power_loss());
    assert_eq!(
        seen.iter()
            .map(|seen| seen.meta.as_slice())
            .collect::<Vec<_>>(),
        [b"rides".as_slice(), b"sync"]
    );
}

#[test]
fn another_segment_size_is_refused() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"x", None);
    commit(&journal);
    let before = disk.bytes("0000000000000000.seg");
    let error = try_open(
        &disk,
        JournalOptions {
            segment_bytes: 2 * SEGMENT_BYTES,
            ..options()
        },
        None,
    );
    assert!(matches!(error, Err(StorageError::UnknownFormat { .. })));
    assert_eq!(
        disk.bytes("0000000000000000.seg"),
        before,
        "nothing was changed"
    );
}

#[test]
fn the_layout_of_version_1_does_not_drift() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"meta", Some((1, b"content")));
    append(&journal, b"", None);
    commit(&journal);
    append(&journal, b"large", Some((2, &content(5, 300_000))));
    commit(&journal);
    let bytes = disk.bytes("0000000000000000.seg");
    assert_eq!(bytes.len(), 2 * 4096 + 303_104);
    // A change here means that existing data directories cannot be read: it needs a new version.
    assert_eq!(
        xxhash_rust::xxh3::xxh3_64(&bytes),
        17_655_977_814_015_542_590
    );
}
