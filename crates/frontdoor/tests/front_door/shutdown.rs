//! A stop answers what is under way and takes nothing more.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use waystation_frontdoor::Drained;

use crate::client::{json_head, request};
use crate::server::Server;

#[test]
fn long_polls_end_at_once_and_are_answered() {
    let mut server = Server::open();
    let mut polling = server.connect();
    polling.send(request(&json_head("Wait"), "{\"Text\":\"bye\"}"));
    let mut idle = server.connect();
    assert_eq!(idle.call("Echo", "{}").status, 200);
    server.wait_for_calls(2);

    let begun = Instant::now();
    server.stop.send(true).unwrap();
    server.shut_down();
    let answer = polling.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("bye"));
    assert!(polling.is_closed());
    assert!(idle.is_closed());
    assert_eq!(server.wait_until_drained(), Drained::Clean);
    assert!(begun.elapsed() < Duration::from_secs(5));
    for address in &server.addresses {
        TcpStream::connect(address).unwrap_err();
    }
}

#[test]
fn a_request_that_does_not_end_is_cut_after_the_drain_timeout() {
    let mut server = Server::with(|config| {
        config.limits.drain_timeout = Duration::from_millis(200);
    });
    let mut polling = server.connect();
    polling.send(request(&json_head("Wait"), "{}"));
    server.wait_for_calls(1);
    server.shut_down();
    assert_eq!(server.wait_until_drained(), Drained::Cut(1));
    assert!(polling.is_closed());
}
