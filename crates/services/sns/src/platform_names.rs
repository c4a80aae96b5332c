//! ARNs of platform applications and their endpoints (SNS-003, SNS-004), read as AWS reads them (SNS-022, SNS-455).

use waystation_delivery::arn::partition;
use waystation_wire::{ApiError, Caller};

use crate::errors::{invalid, not_authorized};
use crate::names;

/// A platform application in the caller's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApplicationName<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) platform: &'a str,
    pub(crate) name: &'a str,
}

/// An endpoint of a platform application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndpointName<'a> {
    pub(crate) application: ApplicationName<'a>,
    pub(crate) id: &'a str,
}

impl ApplicationName<'_> {
    /// SNS-003
    pub(crate) fn arn(&self) -> String {
        self.arn_of("app", "")
    }

    /// SNS-004
    pub(crate) fn endpoint_arn(&self, id: &str) -> String {
        self.arn_of("endpoint", &format!("/{id}"))
    }

    fn arn_of(&self, kind: &str, rest: &str) -> String {
        let ApplicationName {
            account,
            region,
            platform,
            name,
        } = self;
        format!(
            "arn:{}:sns:{region}:{account}:{kind}/{platform}/{name}{rest}",
            partition(region)
        )
    }
}

/// The application of an ARN, for an operation that its account alone may call.
pub(crate) fn application<'a>(
    caller: &Caller,
    arn: &'a str,
) -> Result<ApplicationName<'a>, ApiError> {
    let [account, region, platform, name] = read(caller, arn, "PlatformApplicationArn", "app")?;
    Ok(ApplicationName {
        account,
        region,
        platform,
        name,
    })
}

/// The endpoint of an ARN that stands in a parameter.
pub(crate) fn endpoint<'a>(
    caller: &Caller,
    arn: &'a str,
    parameter: &str,
) -> Result<EndpointName<'a>, ApiError> {
    let [account, region, platform, name, id] = read(caller, arn, parameter, "endpoint")?;
    Ok(EndpointName {
        application: ApplicationName {
            account,
            region,
            platform,
            name,
        },
        id,
    })
}

/// The endpoint that a subscription names.
pub(crate) fn of_subscription(arn: &str) -> Option<EndpointName<'_>> {
    let (region, account, path) = names::parts(arn, "Endpoint").ok()?;
    let mut parts = path.split('/');
    let (Some("endpoint"), Some(platform), Some(name), Some(id), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return None;
    };
    Some(EndpointName {
        application: ApplicationName {
            account,
            region,
            platform,
            name,
        },
        id,
    })
}

/// Account, region and the parts of an ARN's path after its kind.
fn read<'a, const N: usize>(
    caller: &Caller,
    arn: &'a str,
    parameter: &str,
    kind: &str,
) -> Result<[&'a str; N], ApiError> {
    let (region, account, path) = names::parts(arn, parameter)?;
    let path: Vec<&str> = path.split('/').collect();
    // The path has the kind where the array has account and region.
    if path.len() + 1 != N {
        return Err(invalid(format_args!(
            "{parameter} Reason: Wrong number of slashes in relative portion of the ARN."
        )));
    }
    if region != &*caller.region || path.first() != Some(&kind) {
        return Err(invalid(parameter));
    }
    if caller.access_key.is_some() && account != &*caller.account {
        return Err(not_authorized(&caller.account, caller.operation, arn));
    }
    let all = [account, region]
        .into_iter()
        .chain(path.into_iter().skip(1));
    all.collect::<Vec<_>>()
        .try_into()
        .map_err(|_| invalid(parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
        outcome.expect_err("refused").message
    }

    #[test]
    fn arns_have_a_path() {
        // SNS-003, SNS-004, SNS-022, SNS-455
        let caller = Caller::default();
        let arn = "arn:aws:sns:us-east-1:1:app/GCM/name";
        assert_eq!(
            application(&caller, arn)
                .map(|found| found.arn())
                .ok()
                .as_deref(),
            Some(arn)
        );
        let arn = "arn:aws:sns:us-east-1:1:endpoint/GCM/name/id";
        let found = endpoint(&caller, arn, "EndpointArn").expect("an endpoint");
        assert_eq!((found.application.platform, found.id), ("GCM", "id"));
        assert_eq!(found.application.endpoint_arn("id"), arn);
        for (arn, text) in [
            (
                "arn:aws:sns:us-east-1:1:endpoint/GCM/name",
                "Invalid parameter: EndpointArn Reason: Wrong number of slashes in relative portion of the ARN.",
            ),
            (
                "x",
                "Invalid parameter: EndpointArn Reason: An ARN must have at least 6 elements, not 1",
            ),
            (
                "arn:aws:sns:eu-west-1:1:endpoint/GCM/name/id",
                "Invalid parameter: EndpointArn",
            ),
            (
                "arn:aws:sns:us-east-1:1:app/GCM/name/id",
                "Invalid parameter: EndpointArn",
            ),
        ] {
            assert_eq!(message(endpoint(&caller, arn, "EndpointArn")), text);
        }
    }
}
