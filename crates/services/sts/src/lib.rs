//! AWS STS: who is calling.
//!
//! Programs ask it at their start whether their credentials work, the Kinesis Producer Library among them, which ends when that
//! fails. What is deliberately absent, and answered with `NotImplemented`: everything that makes credentials (`AssumeRole`,
//! `GetSessionToken`, federation), since nothing here would check their session tokens.

pub mod api;
mod access_keys;
mod identity;

/// The service. It keeps nothing: who calls is known before it is asked.
#[derive(Debug)]
pub struct Sts;

waystation_wire::operations! {
    Sts, api::MODEL;
    "GetCallerIdentity" => identity::caller(api::GetCallerIdentityRequest) -> api::GetCallerIdentityResponse,
    "GetAccessKeyInfo" => access_keys::info(api::GetAccessKeyInfoRequest) -> api::GetAccessKeyInfoResponse,
}
