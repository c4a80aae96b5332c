//! From a published message to the queues of its subscribers (sections 17, 18 and 26).
//!
//! A publish is one record of the engine, which keeps each distinct body once and lists the queues (decision 14): one for
//! all who get envelopes, one for all who get the bare message (`stored_forms`). It is
//! acknowledged when that record is durable: from then on every queue gets its message, exactly once and in the order of
//! the topic's publishes, also over a crash. What no queue can take in, because it is gone or refuses the message, goes to
//! the subscription's dead-letter queue (SNS-226, SNS-354).
//!
//! A record holds so many bodies and queues. More of them take several records in a row, so that a publish to many
//! subscribers needs the memory of one; a crash in between leaves a publish without an answer in some of its queues, and
//! again there when it is repeated, as standard topics may (SNS-139).

use std::sync::Arc;

use waystation_delivery::arn::Arn;
use waystation_delivery::directory::QueueTarget;
use waystation_delivery::fifo_ids::{deduplication_hash, group_hash};
use waystation_delivery::limits::MESSAGE_ATTRIBUTES_MAX;
use waystation_delivery::message::Message;
use waystation_delivery::notification::Form;
use waystation_engine::{EngineError, Outgoing, QueueId};
use waystation_wire::{ApiError, Caller};

use crate::catalog::Located;
use crate::notice::Notice;
use crate::publisher::{Delivery, Publisher, Share, Slice};
use crate::status_log::{Status, StatusLog};
use crate::stored_forms::{Stored, Variant, Writer, base_url};
use crate::subscribers::Subscriber;
use crate::subscription_settings::SubscriptionSettings;
use crate::tally::Count;
use crate::{Sns, captured, fifo};

/// Publishes each message to those it is for. The messages of one request keep their order in every queue.
pub(crate) async fn deliver(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    messages: &[(&Notice, Vec<Arc<Subscriber>>)],
) -> Result<Delivery, ApiError> {
    let publisher = Publisher {
        sns,
        topic: QueueId(located.settings.id),
        log: StatusLog::of_topic(&located.settings, located.topic, "SQS"),
        tally: sns.tallies.of(&located.scope, located.topic.name),
    };
    let mut ready = Vec::new();
    let mut slice = Slice::default();
    for (notice, subscribers) in messages {
        let base = base_url(caller);
        let writer = Writer::new(base, &located.settings, topic_arn, notice);
        slice.next_message();
        if let Some(sequence) = notice.sequence {
            let archive = located.settings.archive;
            slice.begin(
                fifo::publication_id(sns, sequence),
                archive.map(|archive| archive.log),
                &writer,
            );
        }
        for subscriber in subscribers {
            match captured::address(sns, caller, located, topic_arn, notice, subscriber)? {
                Some((queue, outgoing)) => {
                    slice.add_alone(queue, outgoing.body);
                    slice.counts.push(Count::Delivered);
                }
                None => publisher.add(&mut slice, &writer, subscriber),
            }
            if slice.is_full() {
                publisher.publish(vec![std::mem::take(&mut slice)]).await?;
            }
        }
        // Each message of a FIFO topic is published once or not, and goes to the archive by itself. Its subscriptions are so
        // few that one record holds them.
        if located.settings.is_fifo {
            ready.push(std::mem::take(&mut slice));
        }
    }
    ready.push(slice);
    publisher.publish(ready).await
}

/// What one queue gets, how its delivery ended where that is known already, and what counts. Messages for endpoints count when
/// they are delivered.
pub(crate) type Addressed<'a> = (Option<Share<'a>>, Option<Status>, &'static [Count]);

/// What a subscriber gets, and where: its queue, or the dead-letter queue for a client error; `None` when the message is lost
/// to this subscriber (SNS-337, SNS-355).
pub(crate) fn address<'a>(
    sns: &Sns,
    notice: &'a Notice,
    subscriber: &'a Subscriber,
) -> Addressed<'a> {
    let settings = &subscriber.settings;
    let form = settings.form();
    let text = notice.text_key(&settings.protocol);
    // The stored form counts attributes in one byte.
    if form == Form::Raw && notice.attributes.len() > usize::from(u8::MAX) {
        let status = Status::refused("InvalidParameterValue", 400);
        return (None, Some(status), &[Count::Failed]);
    }
    if let Some(queue) = settings.queue {
        let share = Share {
            queue,
            variant: Variant {
                text,
                stored: Stored::Notification(form),
                keeps_ids: notice.deduplication_id.is_none(),
            },
            group: None,
            dedup: None,
            subscriber,
        };
        return (Some(share), None, &[]);
    }
    let refusal = match find(sns, settings, &settings.endpoint) {
        // SNS-216
        Some(_) if form == Form::Raw && notice.attributes.len() > MESSAGE_ATTRIBUTES_MAX => {
            Status::refused("InvalidParameterValue", 400)
        }
        Some(target) => {
            let status = Status::delivered(200);
            let share = share(sns, notice, subscriber, &target);
            return (Some(share), Some(status), &[Count::Delivered]);
        }
        None => Status::refused("AWS.SimpleQueueService.NonExistentQueue", 400),
    };
    let Some(arn) = settings.dead_letter_arn() else {
        tracing::warn!(
            subscription = %subscriber.id,
            endpoint = %settings.endpoint,
            "a message is lost: its endpoint is gone or refuses it, and there is no dead-letter queue"
        );
        return (None, Some(refusal), &[Count::Failed]);
    };
    match find(sns, settings, &arn) {
        Some(target) => {
            let counts = &[Count::Failed, Count::Redriven];
            let share = share(sns, notice, subscriber, &target);
            (Some(share), Some(refusal), counts)
        }
        None => {
            tracing::warn!(subscription = %subscriber.id, %arn, "a message is lost: its dead-letter queue is gone");
            (None, Some(refusal), &[Count::Failed, Count::RedriveFailed])
        }
    }
}

/// What goes into a queue. The group goes along, to standard queues only from standard topics; ids for deduplication go to FIFO
/// queues alone (SNS-223, SNS-353, SNS-368, SNS-370).
fn share<'a>(
    sns: &Sns,
    notice: &'a Notice,
    subscriber: &'a Subscriber,
    target: &QueueTarget,
) -> Share<'a> {
    let settings = &subscriber.settings;
    let keeps_ids = notice.deduplication_id.is_none() || target.fifo.is_some();
    let group = notice.group_id.as_deref().filter(|_| keeps_ids);
    let dedup = target.fifo.zip(notice.deduplication_id.as_deref());
    Share {
        queue: target.id,
        variant: Variant {
            text: notice.text_key(&settings.protocol),
            stored: match settings.form() {
                Form::Raw => Stored::Message,
                Form::Envelope => Stored::Notification(Form::Envelope),
            },
            keeps_ids,
        },
        group: group.map(|group| group_hash(&sns.keys, group)),
        dedup: dedup
            .map(|(scope, id)| deduplication_hash(&sns.keys, scope, group.unwrap_or_default(), id)),
        subscriber,
    }
}

/// A queue that a subscription may put messages into.
pub(crate) fn find(sns: &Sns, settings: &SubscriptionSettings, arn: &str) -> Option<QueueTarget> {
    let arn = Arn::parse(arn)?;
    let target = sns.queues.find(&arn, sns.now_ms())?;
    (target.has_policy || arn.account == settings.owner).then_some(target)
}

/// Puts a message that could not be delivered into a dead-letter queue; it is lost when there is no such queue (SNS-355).
/// Returns what counts.
pub(crate) async fn to_dead_letters(
    sns: &Sns,
    settings: &SubscriptionSettings,
    arn: &str,
    message: Message,
) -> Result<Count, EngineError> {
    let Some(target) = find(sns, settings, arn) else {
        tracing::warn!(%arn, "a message is lost: its dead-letter queue is gone");
        return Ok(Count::RedriveFailed);
    };
    match send(sns, &target, message).await {
        Err(EngineError::QueueMissing) => Ok(Count::RedriveFailed),
        sent => sent.map(|()| Count::Redriven),
    }
}

/// Sends one message to one queue. Its group goes along; standard queues of FIFO topics get none (SNS-223, SNS-370).
pub(crate) async fn send(
    sns: &Sns,
    target: &QueueTarget,
    message: Message,
) -> Result<(), EngineError> {
    let group = message.group_id.as_deref();
    let outgoing = Outgoing {
        size_bytes: u32::try_from(message.size_bytes()).unwrap_or(u32::MAX),
        group: group.map(|group| group_hash(&sns.keys, group)),
        dedup: None,
        body: message.encode(),
        delay_ms: None,
    };
    let sent = sns.engine.queue(target.id).send(vec![outgoing]).await?;
    sent.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}
