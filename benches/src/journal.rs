//! What the journal alone reaches: writers that append entries and wait until they are flushed, with nothing around them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use waystation_storage::{Append, Body, DataDirectory, Funding, Journal, JournalOptions, Urgency};

/// What is written.
#[derive(Clone, Copy)]
pub(crate) struct Entries {
    /// Writers, each waiting for its batch.
    pub(crate) writers: usize,
    /// Entries of a batch.
    pub(crate) batch: usize,
    /// Bytes of an entry.
    pub(crate) bytes: usize,
}

/// Entries per second of a journal in a folder of its own, which is empty before and gone afterwards.
pub(crate) fn alone(folder: &Path, entries: Entries, time: Duration) -> f64 {
    let _gone = std::fs::remove_dir_all(folder);
    let data = DataDirectory::open(folder, [7; 32]).expect("a data directory");
    let disk = data.journal_disk();
    let journal = Journal::open(disk, JournalOptions::default(), None, &mut |_| Ok(()));
    let journal = journal.expect("a journal");
    let count = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| journal.run_committer().expect("commits"));
        scope.spawn(|| {
            while journal.await_preparation_due(Duration::from_secs(1)) {
                journal.prepare_next().expect("segments");
            }
        });
        let writers: Vec<_> = (0..entries.writers)
            .map(|_| scope.spawn(|| write(&journal, entries, began + time, &count)))
            .collect();
        for writer in writers {
            writer.join().expect("a writer");
        }
        journal.stop();
    });
    let rate = count.into_inner() as f64 / began.elapsed().as_secs_f64();
    drop(journal);
    let _gone = std::fs::remove_dir_all(folder);
    rate
}

fn write(journal: &Journal, entries: Entries, ends: Instant, count: &AtomicU64) {
    let body = vec![b'x'; entries.bytes];
    let me = std::thread::current();
    while Instant::now() < ends {
        let mut end = None;
        for sequence in 0..entries.batch as u64 {
            let appended = journal.append(Append {
                shard: 1,
                kind: 18,
                version: 1,
                time_ms: 1,
                meta: &[0; 16],
                body: Some(Body {
                    owner: 1,
                    sequence,
                    parts: &[&body],
                }),
                urgency: Urgency::Sync,
                funding: Funding::Producer,
            });
            end = Some(appended.expect("room").end);
        }
        let done = Arc::new(AtomicBool::new(false));
        let (told, writer) = (done.clone(), me.clone());
        let tell = move || {
            told.store(true, Ordering::Release);
            writer.unpark();
        };
        journal.when_durable(end.unwrap_or_default(), Box::new(tell));
        while !done.load(Ordering::Acquire) {
            std::thread::park();
        }
        count.fetch_add(entries.batch as u64, Ordering::Relaxed);
    }
}
