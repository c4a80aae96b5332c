//! Bodies read together are the same as read one by one.

use super::*;

fn all(appended: &[(BodyRef, u64)]) -> Vec<WantedBody> {
    let wanted = appended
        .iter()
        .map(|(body, sequence)| (*body, 7, *sequence));
    wanted.collect()
}

/// Every body both ways; returns how many reads of files each took.
fn compare(journal: &Journal, wanted: &[WantedBody]) -> (u64, u64) {
    let reads = || journal.statistics().reads_file;
    let before = reads();
    let together = journal.read_bodies(wanted);
    let between = reads();
    assert_eq!(together.len(), wanted.len());
    for (together, (body, owner, sequence)) in together.into_iter().zip(wanted) {
        let alone = journal.read_body(*body, *owner, *sequence);
        match (together, alone) {
            (Ok(together), Ok(alone)) => assert_eq!(together, alone),
            (Err(together), Err(alone)) => assert_eq!(together.to_string(), alone.to_string()),
            (together, alone) => panic!("{together:?} together, {alone:?} alone"),
        }
    }
    (between - before, reads() - between)
}

#[test]
fn neighbours_are_read_together_and_nothing_else_changes() {
    let disk = FaultyDisk::new();
    let small_ring = JournalOptions {
        ring_bytes_max: 0,
        ..options()
    };
    let (journal, _) = try_open(&disk, small_ring, None).expect("opens");
    let mut random = Random::seeded("neighbours_are_read_together");
    let mut appended = Vec::new();
    while journal.segment_of(journal.position().end) < 3 {
        let sequence = appended.len() as u64;
        let bytes = match random.below(400) {
            0 => 300_000,
            1..5 => random.below(100_000),
            _ => random.below(3_000),
        };
        let body = content(sequence, bytes as usize);
        let body = append(&journal, b"meta", Some((sequence, &body))).body;
        appended.push((body.expect("a body"), sequence));
        if random.below(40) == 0 {
            commit(&journal);
        }
    }
    let wanted = all(&appended);
    let (together, alone) = compare(&journal, &wanted);
    assert!(together * 10 < alone, "{together} reads instead of {alone}");
    let thin = |step: usize| wanted.iter().step_by(step).copied().collect::<Vec<_>>();
    for step in [2, 7, 100] {
        compare(&journal, &thin(step));
    }
    compare(&journal, &wanted.iter().rev().copied().collect::<Vec<_>>());
    // Somebody else's bodies, and a segment that was packed.
    let mut foreign = wanted.clone();
    for (number, body) in foreign.iter_mut().enumerate() {
        body.1 += u64::from(number % 5 == 0);
    }
    compare(&journal, &foreign);
    let live: Vec<WantedBody> = thin(3);
    let trim = journal.position().frame;
    journal
        .reclaim(trim, &BTreeMap::from([(0, 1), (1, 1), (2, 1)]))
        .expect("trims");
    let of_first = live
        .iter()
        .filter(|body| journal.segment_of(body.0.lsn) == 0);
    let of_first: Vec<WantedBody> = of_first.copied().collect();
    let draft = Draft {
        segments: vec![0],
        expires_ms: None,
    };
    journal.pack(&draft, &of_first).expect("packs");
    compare(&journal, &live);
    compare(&journal, &wanted);
}
