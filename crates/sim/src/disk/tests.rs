//! The simulated disk keeps its promises and uses every liberty it has.

use std::collections::BTreeSet;

use super::*;

fn filled(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    disk.open(name, Open::Existing).ok()?;
    Some(disk.peek(name, 0, 1 << 20))
}

#[test]
fn flushed_bytes_under_synced_names_survive_every_crash() {
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let disk = SimDisk::new(seed, u64::MAX);
        let file = disk.open("a", Open::CreateNew).unwrap();
        disk.sync_directory().unwrap();
        file.write_at(0, &[9; 8192], Flush::Later).unwrap();
        file.write_at(1000, &[1; 5000], Flush::BeforeReturn)
            .unwrap();
        file.write_at(20_000, &[2; 100], Flush::Later).unwrap();
        file.sync().unwrap();
        file.write_at(20_050, &[3; 5], Flush::Later).unwrap();
        disk.crash(&mut rng);
        let bytes = filled(&disk, "a").unwrap();
        assert_eq!(bytes[1000..6000], [1; 5000], "seed {seed}");
        assert_eq!(bytes[20_000..20_050], [2; 50], "seed {seed}");
        let later = &bytes[20_050..20_055];
        assert!(later == [3; 5] || later == [2; 5], "seed {seed}");
    }
}

#[test]
fn unflushed_sectors_come_back_at_any_version() {
    let mut versions = BTreeSet::new();
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let disk = SimDisk::new(seed, u64::MAX);
        let file = disk.open("a", Open::CreateNew).unwrap();
        file.write_at(0, &[1; 4096], Flush::BeforeReturn).unwrap();
        disk.sync_directory().unwrap();
        file.write_at(0, &[2; 4096], Flush::Later).unwrap();
        file.write_at(0, &[3; 4096], Flush::Later).unwrap();
        disk.crash(&mut rng);
        let bytes = filled(&disk, "a").unwrap();
        let seen: BTreeSet<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        assert!(
            bytes
                .chunks(512)
                .all(|sector| sector.iter().all(|b| *b == sector[0]))
        );
        versions.insert(seen);
    }
    assert!(versions.contains(&BTreeSet::from([1])), "all lost");
    assert!(versions.contains(&BTreeSet::from([3])), "all kept");
    assert!(versions.contains(&BTreeSet::from([1, 2, 3])), "torn");
}

#[test]
fn names_survive_as_a_prefix_of_their_changes() {
    let mut left = BTreeSet::new();
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let disk = SimDisk::new(seed, u64::MAX);
        disk.open("a", Open::CreateNew).unwrap();
        disk.sync_directory().unwrap();
        disk.rename("a", "b").unwrap();
        disk.open("c", Open::CreateNew).unwrap();
        disk.remove("b").unwrap();
        disk.crash(&mut rng);
        left.insert(disk.list().unwrap().join(""));
    }
    let expected = ["a", "b", "bc", "c"].map(str::to_owned);
    assert_eq!(left, BTreeSet::from(expected));
}

#[test]
fn a_full_disk_refuses_and_a_power_cut_ends_everything() {
    let mut rng = Rng::with_seed(1);
    let disk = SimDisk::new(1, 10_000);
    let file = disk.open("a", Open::CreateNew).unwrap();
    disk.sync_directory().unwrap();
    file.allocate(0, 8192).unwrap();
    let full = file.write_at(8192, &[0; 4096], Flush::Later).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    disk.fail_write_after(1, WriteFault::PowerCut);
    file.write_at(0, &[1; 512], Flush::BeforeReturn).unwrap();
    file.write_at(512, &[2; 512], Flush::BeforeReturn)
        .unwrap_err();
    disk.list().unwrap_err();
    disk.crash(&mut rng);
    assert_eq!(filled(&disk, "a").unwrap()[..512], [1; 512]);
}
