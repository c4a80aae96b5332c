//! Time of decode, dispatch and encode of a SendMessage, without sockets: `cargo run --release --example speed [NAME]`.

// A timing needs a clock and is a line on the terminal.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../services/sqs/src/api.rs"]
pub mod api;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use waystation_wire::{ApiError, Caller, Request, Scheme, binding};

struct Sink;

waystation_wire::operations! {
    Sink, api::MODEL;
    "SendMessage" => send(api::SendMessageRequest) -> api::SendMessageResult,
}

async fn send(
    _: &Sink,
    _: &Caller,
    input: api::SendMessageRequest,
) -> Result<api::SendMessageResult, ApiError> {
    black_box(&input.message_body);
    Ok(api::SendMessageResult {
        md5_of_message_body: Some("6e2baaf3b97dbeef01c0043275f9a0e7".into()),
        message_id: Some("219f8380-5770-4cc2-8c3e-5c715e145f5e".into()),
        ..Default::default()
    })
}

fn measure(name: &str, request: &Request, rounds: u32) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if !name.starts_with(&wanted) {
        return;
    }
    let (sink, caller) = (Arc::new(Sink), Arc::new(Caller::default()));
    let mut best = f64::INFINITY;
    // Many short windows: the best one is free of what else the machine does.
    for _ in 0..300 {
        let start = Instant::now();
        for _ in 0..rounds {
            // The front door makes a request anyway; cloning it stands for that.
            let mut future = pin!(binding::dispatch(
                sink.clone(),
                caller.clone(),
                request.clone()
            ));
            match future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(answered) => assert_eq!(black_box(answered).response.status, 200),
                Poll::Pending => return,
            }
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    let mut clone = f64::INFINITY;
    for _ in 0..300 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(request.clone());
        }
        clone = clone.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    println!(
        "{name:<16} {:>9.3} us, of which {:.3} us make the request",
        best * 1e6,
        clone * 1e6
    );
}

fn request(content_type: &'static str, body: String) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    if content_type.contains("json") {
        headers.insert(
            "x-amz-target",
            HeaderValue::from_static("AmazonSQS.SendMessage"),
        );
    }
    Request {
        method: Method::POST,
        path: String::from("/"),
        query: None,
        headers,
        body: Bytes::from(body),
        scheme: Scheme::Http,
        host: "localhost:4566".into(),
        request_id: "8f2b0f5e-6a0e-5d1e-8a5d-3a5f3c9d8e71".into(),
    }
}

fn main() {
    const URL: &str = "http://localhost:4566/000000000000/queue";
    for (name, bytes, rounds) in [
        ("100 B", 100, 1_000),
        ("1 KiB", 1_024, 1_000),
        ("64 KiB", 65_536, 100),
    ] {
        let text = "x".repeat(bytes);
        let json = format!("{{\"QueueUrl\":\"{URL}\",\"MessageBody\":\"{text}\"}}");
        measure(
            &format!("JSON {name}"),
            &request("application/x-amz-json-1.0", json),
            rounds,
        );
        let url = URL.replace(':', "%3A").replace('/', "%2F");
        let form =
            format!("Action=SendMessage&Version=2012-11-05&QueueUrl={url}&MessageBody={text}");
        measure(
            &format!("query {name}"),
            &request("application/x-www-form-urlencoded", form),
            rounds,
        );
    }
}
