//! Who an access key stands for: account, region and the id that `SenderId` shows.

use waystation_wire::Str;

use crate::limits;

/// The authenticated sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: Str,
    /// The region of the scope, of the host name, or the default one.
    pub region: Str,
    /// Absent when the request was not signed.
    pub access_key: Option<Str>,
    /// The unique id of the principal (IDN-066).
    pub principal_id: Str,
}

/// Whether `text` is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` can be a region name: lower-case letters, digits and hyphens.
/// Regions that AWS does not have are fine, this is not AWS.
pub fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=limits::REGION_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The unique id of a user of `account` for whom no other id is known, in the
/// form of AWS's user ids (IDN-066, SQS-193).
pub(crate) fn user_id(account: &str) -> String {
    format!("AIDALOCAL{account}")
}

/// The region in a host name such as `sqs.eu-west-1.amazonaws.com` or
/// `eu-west-1.queue.localhost.localstack.cloud:4566`; `None` for other hosts.
pub fn region_of_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let labels = [".amazonaws.com", ".localhost.localstack.cloud"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    labels.split('.').find(|label| names_region(label))
}

/// `eu-west-1`, `us-gov-east-1`: at least two words and a number.
fn names_region(label: &str) -> bool {
    let mut parts = label.rsplit('-');
    let number = parts.next().unwrap_or_default();
    is_region(label)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && parts.clone().count() >= 2
        && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_and_localstack_name_regions() {
        assert_eq!(
            region_of_host("sqs.eu-west-1.amazonaws.com"),
            Some("eu-west-1")
        );
        assert_eq!(
            region_of_host("eu-west-1.queue.localhost.localstack.cloud:4566"),
            Some("eu-west-1")
        );
        assert_eq!(
            region_of_host("sqs.us-gov-east-1.amazonaws.com"),
            Some("us-gov-east-1")
        );
        for host in [
            "localhost:4566",
            "queue.amazonaws.com",
            "sqs.eu-west-1.example.com",
            "[::1]:4566",
            "my-queue-1x.amazonaws.com",
            "a-1.amazonaws.com",
        ] {
            assert_eq!(region_of_host(host), None, "{host}");
        }
    }

    #[test]
    fn accounts_are_twelve_digits() {
        assert!(is_account("000000000000"));
        assert!(!is_account("00000000000"));
        assert!(!is_account("00000000000a"));
        assert_eq!(user_id("000000000000").len(), 21);
    }
}
