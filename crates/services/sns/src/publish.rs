//! `Publish` (section 11). The answer comes when the message and the list of its queues are durable (SNS-126).

use waystation_delivery::limits::LOOKS_MAX;
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{PublishInput, PublishResponse};
use crate::catalog::{Located, locate};
use crate::errors::{internal, invalid};
use crate::notice::{Draft, Notice};
use crate::publisher::Delivery;
use crate::rates::Messages;
use crate::tally::{Count, Tally};
use crate::{Sns, catalog, errors, fan_out, fifo, push, rates, sms};

/// What a publish is for (SNS-122 to SNS-124).
enum Target {
    Topic(Str),
    Endpoint(Str),
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
        // SNS-123
        (None, Some(arn), None) if push::is_endpoint_arn(&arn) => Ok(Target::Endpoint(arn)),
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
        Target::Endpoint(arn) => return push::publish(sns, caller, &arn, input).await,
        Target::Phone(number) => return sms::publish(sns, caller, number, input).await,
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

/// Counts messages against the rates of account and topic.
fn count(sns: &Sns, located: &Located<'_>, notices: &[Notice]) -> Result<(), ApiError> {
    let settings = &located.settings;
    if !settings.is_fifo {
        return rates::count_messages(sns, &located.scope, Messages::Standard, notices.len());
    }
    rates::count_messages(sns, &located.scope, Messages::Fifo, notices.len())?;
    let groups = notices
        .iter()
        .map(|notice| notice.group_id.as_deref().unwrap_or_default());
    rates::count_groups(sns, settings.id, settings.scope_is_group(), groups)
}

/// Publishes valid messages in their order, and returns them with their ids.
pub(crate) async fn all(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    arn: &str,
    mut notices: Vec<Notice>,
) -> Result<Vec<Notice>, ApiError> {
    count(sns, located, &notices)?;
    let topic = sns.subscribers.of(sns, located)?;
    let tally = sns.tallies.of(&located.scope, located.topic.name);
    let mut is_known = vec![false; notices.len()];
    let mut turns = Vec::new();
    if located.settings.is_fifo {
        turns = topic.turns.take(sns, &notices).await;
        is_known = fifo::enter(sns, located, &mut notices).await?;
    }
    // What filters hold back of a duplicate was counted with the original.
    let uncounted = Tally::default();
    let selected = notices.iter().zip(is_known).map(|(notice, is_known)| {
        let tally = if is_known { &uncounted } else { &*tally };
        (notice, topic.select(notice, tally))
    });
    let messages: Vec<_> = selected.collect();
    let (mut moved, mut listener) = (None, None);
    for _ in 0..LOOKS_MAX {
        let located = moved.as_ref().unwrap_or(located);
        match fan_out::deliver(sns, caller, located, arn, &messages).await? {
            Delivery::Done => return Ok(published(notices, &tally)),
            Delivery::ArchiveMoved => {}
        }
        // The row shows where it is now, perhaps a moment before it is there.
        sns.archives.before_next_look(&mut listener).await;
        let found = catalog::find(sns, located.topic)?;
        let found = found.filter(|found| found.settings.id == located.settings.id);
        moved = Some(found.ok_or_else(errors::topic_does_not_exist)?);
    }
    drop(turns);
    Err(errors::changing_too_fast())
}

fn published(notices: Vec<Notice>, tally: &Tally) -> Vec<Notice> {
    for notice in &notices {
        tally.add(Count::Published, 1);
        tally.add(Count::PublishedBytes, notice.size_bytes() as u64);
    }
    notices
}
