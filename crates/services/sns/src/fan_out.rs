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

use bytes::Bytes;
use waystation_delivery::arn::Arn;
use waystation_delivery::directory::QueueTarget;
use waystation_delivery::fifo_ids::{deduplication_hash, group_hash};
use waystation_delivery::limits::MESSAGE_ATTRIBUTES_MAX;
use waystation_delivery::message::Message;
use waystation_delivery::notification::Form;
use waystation_engine::{
    BODIES_PER_PUBLICATION_MAX, EngineError, Outgoing, Publication, QueueId,
    TARGETS_PER_PUBLICATION_MAX, Target,
};
use waystation_wire::{ApiError, Caller};

use crate::catalog::Located;
use crate::notice::Notice;
use crate::status_log::{Status, StatusLog};
use crate::stored_forms::{Stored, Variant, Writer};
use crate::subscribers::Subscriber;
use crate::subscription_settings::SubscriptionSettings;
use crate::tally::Count;
use crate::{Sns, captured, errors, limits, status_log};

/// Publishes each message to those it is for. The messages of one request keep their order in every queue.
pub(crate) async fn deliver(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    messages: &[(&Notice, Vec<Arc<Subscriber>>)],
) -> Result<(), ApiError> {
    let topic = QueueId(located.settings.id);
    let log = StatusLog::of_topic(&located.settings, located.topic, "SQS");
    let tally = sns.tallies.of(&located.scope, located.topic.name);
    let mut counts: Vec<&Count> = Vec::new();
    let mut slice = Slice::default();
    for (notice, subscribers) in messages {
        let writer = Writer::new(caller, &located.settings, topic_arn, notice);
        slice.variants.clear();
        for subscriber in subscribers {
            let outside = captured::address(sns, caller, located, topic_arn, notice, subscriber)?;
            let status = match outside {
                Some((queue, outgoing)) => {
                    slice.add_alone(queue, outgoing.body);
                    counts.push(&Count::Delivered);
                    None
                }
                None => {
                    let (share, status, more) = address(sns, notice, subscriber);
                    if let Some(share) = share {
                        slice.add(share, &writer);
                    }
                    counts.extend(more);
                    status.filter(|_| subscriber.settings.protocol == "sqs")
                }
            };
            if let (Some(log), Some(status)) = (&log, status) {
                let entry = status_log::of_queue(notice, topic_arn, subscriber, status, sns);
                slice.entries.extend(log.keep(entry));
            }
            if slice.is_full() {
                std::mem::take(&mut slice).publish(sns, topic, &log).await?;
            }
        }
    }
    slice.publish(sns, topic, &log).await?;
    counts.iter().for_each(|count| tally.add(**count, 1));
    Ok(())
}

/// What one queue gets, how its delivery ended where that is known already, and what counts. Messages for endpoints count when
/// they are delivered.
type Addressed<'a> = (Option<Share<'a>>, Option<Status>, &'static [Count]);

/// What one queue gets.
struct Share<'a> {
    queue: QueueId,
    variant: Variant<'a>,
    group: Option<u64>,
    dedup: Option<u128>,
    subscriber: &'a Subscriber,
}

/// What one record takes.
#[derive(Default)]
struct Slice<'a> {
    bodies: Vec<Bytes>,
    /// Where those of the message at hand stand; there are a few of them, however many subscribers.
    variants: Vec<(Variant<'a>, u16)>,
    targets: Vec<Target>,
    bytes: usize,
    /// What is said of it once it is published.
    entries: Vec<status_log::Entry>,
}

impl<'a> Slice<'a> {
    fn add(&mut self, share: Share<'a>, writer: &Writer<'_>) {
        let known = self
            .variants
            .iter()
            .find(|(variant, _)| *variant == share.variant);
        let place = match known {
            Some((_, place)) => *place,
            None => {
                let body = writer.write(share.variant);
                self.bytes += body.len();
                self.bodies.push(body);
                let place = (self.bodies.len() - 1) as u16;
                self.variants.push((share.variant, place));
                place
            }
        };
        self.targets.push(Target {
            queue: share.queue,
            body: place,
            group: share.group,
            dedup: share.dedup,
            label: share
                .variant
                .is_labelled()
                .then_some(share.subscriber.label),
            reader: None,
        });
    }

    /// A body that is for nobody else.
    fn add_alone(&mut self, queue: QueueId, body: Bytes) {
        self.bytes += body.len();
        self.bodies.push(body);
        self.targets.push(Target {
            queue,
            body: (self.bodies.len() - 1) as u16,
            group: None,
            dedup: None,
            label: None,
            reader: None,
        });
    }

    fn is_full(&self) -> bool {
        self.bodies.len() >= BODIES_PER_PUBLICATION_MAX
            || self.targets.len() >= TARGETS_PER_PUBLICATION_MAX
            || self.bytes >= limits::PUBLISHED_BYTES_AT_ONCE
    }

    async fn publish(
        self,
        sns: &Sns,
        topic: QueueId,
        log: &Option<StatusLog>,
    ) -> Result<(), ApiError> {
        if !self.targets.is_empty() {
            let publication = Publication {
                dedup: None,
                bodies: self.bodies,
                targets: self.targets,
                log: None,
            };
            let published = sns.engine.publish(topic, vec![publication]).await;
            published
                .and_then(|published| published.into_iter().collect::<Result<Vec<_>, _>>())
                .map_err(errors::from_engine)?;
        }
        if let Some(log) = log {
            self.entries.iter().for_each(|entry| log.write(entry));
        }
        Ok(())
    }
}

/// What a subscriber gets, and where: its queue, or the dead-letter queue for a client error; `None` when the message is lost
/// to this subscriber (SNS-337, SNS-355).
fn address<'a>(sns: &Sns, notice: &'a Notice, subscriber: &'a Subscriber) -> Addressed<'a> {
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

#[cfg(test)]
mod tests {
    use waystation_delivery::message::Attribute;
    use waystation_engine::Label;
    use waystation_wire::Str;

    use super::*;
    use crate::notice::tests::topic;
    use crate::stored_forms::tests::notice;

    fn subscriber() -> Subscriber {
        Subscriber {
            id: "s".to_owned(),
            label: Label([7; 16]),
            settings: Arc::new(crate::subscription_settings::tests::full()),
        }
    }

    fn share(subscriber: &Subscriber, stored: Stored) -> Share<'_> {
        Share {
            queue: QueueId(1),
            variant: Variant {
                text: "default",
                stored,
                keeps_ids: true,
            },
            group: None,
            dedup: None,
            subscriber,
        }
    }

    #[test]
    fn a_body_for_many_queues_is_stored_once() {
        let (caller, topic, notice) = (Caller::default(), topic(false), notice());
        let writer = Writer::new(&caller, &topic, "arn", &notice);
        let subscriber = subscriber();
        let mut slice = Slice::default();
        for _ in 0..3 {
            slice.add(share(&subscriber, Stored::Message), &writer);
            let envelope = Stored::Notification(Form::Envelope);
            slice.add(share(&subscriber, envelope), &writer);
        }
        let of = |target: &Target| (target.body, target.label.is_some());
        let targets: Vec<_> = slice.targets.iter().map(of).collect();
        assert_eq!(targets, [(0, false), (1, true)].repeat(3));
        assert_eq!(slice.bodies.len(), 2);
        let bytes: usize = slice.bodies.iter().map(Bytes::len).sum();
        assert_eq!(slice.bytes, bytes);
        let [bare, stored] = &slice.bodies[..] else {
            panic!("two bodies");
        };
        let attribute = |attribute: &Attribute| attribute.name.clone();
        let bare = Message::decode(bare.clone()).expect("readable");
        assert_eq!(
            (bare.body, bare.attributes.iter().map(attribute).collect()),
            (Str::from_static("message"), vec![Str::from_static("a")])
        );
        assert!(waystation_delivery::notification::Notification::decode(stored).is_ok());
    }

    #[test]
    fn a_slice_is_full_when_its_record_is() {
        let (caller, topic, notice) = (Caller::default(), topic(false), notice());
        let writer = Writer::new(&caller, &topic, "arn", &notice);
        let subscriber = subscriber();
        let mut slice = Slice::default();
        while !slice.is_full() {
            slice.add(share(&subscriber, Stored::Message), &writer);
        }
        assert_eq!(slice.targets.len(), TARGETS_PER_PUBLICATION_MAX);
    }
}
