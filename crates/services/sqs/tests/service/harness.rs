//! A running engine on a scratch directory, and requests without HTTP.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use waystation_delivery::signer::Signer;
use waystation_engine::{Budgets, Clock, Parts, Running, open};
use waystation_sqs::{Limits, Sqs};
use waystation_storage::{JournalOptions, OsDisk, StorageError, View, ViewWrite};
use waystation_wire::{Caller, Request, Scheme, Str, binding};

/// The service with everything below it. Its data outlives `restart` and goes with the last drop.
pub(crate) struct Lab {
    pub(crate) sqs: Arc<Sqs>,
    running: Option<Running>,
    clock: Arc<TestClock>,
    view: Arc<MemoryView>,
    directory: PathBuf,
    limits: Limits,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::with_limits(Limits::None)
    }

    pub(crate) fn with_limits(limits: Limits) -> Lab {
        let directory = scratch();
        let clock = Arc::new(TestClock::new());
        let view = Arc::new(MemoryView::default());
        let (running, sqs) = start(&directory, &clock, &view, limits);
        Lab {
            sqs,
            running: Some(running),
            clock,
            view,
            directory,
            limits,
        }
    }

    /// Stops the engine and opens it again.
    pub(crate) fn restart(&mut self) {
        self.running.take().expect("running").stop();
        let (running, sqs) = start(&self.directory, &self.clock, &self.view, self.limits);
        self.sqs = sqs;
        self.running = Some(running);
    }

    /// Moves engine time.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.running.as_ref().expect("running").engine().tick();
    }

    /// One JSON request: the answer, or the shape and the text of the error.
    pub(crate) fn ask(&self, operation: &str, input: Value) -> Result<Value, (String, String)> {
        block_on(ask(self.sqs.clone(), operation.to_owned(), input))
    }

    /// A request that must succeed.
    pub(crate) fn must(&self, operation: &str, input: Value) -> Value {
        self.ask(operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    /// Creates a queue and returns its URL.
    pub(crate) fn queue(&self, name: &str, attributes: Value) -> String {
        let answer = self.must(
            "CreateQueue",
            json!({ "QueueName": name, "Attributes": attributes }),
        );
        answer["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    pub(crate) fn send(&self, url: &str, body: &str) -> Value {
        self.must(
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": body }),
        )
    }

    /// The messages of one receive with all system attributes.
    pub(crate) fn receive(&self, url: &str, more: Value) -> Vec<Value> {
        let mut input =
            json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"] });
        let fields = more.as_object().expect("an object").clone();
        input.as_object_mut().expect("an object").extend(fields);
        self.must("ReceiveMessage", input)["Messages"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Visible, in flight and delayed messages.
    pub(crate) fn counts(&self, url: &str) -> [String; 3] {
        let answer = self.must(
            "GetQueueAttributes",
            json!({ "QueueUrl": url, "AttributeNames": ["All"] }),
        );
        let count = |kind: &str| {
            answer["Attributes"][format!("ApproximateNumberOfMessages{kind}")]
                .as_str()
                .unwrap_or("?")
                .to_owned()
        };
        [count(""), count("NotVisible"), count("Delayed")]
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

/// The JSON of a redrive policy.
pub(crate) fn redrive_policy(target_name: &str, receives: u32) -> String {
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{target_name}");
    json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives }).to_string()
}

/// One JSON request, as a future.
pub(crate) async fn ask(
    sqs: Arc<Sqs>,
    operation: String,
    input: Value,
) -> Result<Value, (String, String)> {
    let mut headers = HeaderMap::new();
    let target = format!("AmazonSQS.{operation}");
    headers.insert(
        "x-amz-target",
        HeaderValue::from_str(&target).expect("a header"),
    );
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    let request = Request {
        method: Method::POST,
        path: "/".to_owned(),
        query: None,
        headers,
        body: Bytes::from(input.to_string()),
        scheme: Scheme::Http,
        host: Str::from("localhost:4566"),
        request_id: Str::from("request"),
    };
    let answered = binding::dispatch(sqs, Arc::new(Caller::default()), request).await;
    let response = answered.response;
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    if response.status == 200 {
        return Ok(body);
    }
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    let shape = text("__type");
    Err((
        shape.rsplit('#').next().unwrap_or_default().to_owned(),
        text("message"),
    ))
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A directory of its own for one test.
pub(crate) fn scratch() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory =
        std::env::temp_dir().join(format!("waystation-sqs-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a scratch directory");
    directory
}

/// What an engine is made of.
pub(crate) fn parts(directory: &Path, clock: &Arc<TestClock>, view: &Arc<MemoryView>) -> Parts {
    let clock: Arc<dyn Clock> = clock.clone();
    Parts {
        disk: Arc::new(OsDisk::new(directory)),
        view: view.clone(),
        journal: JournalOptions {
            segment_bytes: 1 << 22,
            ..JournalOptions::default()
        },
        budgets: Budgets::default(),
        workers: 4,
        secret: [7; 32],
        clock: Box::new(move |_, _| clock),
        on_room: Box::new(|_| {}),
        on_failure: Box::new(|error| panic!("the disk failed: {error}")),
    }
}

fn start(
    directory: &Path,
    clock: &Arc<TestClock>,
    view: &Arc<MemoryView>,
    limits: Limits,
) -> (Running, Arc<Sqs>) {
    let opened = open(parts(directory, clock, view))
        .unwrap_or_else(|error| panic!("the engine does not open: {error}"));
    let running =
        Running::start(opened).unwrap_or_else(|error| panic!("the engine does not start: {error}"));
    let spawn = Box::new(|task| {
        std::thread::spawn(move || block_on(task));
    });
    let engine = running.engine();
    let signer = Arc::new(Signer::new(engine.clone()));
    let sqs = Arc::new(Sqs::new(engine.clone(), limits, spawn, signer));
    sqs.resume_move_tasks().expect("readable rows");
    (running, sqs)
}

/// Time that stands still but for what a test adds.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn new() -> TestClock {
        TestClock(AtomicU64::new(1_700_000_000_000))
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A view that survives restarts of the engine and nothing else.
#[derive(Default)]
pub(crate) struct MemoryView(Mutex<BTreeMap<Vec<u8>, Bytes>>);

impl View for MemoryView {
    fn write(&self, batch: &[ViewWrite]) -> Result<(), StorageError> {
        let mut rows = self.0.lock().expect("the lock");
        for (key, value) in batch {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        Ok(self.0.lock().expect("the lock").get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let rows = self.0.lock().expect("the lock");
        for (key, value) in rows
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
        {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
