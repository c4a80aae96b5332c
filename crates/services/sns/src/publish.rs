//! `Publish` (section 11). The answer comes when the message and the list of its queues are durable (SNS-126).

use waystation_wire::{ApiError, Caller, Str};

use crate::api::{PublishInput, PublishResponse};
use crate::catalog::{Located, locate};
use crate::errors::{internal, invalid, not_implemented};
use crate::notice::{Draft, Notice};
use crate::{Sns, fan_out, fifo};

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
    let published = all(sns, caller, &located, &arn, vec![notice]).await?;
    let published = published
        .into_iter()
        .next()
        .ok_or_else(|| internal("nothing was published"))?;
    Ok(PublishResponse {
        message_id: Some(Str::from(published.id)),
        sequence_number: published
            .sequence
            .map(|sequence| Str::from(fifo::sequence_number(sequence))),
    })
}

/// Publishes valid messages in their order, and returns them with their ids.
pub(crate) async fn all(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    arn: &str,
    mut notices: Vec<Notice>,
) -> Result<Vec<Notice>, ApiError> {
    let topic = sns.subscribers.of(sns, located)?;
    let mut is_wanted = vec![true; notices.len()];
    let mut turns = Vec::new();
    if located.settings.is_fifo {
        turns = topic.turns.take(sns, &notices).await;
        is_wanted = fifo::enter(sns, located, &topic, &mut notices).await?;
    }
    let wanted = notices
        .iter()
        .zip(is_wanted)
        .filter(|(_, is_wanted)| *is_wanted);
    let messages: Vec<_> = wanted
        .map(|(notice, _)| (notice, topic.select(notice)))
        .collect();
    fan_out::deliver(sns, caller, located, arn, &messages).await?;
    fifo::settle(&topic, &notices);
    drop(turns);
    Ok(notices)
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
