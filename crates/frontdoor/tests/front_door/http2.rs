//! HTTP/2 without TLS, whose clients begin with its preface on the port of HTTP/1.1.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use waystation_frontdoor::Drained;

use crate::server::Server;
use crate::test_service::FILLING;

type Client = SendRequest<Full<Bytes>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a client; nothing that the server does right takes long.
fn run<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { timeout(PATIENCE, client).await })
        .unwrap()
}

async fn connect(server: &Server) -> Client {
    connect_until_closed(server).await.0
}

/// A client, and the end of its connection.
async fn connect_until_closed(server: &Server) -> (Client, JoinHandle<hyper::Result<()>>) {
    let tcp = TcpStream::connect(server.addresses[0]).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(tcp))
        .await
        .unwrap();
    (client, tokio::spawn(connection))
}

/// Lasts until the server closes a connection on which nobody says anything.
async fn outlast_a_silent_connection(server: &Server) {
    let mut silent = TcpStream::connect(server.addresses[0]).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

fn call(operation: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("http://localhost:4566/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{operation}"))
        .body(Full::new(body.into()))
        .unwrap()
}

async fn text(response: http::Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn requests_side_by_side_are_answered_on_one_connection() {
    let server = Server::open();
    run(async {
        let mut client = connect(&server).await;
        let waits = client.send_request(call("Wait", "{\"Text\":\"last\"}"));
        let mut asked = Vec::new();
        for number in 0..50 {
            asked.push(client.send_request(call("Echo", format!("{{\"Text\":\"{number}\"}}"))));
        }
        for (number, answer) in asked.into_iter().enumerate() {
            let response = answer.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.headers().contains_key("x-amzn-requestid"));
            assert!(response.headers().contains_key("date"));
            let body = text(response).await;
            assert!(body.contains(&format!("\"Text\":\"{number}\"")), "{body}");
            assert!(body.contains("\"Url\":\"http://localhost:4566\""), "{body}");
        }
        server.stop.send(true).unwrap();
        assert!(text(waits.await.unwrap()).await.contains("last"));
    });
}

#[test]
fn a_body_larger_than_every_window_arrives_and_one_beyond_the_limit_is_413() {
    let server = Server::with(|config| config.limits.body_bytes_max = 4 << 20);
    run(async {
        let mut client = connect(&server).await;
        let body = |bytes: usize| format!("{{\"Text\":\"{}\"}}", "x".repeat(bytes));
        let response = client
            .send_request(call("Echo", body(3 << 20)))
            .await
            .unwrap();
        assert!(text(response).await.len() > 3 << 20);
        let refused = client
            .send_request(call("Echo", body(5 << 20)))
            .await
            .unwrap();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let next = client.send_request(call("Echo", "{}")).await.unwrap();
        assert_eq!(next.status(), StatusCode::OK);
    });
}

#[test]
fn a_stream_ends_with_its_request_and_leaves_the_connection() {
    let server = Server::open();
    run(async {
        let mut client = connect(&server).await;
        let stream = client
            .send_request(call("Stream", "{\"Text\":\"wait\"}"))
            .await
            .unwrap();
        assert_eq!(
            stream.headers()["content-type"],
            "application/vnd.amazon.eventstream"
        );
        let mut frames = stream.into_body();
        for _ in 0..2 {
            assert!(frames.frame().await.unwrap().unwrap().is_data());
        }
        drop(frames);
        let next = client.send_request(call("Echo", "{}")).await.unwrap();
        assert_eq!(next.status(), StatusCode::OK);
    });
    server.wait_for_ends(1);
}

#[test]
fn a_stream_that_is_not_read_holds_back_its_producer_and_no_other_request() {
    let server = Server::with(|config| config.limits.idle_timeout = Duration::from_millis(100));
    run(async {
        let mut client = connect(&server).await;
        let stream = client
            .send_request(call("Stream", "{\"Text\":\"fill\"}"))
            .await
            .unwrap();
        server.wait_for_calls(1);
        let mut made = 0;
        loop {
            outlast_a_silent_connection(&server).await;
            let now = server.service.calls.load(Ordering::SeqCst);
            if now == made {
                break;
            }
            made = now;
        }
        assert!(made * FILLING < 16 << 20, "{made} events were made");
        let next = client.send_request(call("Fail", "{}")).await.unwrap();
        assert_eq!(next.status(), StatusCode::BAD_REQUEST);
        drop(stream);
    });
}

#[test]
fn idle_connections_are_closed_and_a_request_given_up_does_not_count() {
    let server = Server::with(|config| {
        config.limits.idle_timeout = Duration::from_millis(300);
        config.limits.header_read_timeout = Duration::from_millis(100);
    });
    run(async {
        let (mut client, closed) = connect_until_closed(&server).await;
        let given_up = client.send_request(call("Wait", "{}"));
        tokio::select! {
            _ = given_up => panic!("nobody answers"),
            () = outlast_a_silent_connection(&server) => {}
        }
        // It was under way all the time; now nothing is.
        client.ready().await.unwrap();
        let _well_or_not = closed.await.unwrap();
        assert!(client.is_closed());
    });
}

#[test]
fn a_stop_answers_what_is_under_way() {
    let mut server = Server::open();
    run(async {
        let mut client = connect(&server).await;
        let waits = client.send_request(call("Wait", "{\"Text\":\"bye\"}"));
        let waits = tokio::spawn(waits);
        while server.service.calls.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
        server.shut_down();
        server.stop.send(true).unwrap();
        assert!(text(waits.await.unwrap().unwrap()).await.contains("bye"));
    });
    assert_eq!(server.wait_until_drained(), Drained::Clean);
}

#[test]
fn what_begins_like_the_preface_and_is_none_is_refused() {
    let server = Server::open();
    let mut client = server.connect();
    client.send("PRI * HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(client.read_head().starts_with("HTTP/1.1 "));
}
