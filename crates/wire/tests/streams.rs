//! An operation that answers with a stream of events, through its binding: frames, their order and their end.

// Which behaviours a test shows must be seen.
#![allow(clippy::print_stdout)]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use waystation_wire::binding::{self, Answered, Frames};
use waystation_wire::model::{Dialect, new_input, operation};
use waystation_wire::shape::{INTEGER, TEXT, member};
use waystation_wire::{
    ApiError, Caller, ErrorKind, EventStream, Model, Protocol, Request, Scheme, Str, errors,
};

static GONE: ErrorKind = ErrorKind::sender("GoneException", 400);
static UNKNOWN: ErrorKind = ErrorKind::sender("UnknownException", 400);

waystation_wire::structure! { CountRequest, COUNT_REQUEST, "CountRequest" {
    0 to: Option<i32> = member("To", INTEGER),
    1 end: Option<Str> = member("End", TEXT),
}}

waystation_wire::structure! { Number, NUMBER, "Number" {
    0 value: i32 = member("Value", INTEGER).required(),
}}

waystation_wire::event_union! { Numbers { "Number" Number } ends [&GONE] }

static MODEL: Model = Model {
    service: "counter",
    signing_names: &["counter"],
    target_prefix: "Counter",
    xml_namespace: "",
    api_version: "",
    protocols: &[Protocol::AwsJson11],
    query_compatible: false,
    error_namespace: None,
    dialect: Dialect::USUAL,
    operations: &[operation(
        "Count",
        &COUNT_REQUEST,
        new_input::<CountRequest>,
    )],
};

/// Counts what it makes and what is dropped.
#[derive(Default)]
struct Counter {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct Count {
    at: i32,
    input: CountRequest,
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    async fn next(mut self) -> Result<Option<(Number, Count)>, ApiError> {
        if self.at == self.input.to.unwrap_or_default() {
            return match self.input.end.as_deref() {
                None => Ok(None),
                Some("gone") => Err(GONE.with("It is gone.")),
                Some("wait") => std::future::pending().await,
                Some(_) => Err(UNKNOWN.with("Nobody knows.")),
            };
        }
        self.at += 1;
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(Some((Number { value: self.at }, self)))
    }
}

async fn count(
    counter: &Counter,
    _: &Caller,
    input: CountRequest,
) -> Result<EventStream<Numbers>, ApiError> {
    if input.to.is_none() {
        return Err(errors::VALIDATION.with("How far?"));
    }
    let count = Count {
        at: 0,
        input,
        made: counter.made.clone(),
        dropped: counter.dropped.clone(),
    };
    Ok(EventStream::unfold(count, Count::next))
}

waystation_wire::operations! {
    Counter, MODEL;
    "Count" => count(CountRequest) -> EventStream<Numbers>,
}

fn ask(counter: &Arc<Counter>, body: &'static str) -> Answered {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", HeaderValue::from_static("Counter.Count"));
    let request = Request {
        method: Method::POST,
        path: "/".to_owned(),
        query: None,
        headers,
        body: Bytes::from_static(body.as_bytes()),
        scheme: Scheme::Http,
        host: "localhost".into(),
        request_id: "id".into(),
    };
    let caller = Arc::new(Caller::default());
    match pin!(binding::dispatch(counter.clone(), caller, request)).poll(&mut context()) {
        Poll::Ready(answered) => answered,
        Poll::Pending => panic!("the handler waits for nothing"),
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Headers and payload of a frame, its lengths and checksums checked.
fn read(frame: &[u8]) -> (BTreeMap<String, String>, String) {
    let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
    assert_eq!(number(0) as usize, frame.len());
    assert_eq!(number(8), crc32(&frame[..8]));
    assert_eq!(number(frame.len() - 4), crc32(&frame[..frame.len() - 4]));
    let (mut rest, payload) = frame[12..frame.len() - 4].split_at(number(4) as usize);
    let mut headers = BTreeMap::new();
    while let Some((length, tail)) = rest.split_first() {
        let (name, tail) = tail.split_at(usize::from(*length));
        assert_eq!(tail[0], 7, "a string");
        let (value, tail) = tail[3..].split_at(usize::from(tail[1]) << 8 | usize::from(tail[2]));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        headers.insert(text(name), text(value));
        rest = tail;
    }
    (headers, String::from_utf8(payload.to_vec()).unwrap())
}

/// CRC-32 bit by bit, to check the tables of others.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

fn next(frames: &mut Frames) -> Option<(BTreeMap<String, String>, String)> {
    match frames.poll_next(&mut context()) {
        Poll::Ready(frame) => frame.map(|frame| read(&frame)),
        Poll::Pending => panic!("no frame is there"),
    }
}

#[test]
fn events_are_frames_between_the_initial_response_and_the_end() {
    let answered = ask(&Arc::default(), "{\"To\":2}");
    assert_eq!(answered.response.status, 200);
    assert_eq!(
        answered.response.header("content-type"),
        Some("application/vnd.amazon.eventstream")
    );
    let mut frames = answered.frames.unwrap();
    for (kind, payload) in [
        ("initial-response", "{}"),
        ("Number", "{\"Value\":1}"),
        ("Number", "{\"Value\":2}"),
    ] {
        let (headers, found) = next(&mut frames).unwrap();
        assert_eq!(headers[":message-type"], "event");
        assert_eq!(headers[":event-type"], kind);
        assert_eq!(headers[":content-type"], "application/x-amz-json-1.1");
        assert_eq!(found, payload);
    }
    assert_eq!(next(&mut frames), None);
    assert_eq!(next(&mut frames), None);
}

#[test]
fn an_error_before_the_first_event_is_an_ordinary_answer() {
    let answered = ask(&Arc::default(), "{}");
    assert_eq!(answered.response.status, 400);
    assert!(answered.frames.is_none());
}

#[test]
fn an_error_of_the_model_is_an_exception_and_the_last_frame() {
    println!("behaviour KIN-197");
    let mut frames = ask(&Arc::default(), "{\"To\":0,\"End\":\"gone\"}")
        .frames
        .unwrap();
    next(&mut frames);
    let (headers, payload) = next(&mut frames).unwrap();
    assert_eq!(headers[":message-type"], "exception");
    assert_eq!(headers[":exception-type"], "GoneException");
    assert_eq!(headers[":content-type"], "application/x-amz-json-1.1");
    assert_eq!(payload, "{\"message\":\"It is gone.\"}");
    assert_eq!(next(&mut frames), None);
}

#[test]
fn an_error_that_the_model_does_not_list_is_an_error_without_payload() {
    println!("behaviour KIN-198");
    let mut frames = ask(&Arc::default(), "{\"To\":0,\"End\":\"odd\"}")
        .frames
        .unwrap();
    next(&mut frames);
    let (headers, payload) = next(&mut frames).unwrap();
    assert_eq!(headers[":message-type"], "error");
    assert_eq!(headers[":error-code"], "UnknownException");
    assert_eq!(headers[":error-message"], "Nobody knows.");
    assert_eq!(payload, "");
    assert_eq!(next(&mut frames), None);
}

#[test]
fn nothing_is_made_before_it_is_taken_and_a_dropped_stream_drops_its_state() {
    let counter = Arc::<Counter>::default();
    let mut frames = ask(&counter, "{\"To\":100}").frames.unwrap();
    next(&mut frames);
    assert_eq!(counter.made.load(Ordering::SeqCst), 0);
    next(&mut frames);
    next(&mut frames);
    assert_eq!(counter.made.load(Ordering::SeqCst), 2);
    drop(frames);
    assert_eq!(counter.dropped.load(Ordering::SeqCst), 1);

    let mut waits = ask(&counter, "{\"To\":0,\"End\":\"wait\"}").frames.unwrap();
    next(&mut waits);
    assert!(waits.poll_next(&mut context()).is_pending());
    drop(waits);
    assert_eq!(counter.dropped.load(Ordering::SeqCst), 2);
}
