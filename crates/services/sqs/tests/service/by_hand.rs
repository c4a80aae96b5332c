//! The service over an engine without threads: whoever holds it says when what was decided becomes durable.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::Value;
use waystation_delivery::signer::Signer;
use waystation_engine::{Advance, Manual, open};
use waystation_sqs::{Limits, Sqs};
use waystation_storage::FullFrame;

use crate::harness::{MemoryView, TestClock, ask, parts, scratch};

/// An engine by hand and the service over it. Its data outlives `restart` and goes with the last drop.
pub(crate) struct ByHand {
    pub(crate) sqs: Arc<Sqs>,
    manual: Option<Manual>,
    clock: Arc<TestClock>,
    view: Arc<MemoryView>,
    directory: PathBuf,
}

impl ByHand {
    pub(crate) fn new() -> ByHand {
        let (clock, view) = (Arc::new(TestClock::new()), Arc::default());
        let directory = scratch();
        let (manual, sqs) = start(&directory, &clock, &view);
        ByHand {
            sqs,
            manual: Some(manual),
            clock,
            view,
            directory,
        }
    }

    /// Opens the engine again over what a checkpoint and the journal have.
    pub(crate) fn restart(&mut self) {
        self.manual = None;
        let (manual, sqs) = start(&self.directory, &self.clock, &self.view);
        self.manual = Some(manual);
        self.sqs = sqs;
    }

    fn manual(&mut self) -> &mut Manual {
        self.manual.as_mut().expect("an engine")
    }

    fn run_workers(&mut self) {
        let workers = self.manual().workers();
        (0..workers).for_each(|number| self.manual().run_worker(number));
    }

    /// Asks, and lets the engine decide; nothing becomes durable by it.
    pub(crate) fn decide<F: Future>(&mut self, asked: Pin<&mut F>) -> Poll<F::Output> {
        let polled = asked.poll(&mut Context::from_waker(Waker::noop()));
        self.run_workers();
        polled
    }

    /// Runs everything until the answer is there.
    pub(crate) fn answer<F: Future>(&mut self, asked: F) -> F::Output {
        let mut asked = pin!(asked);
        for _ in 0..1_000 {
            if let Poll::Ready(answer) = self.decide(asked.as_mut()) {
                return answer;
            }
            self.manual().commit_next().expect("a commit");
            while self.manual().fetch_next() {}
        }
        panic!("nobody answers");
    }

    /// A request that must succeed.
    pub(crate) fn must(&mut self, operation: &str, input: Value) -> Value {
        let asked = ask(self.sqs.clone(), operation.to_owned(), input);
        let answer = self.answer(asked);
        answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// Brings everything into the view.
    pub(crate) fn checkpoint(&mut self) {
        while self.manual().checkpoint_step().expect("a checkpoint") != Advance::Finished {
            self.run_workers();
            self.manual().commit_next().expect("a commit");
        }
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

fn start(directory: &Path, clock: &Arc<TestClock>, view: &Arc<MemoryView>) -> (Manual, Arc<Sqs>) {
    let mut parts = parts(directory, clock, view);
    parts.journal.full_frame = FullFrame::CommitInline;
    let opened = open(parts).unwrap_or_else(|error| panic!("the engine does not open: {error}"));
    let manual = Manual::new(opened);
    let engine = manual.engine();
    let signer = Arc::new(Signer::new(engine.clone()));
    let sqs = Sqs::new(engine.clone(), Limits::None, Box::new(|_| {}), signer);
    (manual, Arc::new(sqs))
}
