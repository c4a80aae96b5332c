//! After a crash: the torn tail is cut, rot is refused, recycled bytes never parse.

use super::*;
use crate::disk::Disk;

const FIRST: &str = "0000000000000000.seg";

/// A journal whose frames have known places: (start, padded length) of each data frame.
fn written(frames: u64) -> (Arc<FaultyDisk>, Vec<(u64, u64)>) {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let mut places = Vec::new();
    for number in 0..frames {
        append(
            &journal,
            &number.to_le_bytes(),
            Some((number, &content(number, 9000))),
        );
        let Committed::Frame { lsn, bytes, .. } = commit(&journal) else {
            panic!("a frame")
        };
        places.push((lsn.0, u64::from(bytes)));
    }
    (disk.after_kill(), places)
}

fn damaged(disk: &FaultyDisk, damage: impl FnOnce(&mut Vec<u8>)) -> Arc<FaultyDisk> {
    let copy = disk.after_kill();
    let mut bytes = copy.bytes(FIRST);
    damage(&mut bytes);
    copy.put(FIRST, &bytes);
    copy
}

/// Opens, checks the numbers 0..expected, appends one more and sees all of them after another crash.
fn continues_after(disk: &Arc<FaultyDisk>, expected: u64, how: &str) {
    let (journal, seen) = open(disk);
    let numbers = |seen: &[Seen]| -> Vec<u64> {
        seen.iter()
            .map(|seen| u64::from_le_bytes(seen.meta[..8].try_into().expect("8 bytes")))
            .collect()
    };
    assert_eq!(numbers(&seen), (0..expected).collect::<Vec<_>>(), "{how}");
    append(&journal, &expected.to_le_bytes(), None);
    commit(&journal);
    let (_, seen) = open(&disk.after_power_loss());
    assert_eq!(
        numbers(&seen),
        (0..=expected).collect::<Vec<_>>(),
        "{how}, continued"
    );
}

#[test]
fn a_tail_torn_anywhere_is_cut_and_the_journal_goes_on() {
    let (disk, places) = written(4);
    let (start, length) = places[3];
    let frame_end = start + 64 + 24 + 8 + 24 + 9000;
    for cut in [
        0,
        1,
        8,
        63,
        64,
        65,
        87,
        100,
        4095,
        4096,
        4097,
        8192,
        frame_end - start - 1,
    ] {
        let torn = damaged(&disk, |bytes| bytes.truncate((start + cut) as usize));
        continues_after(&torn, 3, &format!("file ends {cut} bytes into the frame"));
        let torn = damaged(&disk, |bytes| {
            bytes[(start + cut) as usize..(start + length) as usize].fill(0)
        });
        continues_after(&torn, 3, &format!("zeros from {cut} bytes into the frame"));
        // The device may write the later sectors first.
        let torn = damaged(&disk, |bytes| {
            bytes[start as usize..(start + cut.max(1)) as usize].fill(0)
        });
        continues_after(&torn, 3, &format!("zeros up to {cut} bytes into the frame"));
    }
    continues_after(
        &damaged(&disk, |bytes| bytes.truncate((start + length) as usize)),
        4,
        "nothing is missing",
    );
}

#[test]
fn a_flipped_bit_before_an_intact_frame_is_refused_by_name_and_offset() {
    let (disk, places) = written(4);
    let mut random = Random::seeded("a_flipped_bit");
    for (start, _) in places.iter().take(3).copied() {
        for _ in 0..40 {
            let at = start + random.below(64 + 24 + 8 + 24 + 9000);
            // A version of its own is another refusal.
            if (start + 8..start + 10).contains(&at) {
                continue;
            }
            let bit = random.below(8);
            let rotten = damaged(&disk, |bytes| bytes[at as usize] ^= 1 << bit);
            let before = rotten.bytes(FIRST);
            let error = try_open(&rotten, options(), None).expect_err("refused");
            let message = what(&error);
            assert!(
                message.starts_with(&format!("{FIRST} {start} ")),
                "byte {at}: {message}"
            );
            assert!(error.to_string().contains("waystation check"), "{error}");
            assert_eq!(rotten.bytes(FIRST), before, "nothing was changed");
        }
    }
}

#[test]
fn a_sealed_tail_does_not_look_torn_when_it_rots() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"acknowledged", None);
    let Committed::Frame { lsn, .. } = commit(&journal) else {
        panic!("a frame")
    };
    journal.stop();
    journal.run_committer().expect("stops");
    let rotten = damaged(&disk, |bytes| bytes[lsn.0 as usize + 70] ^= 1);
    assert!(
        what(&try_open(&rotten, options(), None).expect_err("refused")).contains("one follows")
    );
}

#[test]
fn another_format_version_is_refused() {
    let (disk, places) = written(2);
    let newer = damaged(&disk, |bytes| bytes[places[1].0 as usize + 8] = 2);
    assert!(matches!(
        try_open(&newer, options(), None),
        Err(StorageError::UnknownFormat { .. })
    ));
}

#[test]
fn damage_in_one_segment_is_noticed_by_frames_in_the_next() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let body = content(1, 250_000);
    let mut last_of_first = 0;
    let mut last = 0;
    while last < 2 {
        for number in 0..2 {
            append(&journal, b"x", Some((number, &body)));
        }
        let Committed::Frame { lsn, .. } = commit(&journal) else {
            panic!("a frame")
        };
        last = journal.segment_of(lsn);
        if last == 0 {
            last_of_first = lsn.0;
        }
    }
    let rotten = damaged(&disk, |bytes| bytes[last_of_first as usize + 1000] ^= 4);
    let message = what(&try_open(&rotten, options(), None).expect_err("refused"));
    assert!(
        message.starts_with(&format!("{FIRST} {last_of_first} ")),
        "{message}"
    );
    let missing = disk.after_kill();
    missing.remove("0000000000000001.seg").expect("it exists");
    assert!(
        try_open(&missing, options(), None).is_err(),
        "a missing segment in the middle"
    );
}

#[test]
fn recycled_bytes_never_parse_as_frames_of_their_new_place() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let body = content(1, 250_000);
    while journal.segment_of(journal.position().frame) < 3 {
        append(&journal, b"old", Some((1, &body)));
        commit(&journal);
    }
    let trim = journal.position().frame;
    let reclaimed = journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    assert!(reclaimed.recycled.contains(&0), "{reclaimed:?}");
    let mut count = 0;
    while journal.segment_of(journal.position().frame) < 4 {
        append(&journal, b"new", None);
        commit(&journal);
        count += 1;
    }
    // Segment 4 was segment 0 or 1: full of old frames, and nothing new in it yet.
    let crashed = disk.after_power_loss();
    assert!(
        crashed.bytes("0000000000000004.seg").len() > 2_000_000,
        "an old file"
    );
    let (_, seen) = try_open(&crashed, options(), Some(trim)).expect("opens");
    assert_eq!(seen.len(), count);
    assert!(seen.iter().all(|seen| seen.meta == b"new"));
}

#[test]
fn a_crash_at_any_commit_keeps_exactly_what_was_durable() {
    let mut random = Random::seeded("a_crash_at_any_commit");
    let mut disk = FaultyDisk::new();
    let mut durable: Vec<Vec<u8>> = Vec::new();
    for epoch in 1..=30 {
        let (journal, seen) = open(&disk);
        assert_eq!(journal.epoch(), epoch);
        let metas: Vec<_> = seen.into_iter().map(|seen| seen.meta).collect();
        assert!(metas == durable, "replay differs from what was durable");
        let mut pending = Vec::new();
        for _ in 0..random.below(40) {
            let meta = content(random.below(u64::MAX), random.below(3000) as usize);
            append(&journal, &meta, None);
            pending.push(meta);
            if random.below(4) == 0 {
                commit(&journal);
                durable.append(&mut pending);
            }
            if random.below(5) == 0 {
                journal.prepare_next().expect("prepares");
            }
        }
        if random.below(3) == 0 {
            commit(&journal);
            durable.append(&mut pending);
            disk.faults.short_writes.store(true, Ordering::SeqCst);
            append(&journal, &content(1, 20_000), None);
            assert!(journal.commit_next(Wait::Poll).is_err());
        }
        disk = disk.after_power_loss();
    }
}

#[test]
fn a_relaxed_journal_loses_a_suffix_and_no_more() {
    let relaxed = || JournalOptions {
        durability: Durability::Os,
        ..options()
    };
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, relaxed(), None).expect("opens");
    let mut places = Vec::new();
    for number in 0..6_u64 {
        append(&journal, &number.to_le_bytes(), None);
        let Committed::Frame { lsn, .. } = commit(&journal) else {
            panic!("a frame")
        };
        places.push(lsn.0 as usize);
        if number == 1 {
            journal.flush().expect("flushes");
        }
    }
    let lost = disk.after_power_loss();
    continues_after(&lost, 2, "everything since the flush is lost");
    // The system wrote the later frames first.
    let hole = damaged(&disk, |bytes| bytes[places[3]..places[3] + 4096].fill(0));
    continues_after(&hole, 3, "what follows a hole is lost too");
}
