//! A service in miniature, named and signed like SQS so that queue hosts and
//! paths lead to it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use waystation_wire::model::{Dialect, Validation, new_input, operation};
use waystation_wire::shape::{TEXT, member};
use waystation_wire::{ApiError, Caller, ErrorKind, Model, Protocol, Str};

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

static MODEL: Model = Model {
    service: "sqs",
    signing_names: &["sqs"],
    target_prefix: "AmazonSQS",
    xml_namespace: "http://echo.example/",
    api_version: "2012-11-05",
    protocols: &[Protocol::AwsJson10, Protocol::AwsQuery],
    query_compatible: true,
    error_namespace: Some("com.example.echo"),
    dialect: Dialect {
        validation: Validation::ListAll,
        error_detail: false,
    },
    operations: &[
        operation("Echo", &ECHO_REQUEST, new_input::<EchoRequest>)
            .output(&ECHO_RESULT, "EchoResult"),
        operation("Fail", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("NotBuilt", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("Panic", &ECHO_REQUEST, new_input::<EchoRequest>),
        operation("Wait", &ECHO_REQUEST, new_input::<EchoRequest>)
            .output(&ECHO_RESULT, "EchoResult"),
    ],
};

/// The service; `Wait` ends when `stop` becomes true.
pub(crate) struct TestService {
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) calls: AtomicUsize,
}

waystation_wire::operations! {
    TestService, MODEL;
    "Echo" => echo(EchoRequest) -> EchoResult,
    "Fail" => fail(EchoRequest) -> (),
    "Panic" => panics(EchoRequest) -> (),
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
    dialect: Dialect {
        validation: Validation::ListAll,
        error_detail: false,
    },
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
