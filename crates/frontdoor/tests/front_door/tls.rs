//! HTTPS on the port of HTTP, with a certificate that made itself.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use waystation_frontdoor::Tls;

use crate::client::{json_head, request};
use crate::server::Server;

/// A directory of one test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("waystation-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn certificate(&self) -> Vec<u8> {
        fs::read(self.0.join("cert.pem")).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn serving_tls(directory: &Path) -> Server {
    let directory = directory.to_owned();
    Server::with(|config| config.tls = Some(Tls::SelfSigned { directory }))
}

/// Calls `Echo` over TLS, trusting `certificate` alone.
fn call(server: &Server, certificate: &[u8], name: &str) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(server.addresses[0])?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, tcp);
    let head = format!("{}\r\nConnection: close", json_head("Echo"));
    stream.write_all(&request(&head, "{}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn http_and_https_share_the_port() {
    let directory = Directory::new("tls-shared");
    let server = serving_tls(&directory.0);
    assert_eq!(server.connect().call("Echo", "{}").status, 200);
    for name in [
        "localhost",
        "queue.localhost.localstack.cloud",
        "127.0.0.1",
        "localhost.localstack.cloud",
    ] {
        let answer = call(&server, &directory.certificate(), name).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\"Url\":\"https://localhost\""), "{answer}");
    }
    call(&server, &directory.certificate(), "example.com").unwrap_err();
}

#[test]
fn a_handshake_that_does_not_go_on_is_cut() {
    let directory = Directory::new("tls-slow");
    let tls = Tls::SelfSigned {
        directory: directory.0.clone(),
    };
    let server = Server::with(|config| {
        config.tls = Some(tls);
        config.limits.header_read_timeout = Duration::from_millis(100);
    });
    let mut silent = server.connect();
    let mut begun = server.connect();
    begun.send([0x16, 3, 1]);
    assert!(silent.is_closed());
    assert!(begun.is_closed());
}

#[cfg(unix)]
#[test]
fn the_certificate_is_made_once_and_its_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new("tls-once");
    drop(serving_tls(&directory.0));
    let first = directory.certificate();
    for file in ["cert.pem", "key.pem"] {
        let mode = fs::metadata(directory.0.join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    drop(serving_tls(&directory.0));
    assert_eq!(directory.certificate(), first);
    // Half a pair is no pair.
    fs::remove_file(directory.0.join("key.pem")).unwrap();
    drop(serving_tls(&directory.0));
    assert_ne!(directory.certificate(), first);
}

#[test]
fn a_changed_certificate_is_used_without_a_restart() {
    let (used, other) = (Directory::new("tls-used"), Directory::new("tls-other"));
    let server = serving_tls(&used.0);
    drop(serving_tls(&other.0));
    let next = other.certificate();
    call(&server, &next, "localhost").unwrap_err();
    for file in ["key.pem", "cert.pem"] {
        fs::copy(other.0.join(file), used.0.join(file)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while call(&server, &next, "localhost").is_err() {
        assert!(Instant::now() < deadline, "the certificate is not reloaded");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_missing_certificate_is_a_clear_error() {
    let directory = Directory::new("tls-missing");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _within = runtime.enter();
    let config = waystation_frontdoor::Config {
        port: 0,
        tls: Some(Tls::Given {
            certificate: directory.0.join("cert.pem"),
            key: directory.0.join("key.pem"),
        }),
        ..Default::default()
    };
    let parts = waystation_frontdoor::Parts {
        services: Vec::new(),
        authenticator: waystation_auth::Authenticator::new(
            waystation_auth::Mode::Open,
            waystation_auth::Defaults::default(),
        ),
        registry: Default::default(),
        refresh: Vec::new(),
        test_routes: Vec::new(),
        pages: Vec::new(),
    };
    let Err(error) = waystation_frontdoor::FrontDoor::bind(config, parts) else {
        panic!("started without a certificate");
    };
    assert!(error.to_string().contains("cert.pem"), "{error}");
}
