//! Logs of the engine alone, without a server: appends beside what the journal alone does, reads from the beginning to
//! the end, what is written for each byte appended at a long and at a short retention, and what mixed retentions cost.
//!
//! `cargo xtask bench log [folder [append | read | kept | mixed]]`: the folder decides which disk is measured.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use waystation_engine::{
    Budgets, CatalogChange, CatalogEffect, Clock, Engine, Expect, LogConfig, LogId, LogRead, Parts,
    Running, Scope, open,
};
use waystation_storage::{DataDirectory, FjallView, JournalOptions, ViewOptions};

use crate::journal::{self, Entries};

/// Bytes of an entry.
const ENTRY_BYTES: usize = 1000;
/// How long each cell runs.
const CELL: Duration = Duration::from_secs(5);
/// How long the cells of write amplification run, and how long before anything counts.
const AMPLIFICATION: Duration = Duration::from_secs(20);
const WARM: Duration = Duration::from_secs(10);
/// How long those of mixed retentions run.
const MIXED: Duration = Duration::from_secs(60);
/// Retentions.
const SHORT_MS: u64 = 120_000;
const LONG_MS: u64 = 86_400_000;
/// Engine time passes so many times faster than real time.
const HASTE: u64 = 20;

/// Some cells, in a folder of their own.
type Cells = fn(&Path);

/// The program: one line per cell on the standard output.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("waystation-bench-log-{}", std::process::id()));
    let only = arguments.next();
    let cells: [(&str, Cells); 4] = [
        ("append", append_cells),
        ("read", read_cells),
        ("kept", kept_cells),
        ("mixed", mixed_cells),
    ];
    for (name, cells) in cells {
        if only.as_ref().is_none_or(|only| only == name) {
            cells(&folder);
        }
    }
    let _gone = std::fs::remove_dir_all(&folder);
    ExitCode::SUCCESS
}

fn append_cells(folder: &Path) {
    for (writers, batch) in [(1, 1), (1, 100), (16, 10), (16, 100), (64, 100)] {
        let entries = Entries {
            writers,
            batch,
            bytes: ENTRY_BYTES,
        };
        let alone = journal::alone(&folder.join("journal"), entries, CELL);
        let rate = with_engine(&folder.join("engine"), |engine| {
            let logs = create(engine, writers, LONG_MS);
            appends(engine, &logs, batch, CELL)
        });
        say(&format!(
            "append {writers:>3} writers x {batch:>3}: {rate:>9.0}/s, journal alone {alone:>9.0}/s: {:.0}%",
            rate / alone * 100.0
        ));
    }
}

fn read_cells(folder: &Path) {
    with_engine(&folder.join("engine"), |engine| reads(engine, 1));
    with_engine(&folder.join("engine"), |engine| reads(engine, 16));
    with_engine(&folder.join("engine"), disturbance);
}

fn kept_cells(folder: &Path) {
    for (name, retention_ms) in [("24 h", LONG_MS), ("2 min", SHORT_MS)] {
        with_engine(&folder.join("engine"), |engine| {
            let logs = retained(engine, &[retention_ms]);
            amplification(engine, name, &logs, AMPLIFICATION);
        });
    }
}

fn mixed_cells(folder: &Path) {
    let mostly = |count: usize, others: &[u64]| [&vec![SHORT_MS; count][..], others].concat();
    for (name, retentions_ms) in [
        ("7/8 2 min, 1/8 24 h", mostly(7, &[LONG_MS])),
        (
            "6/8 2 min, 1/8 20 min, 1/8 24 h",
            mostly(6, &[10 * SHORT_MS, LONG_MS]),
        ),
    ] {
        let place = folder.join("engine");
        with_engine(&place, |engine| {
            let logs = retained(engine, &retentions_ms);
            amplification(engine, name, &logs, MIXED);
            if let Some(oldest) = logs.last() {
                old_and_cold(engine, &place, *oldest);
            }
        });
    }
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

/// Reads a log from its beginning to its end; returns the bytes of its entries.
fn read_all(engine: &Engine, log: LogId) -> usize {
    let (mut from, mut bytes) = (0, 0);
    loop {
        let read = LogRead {
            from,
            entries_max: 10_000,
            bytes_max: 10 << 20,
            wait_ms: 0,
        };
        let batch = wait(engine.log(log).read(read)).expect("entries");
        let here = batch.entries.iter().map(|entry| entry.body.len());
        bytes += here.sum::<usize>();
        if batch.at_tip {
            return bytes;
        }
        from = batch.next;
    }
}

/// Reads some of the logs that were written side by side.
fn reads(engine: &Engine, side_by_side: usize) {
    let logs = create(engine, side_by_side, LONG_MS);
    appends(engine, &logs, 500, CELL);
    let began = Instant::now();
    let bytes: usize = logs.iter().take(4).map(|log| read_all(engine, *log)).sum();
    let statistics = engine.journal_statistics();
    say(&format!(
        "catch up, 1 of {side_by_side:>2} logs: {:>6.0} MB/s of {:.0} MB; {} reads of files, {} of memory",
        bytes as f64 / began.elapsed().as_secs_f64() / 1e6,
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

/// 16 logs; the first have the first retention, and so on.
fn retained(engine: &Engine, retentions_ms: &[u64]) -> Vec<LogId> {
    let each = 16 / retentions_ms.len();
    let logs = retentions_ms
        .iter()
        .flat_map(|ms| create(engine, each, *ms));
    logs.collect()
}

/// Reads a log of which the most is far back, if possible from the disk itself; and what all logs take there.
fn old_and_cold(engine: &Engine, folder: &Path, log: LogId) {
    let files = std::fs::read_dir(folder.join("journal")).expect("a journal");
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    // Only root may; and what is not written yet stays.
    let cold = std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok();
    let (before, began) = (engine.journal_statistics(), Instant::now());
    let read = read_all(engine, log);
    let seconds = began.elapsed().as_secs_f64();
    say(&format!(
        "   {count} files of {} MB; the last log, {} MB, {}: {:.0} MB/s in {} reads",
        bytes >> 20,
        read >> 20,
        if cold {
            "from the disk"
        } else {
            "perhaps from the system's cache"
        },
        read as f64 / seconds / 1e6,
        engine.journal_statistics().reads_file - before.reads_file,
    ));
}

/// What reaches the disk for each byte appended once the first entries have expired, checkpoints and packing
/// included.
fn amplification(engine: &Engine, name: &str, logs: &[LogId], time: Duration) {
    appends(engine, logs, 20, WARM);
    let (before, journal_before) = (written(), engine.journal_statistics());
    let began = Instant::now();
    let rate = appends(engine, logs, 20, time);
    let bytes = rate * began.elapsed().as_secs_f64() * ENTRY_BYTES as f64;
    let journal = engine.journal_statistics();
    let usage = engine.usage();
    let part = |after: u64, before: u64| (after - before) as f64 / bytes;
    say(&format!(
        "retention {name}: {:.0} MB in; for each byte {:.2} written: frames {:.2}, zeroed {:.2}, packed {:.2}; \
         {} segments and {} packed for {} MB of entries, {} KB of index in memory",
        bytes / 1e6,
        part(written(), before),
        part(journal.bytes_written, journal_before.bytes_written),
        part(journal.bytes_zeroed, journal_before.bytes_zeroed),
        part(journal.bytes_packed, journal_before.bytes_packed),
        journal.segments,
        journal.packs,
        usage.log_bytes.get() >> 20,
        usage.page_bytes.get() >> 10,
    ));
}

/// What a reader far behind costs those who write.
fn disturbance(engine: &Engine) {
    let logs = create(engine, 17, LONG_MS);
    let (old, writers) = (logs[0], &logs[1..]);
    appends(engine, &[old], 500, CELL / 2);
    let alone = appends(engine, writers, 100, CELL);
    let (done, read) = (AtomicU64::new(0), AtomicU64::new(0));
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) == 0 {
                read.fetch_add(read_all(engine, old) as u64, Ordering::Relaxed);
            }
        });
        let beside = appends(engine, writers, 100, CELL);
        done.store(1, Ordering::Relaxed);
        beside
    });
    say(&format!(
        "append 16 writers x 100: {alone:.0}/s alone, {beside:.0}/s beside a reader of {:.0} MB/s far behind",
        read.into_inner() as f64 / CELL.as_secs_f64() / 1e6
    ));
}
