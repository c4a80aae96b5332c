//! Amazon Resource Names.

/// The partition that a region belongs to (SQS-002).
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// The parts of an ARN that names some resource of any service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The service, for example `sqs`.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
    /// Everything after the account; for SQS the queue's name.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts of a fully qualified ARN, none of them empty.
    pub fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        let scheme = parts.next()?;
        let partition = parts.next()?;
        let arn = Arn {
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        let filled = [
            partition,
            arn.service,
            arn.region,
            arn.account,
            arn.resource,
        ];
        (scheme == "arn" && filled.iter().all(|part| !part.is_empty())).then_some(arn)
    }
}
