//! Routing, protocols, errors, and what happens to one request alone.

use waystation_frontdoor::Answers;

use crate::client::{json_head, request};
use crate::server::Server;

#[test]
fn sqs_011_a_json_call_reaches_its_service() {
    let server = Server::open();
    let mut client = server.connect();
    let answer = client.call("Echo", "{\"Text\":\"hello\"}");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "{\"Text\":\"hello\",\"Account\":\"000000000000\",\"Region\":\"us-east-1\",\"Url\":\"http://localhost\",\"Source\":\"127.0.0.1\"}"
    );
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/x-amz-json-1.0"));
    assert!(answer.header("date").is_some(), "IDN-062");
    let id = answer.header("x-amzn-requestid").unwrap().to_owned();
    assert_eq!(id.len(), 36);
    let second = client.call("Echo", "{}");
    assert_ne!(second.header("x-amzn-requestid"), Some(id.as_str()));
}

#[test]
fn open_mode_takes_account_and_region_from_any_signature() {
    let server = Server::open();
    let head = format!(
        "{}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=123456789012/20200101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=00",
        json_head("Echo")
    );
    let answer = server.connect().ask(&head, "{}");
    assert!(answer.body.contains("\"Account\":\"123456789012\""));
    assert!(answer.body.contains("\"Region\":\"eu-west-1\""));
}

#[test]
fn sqs_032_034_query_calls_are_routed_by_action_host_or_path() {
    let server = Server::open();
    let form = "\r\nContent-Type: application/x-www-form-urlencoded";
    for (head, body) in [
        (
            format!("POST / HTTP/1.1\r\nHost: localhost{form}"),
            "Action=Echo&Version=2012-11-05&Text=a+b",
        ),
        (
            "GET /?Action=Echo&Text=a%20b HTTP/1.1\r\nHost: localhost".to_owned(),
            "",
        ),
        (
            format!("POST /?Action=Echo HTTP/1.1\r\nHost: queue.localhost{form}"),
            "Text=a+b",
        ),
        (
            format!("POST /000000000000/q HTTP/1.1\r\nHost: localhost{form}"),
            "Action=Echo&Text=a%20b",
        ),
        (
            "GET /?Text=a+b&Action=Echo HTTP/1.1\r\nHost: sqs.us-east-1.amazonaws.com".to_owned(),
            "",
        ),
    ] {
        let answer = server.connect().ask(&head, body);
        assert_eq!(answer.status, 200, "{head}: {}", answer.body);
        assert!(answer.body.contains("<Text>a b</Text>"), "{}", answer.body);
    }
}

#[test]
fn what_is_not_built_is_501_and_named_in_the_protocol_of_the_request() {
    let server = Server::open();
    let mut client = server.connect();
    let answer = client.call("NotBuilt", "{}");
    assert_eq!(answer.status, 501);
    assert!(answer.body.contains("#NotImplemented\""), "{}", answer.body);
    assert!(answer.body.contains("NotBuilt"), "{}", answer.body);

    let target = json_head("Echo").replace("AmazonSQS", "DynamoDB_20120810");
    let answer = client.ask(&target, "{}");
    assert_eq!(answer.status, 501);
    assert!(
        answer.body.contains("DynamoDB_20120810.Echo"),
        "{}",
        answer.body
    );
    assert!(answer.header("x-amzn-requestid").is_some());

    // An action that two services have goes to the one that was signed for.
    let signed = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=00";
    let answer = client.ask(signed, "Action=Echo");
    assert_eq!(answer.status, 501);
    assert!(
        answer.body.contains("<Code>NotImplemented</Code>"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("'sns'"), "{}", answer.body);

    let answer = client.ask("GET / HTTP/1.1\r\nHost: localhost", "");
    assert_eq!(answer.status, 501);
}

#[test]
fn services_with_one_signing_name_differ_in_the_target() {
    let server = Server::open();
    let mut client = server.connect();
    let signature = "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00";
    for signature in ["", signature] {
        let echo = json_head("Echo");
        let shout = echo.replace("AmazonSQS.Echo", "EchoStreams_20200101.Shout");
        let answer = client.ask(&format!("{shout}{signature}"), "{\"Text\":\"a\"}");
        assert_eq!(answer.body, "{\"Text\":\"A\"}");
        let answer = client.ask(&format!("{echo}{signature}"), "{\"Text\":\"a\"}");
        assert!(answer.body.contains("\"Text\":\"a\""), "{}", answer.body);
    }
}

#[test]
fn errors_are_rendered_by_the_binding_of_the_request() {
    let server = Server::open();
    let mut client = server.connect();
    let answer = client.call("Fail", "{}");
    assert_eq!(answer.status, 400);
    let code = answer.header("x-amzn-query-error");
    assert_eq!(code, Some("Echo.OutOfOrder;Sender"));
    assert!(answer.body.contains("com.example.echo#OutOfOrder"));
    let answer = client.ask("GET /?Action=Fail HTTP/1.1\r\nHost: localhost", "");
    assert!(answer.body.contains("<Code>Echo.OutOfOrder</Code>"));
    assert_eq!(client.call("NoSuchOperation", "{}").status, 400);
}

#[test]
fn a_panic_answers_500_for_that_request_alone() {
    let server = Server::open();
    let mut client = server.connect();
    let answer = client.call("Panic", "{}");
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("#InternalFailure"), "{}", answer.body);
    assert!(!answer.body.contains("on purpose"), "{}", answer.body);
    assert_eq!(client.call("Echo", "{}").status, 200);
}

#[test]
fn pipelined_and_chunked_requests_are_answered_in_order() {
    let server = Server::open();
    let mut client = server.connect();
    let mut bytes = request(&json_head("Echo"), "{\"Text\":\"one\"}");
    bytes.extend_from_slice(json_head("Echo").as_bytes());
    bytes.extend_from_slice(
        b"\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"Text\":\r\n6\r\n\"two\"}\r\n0\r\n\r\n",
    );
    bytes.extend_from_slice(&request(&json_head("Echo"), "{\"Text\":\"three\"}"));
    client.send(&bytes);
    for text in ["one", "two", "three"] {
        let answer = client.answer();
        assert!(answer.body.contains(text), "{}", answer.body);
    }
}

#[test]
fn a_large_body_arrives_whole() {
    let server = Server::open();
    let text = "x".repeat(3_000_000);
    let answer = server
        .connect()
        .call("Echo", &format!("{{\"Text\":\"{text}\"}}"));
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains(&text));
}

#[test]
fn expect_100_continue_is_answered_before_the_body() {
    let server = Server::open();
    let mut client = server.connect();
    let head = json_head("Echo");
    client.send(format!(
        "{head}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    ));
    assert!(client.read_head().starts_with("HTTP/1.1 100"));
    client.send("{}");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn head_and_options_are_sane() {
    let server = Server::open();
    let mut client = server.connect();
    client.send("HEAD /_waystation/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // Had the body come, it would be taken for the next answer.
    let answer = client.ask("OPTIONS / HTTP/1.1\r\nHost: localhost", "");
    assert_eq!(answer.status, 204);
    assert!(answer.header("allow").unwrap().contains("POST"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(client.call("Echo", "{}").status, 200);
}

#[test]
fn http_1_0_without_a_host_works_and_closes() {
    let server = Server::open();
    let mut client = server.connect();
    let head = json_head("Echo")
        .replace("HTTP/1.1", "HTTP/1.0")
        .replace("\r\nHost: localhost", "");
    assert_eq!(client.ask(&head, "{}").status, 200);
    assert!(client.is_closed());
}

#[test]
fn the_bare_mode_reads_everything_and_says_yes() {
    let server = Server::with(|config| config.answers = Answers::Bare);
    let mut client = server.connect();
    for _ in 0..2 {
        let answer = client.call("Fail", &"x".repeat(1024));
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    }
    assert_eq!(
        server
            .service
            .calls
            .load(std::sync::atomic::Ordering::SeqCst),
        0
    );
}
