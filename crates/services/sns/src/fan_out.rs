//! From a published message to the queues of its subscribers (sections 17, 18 and 26).
//!
//! A publish is acknowledged when every queue has its message durably. Until then a crash may leave it in some of the
//! queues: the publisher has no answer, publishes again, and those queues see it twice, as standard topics may
//! (SNS-139). What no queue can take in, because it is gone or refuses the message, goes to the subscription's
//! dead-letter queue at once (SNS-226, SNS-354).
//!
//! Messages are written and sent in slices, so that a publish to many subscribers needs the memory of one slice.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use waystation_delivery::arn::Arn;
use waystation_delivery::directory::QueueTarget;
use waystation_delivery::fifo_ids::{deduplication_hash, group_hash};
use waystation_delivery::limits::MESSAGE_ATTRIBUTES_MAX;
use waystation_delivery::md5;
use waystation_delivery::message::{self, Message};
use waystation_engine::{EngineError, Outgoing, QueueId, Sent};
use waystation_wire::{ApiError, Caller, Str};

use crate::http_message::{HttpMessage, Kind};
use crate::notice::Notice;
use crate::subscribers::Subscriber;
use crate::subscription_settings::SubscriptionSettings;
use crate::{Sns, envelope, errors, limits};

/// SNS-222
const SENDER_ID: &str = "AIDALOCALSNS";

type Sending =
    Pin<Box<dyn Future<Output = Result<Vec<Result<Sent, EngineError>>, EngineError>> + Send>>;

/// Puts each message into the queues of those it is for. The messages of one request keep their order in every queue.
pub(crate) async fn deliver(
    sns: &Sns,
    caller: &Caller,
    topic_arn: &str,
    messages: &[(&Notice, Vec<Arc<Subscriber>>)],
) -> Result<(), ApiError> {
    let mut slice = Slice::default();
    for (notice, subscribers) in messages {
        for subscriber in subscribers {
            if let Some((queue, outgoing)) = address(sns, caller, topic_arn, notice, subscriber) {
                slice.add(queue, outgoing);
            }
            if slice.is_full() {
                std::mem::take(&mut slice).send(sns).await?;
            }
        }
    }
    slice.send(sns).await
}

/// Messages by queue.
#[derive(Default)]
struct Slice {
    by_queue: HashMap<u64, Vec<Outgoing>>,
    messages: usize,
    bytes: usize,
}

impl Slice {
    fn add(&mut self, queue: QueueId, outgoing: Outgoing) {
        self.messages += 1;
        self.bytes += outgoing.body.len();
        self.by_queue.entry(queue.0).or_default().push(outgoing);
    }

    fn is_full(&self) -> bool {
        self.messages >= limits::DELIVERIES_AT_ONCE_MAX
            || self.bytes >= limits::DELIVERY_BYTES_AT_ONCE
    }

    async fn send(self, sns: &Sns) -> Result<(), ApiError> {
        let sending = self.by_queue.into_iter().map(|(queue, messages)| {
            let queue = sns.engine.queue(QueueId(queue));
            Box::pin(async move { queue.send(messages).await }) as Sending
        });
        for outcome in all(sending.collect()).await {
            match outcome {
                Ok(sent) => {
                    sent.into_iter()
                        .collect::<Result<Vec<_>, _>>()
                        .map_err(errors::from_engine)?;
                }
                // It went at this moment; whoever publishes next finds it gone.
                Err(EngineError::QueueMissing) => {}
                Err(error) => return Err(errors::from_engine(error)),
            }
        }
        Ok(())
    }
}

/// Waits for all of them together.
async fn all(mut sending: Vec<Sending>) -> Vec<<Sending as Future>::Output> {
    let mut outcomes = Vec::with_capacity(sending.len());
    poll_fn(|context| {
        sending.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            Poll::Pending => true,
        });
        if sending.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outcomes
}

/// The queue of a subscriber and what goes there; the dead-letter queue for a client error; `None` when the message is
/// lost to this subscriber (SNS-337, SNS-355).
fn address(
    sns: &Sns,
    caller: &Caller,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Option<(QueueId, Outgoing)> {
    let settings = &subscriber.settings;
    if let Some(queue) = settings.queue {
        return for_endpoint(caller, topic_arn, notice, subscriber)
            .map(|outgoing| (queue, outgoing));
    }
    let is_refused = settings.is_raw() && notice.attributes.len() > MESSAGE_ATTRIBUTES_MAX; // SNS-216
    let find = |arn: &str| find(sns, settings, arn);
    let target = find(&settings.endpoint).filter(|_| !is_refused);
    let target = target.or_else(|| {
        let dead_letters = settings.dead_letter_arn().and_then(|arn| find(&arn));
        if dead_letters.is_none() {
            tracing::warn!(
                subscription = %subscriber.id,
                endpoint = %settings.endpoint,
                "a message is lost: the queue is gone or refuses it, and there is no dead-letter queue"
            );
        }
        dead_letters
    })?;
    // The stored form counts attributes in one byte; dead letters may have more of them than SQS takes.
    if settings.is_raw() && notice.attributes.len() > usize::from(u8::MAX) {
        return None;
    }
    let message = message_for(caller, topic_arn, notice, subscriber);
    Some((target.id, outgoing(sns, &target, message)))
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
pub(crate) async fn to_dead_letters(
    sns: &Sns,
    settings: &SubscriptionSettings,
    arn: &str,
    message: Message,
) -> Result<(), EngineError> {
    let Some(target) = find(sns, settings, arn) else {
        tracing::warn!(%arn, "a message is lost: its dead-letter queue is gone");
        return Ok(());
    };
    let sent = sns
        .engine
        .queue(target.id)
        .send(vec![outgoing(sns, &target, message)])
        .await;
    match sent {
        Ok(sent) => sent.into_iter().collect::<Result<Vec<_>, _>>().map(drop),
        Err(EngineError::QueueMissing) => Ok(()),
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
        // SNS-193, with the host that reaches this server.
        let unsubscribe_url = format!(
            "{}://{}/?Action=Unsubscribe&SubscriptionArn={topic_arn}:{}",
            caller.endpoint.scheme, caller.endpoint.host, subscriber.id
        );
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
