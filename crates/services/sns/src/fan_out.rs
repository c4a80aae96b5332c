//! From a published message to the queues of its subscribers (sections 17, 18 and 26).
//!
//! A publish is one record of the engine, which keeps each distinct body once and lists the queues (decision 14). It is
//! acknowledged when that record is durable: from then on every queue gets its message, exactly once and in the order of
//! the topic's publishes, also over a crash. What no queue can take in, because it is gone or refuses the message, goes to
//! the subscription's dead-letter queue (SNS-226, SNS-354).
//!
//! A record holds so many bodies and queues. More of them take several records in a row, so that a publish to many
//! subscribers needs the memory of one; a crash in between leaves a publish without an answer in some of its queues, and
//! again there when it is repeated, as standard topics may (SNS-139).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use waystation_delivery::arn::Arn;
use waystation_delivery::directory::QueueTarget;
use waystation_delivery::fifo_ids::{deduplication_hash, group_hash};
use waystation_delivery::limits::MESSAGE_ATTRIBUTES_MAX;
use waystation_delivery::md5;
use waystation_delivery::message::{self, Message};
use waystation_engine::{
    BODIES_PER_PUBLICATION_MAX, EngineError, Outgoing, Publication, QueueId,
    TARGETS_PER_PUBLICATION_MAX, Target,
};
use waystation_wire::{ApiError, Caller, Str};

use crate::catalog::Located;
use crate::http_message::{HttpMessage, Kind};
use crate::notice::Notice;
use crate::subscribers::Subscriber;
use crate::subscription_settings::SubscriptionSettings;
use crate::tally::Count;
use crate::{Sns, captured, envelope, errors, limits};

/// SNS-222
const SENDER_ID: &str = "AIDALOCALSNS";

/// Publishes each message to those it is for. The messages of one request keep their order in every queue.
pub(crate) async fn deliver(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    messages: &[(&Notice, Vec<Arc<Subscriber>>)],
) -> Result<(), ApiError> {
    let topic = QueueId(located.settings.id);
    let tally = sns.tallies.of(&located.scope, located.topic.name);
    let mut counts: Vec<&Count> = Vec::new();
    let mut slice = Slice::default();
    for (notice, subscribers) in messages {
        for subscriber in subscribers {
            let (share, more) = address(sns, caller, located, topic_arn, notice, subscriber)?;
            if let Some((queue, outgoing)) = share {
                slice.add(queue, outgoing);
            }
            counts.extend(more);
            if slice.is_full() {
                std::mem::take(&mut slice).publish(sns, topic).await?;
            }
        }
    }
    slice.publish(sns, topic).await?;
    counts.iter().for_each(|count| tally.add(**count, 1));
    Ok(())
}

/// A queue and what goes there, and what counts when it did. Messages for endpoints count when they are delivered.
type Address = (Option<(QueueId, Outgoing)>, &'static [Count]);

/// What one record takes.
#[derive(Default)]
struct Slice {
    bodies: Vec<Bytes>,
    /// Where each of them stands.
    places: HashMap<Bytes, u16>,
    targets: Vec<Target>,
    bytes: usize,
}

impl Slice {
    fn add(&mut self, queue: QueueId, outgoing: Outgoing) {
        let bodies = &mut self.bodies;
        let bytes = &mut self.bytes;
        let place = self.places.entry(outgoing.body).or_insert_with_key(|body| {
            *bytes += body.len();
            bodies.push(body.clone());
            (bodies.len() - 1) as u16
        });
        self.targets.push(Target {
            queue,
            body: *place,
            group: outgoing.group,
            dedup: outgoing.dedup,
            label: None,
        });
    }

    fn is_full(&self) -> bool {
        self.bodies.len() >= BODIES_PER_PUBLICATION_MAX
            || self.targets.len() >= TARGETS_PER_PUBLICATION_MAX
            || self.bytes >= limits::PUBLISHED_BYTES_AT_ONCE
    }

    async fn publish(self, sns: &Sns, topic: QueueId) -> Result<(), ApiError> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let publication = Publication {
            dedup: None,
            bodies: self.bodies,
            targets: self.targets,
        };
        let published = sns.engine.publish(topic, vec![publication]).await;
        published
            .and_then(|published| published.into_iter().collect::<Result<Vec<_>, _>>())
            .map(drop)
            .map_err(errors::from_engine)
    }
}

/// The queue of a subscriber; the dead-letter queue for a client error; none when the message is lost to this subscriber
/// (SNS-337, SNS-355).
fn address(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Result<Address, ApiError> {
    if let Some(queue) = subscriber.settings.queue {
        let outgoing = for_endpoint(caller, topic_arn, notice, subscriber);
        return Ok((outgoing.map(|outgoing| (queue, outgoing)), &[]));
    }
    let captured = captured::address(sns, caller, located, topic_arn, notice, subscriber)?;
    Ok(match captured {
        Some(share) => (Some(share), &[Count::Delivered]),
        None => for_queue(sns, caller, topic_arn, notice, subscriber),
    })
}

/// The queue that is subscribed, or its dead-letter queue.
fn for_queue(
    sns: &Sns,
    caller: &Caller,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Address {
    let settings = &subscriber.settings;
    let share = |target: QueueTarget| {
        let message = message_for(caller, topic_arn, notice, subscriber);
        (target.id, outgoing(sns, &target, message))
    };
    let is_refused = settings.is_raw() && notice.attributes.len() > MESSAGE_ATTRIBUTES_MAX; // SNS-216
    let target = find(sns, settings, &settings.endpoint).filter(|_| !is_refused);
    if let Some(target) = target {
        return (Some(share(target)), &[Count::Delivered]);
    }
    let Some(arn) = settings.dead_letter_arn() else {
        tracing::warn!(
            subscription = %subscriber.id,
            endpoint = %settings.endpoint,
            "a message is lost: its endpoint is gone or refuses it, and there is no dead-letter queue"
        );
        return (None, &[Count::Failed]);
    };
    // The stored form counts attributes in one byte; dead letters may have more of them than SQS takes.
    let fits = !settings.is_raw() || notice.attributes.len() <= usize::from(u8::MAX);
    match find(sns, settings, &arn).filter(|_| fits) {
        Some(target) => (Some(share(target)), &[Count::Failed, Count::Redriven]),
        None => {
            tracing::warn!(subscription = %subscriber.id, %arn, "a message is lost: its dead-letter queue is gone");
            (None, &[Count::Failed, Count::RedriveFailed])
        }
    }
}

/// A queue that a subscription may put messages into.
fn find(sns: &Sns, settings: &SubscriptionSettings, arn: &str) -> Option<QueueTarget> {
    let arn = Arn::parse(arn)?;
    let target = sns.queues.find(&arn, sns.now_ms())?;
    (target.has_policy || arn.account == settings.owner).then_some(target)
}

/// A message for the queue that an HTTP subscription owns.
fn for_endpoint(
    caller: &Caller,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Option<Outgoing> {
    if notice.attributes.len() > usize::from(u8::MAX) {
        return None;
    }
    let message = HttpMessage {
        kind: Kind::Notification,
        is_raw: subscriber.settings.is_raw(),
        id: notice.id.clone(),
        message: message_for(caller, topic_arn, notice, subscriber),
    };
    Some(message.outgoing())
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
    let sent = sns
        .engine
        .queue(target.id)
        .send(vec![outgoing(sns, &target, message)])
        .await;
    match sent {
        Ok(sent) => sent
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map(|_| Count::Redriven),
        Err(EngineError::QueueMissing) => Ok(Count::RedriveFailed),
        Err(error) => Err(error),
    }
}

/// What the subscriber gets: the bare message with its attributes, or the envelope without (SNS-214, SNS-215, SNS-221).
fn message_for(
    caller: &Caller,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Message {
    let text = notice.text_for(&subscriber.settings.protocol);
    let (body, attributes) = if subscriber.settings.is_raw() {
        (Str::from(text.to_owned()), notice.attributes.clone())
    } else {
        let unsubscribe_url = envelope::unsubscribe_url(caller, topic_arn, &subscriber.id);
        (
            Str::from(envelope::notification(
                notice,
                text,
                topic_arn,
                &unsubscribe_url,
            )),
            Vec::new(),
        )
    };
    Message {
        body_md5: md5::of_body(body.as_bytes()),
        body,
        attributes_md5: message::digest(&attributes),
        attributes,
        sender_id: Str::from_static(SENDER_ID),
        group_id: notice.group_id.clone(),
        deduplication_id: notice.deduplication_id.clone(),
        trace_header: notice.trace_header.clone(),
    }
}

/// The group goes along, to standard queues only from standard topics; ids for deduplication go to FIFO queues alone
/// (SNS-223, SNS-353, SNS-368, SNS-370).
fn outgoing(sns: &Sns, target: &QueueTarget, mut message: Message) -> Outgoing {
    if message.deduplication_id.is_some() && target.fifo.is_none() {
        message.group_id = None;
        message.deduplication_id = None;
    }
    let group = message.group_id.as_deref();
    let dedup = target.fifo.zip(message.deduplication_id.as_deref());
    Outgoing {
        size_bytes: u32::try_from(message.size_bytes()).unwrap_or(u32::MAX),
        group: group.map(|group| group_hash(&sns.keys, group)),
        dedup: dedup
            .map(|(scope, id)| deduplication_hash(&sns.keys, scope, group.unwrap_or_default(), id)),
        body: message.encode(),
        delay_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(body: &'static [u8]) -> Outgoing {
        Outgoing {
            body: Bytes::from_static(body),
            delay_ms: None,
            group: None,
            dedup: None,
            size_bytes: 0,
        }
    }

    #[test]
    fn a_body_for_many_queues_is_stored_once() {
        let mut slice = Slice::default();
        for queue in 0..3 {
            slice.add(QueueId(queue), outgoing(b"same"));
        }
        slice.add(QueueId(3), outgoing(b"other"));
        let bodies: Vec<u16> = slice.targets.iter().map(|target| target.body).collect();
        assert_eq!(bodies, [0, 0, 0, 1]);
        assert_eq!((slice.bodies.len(), slice.bytes), (2, 9));
    }

    #[test]
    fn a_slice_is_full_when_its_record_is() {
        let mut slice = Slice::default();
        while !slice.is_full() {
            slice.add(QueueId(1), outgoing(b"same"));
        }
        assert_eq!(slice.targets.len(), TARGETS_PER_PUBLICATION_MAX);
    }
}
