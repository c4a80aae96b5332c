//! Request authentication: who sent this, and may the server believe it?
//!
//! [`Authenticator`] answers for the front door, in one of two modes: `open`
//! takes any signature or none, `verify` checks Signature Version 4 in header
//! and query string against a file of credentials. [`Signer`] is the other
//! side: it signs requests as a client. Reference: `docs/reference/identity.md`,
//! sections 1, 2 and 4; chunked bodies (section 3) belong to S3 and are not here.

// Everything here reads bytes that strangers sent.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod authenticator;
mod authorization;
mod principal;
mod verify;

mod canonical;
mod request_time;
mod signature;
mod signing_keys;

mod credentials;
mod failures;
pub mod limits;
mod sign;

pub use authenticator::{Authenticator, Defaults, Mode};
pub use authorization::{Credential, Location, Presented};
pub use credentials::{Credentials, CredentialsError};
pub use principal::{Identity, is_account, is_region, region_of_host};
pub use request_time::RequestTime;
pub use sign::{Signed, Signer, Unsigned};
