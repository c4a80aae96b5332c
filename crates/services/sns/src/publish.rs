//! `Publish` (section 11). The answer comes after every subscribed queue has the message durably (SNS-126).

use waystation_wire::{ApiError, Caller, Str};

use crate::api::{PublishInput, PublishResponse};
use crate::catalog::locate;
use crate::errors::{invalid, not_implemented};
use crate::notice::Draft;
use crate::{Sns, fan_out};

/// What a publish is for (SNS-122 to SNS-124).
enum Target {
    Topic(Str),
    Phone(Str),
}

fn target(input: &PublishInput) -> Result<Target, ApiError> {
    let given = |text: &Option<Str>| text.clone().filter(|text| !text.is_empty());
    match (
        given(&input.topic_arn),
        given(&input.target_arn),
        given(&input.phone_number),
    ) {
        (Some(arn), None, None) => Ok(Target::Topic(arn)),
        // SNS-123, SNS-129: there is no platform endpoint yet.
        (None, Some(arn), None) if arn.contains(":endpoint/") => Err(invalid(
            "TargetArn Reason: No endpoint found for the target arn specified",
        )),
        (None, Some(arn), None) => Ok(Target::Topic(arn)),
        (None, None, Some(number)) => Ok(Target::Phone(number)),
        (None, None, None) => Err(invalid(
            "TopicArn or TargetArn Reason: no value for required parameter",
        )),
        _ => Err(invalid(
            "TopicArn or TargetArn Reason: only one of TopicArn, TargetArn and PhoneNumber may be given",
        )),
    }
}

/// `Publish`
pub(crate) async fn publish(
    sns: &Sns,
    caller: &Caller,
    input: PublishInput,
) -> Result<PublishResponse, ApiError> {
    let arn = match target(&input)? {
        Target::Topic(arn) => arn,
        Target::Phone(number) => return Err(phone(&number)),
    };
    let located = locate(sns, caller, &arn, "Publish")?;
    let notice = Draft::from(input).ready(&located.settings, caller, sns.new_id(), sns.now_ms())?;
    let id = notice.id.clone();
    let subscribers = sns.subscribers.of(sns, &located)?.select(&notice);
    fan_out::deliver(sns, caller, &arn, &[(notice, subscribers)]).await?;
    Ok(PublishResponse {
        message_id: Some(Str::from(id)),
        sequence_number: None,
    })
}

/// SNS-466
fn phone(number: &str) -> ApiError {
    let digits = number.strip_prefix('+').unwrap_or_default();
    if (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return not_implemented("Publishing to a phone number");
    }
    invalid(format_args!(
        "PhoneNumber Reason: {number} is not valid to publish to"
    ))
}
