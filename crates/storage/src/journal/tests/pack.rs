//! Live bodies survive the recycling of their segments, under their old references, together with their like.

use super::reclaim::{fill, live_bytes};
use super::*;

fn small_ring() -> JournalOptions {
    JournalOptions {
        ring_bytes_max: 0,
        ..options()
    }
}

fn draft(segments: &[u32]) -> Draft {
    Draft {
        segments: segments.to_vec(),
        expires_ms: Some(1_000),
    }
}

/// As shards list them: with owner and sequence.
fn listed(bodies: &[(BodyRef, u64)]) -> Vec<WantedBody> {
    bodies.iter().map(|body| (body.0, 7, body.1)).collect()
}

/// Those with the head in one of these segments.
fn of(journal: &Journal, bodies: &[(BodyRef, u64)], segments: &[u32]) -> Vec<(BodyRef, u64)> {
    let within = |body: &&(BodyRef, u64)| segments.contains(&journal.segment_of(body.0.lsn));
    bodies.iter().filter(within).copied().collect()
}

fn read_all(journal: &Journal, bodies: &[(BodyRef, u64)]) {
    for (body, sequence) in bodies {
        let read = journal.read_body(*body, 7, *sequence).expect("it lives");
        assert_eq!(read, content(*sequence, 100_000));
    }
}

fn files(disk: &FaultyDisk, extension: &str) -> Vec<String> {
    let mut names = disk.list().expect("list");
    names.retain(|name| name.ends_with(extension));
    names.sort();
    names
}

#[test]
fn packed_bodies_keep_their_references_also_after_a_restart() {
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
    let live = of(&journal, &kept, &[0, 1, 2]);
    let packed = journal
        .pack(&draft(&[2, 0, 1]), &listed(&kept))
        .expect("packs");
    assert_eq!(packed.bodies, live.len() as u64);
    assert_eq!(files(&disk, ".pak"), ["0000000000000000.pak"]);
    let left = files(&disk, ".seg");
    assert!(
        (0..3).all(|index| !left.contains(&segments::segment_name(index))),
        "recycled at once"
    );
    read_all(&journal, &kept);
    // Packed again once more of it is dead.
    kept.retain(|body| body.1 % 20 == 3);
    journal
        .pack(&draft(&[0, 1, 2]), &listed(&kept))
        .expect("packs again");
    assert_eq!(files(&disk, ".pak"), ["0000000000000001.pak"]);
    let live = live_bytes(&journal, &kept);
    drop(journal);
    let (journal, _) = try_open(&disk.after_power_loss(), small_ring(), Some(trim)).expect("opens");
    read_all(&journal, &kept);
    assert_eq!(journal.statistics().packs, 1);
    journal.reclaim(trim, &live).expect("reclaims");
    assert_eq!(journal.statistics().packs, 1, "it lives");
    let last = BTreeMap::from([(2, 1)]);
    journal.reclaim(trim, &last).expect("reclaims");
    assert_eq!(journal.statistics().packs, 1, "some of it lives");
    let reclaimed = journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    assert_eq!(reclaimed.packs, 1);
    assert!(matches!(
        journal.read_body(kept[0].0, 7, kept[0].1),
        Err(StorageError::BodyMissing { .. })
    ));
}

#[test]
fn chunks_are_packed_wherever_the_list_is() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let body = content(1, 6 * 1024 * 1024);
    let large = append(&journal, b"large", Some((1, &body)));
    commit(&journal);
    fill(&journal, 4);
    let trim = journal.position().frame;
    let reference = large.body.expect("a body");
    let occupied: BTreeMap<u32, u64> = large
        .occupies
        .iter()
        .map(|(segment, bytes)| (segment, bytes.into()))
        .collect();
    journal.reclaim(trim, &occupied).expect("reclaims");
    assert!(occupied.len() >= 2);
    for (segment, bytes) in &occupied {
        let packed = journal.pack(&draft(&[*segment]), &[(reference, 7, 1)]);
        assert_eq!(packed.expect("packs").bytes, *bytes);
    }
    let all: Vec<u32> = occupied.keys().copied().collect();
    let packed = journal
        .pack(&draft(&all), &[(reference, 7, 1)])
        .expect("packs");
    assert_eq!(packed.bytes, occupied.values().sum::<u64>());
    assert_eq!(
        journal.statistics().packs,
        1,
        "the others have nothing left"
    );
    assert_eq!(journal.read_body(reference, 7, 1).expect("packed"), body);
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
        .pack(&draft(&[0]), &listed(&bodies[..1]))
        .expect("packs");
    let (_, seen) = open(&disk.after_power_loss());
    assert_eq!(seen.len(), bodies.len(), "every record is still replayed");
    let trim = journal.position().frame;
    let reclaimed = journal.reclaim(trim, &live_bytes(&journal, &bodies[..1]));
    assert_eq!(reclaimed.expect("reclaims").recycled, [0, 1]);
    read_all(&journal, &bodies[..1]);
}

#[test]
fn a_rotten_body_leaves_everything_where_it_is_and_is_not_tried_again() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 4);
    let mut bytes = disk.bytes("0000000000000000.seg");
    bytes[bodies[2].0.lsn.0 as usize + 5000] ^= 1;
    let rotten = disk.after_kill();
    rotten.put("0000000000000000.seg", &bytes);
    rotten.put("0000000000000007.pak.tmp", b"remains of a crash");
    let trim = journal.position().frame;
    let (journal, _) = try_open(&rotten, small_ring(), Some(trim)).expect("opens");
    let kept = [
        bodies[1],
        bodies[2],
        *of(&journal, &bodies, &[1]).first().expect("one"),
    ];
    let live = live_bytes(&journal, &kept);
    journal.reclaim(trim, &live).expect("trims");
    let places = |journal: &Journal| -> Vec<Vec<u32>> {
        let places = journal.places(&live).into_iter();
        places.map(|place| place.segments).collect()
    };
    assert_eq!(places(&journal), [[0], [1]]);
    let error = journal
        .pack(&draft(&[0, 1]), &listed(&kept))
        .expect_err("it rotted");
    assert!(what(&error).contains("0000000000000000.seg"), "{error:?}");
    read_all(&journal, &[kept[0], kept[2]]);
    assert!(files(&rotten, "").iter().all(|name| name.ends_with(".seg")));
    assert_eq!(places(&journal), [[1]], "the other one can be packed");
    journal.pack(&draft(&[1]), &listed(&kept)).expect("packs");
    read_all(&journal, &[kept[0], kept[2]]);
}

#[test]
fn places_tell_what_lives_where() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 5);
    let trim = journal.position().frame;
    let kept = [
        &of(&journal, &bodies, &[0])[..1],
        &of(&journal, &bodies, &[1, 2])[..],
    ]
    .concat();
    let live = live_bytes(&journal, &kept);
    assert_eq!(journal.places(&live), [], "nothing is trimmed");
    journal.reclaim(trim, &live).expect("reclaims");
    let segment = |index: u32| Place {
        segments: vec![index],
        stored_bytes: SEGMENT_BYTES,
        live_bytes: live[&index],
        packed: false,
        expires_ms: None,
    };
    assert_eq!(journal.places(&live), [segment(0), segment(1), segment(2)]);
    journal
        .pack(&draft(&[0, 2]), &listed(&kept))
        .expect("packs");
    let pack = Place {
        segments: vec![0, 2],
        stored_bytes: disk.bytes("0000000000000000.pak").len() as u64,
        live_bytes: live[&0] + live[&2],
        packed: true,
        expires_ms: Some(1_000),
    };
    assert!(pack.stored_bytes > pack.live_bytes);
    assert_eq!(journal.places(&live), [pack.clone(), segment(1)]);
    drop(journal);
    let (journal, _) = try_open(&disk.after_power_loss(), small_ring(), Some(trim)).expect("opens");
    assert_eq!(journal.places(&live), [pack, segment(1)]);
}

/// A crash after a pack is on the disk and before those whose place it takes are gone leaves both.
#[test]
fn of_two_packs_with_a_segment_the_newer_has_it_and_the_other_goes() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 4);
    let trim = journal.position().frame;
    let mut kept: Vec<_> = bodies
        .iter()
        .filter(|body| body.1 % 5 == 0)
        .copied()
        .collect();
    journal
        .reclaim(trim, &live_bytes(&journal, &bodies))
        .expect("trims");
    journal.pack(&draft(&[0]), &listed(&kept)).expect("packs");
    journal.pack(&draft(&[1]), &listed(&kept)).expect("packs");
    let older = disk.bytes("0000000000000000.pak");
    kept.retain(|body| body.1 % 10 == 0);
    journal
        .pack(&draft(&[0, 1]), &listed(&kept))
        .expect("packs");
    assert_eq!(files(&disk, ".pak"), ["0000000000000002.pak"]);
    let disk = disk.after_power_loss();
    disk.put("0000000000000000.pak", &older);
    let (journal, _) = try_open(&disk, small_ring(), Some(trim)).expect("opens");
    let live = live_bytes(&journal, &kept);
    let held: Vec<_> = journal
        .places(&live)
        .into_iter()
        .map(|place| place.segments)
        .collect();
    assert!(held.contains(&vec![0, 1]), "{held:?}");
    read_all(&journal, &kept);
    journal.reclaim(trim, &live).expect("reclaims");
    assert_eq!(files(&disk, ".pak"), ["0000000000000002.pak"]);
    read_all(&journal, &kept);
}

#[test]
fn a_pack_that_is_read_stays_until_the_reader_is_done() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 3);
    let trim = journal.position().frame;
    let kept = &bodies[..2];
    journal
        .reclaim(trim, &live_bytes(&journal, kept))
        .expect("trims");
    journal.pack(&draft(&[0]), &listed(kept)).expect("packs");
    let pin = journal.pin(0).expect("it is there");
    journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    read_all(&journal, kept);
    drop(pin);
    journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
    assert_eq!(journal.statistics().packs, 0);
}

/// Records of many owners came in turn; one owner's stand together in the pack.
#[test]
fn what_one_owner_has_in_a_pack_is_read_in_one_go() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    const OWNERS: u64 = 50;
    let mut bodies: Vec<WantedBody> = Vec::new();
    for number in 0.. {
        let (owner, sequence) = (number % OWNERS, number / OWNERS);
        let bytes = content(number, 2_000);
        let parts: [&[u8]; 1] = [&bytes];
        let body = Body {
            owner,
            sequence,
            parts: &parts,
        };
        let appended = journal.append(record(b"x", Some(body))).expect("room");
        bodies.push((appended.body.expect("a body"), owner, sequence));
        commit(&journal);
        if journal.segment_of(journal.position().frame) == 3 {
            break;
        }
    }
    let within = |body: &&WantedBody| journal.segment_of(body.0.lsn) < 2;
    let live: Vec<WantedBody> = bodies.iter().filter(within).copied().collect();
    let of_one = |owner: u64| -> Vec<WantedBody> {
        live.iter()
            .filter(|body| body.1 == owner)
            .copied()
            .collect()
    };
    let reads = |journal: &Journal, wanted: &[WantedBody]| {
        let before = journal.statistics().reads_file;
        for (read, (_, owner, sequence)) in journal.read_bodies(wanted).into_iter().zip(wanted) {
            let read = read.expect("it lives");
            assert_eq!(read, content(sequence * OWNERS + owner, 2_000));
        }
        journal.statistics().reads_file - before
    };
    let one = of_one(17);
    assert!(one.len() > 20);
    assert_eq!(reads(&journal, &one), one.len() as u64, "each for itself");
    let trim = journal.position().frame;
    journal
        .reclaim(trim, &BTreeMap::from([(0, 1), (1, 1)]))
        .expect("trims");
    journal.pack(&draft(&[0, 1]), &live).expect("packs");
    assert_eq!(reads(&journal, &one), 1, "from two segments at once");
    assert_eq!(
        reads(&journal, &live),
        live.len() as u64,
        "in the order they came"
    );
    let thin: Vec<WantedBody> = one.iter().step_by(3).copied().collect();
    reads(&journal, &thin);
    reads(&journal, &one.iter().rev().copied().collect::<Vec<_>>());
}

#[test]
fn a_damaged_head_refuses_the_start_and_a_damaged_block_its_own_bodies() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, small_ring(), None).expect("opens");
    let bodies = fill(&journal, 3);
    let trim = journal.position().frame;
    let kept = &bodies[..3];
    journal
        .reclaim(trim, &live_bytes(&journal, kept))
        .expect("trims");
    journal.pack(&draft(&[0]), &listed(kept)).expect("packs");
    drop(journal);
    let disk = disk.after_power_loss();
    let name = "0000000000000000.pak";
    let intact = disk.bytes(name);
    let damaged = |offset: usize| {
        let mut bytes = intact.clone();
        bytes[offset] ^= 4;
        disk.put(name, &bytes);
        try_open(&disk, small_ring(), Some(trim))
    };
    for offset in [0, 9, 20, 30, 60, 65] {
        let error = damaged(offset).expect_err("the head tells which segments it has");
        assert!(format!("{error:?}").contains(name), "{error:?}");
    }
    let (journal, _) = damaged(4096 + 20).expect("opens");
    let read = journal.read_body(kept[0].0, 7, kept[0].1);
    assert!(
        what(&read.expect_err("nobody knows where it is")).starts_with(&format!("{name} 4096 "))
    );
    let live = live_bytes(&journal, kept);
    let error = journal
        .pack(&draft(&[0]), &listed(kept))
        .expect_err("it is damaged");
    assert!(what(&error).contains(name));
    assert_eq!(journal.places(&live), [], "it is not tried again");
    drop(journal);
    disk.put(name, &intact);
    let (journal, _) = try_open(&disk, small_ring(), Some(trim)).expect("opens");
    read_all(&journal, kept);
}
