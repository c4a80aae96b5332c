//! An engine with its threads in a folder of its own, and futures without a runtime.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use waystation_engine::{
    Budgets, CatalogChange, CatalogEffect, Clock, Engine, Expect, LogConfig, LogId, Parts, Running,
    Scope, open,
};
use waystation_storage::{DataDirectory, FjallView, JournalOptions, ViewOptions};

/// Real time and what a test added to it.
struct TestClock {
    began: Instant,
    first_ms: u64,
    added_ms: Arc<AtomicU64>,
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        let passed_ms = self.began.elapsed().as_millis() as u64;
        self.first_ms + passed_ms + self.added_ms.load(Ordering::Relaxed)
    }
}

pub(crate) struct Node {
    folder: PathBuf,
    running: Option<Running>,
    added_ms: Arc<AtomicU64>,
    rows: AtomicU64,
}

impl Node {
    pub(crate) fn start(name: &str) -> Node {
        let folder = format!("waystation-logs-{name}-{}", std::process::id());
        let mut node = Node {
            folder: std::env::temp_dir().join(folder),
            running: None,
            added_ms: Arc::default(),
            rows: AtomicU64::new(0),
        };
        node.restart();
        node
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        let data = DataDirectory::open(&self.folder, [7; 32]).expect("a data directory");
        let view = FjallView::open(&data.view_path(), ViewOptions::default()).expect("a view");
        let added_ms = self.added_ms.clone();
        let opened = open(Parts {
            disk: data.journal_disk(),
            view: Arc::new(view),
            journal: JournalOptions {
                ring_bytes_max: 0,
                ..JournalOptions::default()
            },
            budgets: Budgets::default(),
            workers: 2,
            secret: data.secret(),
            clock: Box::new(move |latest_ms, _| {
                Arc::new(TestClock {
                    began: Instant::now(),
                    first_ms: latest_ms.max(1_700_000_000_000),
                    added_ms,
                })
            }),
            on_room: Box::new(|_| {}),
            on_failure: Box::new(|error| panic!("{error}")),
        });
        self.running = Some(Running::start(opened.expect("an engine")).expect("threads"));
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.running.as_ref().expect("it runs").engine()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, by_ms: u64) {
        self.added_ms.fetch_add(by_ms, Ordering::Relaxed);
        self.engine().tick();
    }

    pub(crate) fn create(&self, retention_ms: u64) -> LogId {
        let log = self.engine().new_log_id();
        let config = LogConfig { retention_ms };
        self.write(vec![CatalogEffect::ConfigureLog(log, config)]);
        log
    }

    /// One catalog write with these effects.
    pub(crate) fn write(&self, effects: Vec<CatalogEffect>) {
        let row = self.rows.fetch_add(1, Ordering::Relaxed);
        let change = CatalogChange {
            path: row.to_be_bytes().to_vec(),
            expect: Expect::Any,
            value: Some(Bytes::from_static(b"row")),
            effects,
        };
        let scope = Scope::new("000000000000", "eu-west-1");
        wait(self.engine().write_catalog(&scope, vec![change])).expect("a write");
    }

    /// Damages the only place in the journal that holds these bytes.
    pub(crate) fn flip_a_bit_of(&self, content: &[u8]) {
        for file in std::fs::read_dir(self.folder.join("journal")).expect("the journal's files") {
            let path = file.expect("a file").path();
            let mut bytes = std::fs::read(&path).expect("its bytes");
            let needle = &content[..64];
            if let Some(at) = bytes
                .windows(needle.len())
                .position(|window| window == needle)
            {
                bytes[at + 40] ^= 1;
                let place = std::fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .expect("a file");
                let bytes = &bytes[at..at + 64];
                std::os::unix::fs::FileExt::write_all_at(&place, bytes, at as u64)
                    .expect("a write");
                return;
            }
        }
        panic!("the bytes are not in the journal");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Bytes that differ by seed.
pub(crate) fn content(seed: u64, bytes: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut content = vec![0; bytes];
    random.fill(&mut content);
    content.into()
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Asks everything at once, then waits for all answers.
pub(crate) fn wait_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut context = Context::from_waker(Waker::noop());
    let asked: Vec<_> = futures
        .into_iter()
        .map(|future| {
            let mut future: Pin<Box<_>> = Box::pin(future);
            match future.as_mut().poll(&mut context) {
                Poll::Ready(answer) => Err(answer),
                Poll::Pending => Ok(future),
            }
        })
        .collect();
    let answers = asked.into_iter().map(|asked| match asked {
        Ok(future) => wait(future),
        Err(answer) => answer,
    });
    answers.collect()
}

/// Asks something that is not answered at once; what is asked of the same shard later is decided after it.
pub(crate) fn asked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "answered at once");
    future
}
