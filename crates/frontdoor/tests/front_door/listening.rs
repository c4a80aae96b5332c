//! Addresses and ports.

use std::net::{IpAddr, TcpListener};

use waystation_auth::{Authenticator, Defaults, Mode};
use waystation_frontdoor::prometheus_client::registry::Registry;
use waystation_frontdoor::{Config, FrontDoor, Parts};

use crate::client::Client;
use crate::server::Server;

#[test]
fn both_loopback_families_share_one_port() {
    let server = Server::open();
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(server.addresses.len(), if has_ipv6 { 2 } else { 1 });
    for address in &server.addresses {
        assert!(address.ip().is_loopback());
        assert_eq!(address.port(), server.addresses[0].port());
        assert_ne!(address.port(), 0);
        let answer = Client::connect(*address).call("Echo", "{}");
        let source = format!("\"Source\":\"{}\"", address.ip());
        assert!(answer.body.contains(&source), "{}", answer.body);
    }
}

#[test]
fn both_wildcard_families_share_one_port() {
    if TcpListener::bind("[::]:0").is_err() {
        return;
    }
    let wildcards: Vec<IpAddr> = vec!["0.0.0.0".parse().unwrap(), "::".parse().unwrap()];
    let server = Server::with(|config| config.addresses = wildcards);
    assert_eq!(server.addresses.len(), 2);
    let port = server.addresses[0].port();
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let mut client = Client::connect(address.parse().unwrap());
        assert_eq!(client.call("Echo", "{}").status, 200);
    }
}

#[test]
fn a_busy_port_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _within = runtime.enter();
    let config = Config {
        port,
        ..Config::default()
    };
    let parts = Parts {
        services: Vec::new(),
        authenticator: Authenticator::new(Mode::Open, Defaults::default()),
        registry: Registry::default(),
        refresh: Vec::new(),
        test_routes: Vec::new(),
        pages: Vec::new(),
    };
    let Err(error) = FrontDoor::bind(config, parts) else {
        panic!("the port is taken twice");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} on 127.0.0.1 is in use: stop the program that listens there or choose another port"
        )
    );
}
