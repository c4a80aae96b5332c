//! Health, metrics and the endpoints for tests.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use waystation_auth::Mode;
use waystation_frontdoor::{InternalRoute, TestEndpoints};
use waystation_wire::Response;

use crate::server::Server;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost")
}

#[test]
fn health_names_version_mode_and_services() {
    let server = Server::open();
    for path in ["/_waystation/health", "/_localstack/health"] {
        let answer = server.connect().ask(&get(path), "");
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body,
            format!(
                "{{\"version\":\"{}\",\"mode\":\"open\",\"services\":{{\"sqs\":\"running\",\"streams\":\"running\"}}}}",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.header("x-amzn-requestid").is_some());
    }
    let post = "POST /_waystation/health HTTP/1.1\r\nHost: localhost";
    let answer = server.connect().ask(post, "");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[test]
fn metrics_count_requests_by_operation_and_status() {
    let server = Server::open();
    let mut client = server.connect();
    for _ in 0..3 {
        client.call("Echo", "{}");
    }
    client.call("Fail", "{}");
    client.call("MadeUp", "{}");
    let answer = client.ask(&get("/metrics"), "");
    assert_eq!(answer.status, 200);
    for line in [
        "waystation_requests_total{service=\"sqs\",operation=\"Echo\",status=\"200\"} 3",
        "waystation_requests_total{service=\"sqs\",operation=\"Fail\",status=\"400\"} 1",
        "waystation_requests_total{service=\"sqs\",operation=\"none\",status=\"400\"} 1",
        "waystation_request_duration_seconds_count{service=\"sqs\",operation=\"Echo\"} 3",
        "waystation_connections 1",
    ] {
        assert!(
            answer.body.contains(&format!("{line}\n")),
            "{line}:\n{}",
            answer.body
        );
    }
    assert!(!answer.body.contains("MadeUp"), "strangers name no metrics");
    assert!(answer.body.ends_with("# EOF\n"));
}

fn clock() -> Vec<InternalRoute> {
    let echo = |request: waystation_wire::Request| -> waystation_wire::service::BoxFuture<'static, Response> {
        Box::pin(async move {
            Response {
                status: 200,
                headers: Vec::new(),
                body: Bytes::from(format!("{} {:?}", request.path, request.body)),
            }
        })
    };
    let route = |method, path| InternalRoute {
        method,
        path,
        handler: Arc::new(echo),
    };
    vec![
        route(Method::POST, "/_waystation/clock"),
        route(Method::GET, "/_aws/sqs/messages/*"),
    ]
}

#[test]
fn test_endpoints_exist_only_when_enabled_on_loopback() {
    let clock_request = "POST /_waystation/clock HTTP/1.1\r\nHost: localhost";
    let on = Server::build(
        |config| config.test_endpoints = TestEndpoints::OnLoopback,
        Mode::Open,
        clock(),
    );
    let mut client = on.connect();
    let answer = client.ask(clock_request, "+5s");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "/_waystation/clock b\"+5s\"");
    let answer = client.ask(&get("/_aws/sqs/messages/us-east-1/q"), "");
    assert_eq!(answer.status, 200);
    let answer = client.ask(&get("/_waystation/clock"), "");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(client.ask(&get("/_aws/other"), "").status, 404);

    let off = Server::build(|_| {}, Mode::Open, clock());
    assert_eq!(off.connect().ask(clock_request, "+5s").status, 404);

    let everywhere = Server::build(
        |config| {
            config.test_endpoints = TestEndpoints::OnLoopback;
            config.addresses = vec![std::net::Ipv4Addr::UNSPECIFIED.into()];
        },
        Mode::Open,
        clock(),
    );
    let port = everywhere.addresses[0].port();
    let mut client = crate::client::Client::connect(([127, 0, 0, 1], port).into());
    assert_eq!(client.ask(clock_request, "+5s").status, 404);
}
