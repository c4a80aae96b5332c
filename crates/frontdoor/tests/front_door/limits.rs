//! Every limit answers or closes, and no client that does nothing can keep
//! others out.

use std::io::Write;
use std::time::{Duration, Instant};

use waystation_frontdoor::Limits;

use crate::client::{json_head, request};
use crate::server::Server;

fn limited(change: impl FnOnce(&mut Limits)) -> Server {
    Server::with(|config| change(&mut config.limits))
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let server = limited(|limits| limits.body_bytes_max = 1000);
    let mut client = server.connect();
    let body = format!("{{\"Text\":\"{}\"}}", "x".repeat(989));
    assert_eq!(body.len(), 1000);
    assert_eq!(client.call("Echo", &body).status, 200);
    let answer = client.call("Echo", &format!("{body} "));
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("1000 bytes"), "{}", answer.body);
    assert!(client.is_closed());

    // Chunks do not announce their sum.
    let mut client = server.connect();
    client.send(format!(
        "{}\r\nTransfer-Encoding: chunked\r\n\r\n",
        json_head("Echo")
    ));
    for _ in 0..3 {
        client.send(format!("190\r\n{}\r\n", "x".repeat(400)));
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 413);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_unsent() {
    let server = limited(|limits| limits.body_bytes_max = 1000);
    let mut client = server.connect();
    let head = json_head("Echo");
    client.send(format!(
        "{head}\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    ));
    assert!(client.read_head().starts_with("HTTP/1.1 413"));
}

#[test]
fn all_bodies_together_have_a_limit() {
    let server = limited(|limits| limits.bodies_bytes_max = 100_000);
    let mut client = server.connect();
    let small = format!("{{\"Text\":\"{}\"}}", "x".repeat(90_000));
    assert_eq!(client.call("Echo", &small).status, 200);
    let large = format!("{{\"Text\":\"{}\"}}", "x".repeat(200_000));
    let mut other = server.connect();
    // The server may answer and close before everything is sent.
    let _ = other.stream.write_all(&request(&json_head("Echo"), &large));
    assert_eq!(other.answer().status, 503);
    assert_eq!(
        client.call("Echo", &small).status,
        200,
        "the room is given back"
    );
}

#[test]
fn headers_beyond_size_or_count_are_431() {
    let server = limited(|limits| {
        limits.header_bytes_max = 16 * 1024;
        limits.headers_max = 20;
    });
    let large = format!("{}\r\nX-Large: {}", json_head("Echo"), "x".repeat(20_000));
    let mut client = server.connect();
    let _ = client.stream.write_all(&request(&large, "{}"));
    assert!(client.read_head().starts_with("HTTP/1.1 431"));
    let mut many = json_head("Echo");
    for index in 0..20 {
        many.push_str(&format!("\r\nX-{index}: 1"));
    }
    let mut client = server.connect();
    client.send(request(&many, "{}"));
    let answer = client.answer();
    assert_eq!(answer.status, 431);
    assert!(answer.header("x-amzn-requestid").is_some());
    assert!(
        answer
            .body
            .contains("<Code>RequestHeaderFieldsTooLarge</Code>")
    );
}

#[test]
fn what_is_no_http_is_told_so() {
    let server = limited(|_| {});
    let mut client = server.connect();
    client.send("NONSENSE\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.header("x-amzn-requestid").is_some());
    assert!(answer.body.contains("<Code>MalformedRequest</Code>"));
}

#[test]
fn slow_headers_are_cut() {
    let server = limited(|limits| limits.header_read_timeout = Duration::from_millis(100));
    let mut client = server.connect();
    // The first request is in time; the next one drips.
    assert_eq!(client.call("Echo", "{}").status, 200);
    client.send("POST / HTTP/1.1\r\nHost: localh");
    assert!(client.is_closed());
}

#[test]
fn a_slow_body_is_408() {
    let server = limited(|limits| limits.body_read_timeout = Duration::from_millis(100));
    let mut client = server.connect();
    client.send(format!(
        "{}\r\nContent-Length: 10\r\n\r\n{{",
        json_head("Echo")
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert!(client.is_closed());
}

#[test]
fn idle_connections_are_closed_and_long_polls_are_not() {
    let server = limited(|limits| limits.idle_timeout = Duration::from_millis(100));
    let mut silent = server.connect();
    let mut used = server.connect();
    assert_eq!(used.call("Echo", "{}").status, 200);
    let mut polling = server.connect();
    polling.send(request(&json_head("Wait"), "{\"Text\":\"woken\"}"));
    assert!(silent.is_closed());
    assert!(used.is_closed());
    server.stop.send(true).unwrap();
    assert!(polling.answer().body.contains("woken"));
}

#[test]
fn a_client_that_does_not_read_its_answers_is_cut() {
    let server = limited(|limits| limits.write_stall_timeout = Duration::from_millis(100));
    let mut client = server.connect();
    let text = "x".repeat(8_000_000);
    client.send(request(
        &json_head("Echo"),
        format!("{{\"Text\":\"{text}\"}}"),
    ));
    server.wait_for_calls(1);
    let mut other = server.connect();
    let deadline = Instant::now() + Duration::from_secs(10);
    let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost";
    while !other
        .ask(metrics, "")
        .body
        .contains("waystation_connections 1\n")
    {
        assert!(Instant::now() < deadline, "the connection is still there");
        std::thread::yield_now();
    }
}

#[test]
fn half_open_clients_cannot_keep_others_out() {
    let server = limited(|limits| {
        limits.connections_max = 2;
        limits.header_read_timeout = Duration::from_millis(200);
        limits.idle_timeout = Duration::from_millis(200);
        limits.body_read_timeout = Duration::from_millis(200);
    });
    let stuck: Vec<_> = (0..9)
        .map(|index| {
            let mut client = server.connect();
            match index % 3 {
                0 => {}
                1 => client.send("GET / HT"),
                _ => client.send(format!(
                    "{}\r\nContent-Length: 9\r\n\r\n{{",
                    json_head("Echo")
                )),
            }
            client
        })
        .collect();
    assert_eq!(server.connect().call("Echo", "{}").status, 200);
    drop(stuck);
}

#[test]
fn garbage_is_refused_and_the_server_goes_on() {
    let server = Server::open();
    for garbage in [
        &b"\x00\x01\x02\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(garbage);
        assert!(client.read_head().starts_with("HTTP/1.1 400"));
    }
    let mut both = server.connect();
    both.send(format!(
        "{}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        json_head("Echo")
    ));
    assert!(both.read_head().starts_with("HTTP/1.1 400"));
    assert_eq!(server.connect().call("Echo", "{}").status, 200);
}
