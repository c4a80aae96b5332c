//! Answers to endpoints that ask who we are: Basic (RFC 7617) and Digest (RFC 7616) authentication (SNS-249).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::hexadecimal;

/// User and password of a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User(..)")
    }
}

impl User {
    /// From `user:password`, percent-encoded as in a URL.
    pub fn of(text: &str) -> User {
        let (name, password) = text.split_once(':').unwrap_or((text, ""));
        User {
            name: decoded(name),
            password: decoded(password),
        }
    }

    /// The `Authorization` header for a request, as the strongest of the challenges wants it; `None` when none of them is known.
    pub(super) fn answer<'a>(
        &self,
        headers: impl Iterator<Item = &'a str>,
        method: &str,
        path: &str,
    ) -> Option<String> {
        let challenges: Vec<ChallengeRef<'a>> = headers
            .flat_map(ChallengeParser::new)
            .filter_map(Result::ok)
            .collect();
        let digests = challenges
            .iter()
            .filter_map(|challenge| self.digest(challenge, method, path));
        let digests: Vec<(Hash, String)> = digests.collect();
        let best = digests.iter().find(|(hash, _)| *hash == Hash::Sha256);
        if let Some((_, answer)) = best.or_else(|| digests.first()) {
            return Some(answer.clone());
        }
        challenges
            .iter()
            .any(|challenge| challenge.scheme.eq_ignore_ascii_case("Basic"))
            .then(|| {
                let plain = format!("{}:{}", self.name, self.password);
                format!("Basic {}", STANDARD.encode(plain))
            })
    }

    fn digest(
        &self,
        challenge: &ChallengeRef<'_>,
        method: &str,
        path: &str,
    ) -> Option<(Hash, String)> {
        if !challenge.scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let given = |wanted: &str| {
            let mut given = challenge.params.iter();
            let (_, value) = given.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(value.to_unescaped())
        };
        let (realm, nonce) = (given("realm")?, given("nonce")?);
        let algorithm = given("algorithm");
        let (hash, is_session) = Hash::of(algorithm.as_deref().unwrap_or("MD5"))?;
        let has_quality = match given("qop") {
            None => false,
            Some(list)
                if list
                    .split(',')
                    .any(|one| one.trim().eq_ignore_ascii_case("auth")) =>
            {
                true
            }
            Some(_) => return None,
        };
        // Nobody who does not know the password can tell it before; the server's nonce makes it another one each time.
        let own = Hash::Sha256.text(&[&self.password, &nonce, path]);
        let own = own.get(..16).unwrap_or_default();
        let mut secret = hash.text(&[&self.name, &realm, &self.password]);
        if is_session {
            secret = hash.text(&[&secret, &nonce, own]);
        }
        let request = hash.text(&[method, path]);
        let response = match has_quality {
            true => hash.text(&[&secret, &nonce, "00000001", own, "auth", &request]),
            false => hash.text(&[&secret, &nonce, &request]),
        };
        let mut answer = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            quoted(&self.name),
            quoted(&realm),
            quoted(&nonce),
            quoted(path),
        );
        if let Some(algorithm) = algorithm {
            answer.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = given("opaque") {
            answer.push_str(&format!(", opaque=\"{}\"", quoted(&opaque)));
        }
        if has_quality {
            answer.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{own}\""));
        }
        Some((hash, answer))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    /// And whether it is the kind that mixes both nonces into the secret.
    fn of(algorithm: &str) -> Option<(Hash, bool)> {
        let lower = algorithm.to_ascii_lowercase();
        let (name, is_session) = match lower.strip_suffix("-sess") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        match name {
            "md5" => Some((Hash::Md5, is_session)),
            "sha-256" => Some((Hash::Sha256, is_session)),
            _ => None,
        }
    }

    /// The digest of the parts with colons between them.
    fn text(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Hash::Md5 => hexadecimal::encode(&Md5::digest(text)),
            Hash::Sha256 => hexadecimal::encode(&Sha256::digest(text)),
        }
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Percent-decoding; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(user: &str, challenge: &str) -> Option<String> {
        User::of(user).answer([challenge].into_iter(), "GET", "/dir/index.html")
    }

    #[test]
    fn basic_is_name_and_password() {
        assert_eq!(
            answer("Aladdin:open%20sesame", "Basic realm=\"x\"").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!(answer("a:b", "Negotiate"), None);
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }

    #[test]
    fn digest_answers_as_the_example_of_rfc_2069_does() {
        // The example of RFC 2617 without a quality of protection, whose answer depends on no nonce of the client's.
        let challenge = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"o\"";
        let answer = answer("Mufasa:Circle%20Of%20Life", challenge).expect("an answer");
        assert!(
            answer.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""),
            "{answer}"
        );
        assert!(answer.contains("opaque=\"o\""));
    }

    #[test]
    fn the_strongest_challenge_is_answered() {
        let user = User::of("u:p");
        let headers = [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256",
        ];
        let answer = user
            .answer(headers.into_iter(), "POST", "/")
            .expect("an answer");
        assert!(
            answer.contains("algorithm=SHA-256") && answer.contains("qop=auth,"),
            "{answer}"
        );
        let hidden = "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"";
        assert_eq!(user.answer([hidden].into_iter(), "POST", "/"), None);
    }
}
