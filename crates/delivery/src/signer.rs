//! Signatures of SNS (section 16): one RSA key for a data directory, its certificate, and what was signed lately.
//!
//! The key is made when the first signature is asked for, because that takes a good part of a second, and kept in the
//! catalog: durable like everything there, written by whoever is first. Signing takes up to a few milliseconds of a processor,
//! so it happens when somebody reads an envelope, never while a publisher waits; all who read one publish, however
//! many at a time, share one signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::rand_core::UnwrapErr;
use rsa::{Pkcs1v15Sign, PrivateKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};
use waystation_engine::{CatalogChange, Engine, EngineError, Expect, Row, Scope};

use crate::stored::{Input, Malformed, Output};
use crate::{hexadecimal, limits};

/// Where the key is kept; no account has such a name.
const PATH: &[u8] = b"signing/key";
const ROW_VERSION: u8 = 1;
const KEY_BITS: usize = 2_048;

/// SNS-207
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureVersion {
    /// With SHA-1.
    One,
    /// With SHA-256.
    Two,
}

impl SignatureVersion {
    /// As envelopes name it.
    pub fn name(self) -> &'static str {
        match self {
            SignatureVersion::One => "1",
            SignatureVersion::Two => "2",
        }
    }

    fn digest(self, text: &str) -> Vec<u8> {
        match self {
            SignatureVersion::One => Sha1::digest(text).to_vec(),
            SignatureVersion::Two => Sha256::digest(text).to_vec(),
        }
    }
}

/// A signature as an envelope shows it.
#[derive(Debug, Clone)]
pub struct Signature {
    /// How it was made.
    pub version: SignatureVersion,
    /// In Base64 (SNS-208).
    pub text: Arc<str>,
    /// Where this server shows the certificate (SNS-211).
    pub certificate_path: Arc<str>,
}

/// A certificate that this server shows.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The path of its URL; the digits are those of its hash (SNS-194).
    pub path: Arc<str>,
    /// The certificate.
    pub pem: Bytes,
}

struct Pair {
    private: PrivateKey,
    /// The same key, four times faster; it does not sign with SHA-1.
    fast: RsaKeyPair,
    certificate: Certificate,
}

impl Pair {
    /// The key and its certificate as PEM texts.
    fn read(key: &str, certificate: String) -> Option<Pair> {
        let hash = Sha256::digest(&certificate);
        let name = hexadecimal::encode(hash.get(..16).unwrap_or_default());
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).ok()?;
        Some(Pair {
            private: PrivateKey::from_pkcs8_pem(key).ok()?,
            fast: RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?,
            certificate: Certificate {
                path: Arc::from(format!("{CERTIFICATE_PATH}{name}.pem")),
                pem: Bytes::from(certificate),
            },
        })
    }

    /// SNS-207; takes a good part of a millisecond, or a few.
    fn sign(&self, version: SignatureVersion, text: &str) -> Result<Vec<u8>, String> {
        match version {
            SignatureVersion::One => {
                let padding = Pkcs1v15Sign::new::<Sha1>();
                let signed = self.private.sign(padding, &version.digest(text));
                signed.map_err(|error| error.to_string())
            }
            SignatureVersion::Two => {
                let mut signed = vec![0; self.fast.public().modulus_len()];
                let random = SystemRandom::new();
                self.fast
                    .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signed)
                    .map_err(|error| error.to_string())?;
                Ok(signed)
            }
        }
    }
}

/// Signs with the key of the data directory.
pub struct Signer {
    engine: Engine,
    pair: OnceCell<Arc<Pair>>,
    known: Mutex<Known>,
    /// So that a burst of readers does not take all processors from everybody else.
    permits: Semaphore,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs with the key that this engine keeps; makes none yet.
    pub fn new(engine: Engine) -> Signer {
        Signer {
            engine,
            pair: OnceCell::new(),
            known: Mutex::default(),
            permits: Semaphore::new(limits::SIGNATURES_AT_ONCE),
        }
    }

    /// The signature of a text. Equal texts have equal signatures.
    pub async fn sign(
        &self,
        version: SignatureVersion,
        text: &str,
    ) -> Result<Signature, EngineError> {
        let pair = self.pair().await?;
        let cell = self.cell((version, version.digest(text)));
        let make = || async {
            let _one_of_few = self.permits.acquire().await;
            let (pair, text) = (Arc::clone(&pair), text.to_owned());
            let made = tokio::task::spawn_blocking(move || {
                let signed = pair.sign(version, &text);
                signed.map(|signature| Arc::from(STANDARD.encode(signature)))
            });
            match made.await {
                Ok(Ok(text)) => Ok(text),
                Ok(Err(reason)) => Err(EngineError::Unreadable(reason)),
                Err(_) => Err(EngineError::Stopping),
            }
        };
        Ok(Signature {
            version,
            text: cell.get_or_try_init(make).await?.clone(),
            certificate_path: Arc::clone(&pair.certificate.path),
        })
    }

    /// The certificate with which everybody can check signatures.
    pub async fn certificate(&self) -> Result<Certificate, EngineError> {
        self.pair().await.map(|pair| pair.certificate.clone())
    }

    fn cell(&self, key: (SignatureVersion, Vec<u8>)) -> Cell {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.cell(key)
    }

    async fn pair(&self) -> Result<Arc<Pair>, EngineError> {
        let find = || async {
            let scope = Scope::new("waystation", "signing");
            if let Some(row) = self.engine.catalog().get(&scope, PATH) {
                return read(&row);
            }
            let made = tokio::task::spawn_blocking(make).await;
            let made = made.map_err(|_| EngineError::Stopping)?;
            let value = made.map_err(EngineError::Unreadable)?;
            let change = CatalogChange {
                path: PATH.to_vec(),
                expect: Expect::Absent,
                value: Some(value),
                effects: Vec::new(),
            };
            self.engine.write_catalog(&scope, vec![change]).await?;
            let row = self.engine.catalog().get(&scope, PATH);
            let row = row.ok_or(EngineError::Stopping)?;
            read(&row)
        };
        self.pair.get_or_try_init(find).await.map(Arc::clone)
    }
}

/// The row of the key: version u8 = 1, key in PKCS #8 and certificate, both as PEM texts.
fn read(row: &Row) -> Result<Arc<Pair>, EngineError> {
    let bad = || EngineError::Unreadable("the key of signatures cannot be read".to_owned());
    let read = || -> Result<(String, String), Malformed> {
        let mut input = Input::new(row.bytes());
        if input.u8()? != ROW_VERSION {
            return Err(Malformed);
        }
        let texts = (input.text()?, input.text()?);
        input.end()?;
        Ok(texts)
    };
    let (key, certificate) = read().map_err(|_| bad())?;
    Pair::read(&key, certificate).map(Arc::new).ok_or_else(bad)
}

/// What paths of certificates begin with.
pub const CERTIFICATE_PATH: &str = "/SimpleNotificationService-";

/// A new key with a certificate of its own making.
fn make() -> Result<Bytes, String> {
    let shown = |error: &dyn std::fmt::Display| error.to_string();
    let mut random = UnwrapErr(getrandom::SysRng);
    let private = PrivateKey::new(&mut random, KEY_BITS).map_err(|error| shown(&error))?;
    let pem = private
        .to_pkcs8_pem(Default::default())
        .map_err(|error| shown(&error))?;
    let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256)
        .map_err(|error| shown(&error))?;
    let mut parameters = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".to_owned()])
        .map_err(|error| shown(&error))?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, "sns.amazonaws.com");
    let certificate = parameters
        .self_signed(&pair)
        .map_err(|error| shown(&error))?;
    let mut row = Output::default();
    row.u8(ROW_VERSION);
    row.text(&pem);
    row.text(&certificate.pem());
    Ok(row.finish())
}

type Cell = Arc<OnceCell<Arc<str>>>;

/// Signatures by version and digest, in two generations: a full young one becomes the old one, whose like is dropped.
#[derive(Default)]
struct Known {
    young: HashMap<(SignatureVersion, Vec<u8>), Cell>,
    old: HashMap<(SignatureVersion, Vec<u8>), Cell>,
}

impl Known {
    fn cell(&mut self, key: (SignatureVersion, Vec<u8>)) -> Cell {
        if let Some(cell) = self.young.get(&key) {
            return Arc::clone(cell);
        }
        let cell = self.old.get(&key).cloned().unwrap_or_default();
        if self.young.len() >= limits::SIGNATURES_KNOWN / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Arc::clone(&cell));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_lately_is_known_and_the_rest_forgotten() {
        let mut known = Known::default();
        let key = |number: usize| (SignatureVersion::One, number.to_be_bytes().to_vec());
        let first = known.cell(key(0));
        assert!(Arc::ptr_eq(&first, &known.cell(key(0))));
        for number in 0..limits::SIGNATURES_KNOWN * 2 {
            known.cell(key(number));
            assert!(known.young.len() + known.old.len() <= limits::SIGNATURES_KNOWN);
        }
        assert!(!Arc::ptr_eq(&first, &known.cell(key(0))));
    }

    #[test]
    fn a_key_is_made_with_a_certificate() {
        // SNS-207
        let row = make().expect("made");
        let mut input = Input::new(&row);
        assert_eq!(input.u8(), Ok(ROW_VERSION));
        let (key, certificate) = (input.text(), input.text());
        let certificate = certificate.expect("a certificate");
        assert!(certificate.contains("CERTIFICATE"));
        let pair = Pair::read(&key.expect("a key"), certificate).expect("readable");
        let public = pair.private.to_public_key();
        let one = pair.sign(SignatureVersion::One, "text").expect("signed");
        let two = pair.sign(SignatureVersion::Two, "text").expect("signed");
        let checked = [
            public.verify(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest("text"), &one),
            public.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest("text"), &two),
        ];
        assert!(checked.iter().all(Result::is_ok));
    }
}
