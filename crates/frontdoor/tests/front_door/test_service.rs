//! A service in miniature, named and signed like SQS so that queue hosts and
//! paths lead to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use waystation_wire::model::{Dialect, new_input, operation};
use waystation_wire::shape::{TEXT, member};
use waystation_wire::{ApiError, Caller, ErrorKind, EventStream, Model, Protocol, Str};

static OUT_OF_ORDER: ErrorKind = ErrorKind::sender("OutOfOrder", 400).query("Echo.OutOfOrder");

waystation_wire::structure! { EchoRequest, ECHO_REQUEST, "EchoRequest" {
    0 text: Option<Str> = member("Text", TEXT),
}}

waystation_wire::structure! { EchoResult, ECHO_RESULT, "EchoResult" {
    0 text: Option<Str> = member("Text", TEXT),
    1 account: Option<Str> = member("Account", TEXT),
    2 region: Option<Str> = member("Region", TEXT),
    3 url: Option<Str> = member("Url", TEXT),
    4 source: Option<Str> = member("Source", TEXT),
}}

waystation_wire::event_union! { Shouts { "Shout" EchoResult } ends [&OUT_OF_ORDER] }

static MODEL: Model = Model {
    service: "sqs",
    signing_names: &["sqs"],
    target_prefix: "AmazonSQS",
    xml_namespace: "http://echo.example/",
    api_version: "2012-11-05",
    protocols: &[Protocol::AwsJson10, Protocol::AwsQuery],
    query_compatible: true,
    error_namespace: Some("com.example.echo"),
    dialect: Dialect::USUAL,
    operations: &[
        operation("Echo", &ECHO_REQUEST, new_input::<EchoRequest>)
            .output(&ECHO_RESULT, "EchoResult"),
        operation("Fail", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("NotBuilt", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("Panic", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("Stream", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("Wait", &ECHO_REQUEST, new_input::<EchoRequest>)
            .output(&ECHO_RESULT, "EchoResult"),
    ],
};

/// The service; `Wait` ends when `stop` becomes true.
pub(crate) struct TestService {
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) calls: AtomicUsize,
    /// Streams that came to an end, well or not.
    pub(crate) ended: Arc<AtomicUsize>,
}

waystation_wire::operations! {
    TestService, MODEL;
    "Echo" => echo(EchoRequest) -> EchoResult,
    "Fail" => fail(EchoRequest) -> (),
    "Panic" => panics(EchoRequest) -> (),
    "Stream" => stream(EchoRequest) -> EventStream<Shouts>,
    "Wait" => wait(EchoRequest) -> EchoResult,
}

static STREAMS_MODEL: Model = Model {
    service: "streams",
    signing_names: &["sqs"],
    target_prefix: "EchoStreams_20200101",
    xml_namespace: "",
    api_version: "2020-01-01",
    protocols: &[Protocol::AwsJson10],
    query_compatible: false,
    error_namespace: None,
    dialect: Dialect::USUAL,
    operations: &[operation("Shout", &ECHO_REQUEST, new_input::<EchoRequest>)
        .output(&ECHO_RESULT, "EchoResult")],
};

/// A service with the signing name of the other, like DynamoDB's streams.
pub(crate) struct StreamsService;

waystation_wire::operations! {
    StreamsService, STREAMS_MODEL;
    "Shout" => shout(EchoRequest) -> EchoResult,
}

async fn shout(_: &StreamsService, _: &Caller, input: EchoRequest) -> Result<EchoResult, ApiError> {
    Ok(EchoResult {
        text: input.text.map(|text| Str::from(text.to_uppercase())),
        ..EchoResult::default()
    })
}

async fn echo(
    service: &TestService,
    caller: &Caller,
    input: EchoRequest,
) -> Result<EchoResult, ApiError> {
    service.calls.fetch_add(1, Ordering::SeqCst);
    let endpoint = &caller.endpoint;
    Ok(EchoResult {
        text: input.text,
        account: Some(caller.account.clone()),
        region: Some(caller.region.clone()),
        url: Some(Str::from(format!(
            "{}://{}",
            endpoint.scheme, endpoint.host
        ))),
        source: Some(Str::from(caller.source_ip.to_string())),
    })
}

async fn fail(_: &TestService, _: &Caller, _: EchoRequest) -> Result<(), ApiError> {
    Err(OUT_OF_ORDER.with("Out of order."))
}

async fn panics(_: &TestService, _: &Caller, _: EchoRequest) -> Result<(), ApiError> {
    panic!("on purpose")
}

/// Bytes of an event of a stream that does not end.
pub(crate) const FILLING: usize = 64 * 1024;

/// Counts the end of a stream.
struct Ends(Arc<AtomicUsize>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// One event, and then as the text says: `fill` goes on with large ones, `panic` panics, `end` ends, all others wait.
async fn stream(
    service: &Arc<TestService>,
    _: &Caller,
    input: EchoRequest,
) -> Result<EventStream<Shouts>, ApiError> {
    let text = input.text.unwrap_or_default();
    let state = (service.clone(), Ends(service.ended.clone()), 0);
    Ok(EventStream::unfold(state, move |(service, ends, made)| {
        let text = text.clone();
        async move {
            let said = match (made, &*text) {
                (0, _) => text,
                (_, "fill") => Str::from("x".repeat(FILLING)),
                (_, "panic") => panic!("on purpose"),
                (_, "end") => return Ok(None),
                _ => std::future::pending().await,
            };
            service.calls.fetch_add(1, Ordering::SeqCst);
            let event = EchoResult {
                text: Some(said),
                ..EchoResult::default()
            };
            Ok(Some((event, (service, ends, made + 1))))
        }
    }))
}

async fn wait(
    service: &TestService,
    _: &Caller,
    input: EchoRequest,
) -> Result<EchoResult, ApiError> {
    service.calls.fetch_add(1, Ordering::SeqCst);
    let mut stop = service.stop.clone();
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(EchoResult {
        text: input.text,
        ..EchoResult::default()
    })
}
