//! Logs of the engine alone, without a server: appends beside what the journal alone does, reads from the beginning to
//! the end, and what is written for each byte appended at a long and at a short retention.
//!
//! `cargo xtask bench log [folder]`: the folder decides which disk is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use waystation_engine::{
    Budgets, CatalogChange, CatalogEffect, Clock, Engine, Expect, LogConfig, LogId, LogRead, Parts,
    Running, Scope, open,
};
use waystation_storage::{
    Append, Body, DataDirectory, FjallView, Funding, Journal, JournalOptions, Urgency, ViewOptions,
};

/// Bytes of an entry.
const ENTRY_BYTES: usize = 1000;
/// How long each cell runs.
const CELL: Duration = Duration::from_secs(8);
/// How long the cells of write amplification run.
const AMPLIFICATION: Duration = Duration::from_secs(40);
/// Engine time passes so many times faster than real time.
const HASTE: u64 = 20;

fn main() {
    let folder = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("waystation-bench-log-{}", std::process::id()));
    for (writers, batch) in [(1, 1), (1, 100), (16, 10), (16, 100), (64, 100)] {
        let alone = journal_alone(&folder.join("journal"), writers, batch);
        let rate = with_engine(&folder.join("engine"), |engine| {
            let logs = create(engine, writers, 86_400_000);
            appends(engine, &logs, batch, CELL)
        });
        say(&format!(
            "append {writers:>3} writers x {batch:>3}: {rate:>9.0}/s, journal alone {alone:>9.0}/s: {:.0}%",
            rate / alone * 100.0
        ));
    }
    with_engine(&folder.join("engine"), |engine| reads(engine, 1));
    with_engine(&folder.join("engine"), |engine| reads(engine, 16));
    for (name, retention_ms) in [("24 h", 86_400_000), ("2 min", 120_000)] {
        with_engine(&folder.join("engine"), |engine| {
            amplification(engine, name, retention_ms)
        });
    }
    let _gone = std::fs::remove_dir_all(&folder);
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn say(line: &str) {
    println!("{line}");
}

struct HastyClock {
    began: Instant,
    first_ms: u64,
}

impl Clock for HastyClock {
    fn now_ms(&self) -> u64 {
        self.first_ms + self.began.elapsed().as_millis() as u64 * HASTE
    }
}

fn with_engine<T>(folder: &Path, measure: impl FnOnce(&Engine) -> T) -> T {
    let _gone = std::fs::remove_dir_all(folder);
    let data = DataDirectory::open(folder, [7; 32]).expect("a data directory");
    let view = FjallView::open(&data.view_path(), ViewOptions::default()).expect("a view");
    let opened = open(Parts {
        disk: data.journal_disk(),
        view: Arc::new(view),
        journal: JournalOptions::default(),
        budgets: Budgets::default(),
        workers: 2,
        secret: data.secret(),
        clock: Box::new(|latest_ms, _| {
            Arc::new(HastyClock {
                began: Instant::now(),
                first_ms: latest_ms.max(1_700_000_000_000),
            })
        }),
        on_room: Box::new(|_| {}),
        on_failure: Box::new(|error| panic!("{error}")),
    });
    let running = Running::start(opened.expect("an engine")).expect("threads");
    let measured = measure(running.engine());
    running.stop();
    measured
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => return answer,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

fn create(engine: &Engine, count: usize, retention_ms: u64) -> Vec<LogId> {
    let logs: Vec<LogId> = (0..count).map(|_| engine.new_log_id()).collect();
    let effects = logs
        .iter()
        .map(|log| CatalogEffect::ConfigureLog(*log, LogConfig { retention_ms }));
    let change = CatalogChange {
        path: logs.iter().flat_map(|log| log.0.to_be_bytes()).collect(),
        expect: Expect::Absent,
        value: Some(Bytes::from_static(b"logs")),
        effects: effects.collect(),
    };
    wait(engine.write_catalog(&Scope::new("000000000000", "eu-west-1"), vec![change]))
        .expect("logs");
    logs
}

/// One writer a log, each waiting for its batch; returns entries a second.
fn appends(engine: &Engine, logs: &[LogId], batch: usize, time: Duration) -> f64 {
    let count = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for log in logs {
            scope.spawn(|| {
                let body = Bytes::from(vec![b'x'; ENTRY_BYTES]);
                while began.elapsed() < time {
                    let bodies = vec![body.clone(); batch];
                    let appended = wait(engine.log(*log).append(bodies)).expect("room");
                    count.fetch_add(appended.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / began.elapsed().as_secs_f64()
}

fn journal_alone(folder: &Path, writers: usize, batch: usize) -> f64 {
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
        let writers: Vec<_> = (0..writers)
            .map(|_| scope.spawn(|| write_alone(&journal, batch, began, &count)))
            .collect();
        for writer in writers {
            writer.join().expect("a writer");
        }
        journal.stop();
    });
    count.into_inner() as f64 / began.elapsed().as_secs_f64()
}

fn write_alone(journal: &Journal, batch: usize, began: Instant, count: &AtomicU64) {
    let body = vec![b'x'; ENTRY_BYTES];
    let me = std::thread::current();
    while began.elapsed() < CELL {
        let mut end = None;
        for sequence in 0..batch as u64 {
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
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (told, writer) = (done.clone(), me.clone());
        let tell = move || {
            told.store(true, Ordering::Release);
            writer.unpark();
        };
        journal.when_durable(end.unwrap_or_default(), Box::new(tell));
        while !done.load(Ordering::Acquire) {
            std::thread::park();
        }
        count.fetch_add(batch as u64, Ordering::Relaxed);
    }
}

/// Reads one of some logs that were written side by side, from the beginning and at the end.
fn reads(engine: &Engine, side_by_side: usize) {
    let logs = create(engine, side_by_side, 86_400_000);
    appends(engine, &logs, 500, CELL);
    let (mut from, mut bytes, mut at_tip) = (0, 0, false);
    let mut log = 0;
    let began = Instant::now();
    while log < logs.len().min(4) {
        let read = LogRead {
            from,
            entries_max: 10_000,
            bytes_max: 10 << 20,
            wait_ms: 0,
        };
        let batch = wait(engine.log(logs[log]).read(read)).expect("entries");
        bytes += batch
            .entries
            .iter()
            .map(|entry| entry.body.len())
            .sum::<usize>();
        (from, at_tip) = (batch.next, batch.at_tip);
        if at_tip {
            (log, from) = (log + 1, 0);
        }
    }
    assert!(at_tip, "a log has an end");
    let seconds = began.elapsed().as_secs_f64();
    let statistics = engine.journal_statistics();
    say(&format!(
        "catch up, 1 of {side_by_side:>2} logs: {:>6.0} MB/s of {:.0} MB; {} reads of files, {} of memory",
        bytes as f64 / seconds / 1e6,
        bytes as f64 / 1e6,
        statistics.reads_file,
        statistics.reads_memory
    ));
}

/// Bytes this process wrote to the disk, as the kernel counts them.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// What reaches the disk for each byte appended, checkpoints and relocation included.
fn amplification(engine: &Engine, name: &str, retention_ms: u64) {
    let logs = create(engine, 16, retention_ms);
    let before = written();
    let rate = appends(engine, &logs, 20, AMPLIFICATION);
    let bytes = rate * AMPLIFICATION.as_secs_f64() * ENTRY_BYTES as f64;
    let statistics = engine.journal_statistics();
    let usage = engine.usage();
    say(&format!(
        "retention {name:>5}: {:.0} MB in, {:.2} written for each byte ({:.2} by the journal); {} segments, {} MB of entries, {} KB of index",
        bytes / 1e6,
        (written() - before) as f64 / bytes,
        (statistics.bytes_written + statistics.bytes_zeroed) as f64 / bytes,
        statistics.segments,
        usage.log_bytes.get() >> 20,
        usage.page_bytes.get() >> 10,
    ));
}
