//! Pages of foreign origins get nowhere in open mode, those of loopback and
//! configured ones get full CORS.

use std::sync::atomic::Ordering;

use waystation_auth::Mode;

use crate::client::json_head;
use crate::server::Server;

fn with_header(header: &str) -> String {
    format!("{}\r\n{header}", json_head("Echo"))
}

#[test]
fn foreign_origins_are_refused_before_dispatch() {
    let server = Server::open();
    let simple = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nOrigin: https://evil.example";
    let image = "GET /?Action=Echo HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site";
    let form = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nOrigin: null";
    for (head, body) in [
        (with_header("Origin: https://evil.example"), "{}"),
        (simple.to_owned(), "Action=Echo"),
        (image.to_owned(), ""),
        (form.to_owned(), "Action=Echo"),
        (
            json_head("Echo").replace("localhost", "rebound.example"),
            "{}",
        ),
    ] {
        let answer = server.connect().ask(&head, body);
        assert_eq!(answer.status, 403, "{head}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(server.service.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn allowed_origins_get_cors_and_preflights() {
    let server = Server::with(|config| {
        config.cors_origins = vec!["https://app.example".to_owned()];
    });
    for origin in ["https://app.example", "http://localhost:3000"] {
        let mut client = server.connect();
        let answer = client.ask(
            &format!("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-amz-target,x-custom"),
            "",
        );
        assert_eq!(answer.status, 204);
        let header = |name: &str| answer.header(name).unwrap();
        assert_eq!(header("access-control-allow-origin"), origin);
        assert_eq!(
            header("access-control-allow-headers"),
            "x-amz-target,x-custom"
        );
        assert!(header("access-control-allow-methods").contains("POST"));
        assert_eq!(header("vary"), "Origin");

        let answer = client.ask(&with_header(&format!("Origin: {origin}")), "{}");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-amzn-RequestId"));
    }
}

#[test]
fn a_signature_protects_services_but_not_internal_paths() {
    let server = Server::verifying();
    let mut client = server.connect();
    let answer = client.ask(&with_header("Origin: https://evil.example"), "{}");
    assert_eq!(answer.status, 400, "refused for its missing signature");
    let health = "GET /_waystation/health HTTP/1.1\r\nHost: localhost";
    let answer = client.ask(&format!("{health}\r\nOrigin: https://evil.example"), "");
    assert_eq!(answer.status, 403);
    assert_eq!(client.ask(health, "").status, 200);
}

#[test]
fn beyond_loopback_any_host_name_is_fine() {
    let everywhere = Server::build(
        |config| config.addresses = vec![std::net::Ipv4Addr::UNSPECIFIED.into()],
        Mode::Open,
        Vec::new(),
    );
    let port = everywhere.addresses[0].port();
    let head = json_head("Echo").replace("localhost", "waystation.internal.example");
    let mut client = crate::client::Client::connect(([127, 0, 0, 1], port).into());
    assert_eq!(client.ask(&head, "{}").status, 200);
}
