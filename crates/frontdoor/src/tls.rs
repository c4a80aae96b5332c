//! TLS beside plain HTTP: the certificate, made at the first start or given by
//! the user, and read again when its files change.

mod files;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// Names a self-signed certificate is valid for, beside configured ones.
const SELF_SIGNED_NAMES: [&str; 6] = [
    "localhost",
    "*.localhost",
    "localhost.localstack.cloud",
    "*.localhost.localstack.cloud",
    "127.0.0.1",
    "::1",
];

/// The name of HTTP/2 when a handshake chooses the protocol.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";

/// Why there is no certificate.
#[derive(Debug)]
pub struct TlsError {
    /// The file in question.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl TlsError {
    fn of(path: &Path, reason: impl fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS file {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for TlsError {}

/// The certificate in force and the files it came from.
pub(crate) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    provider: CryptoProvider,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current(RwLock<Loaded>);

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    changed_at: Changed,
}

/// Modification times of certificate and key.
type Changed = (Option<SystemTime>, Option<SystemTime>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let loaded = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&loaded.key))
    }
}

impl Certificates {
    /// Reads the certificate, or makes one for `hosts` where the configuration says so.
    pub(crate) fn open(tls: &Tls, hosts: &[String]) -> Result<Self, TlsError> {
        let provider = default_provider();
        let (certificate, key, loaded) = match tls {
            Tls::Given { certificate, key } => {
                let loaded = load(certificate, key, &provider)?;
                (certificate.clone(), key.clone(), loaded)
            }
            Tls::SelfSigned { directory } => {
                let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
                // A half-written pair of an earlier start is made anew.
                let loaded = load(&certificate, &key, &provider).or_else(|_| {
                    make_self_signed(&certificate, &key, hosts)?;
                    load(&certificate, &key, &provider)
                })?;
                (certificate, key, loaded)
            }
        };
        Ok(Self {
            certificate,
            key,
            provider,
            current: Arc::new(Current(RwLock::new(loaded))),
        })
    }

    /// An acceptor that always uses the certificate in force.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let failed = |error: rustls::Error| TlsError::of(&self.certificate, error);
        let mut config = ServerConfig::builder_with_provider(Arc::new(self.provider.clone()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again when they changed. A pair that cannot be used, for
    /// example because only one half is written yet, leaves the old one in force.
    pub(crate) fn reload_if_changed(&self) {
        let changed_at = files::changed_at(&self.certificate, &self.key);
        let lock = &self.current.0;
        let known = lock
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .changed_at;
        if changed_at == known {
            return;
        }
        match load(&self.certificate, &self.key, &self.provider) {
            Ok(loaded) => {
                *lock.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                tracing::info!(certificate = %self.certificate.display(), "the certificate is reloaded");
            }
            Err(error) => tracing::warn!(%error, "the changed certificate is not used"),
        }
    }
}

fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Loaded, TlsError> {
    // Before reading: a change during it is then seen at the next look.
    let changed_at = files::changed_at(certificate, key);
    let chain = CertificateDer::pem_slice_iter(&files::read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::of(certificate, error))?;
    if chain.is_empty() {
        return Err(TlsError::of(certificate, "holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_slice(&files::read(key)?)
        .map_err(|error| TlsError::of(key, error))?;
    let certified = CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| TlsError::of(certificate, error))?;
    Ok(Loaded {
        key: Arc::new(certified),
        changed_at,
    })
}

fn make_self_signed(certificate: &Path, key: &Path, hosts: &[String]) -> Result<(), TlsError> {
    let failed = |error: rcgen::Error| TlsError::of(certificate, error);
    let names: Vec<String> = SELF_SIGNED_NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .chain(hosts.iter().cloned())
        .collect();
    let mut parameters = rcgen::CertificateParams::new(names).map_err(failed)?;
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Waystation, self-signed");
    let pair = rcgen::KeyPair::generate().map_err(failed)?;
    let signed = parameters.self_signed(&pair).map_err(failed)?;
    files::write_private(key, &pair.serialize_pem())?;
    files::write_private(certificate, &signed.pem())
}
