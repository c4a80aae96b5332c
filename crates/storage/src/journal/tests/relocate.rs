//! Live bodies survive the recycling of their segment, under their old references.

use super::reclaim::{fill, live_bytes};
use super::*;

fn small_ring() -> JournalOptions {
    JournalOptions {
        ring_bytes_max: 0,
        ..options()
    }
}

#[test]
fn relocated_bodies_keep_their_references_also_after_a_restart() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 4);
    let trim = journal.position().frame;
    let mut kept: Vec<_> = bodies
        .iter()
        .filter(|body| body.1 % 10 == 3)
        .copied()
        .collect();
    journal
        .reclaim(trim, &live_bytes(&journal, &bodies))
        .expect("reclaims nothing");
    let within = |kept: &[(BodyRef, u64)], segment| -> Vec<(BodyRef, u64, u64)> {
        let of_segment = kept
            .iter()
            .filter(|body| journal.segment_of(body.0.lsn) == segment);
        of_segment.map(|body| (body.0, 7, body.1)).collect()
    };
    for segment in 0..3 {
        let live = within(&kept, segment);
        assert!(!live.is_empty());
        let relocated = journal.relocate(segment, &live).expect("relocates");
        assert_eq!(relocated.bodies, live.len() as u64);
        assert!(
            !disk
                .list()
                .expect("list")
                .contains(&format!("{segment:016x}.seg")),
            "recycled at once"
        );
    }
    for (body, sequence) in &kept {
        assert_eq!(
            journal.read_body(*body, 7, *sequence).expect("relocated"),
            content(*sequence, 100_000)
        );
    }
    // Packed again once more of it is dead.
    kept.retain(|body| body.1 % 20 == 3);
    journal.relocate(0, &within(&kept, 0)).expect("packs again");
    let live = live_bytes(&journal, &kept);
    drop(journal);
    let (journal, _) = try_open(&disk.after_power_loss(), small_ring(), Some(trim)).expect("opens");
    for (body, sequence) in &kept {
        assert_eq!(
            journal.read_body(*body, 7, *sequence).expect("relocated"),
            content(*sequence, 100_000)
        );
    }
    assert_eq!(journal.statistics().relocated, 3);
    journal.reclaim(trim, &live).expect("reclaims");
    assert_eq!(journal.statistics().relocated, 3, "live");
    let reclaimed = journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    assert_eq!(reclaimed.removed, [0, 1, 2]);
    assert!(matches!(
        journal.read_body(kept[0].0, 7, kept[0].1),
        Err(StorageError::BodyMissing { .. })
    ));
}

#[test]
fn chunks_are_relocated_wherever_the_list_is() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let body = content(1, 6 * 1024 * 1024);
    let large = append(&journal, b"large", Some((1, &body)));
    commit(&journal);
    fill(&journal, 4);
    let trim = journal.position().frame;
    let reference = large.body.expect("a body");
    journal
        .reclaim(
            trim,
            &large
                .occupies
                .iter()
                .map(|(segment, bytes)| (segment, bytes.into()))
                .collect(),
        )
        .expect("reclaims");
    assert!(large.occupies.iter().count() >= 2);
    for (segment, bytes) in large.occupies.iter() {
        let relocated = journal
            .relocate(segment, &[(reference, 7, 1)])
            .expect("relocates");
        assert_eq!(relocated.bytes, u64::from(bytes));
    }
    assert_eq!(journal.read_body(reference, 7, 1).expect("relocated"), body);
    assert_eq!(
        journal.body_occupies(reference).expect("the list"),
        large.occupies
    );
}

#[test]
fn a_segment_that_replay_needs_is_copied_but_not_recycled_yet() {
    let disk = FaultyDisk::new();
    let (journal, seen) = open(&disk);
    assert!(seen.is_empty());
    let bodies = fill(&journal, 3);
    journal
        .relocate(0, &[(bodies[0].0, 7, 0)])
        .expect("relocates");
    let (_, seen) = open(&disk.after_power_loss());
    assert_eq!(seen.len(), bodies.len(), "every record is still replayed");
    let trim = journal.position().frame;
    let reclaimed = journal
        .reclaim(trim, &live_bytes(&journal, &bodies[..1]))
        .expect("reclaims");
    assert_eq!(reclaimed.recycled, [0, 1]);
    assert_eq!(
        journal.read_body(bodies[0].0, 7, 0).expect("relocated"),
        content(0, 100_000)
    );
}

#[test]
fn a_rotten_body_stops_its_relocation_and_a_crash_leaves_the_segment() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 3);
    let mut bytes = disk.bytes("0000000000000000.seg");
    bytes[bodies[2].0.lsn.0 as usize + 5000] ^= 1;
    let rotten = disk.after_kill();
    rotten.put("0000000000000000.seg", &bytes);
    rotten.put("0000000000000000.rel.tmp", b"remains of a crash");
    let trim = journal.position().frame;
    let (journal, _) = try_open(&rotten, small_ring(), Some(trim)).expect("opens");
    assert!(journal.relocate(0, &[(bodies[2].0, 7, 2)]).is_err());
    assert!(journal.read_body(bodies[1].0, 7, 1).is_ok());
    assert!(
        rotten
            .list()
            .expect("list")
            .iter()
            .all(|name| name.ends_with(".seg"))
    );
}

#[test]
fn what_was_relocated_is_packed_again_only_for_the_room_of_its_file() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 5);
    let trim = journal.position().frame;
    // One old message in three of the segments, and all of another.
    let of = |segment: u32, most: usize| -> Vec<(BodyRef, u64)> {
        let own = bodies
            .iter()
            .filter(|body| body.0.lsn.0 / SEGMENT_BYTES == u64::from(segment));
        own.take(most).copied().collect()
    };
    let listed = |kept: &[(BodyRef, u64)]| -> Vec<(BodyRef, u64, u64)> {
        kept.iter().map(|body| (body.0, 7, body.1)).collect()
    };
    let kept = [of(0, 1), of(1, 8), of(2, usize::MAX), of(3, 2)].concat();
    let live = live_bytes(&journal, &kept);
    assert_eq!(journal.sparse(&live).expect("nothing is trimmed"), []);
    journal.reclaim(trim, &live).expect("reclaims");
    assert_eq!(
        journal.sparse(&live).expect("tells"),
        [0, 3, 1],
        "most room first"
    );
    journal.relocate(0, &listed(&of(0, 1))).expect("relocates");
    journal.relocate(1, &listed(&of(1, 8))).expect("relocates");
    assert_eq!(journal.sparse(&live).expect("tells"), [3]);
    let fewer = [of(0, 1), of(1, 1), of(2, usize::MAX), of(3, 2)].concat();
    let live = live_bytes(&journal, &fewer);
    assert_eq!(
        journal.sparse(&live).expect("tells"),
        [3, 1],
        "seven of eight are gone"
    );
    drop(journal);
    let (journal, _) = try_open(&disk.after_power_loss(), small_ring(), Some(trim)).expect("opens");
    journal.reclaim(trim, &live).expect("reclaims");
    assert_eq!(journal.sparse(&live).expect("tells"), [3, 1]);
}
