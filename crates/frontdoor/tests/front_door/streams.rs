//! Streams of events: flushed as they are made, held back by a slow reader, ended with the client, the server or a panic.

use std::sync::atomic::Ordering;
use std::time::Duration;

use waystation_frontdoor::Drained;

use crate::client::{Client, json_head, request};
use crate::server::Server;
use crate::test_service::FILLING;

/// A stream of this kind, its head read and checked.
fn begin(server: &Server, kind: &str) -> Client {
    let mut client = server.connect();
    client.send(request(
        &json_head("Stream"),
        format!("{{\"Text\":\"{kind}\"}}"),
    ));
    let head = client.read_head().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: application/vnd.amazon.eventstream"),
        "{head}"
    );
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    client
}

/// Whether the bytes have this text in them.
fn names(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn frames_come_as_they_are_made() {
    let server = Server::open();
    let mut client = begin(&server, "wait");
    assert!(names(&client.read_chunk(), "initial-response"));
    let event = client.read_chunk();
    assert!(names(&event, "Shout") && names(&event, "{\"Text\":\"wait\"}"));
}

#[test]
fn a_connection_goes_on_after_a_stream() {
    let server = Server::open();
    let mut client = begin(&server, "end");
    while !client.read_chunk().is_empty() {}
    assert_eq!(client.call("Echo", "{}").status, 200);
}

#[test]
fn a_client_that_goes_away_ends_its_stream() {
    let server = Server::open();
    let mut client = begin(&server, "wait");
    client.read_chunk();
    client.read_chunk();
    drop(client);
    server.wait_for_ends(1);
}

#[test]
fn a_client_that_does_not_read_holds_back_the_producer_and_is_not_cut() {
    println!("behaviour KIN-193");
    let server = Server::with(|config| {
        config.limits.write_stall_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = Duration::from_millis(50);
    });
    let mut client = begin(&server, "fill");
    server.wait_for_calls(1);
    // A silent connection is closed after as long as a stalled one would be cut. What the sockets take between two looks is
    // less and less, and then nothing.
    let mut made = 0;
    loop {
        assert!(server.connect().is_closed());
        let now = server.service.calls.load(Ordering::SeqCst);
        if now == made {
            break;
        }
        made = now;
    }
    assert!(made * FILLING < 64 << 20, "{made} events were made");
    for _ in 0..made {
        assert!(!client.read_chunk().is_empty());
    }
    server.wait_for_calls(made + 1);
}

#[test]
fn a_stream_that_panics_ends_with_an_error_frame_and_the_server_goes_on() {
    let server = Server::open();
    let mut client = begin(&server, "panic");
    client.read_chunk();
    client.read_chunk();
    let last = client.read_chunk();
    assert!(names(&last, ":error-code") && names(&last, "InternalFailure"));
    assert!(client.read_chunk().is_empty());
    assert_eq!(client.call("Echo", "{}").status, 200);
}

#[test]
fn a_stop_ends_streams_well() {
    let mut server = Server::open();
    let mut client = begin(&server, "wait");
    client.read_chunk();
    client.read_chunk();
    server.shut_down();
    assert!(client.read_chunk().is_empty());
    assert_eq!(server.wait_until_drained(), Drained::Clean);
    server.wait_for_ends(1);
}
