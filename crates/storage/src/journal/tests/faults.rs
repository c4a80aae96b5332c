//! Failing writes and flushes are fatal; a full disk is not.

use std::sync::atomic::AtomicUsize;

use super::*;

fn counted(journal: &Journal, lsn: Lsn, count: &Arc<AtomicUsize>) {
    let count = count.clone();
    journal.when_durable(
        lsn,
        Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    );
}

#[test]
fn completions_run_after_the_flush_that_covers_them() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    let count = Arc::new(AtomicUsize::new(0));
    let first = append(&journal, b"a", None);
    counted(&journal, first.end, &count);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    commit(&journal);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    counted(&journal, first.end, &count);
    counted(&journal, journal.position().end, &count);
    assert_eq!(
        count.load(Ordering::SeqCst),
        3,
        "at once when it is durable already"
    );
}

#[test]
fn after_a_failed_write_or_flush_nothing_is_acknowledged_any_more() {
    type Inject = fn(&crate::disk::faulty::Faults);
    let faults: [(&str, Inject); 3] = [
        ("write", |faults| {
            faults.fail_writes.store(true, Ordering::SeqCst)
        }),
        ("short write", |faults| {
            faults.short_writes.store(true, Ordering::SeqCst)
        }),
        ("flush", |faults| {
            faults.fail_syncs.store(true, Ordering::SeqCst)
        }),
    ];
    for (name, inject) in faults {
        let disk = FaultyDisk::new();
        let (journal, _) = open(&disk);
        append(&journal, b"kept", None);
        commit(&journal);
        let count = Arc::new(AtomicUsize::new(0));
        let lost = append(&journal, &content(1, 20_000), None);
        counted(&journal, lost.end, &count);
        inject(&disk.faults);
        assert!(
            matches!(
                journal.commit_next(Wait::Poll),
                Err(StorageError::Io { .. })
            ),
            "{name}"
        );
        // The disk working again changes nothing: what it holds is unknown.
        let healed = disk.after_power_loss();
        assert!(
            matches!(journal.commit_next(Wait::Poll), Err(StorageError::Failed)),
            "{name}"
        );
        assert!(
            matches!(journal.run_committer(), Err(StorageError::Failed)),
            "{name}"
        );
        assert_eq!(
            journal.append(record(b"x", None)),
            Err(AppendError::Stopped),
            "{name}"
        );
        counted(&journal, lost.end, &count);
        assert!(journal.durable() < lost.end, "{name}");
        assert_eq!(count.load(Ordering::SeqCst), 0, "{name}");
        let (_, seen) = open(&healed);
        assert_eq!(seen.len(), 1, "{name}");
    }
}

#[test]
fn a_full_disk_refuses_producers_then_consumers_and_heals() {
    let disk = FaultyDisk::new();
    let options = JournalOptions {
        segment_bytes: 16 * 1024 * 1024,
        ..options()
    };
    let (journal, _) = try_open(&disk, options.clone(), None).expect("opens");
    disk.faults.room.store(17 * 1024 * 1024, Ordering::SeqCst);
    let prepared = journal.prepare_next().expect("a full disk is no error");
    assert_eq!(
        (prepared.segments, prepared.storage_full),
        (1, false),
        "one more segment was to be had"
    );
    let body = content(1, 200_000);
    let fill = |funding| {
        let mut bytes = 0_u64;
        loop {
            let parts: [&[u8]; 1] = [&body];
            let append = Append {
                funding,
                ..record(
                    b"x",
                    Some(Body {
                        owner: 7,
                        sequence: 1,
                        parts: &parts,
                    }),
                )
            };
            match journal.append(append) {
                Ok(_) => bytes += body.len() as u64,
                Err(error) => break (bytes, error),
            }
            commit(&journal);
        }
    };
    let (bytes, error) = fill(Funding::Producer);
    assert_eq!(error, AppendError::StorageFull);
    assert!(
        bytes > 13 * 1024 * 1024,
        "producers may fill what is not the reserve: {bytes}"
    );
    assert!(journal.statistics().storage_full);
    let (bytes, error) = fill(Funding::Consumer);
    assert_eq!(error, AppendError::StorageFull);
    assert!(
        bytes > 10 * 1024 * 1024,
        "the reserve is for consumers: {bytes}"
    );
    assert!(journal.prepare_next().expect("still full").storage_full);
    disk.faults.room.store(100 * 1024 * 1024, Ordering::SeqCst);
    assert!(!journal.prepare_next().expect("room again").storage_full);
    append(&journal, b"again", None);
    commit(&journal);
    drop(journal);
    let (_, seen) = try_open(&disk.after_power_loss(), options, None).expect("opens");
    assert_eq!(seen.last().expect("records").meta, b"again");
}

#[test]
fn reclaiming_makes_room_on_a_full_disk() {
    let disk = FaultyDisk::new();
    let (journal, _) = open(&disk);
    disk.faults.room.store(3 * SEGMENT_BYTES, Ordering::SeqCst);
    let body = content(1, 200_000);
    let mut refused = 0;
    for number in 0..200 {
        let parts: [&[u8]; 1] = [&body];
        if journal
            .append(record(
                b"x",
                Some(Body {
                    owner: 7,
                    sequence: number,
                    parts: &parts,
                }),
            ))
            .is_err()
        {
            refused += 1;
            let trim = journal.position().frame;
            let reclaimed = journal.reclaim(trim, &BTreeMap::new()).expect("reclaims");
            assert!(!reclaimed.recycled.is_empty());
            append(&journal, b"room again", None);
        }
        commit(&journal);
    }
    assert!(refused >= 2, "the disk was full {refused} times");
    assert!(journal.statistics().segments <= 4);
}
