//! `GetAccessKeyInfo`: the account of an access key, which is written into the key itself (IDN-068, IDN-100).

use waystation_wire::{ApiError, Caller, Str, errors};

use crate::Sts;
use crate::api::{GetAccessKeyInfoRequest, GetAccessKeyInfoResponse};

/// `AKIA`, `ASIA`: the kind of the key.
const PREFIX_CHARACTERS: usize = 4;
/// Characters whose 50 bits hold the six bytes with the account.
const ACCOUNT_CHARACTERS: usize = 10;
/// The account stands in bits 7 to 46 of these six bytes.
const ACCOUNT_MASK: u64 = 0x7fff_ffff_ff80;

/// Answers the account of a key, whether the key is known or not. The caller's own key belongs to the caller, as configured.
pub(crate) async fn info(
    _: &Sts,
    caller: &Caller,
    input: GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse, ApiError> {
    let own = caller.access_key.as_ref() == Some(&input.access_key_id);
    let account = if own {
        Some(caller.account.clone())
    } else {
        account_of(&input.access_key_id).map(Str::from)
    };
    match account {
        Some(account) => Ok(GetAccessKeyInfoResponse {
            account: Some(account),
        }),
        None => Err(errors::VALIDATION.with(format!("{} is invalid", input.access_key_id))),
    }
}

/// The account that a key encodes in Base32.
fn account_of(key: &str) -> Option<String> {
    let encoded = key.get(PREFIX_CHARACTERS..)?.get(..ACCOUNT_CHARACTERS)?;
    let mut bits = 0;
    for byte in encoded.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u64::from(digit);
    }
    // Two of the fifty bits belong to the seventh byte.
    let account = ((bits >> 2) & ACCOUNT_MASK) >> 7;
    Some(format!("{account:012}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of AWS's documentation and of those who found the encoding.
    #[test]
    fn keys_name_their_accounts() {
        assert_eq!(
            account_of("ASIAQNZGKIQY56JQ7WML").as_deref(),
            Some("029608264753")
        );
        assert_eq!(
            account_of("AKIAIOSFODNN7EXAMPLE").as_deref(),
            Some("581039954779")
        );
        assert_eq!(account_of("AKIA0000000000000000"), None);
        assert_eq!(account_of("AKIA"), None);
    }
}
