//! `Authenticator`: from a request to the identity of its sender.

use std::sync::Arc;

use waystation_wire::{ApiError, Request, Str};

use crate::authorization::Presented;
use crate::credentials::Credentials;
use crate::limits;
use crate::principal::{self, Identity};
use crate::verify::{self, Expected};

/// How much a request must prove.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Nothing: any signature or none. Account and region are read from it.
    Open,
    /// A right signature by one of these credentials, within the time window.
    Verify(Arc<Credentials>),
}

/// Account and region of requests that do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Twelve digits, see [`principal::is_account`].
    pub account: Str,
    /// See [`principal::is_region`].
    pub region: Str,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            account: Str::from_static("000000000000"),
            region: Str::from_static("us-east-1"),
        }
    }
}

/// Decides who sent a request. Shared by all connections.
#[derive(Debug)]
pub struct Authenticator {
    mode: Mode,
    defaults: Defaults,
    /// Principal id in the default account, made once.
    default_principal_id: Str,
}

impl Authenticator {
    /// An authenticator in `mode`.
    pub fn new(mode: Mode, defaults: Defaults) -> Self {
        let default_principal_id = Str::from(principal::user_id(&defaults.account));
        Self {
            mode,
            defaults,
            default_principal_id,
        }
    }

    /// The mode, for status reports.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// Account and region of requests that do not say.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// Names the sender of `request`, or refuses it with the error that AWS
    /// gives (IDN-052..054). `presented` is [`Presented::parse`] of the same
    /// request, `signing_names` those of the service it goes to, `wall_ms` the
    /// wall clock in milliseconds since 1970.
    pub fn authenticate(
        &self,
        request: &Request,
        presented: &Presented<'_>,
        signing_names: &[&str],
        wall_ms: u64,
    ) -> Result<Identity, ApiError> {
        match &self.mode {
            Mode::Open => Ok(self.read_open(request, presented)),
            Mode::Verify(credentials) => {
                let expected = Expected {
                    signing_names,
                    default_account: &self.defaults.account,
                    now_s: i64::try_from(wall_ms / 1000).unwrap_or(i64::MAX),
                };
                verify::verify(request, presented, &credentials.table(), &expected)
            }
        }
    }

    /// The identity that an unchecked signature claims: an access key of twelve
    /// digits is the account, so that one server can play several.
    fn read_open(&self, request: &Request, presented: &Presented<'_>) -> Identity {
        let credential = presented.credential();
        let region = credential
            .map(|credential| credential.region)
            .filter(|region| principal::is_region(region))
            .or_else(|| principal::region_of_host(&request.host));
        let account = credential
            .map(|credential| credential.access_key)
            .filter(|key| principal::is_account(key));
        let (account, principal_id) = match account {
            Some(account) if account != &*self.defaults.account => (
                Str::from(account.to_owned()),
                Str::from(principal::user_id(account)),
            ),
            _ => (
                self.defaults.account.clone(),
                self.default_principal_id.clone(),
            ),
        };
        Identity {
            account,
            region: match region {
                Some(region) if region != &*self.defaults.region => Str::from(region.to_owned()),
                _ => self.defaults.region.clone(),
            },
            access_key: credential
                .map(|credential| credential.access_key)
                .filter(|key| key.len() <= limits::ACCESS_KEY_CHARS_MAX)
                .map(|key| Str::from(key.to_owned())),
            principal_id,
        }
    }
}
