//! Giving segments back: only dead ones, never one that somebody holds.

use super::*;
use crate::limits::{RECYCLED_SEGMENTS_MAX, RECYCLED_SEGMENTS_MIN};

/// Fills segments 0..`until` with one body each record; returns (reference, sequence) in order.
pub(super) fn fill(journal: &Journal, until: u32) -> Vec<(BodyRef, u64)> {
    let mut bodies = Vec::new();
    while journal.segment_of(journal.position().frame) < until {
        let sequence = bodies.len() as u64;
        let body = content(sequence, 100_000);
        bodies.push((
            append(journal, b"x", Some((sequence, &body)))
                .body
                .expect("a body"),
            sequence,
        ));
        commit(journal);
    }
    bodies
}

/// Live bytes per segment of these bodies.
pub(super) fn live_bytes(journal: &Journal, bodies: &[(BodyRef, u64)]) -> BTreeMap<u32, u64> {
    let mut live = BTreeMap::new();
    for (body, _) in bodies {
        for (segment, bytes) in journal.body_occupies(*body).expect("readable").iter() {
            *live.entry(segment).or_default() += u64::from(bytes);
        }
    }
    live
}

#[test]
fn only_dead_segments_below_the_trim_are_given_back() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let bodies = fill(&journal, 4);
    let trim = journal.position().frame;
    let kept: Vec<_> = bodies
        .iter()
        .filter(|body| journal.segment_of(body.0.lsn) == 1)
        .take(1)
        .copied()
        .collect();
    let live = live_bytes(&journal, &kept);
    let early = journal
        .reclaim(Lsn(SEGMENT_BYTES - 1), &BTreeMap::new())
        .expect("reclaims");
    assert_eq!(
        early,
        Reclaimed::default(),
        "segment 0 is not wholly below the trim"
    );
    let reclaimed = journal.reclaim(trim, &live).expect("reclaims");
    // Segment 3 holds the last frame.
    assert_eq!(reclaimed.recycled, [0, 2]);
    let read = journal
        .read_body(kept[0].0, 7, kept[0].1)
        .expect("still there");
    assert_eq!(read, content(kept[0].1, 100_000));
    drop(journal);
    let (journal, seen) = try_open(&disk.after_power_loss(), options(), Some(trim)).expect("opens");
    assert!(seen.is_empty());
    assert_eq!(
        journal
            .read_body(kept[0].0, 7, kept[0].1)
            .expect("still there"),
        content(kept[0].1, 100_000)
    );
    append(&journal, b"goes on in recycled segments", None);
    commit(&journal);
}

#[test]
fn a_pinned_or_referenced_segment_is_kept_until_let_go() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let bodies = fill(&journal, 4);
    let small_ring = try_open(
        &disk.after_kill(),
        JournalOptions {
            ring_bytes_max: 0,
            ..options()
        },
        None,
    );
    let (journal, _) = small_ring.expect("opens");
    append(&journal, b"x", None);
    commit(&journal);
    let trim = journal.position().frame;
    let pin = journal.pin(0).expect("it exists");
    journal.note_reference(1, trim);
    journal.note_reference(2, Lsn(trim.0 - 1));
    assert_eq!(journal.last_reference(1), Some(trim));
    let first = journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    assert_eq!(first.recycled, [2, 3]);
    assert!(
        journal.read_body(bodies[0].0, 7, 0).is_ok(),
        "a reader that holds a segment reads it intact"
    );
    drop(pin);
    append(&journal, b"y", None);
    commit(&journal);
    let second = journal
        .reclaim(journal.position().frame, &BTreeMap::new())
        .expect("reclaims");
    assert_eq!(second.recycled, [0, 1]);
    assert!(matches!(
        journal.read_body(bodies[0].0, 7, 0),
        Err(StorageError::BodyMissing { .. })
    ));
    assert!(journal.pin(0).is_none());
}

#[test]
fn beyond_the_pool_segments_are_removed() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    fill(&journal, 18);
    let all = |journal: &Journal| {
        let position = journal.position().frame;
        journal.reclaim(position, &BTreeMap::new())
    };
    let reclaimed = all(&journal).expect("reclaims");
    assert_eq!(reclaimed.recycled.len() + reclaimed.removed.len(), 17);
    let kept = journal.statistics().segments;
    assert!(kept <= 2 + RECYCLED_SEGMENTS_MAX as u64, "{kept}");
    // Somebody who writes less keeps less.
    fill(&journal, 20);
    let reclaimed = all(&journal).expect("reclaims");
    assert!(!reclaimed.removed.is_empty(), "{reclaimed:?}");
    let kept = journal.statistics().segments;
    assert_eq!(kept, 2 + RECYCLED_SEGMENTS_MIN as u64);
    fill(&journal, 26);
    drop(journal);
    let start = Some(Lsn(19 * SEGMENT_BYTES));
    assert!(try_open(&disk.after_power_loss(), options(), start).is_ok());
}

#[test]
fn a_steady_writer_settles_on_recycled_segments() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let mut zeroed_bytes = Vec::new();
    for round in 1..6 {
        for segment in 0..7 {
            fill(&journal, 7 * (round - 1) + segment + 1);
            journal.prepare_next().expect("prepares");
        }
        journal
            .reclaim(journal.position().frame, &BTreeMap::new())
            .expect("reclaims");
        zeroed_bytes.push(journal.statistics().bytes_zeroed);
    }
    assert_eq!(zeroed_bytes[2], zeroed_bytes[4], "{zeroed_bytes:?}");
}

#[test]
fn an_interrupted_recycling_leaves_a_journal_that_opens() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    fill(&journal, 4);
    let trim = journal.position().frame;
    drop(journal);
    // The rename of segment 1 reached the disk, that of segment 0 to the index before it did not.
    let crashed = disk.after_kill();
    crate::Disk::rename(
        crashed.as_ref(),
        "0000000000000001.seg",
        "0000000000000006.seg",
    )
    .expect("renamed");
    let (journal, seen) = try_open(&crashed, options(), Some(trim)).expect("opens");
    assert!(seen.is_empty());
    let before = journal.position().frame;
    fill(&journal, 8);
    drop(journal);
    let (_, seen) = try_open(&crashed.after_power_loss(), options(), Some(before)).expect("opens");
    assert!(!seen.is_empty());
}

#[test]
fn readers_see_intact_bodies_while_segments_come_and_go() {
    let mut random = Random::seeded("readers_see_intact_bodies");
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
    let mut live: Vec<(BodyRef, u64, usize)> = Vec::new();
    for sequence in 0..300 {
        let size = random.below(300_000) as usize;
        let body = content(sequence, size);
        live.push((
            append(&journal, b"x", Some((sequence, &body)))
                .body
                .expect("a body"),
            sequence,
            size,
        ));
        commit(&journal);
        // The oldest die first, mostly; a straggler pins its segment for a while.
        while live.len() > 20 {
            live.remove(random.below(10) as usize);
        }
        if random.below(10) == 0 {
            let bodies: Vec<_> = live.iter().map(|body| (body.0, body.1)).collect();
            journal
                .reclaim(journal.position().frame, &live_bytes(&journal, &bodies))
                .expect("reclaims");
        }
        let (reference, sequence, size) = live[random.below(live.len() as u64) as usize];
        assert_eq!(
            journal.read_body(reference, 7, sequence).expect("live"),
            content(sequence, size)
        );
    }
    assert!(
        journal.statistics().segments < 14,
        "{:?}",
        journal.statistics()
    );
}
