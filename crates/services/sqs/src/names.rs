//! The three names of a queue: its plain name, its ARN and its URL (section 1 and SQS-059..064).
//!
//! A URL is made for the caller who asked: it repeats the scheme, host and port of the request, so that it works
//! through any port mapping. Read back, only its path counts (SQS-010), so the URLs of AWS itself are understood too.

pub use waystation_delivery::arn::{Arn, partition};

use crate::limits;

/// What separates the name of a FIFO queue from that of a standard queue (SQS-007).
pub const FIFO_SUFFIX: &str = ".fifo";

/// Whether the text is a possible name of a queue of either kind (SQS-059).
pub fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    !stem.is_empty()
        && name.len() <= limits::QUEUE_NAME_LENGTH_MAX
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Whether the name is that of a FIFO queue (SQS-007).
pub fn is_fifo_name(name: &str) -> bool {
    name.ends_with(FIFO_SUFFIX)
}

/// Whether the text can be an account id. AWS uses 12 digits; others only have to fit into a path.
pub fn is_account(account: &str) -> bool {
    !account.is_empty()
        && account.len() <= 64
        && account.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Account and name of the queue that a URL (or only its path) addresses; `None` when it is no queue URL.
///
/// ```
/// use waystation_sqs::names::parse_url;
/// let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders";
/// assert_eq!(parse_url(url), Some(("123456789012", "orders")));
/// ```
pub fn parse_url(url: &str) -> Option<(&str, &str)> {
    let path = match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => url,
    };
    let path = path.strip_prefix('/')?;
    let (account, name) = path.strip_suffix('/').unwrap_or(path).rsplit_once('/')?;
    // Endpoints may be mounted below a path, so the account is the last segment but one.
    let account = account.rsplit('/').next()?;
    (is_account(account) && is_queue_name(name)).then_some((account, name))
}

/// The URL of a queue as the caller's own endpoint shows it (SQS-003).
pub fn url(scheme: &str, host: &str, account: &str, name: &str) -> String {
    let mut url = String::with_capacity(scheme.len() + host.len() + account.len() + name.len() + 5);
    for part in [scheme, "://", host, "/", account, "/", name] {
        url.push_str(part);
    }
    url
}

/// The ARN of a queue (SQS-002).
pub fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:{}:sqs:{region}:{account}:{name}", partition(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        // SQS-059, SQS-064
        assert!(is_queue_name("a"));
        assert!(is_queue_name("Orders-2_b"));
        assert!(is_queue_name("orders.fifo"));
        assert!(is_queue_name(&"q".repeat(80)));
        assert!(is_queue_name(&format!("{}.fifo", "q".repeat(75))));
        for bad in [
            "",
            ".fifo",
            "a.b",
            "a/b",
            "a b",
            "ä",
            "a.fifo.fifo",
            &"q".repeat(81),
        ] {
            assert!(!is_queue_name(bad), "{bad}");
        }
        assert!(!is_queue_name(&format!("{}.fifo", "q".repeat(76))));
    }

    #[test]
    fn urls_of_any_style_address_by_path() {
        // SQS-003, SQS-010
        for url in [
            "http://localhost:9324/000000000000/orders.fifo",
            "https://sqs.us-east-1.amazonaws.com/000000000000/orders.fifo",
            "https://us-east-1.queue.amazonaws.com/000000000000/orders.fifo",
            "https://queue.amazonaws.com/000000000000/orders.fifo",
            "http://proxy/sqs/000000000000/orders.fifo",
            "http://localhost/000000000000/orders.fifo/",
            "/000000000000/orders.fifo",
        ] {
            assert_eq!(
                parse_url(url),
                Some(("000000000000", "orders.fifo")),
                "{url}"
            );
        }
        for bad in [
            "",
            "orders",
            "http://localhost",
            "http://localhost/",
            "http://localhost/orders",
            "/1/a b",
        ] {
            assert_eq!(parse_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn urls_echo_the_endpoint() {
        let url = url("http", "localhost:9324", "123456789012", "q");
        assert_eq!(url, "http://localhost:9324/123456789012/q");
        assert_eq!(parse_url(&url), Some(("123456789012", "q")));
    }

    #[test]
    fn arns_carry_the_partition() {
        // SQS-002
        assert_eq!(arn("us-east-1", "1", "q"), "arn:aws:sqs:us-east-1:1:q");
        assert_eq!(arn("cn-north-1", "1", "q"), "arn:aws-cn:sqs:cn-north-1:1:q");
        assert_eq!(
            arn("us-gov-west-1", "1", "q"),
            "arn:aws-us-gov:sqs:us-gov-west-1:1:q"
        );
        let parsed = Arn::parse("arn:aws:sqs:us-east-1:1:q").expect("a full ARN");
        assert_eq!(
            (
                parsed.service,
                parsed.region,
                parsed.account,
                parsed.resource
            ),
            ("sqs", "us-east-1", "1", "q")
        );
        for bad in [
            "",
            "q",
            "arn:aws:sqs:us-east-1:1",
            "arn:aws:sqs::1:q",
            "urn:aws:sqs:us-east-1:1:q",
        ] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
    }
}
