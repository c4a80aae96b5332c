//! The committer thread among producers, readers and maintenance.

use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::disk::scratch::Scratch;
use crate::{OsDisk, VolatileDisk};

fn threaded() -> JournalOptions {
    JournalOptions {
        full_frame: FullFrame::WaitForCommitter,
        ..options()
    }
}

#[test]
fn producers_share_commits_and_read_what_they_wrote_on_a_real_disk() {
    let scratch = Scratch::new("committer");
    let disk = Arc::new(OsDisk::new(scratch.path()));
    let journal = Journal::open(disk.clone(), threaded(), None, &mut |_| Ok(())).expect("opens");
    let journal = Arc::new(journal);
    let committer = thread::spawn({
        let journal = journal.clone();
        move || journal.run_committer()
    });
    let maintenance = thread::spawn({
        let journal = journal.clone();
        move || {
            while journal.await_preparation_due(Duration::from_millis(50)) {
                journal.prepare_next().expect("prepares");
            }
        }
    });
    let producers: Vec<_> = (0..4_u64)
        .map(|owner| {
            thread::spawn({
                let journal = journal.clone();
                move || produce(&journal, owner)
            })
        })
        .collect();
    for producer in producers {
        producer.join().expect("a producer");
    }
    journal.stop();
    committer
        .join()
        .expect("the committer")
        .expect("no failure");
    maintenance.join().expect("maintenance");
    let statistics = journal.statistics();
    assert_eq!(statistics.records, 4 * 400);
    assert!(
        statistics.bytes_zeroed > 0 && statistics.segments >= 4,
        "{statistics:?}"
    );
    drop(journal);
    let mut count = [0_u64; 4];
    let start = Instant::now();
    let reopened = Journal::open(disk, threaded(), None, &mut |record| {
        let body = record.body.expect("a body");
        assert_eq!(
            count[body.owner as usize], body.sequence,
            "in order per producer"
        );
        count[body.owner as usize] += 1;
        Ok(())
    });
    eprintln!("replayed in {:?}", start.elapsed());
    assert_eq!(reopened.expect("opens").epoch(), 2);
    assert_eq!(count, [400; 4]);
}

fn produce(journal: &Journal, owner: u64) {
    let mut random = Random(owner * 7919 + 1);
    let mut kept = Vec::new();
    for sequence in 0..400 {
        let body = content(sequence, random.below(20_000) as usize);
        let parts: [&[u8]; 1] = [&body];
        let urgency = if random.below(4) == 0 {
            Urgency::Lazy
        } else {
            Urgency::Sync
        };
        let append = Append {
            urgency,
            ..record(
                b"m",
                Some(Body {
                    owner,
                    sequence,
                    parts: &parts,
                }),
            )
        };
        let appended = journal.append(append).expect("room");
        kept.push((appended.body.expect("a body"), sequence, body));
        let (reference, sequence, body) = &kept[random.below(kept.len() as u64) as usize];
        assert_eq!(
            journal
                .read_body(*reference, owner, *sequence)
                .expect("readable at once"),
            body
        );
        if random.below(3) == 0 {
            let (sender, receiver) = channel();
            journal.when_durable(
                appended.end,
                Box::new(move || sender.send(()).expect("somebody waits")),
            );
            receiver.recv().expect("durable");
            assert!(journal.durable() >= appended.end);
        }
    }
}

#[test]
fn a_lone_lazy_record_is_written_soon_and_an_idle_tail_is_sealed_once() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, threaded(), None).expect("opens");
    let journal = Arc::new(journal);
    let committer = thread::spawn({
        let journal = journal.clone();
        move || journal.run_committer()
    });
    let appended = journal
        .append(Append {
            urgency: Urgency::Lazy,
            ..record(b"lazy", None)
        })
        .expect("room");
    let (sender, receiver) = channel();
    journal.when_durable(
        appended.end,
        Box::new(move || sender.send(()).expect("somebody waits")),
    );
    receiver
        .recv_timeout(Duration::from_secs(10))
        .expect("written without a Sync record");
    journal.stop();
    committer
        .join()
        .expect("the committer")
        .expect("no failure");
    // Opening, perhaps a seal before the record was there, the record, the seal.
    assert!(
        (3..=4).contains(&journal.statistics().frames),
        "{:?}",
        journal.statistics()
    );
    assert_eq!(
        journal.append(record(b"x", None)),
        Err(AppendError::Stopped)
    );
}

#[test]
fn a_full_frame_wakes_a_sleeping_committer() {
    let disk = FaultyDisk::new();
    let patient = JournalOptions {
        lazy_ms: 3_600_000,
        seal_after_ms: 3_600_000,
        ..threaded()
    };
    let (journal, _) = try_open(&disk, patient, None).expect("opens");
    let together = Barrier::new(3);
    thread::scope(|scope| {
        let committer = scope.spawn(|| journal.run_committer());
        for owner in 0..3 {
            let (journal, together) = (&journal, &together);
            scope.spawn(move || {
                together.wait();
                let body = content(owner, 200_000);
                let parts: [&[u8]; 1] = [&body];
                for sequence in 0..20 {
                    let lazy = Append {
                        urgency: Urgency::Lazy,
                        ..record(
                            b"",
                            Some(Body {
                                owner,
                                sequence,
                                parts: &parts,
                            }),
                        )
                    };
                    journal.append(lazy).expect("room");
                }
                together.wait();
                if owner == 0 {
                    journal.stop();
                }
            });
        }
        committer
            .join()
            .expect("the committer")
            .expect("no failure");
    });
    assert_eq!(journal.statistics().records, 60);
    let (_, seen) = open(&disk.after_power_loss());
    assert_eq!(seen.len(), 60);
}

#[test]
fn a_failing_flush_frees_those_who_wait_for_room() {
    let disk = FaultyDisk::new();
    let (journal, _) = try_open(&disk, threaded(), None).expect("opens");
    disk.faults.fail_syncs.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let body = content(1, 200_000);
            let parts: [&[u8]; 1] = [&body];
            loop {
                if let Err(error) = journal.append(record(
                    b"",
                    Some(Body {
                        owner: 1,
                        sequence: 1,
                        parts: &parts,
                    }),
                )) {
                    break error;
                }
            }
        });
        assert!(journal.run_committer().is_err());
        assert_eq!(producer.join().expect("the producer"), AppendError::Stopped);
    });
}

#[test]
fn interval_durability_flushes_by_itself() {
    let disk = FaultyDisk::new();
    let relaxed = JournalOptions {
        durability: Durability::Interval(5),
        ..threaded()
    };
    let (journal, _) = try_open(&disk, relaxed, None).expect("opens");
    thread::scope(|scope| {
        let committer = scope.spawn(|| journal.run_committer());
        append(&journal, b"soon on the disk", None);
        let deadline = Instant::now() + Duration::from_secs(10);
        while open(&disk.after_power_loss()).1.is_empty() {
            assert!(Instant::now() < deadline, "never flushed");
            thread::yield_now();
        }
        journal.stop();
        committer
            .join()
            .expect("the committer")
            .expect("no failure");
    });
}

#[test]
fn what_a_volatile_disk_did_not_flush_dies_with_it() {
    let scratch = Scratch::new("volatile-journal");
    let os: Arc<dyn Disk> = Arc::new(OsDisk::new(scratch.path()));
    let volatile = Arc::new(VolatileDisk::new(os.clone(), Duration::ZERO));
    let relaxed = JournalOptions {
        durability: Durability::Os,
        ..options()
    };
    let journal = Journal::open(volatile, relaxed, None, &mut |_| Ok(())).expect("opens");
    append(&journal, b"flushed", None);
    commit(&journal);
    journal.flush().expect("flushes");
    append(&journal, b"not flushed", None);
    commit(&journal);
    drop(journal);
    let mut metas = Vec::new();
    Journal::open(os, options(), None, &mut |record| {
        metas.push(record.meta.to_vec());
        Ok(())
    })
    .expect("opens");
    assert_eq!(metas, [b"flushed"]);
}

#[test]
fn a_record_that_comes_just_as_the_tail_is_sealed_is_committed() {
    let scratch = Scratch::new("seal-race");
    let disk = Arc::new(OsDisk::new(scratch.path()));
    let eager = JournalOptions {
        seal_after_ms: 0,
        ..threaded()
    };
    let journal = Journal::open(disk, eager, None, &mut |_| Ok(())).expect("opens");
    let journal = Arc::new(journal);
    let committer = thread::spawn({
        let journal = journal.clone();
        move || journal.run_committer()
    });
    // Pauses of every length up to a flush's, so that some record meets the moment of sealing.
    let mut random = Random::seeded("seal-race");
    for sequence in 0..20_000_u64 {
        let appended = journal
            .append(record(&sequence.to_le_bytes(), None))
            .expect("room");
        if sequence % 1_000 == 0 {
            let (done, committed) = channel();
            let tell = Box::new(move || done.send(()).expect("somebody waits"));
            journal.when_durable(appended.end, tell);
            committed
                .recv_timeout(Duration::from_secs(20))
                .expect("the committer is alive");
        }
        let until = Instant::now() + Duration::from_micros(random.below(200));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }
    journal.stop();
    committer
        .join()
        .expect("the committer")
        .expect("no failure");
}

#[test]
fn a_flush_is_done_though_the_committer_sleeps() {
    let scratch = Scratch::new("asked-flush");
    let disk = Arc::new(OsDisk::new(scratch.path()));
    let relaxed = JournalOptions {
        durability: Durability::Os,
        ..threaded()
    };
    let journal = Journal::open(disk, relaxed, None, &mut |_| Ok(())).expect("opens");
    let journal = Arc::new(journal);
    let committer = thread::spawn({
        let journal = journal.clone();
        move || journal.run_committer()
    });
    let (done, flushed) = channel();
    thread::spawn({
        let journal = journal.clone();
        move || done.send(journal.flush()).expect("somebody waits")
    });
    flushed
        .recv_timeout(Duration::from_secs(20))
        .expect("an idle journal flushes when asked")
        .expect("no failure");
    journal.stop();
    committer
        .join()
        .expect("the committer")
        .expect("no failure");
}
