//! FIFO topics (section 27): every publish first enters a FIFO queue of the engine that the topic owns.
//!
//! That queue decides what is a duplicate, for five minutes, and numbers the messages; `MessageId` and `SequenceNumber`
//! derive from where a message stands in it, so that a duplicate's answer repeats the original's (SNS-363, SNS-364). Its
//! messages hold nothing and go by their age.
//!
//! Only then is it published, which takes a record of its own: to the archive and all queues, or not at all. Publishes of one
//! group, or with one deduplication id, take turns over both, so that every queue has their messages in the order of their
//! sequence numbers.
//!
//! A publisher that got no answer publishes again, and the topic knows the message already. Whether it was published
//! too the engine knows by an id made of its sequence number (`publication_id`), so it is published exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;
use waystation_delivery::fifo_ids::{
    DeduplicationScope, content_id, deduplication_hash, group_hash,
};
use waystation_delivery::uuid;
use waystation_engine::{Outgoing, QueueConfig, QueueId, QueueKind, Sent};
use waystation_wire::{ApiError, Str};

use crate::catalog::Located;
use crate::notice::Notice;
use crate::topic_settings::TopicSettings;
use crate::{Sns, errors, limits};

/// The queue that a FIFO topic owns.
pub(crate) fn queue_of(settings: &TopicSettings) -> QueueId {
    QueueId(settings.id)
}

/// How that queue is set up.
pub(crate) fn queue_config() -> QueueConfig {
    QueueConfig {
        kind: QueueKind::Fifo,
        retention_ms: limits::DEDUPLICATION_MS,
        delay_ms: 0,
        redrive: None,
    }
}

/// The id by which duplicates are known: the given one, or the digest of the message (SNS-360, SNS-362).
pub(crate) fn deduplication_id(given: Option<&Str>, message: &Str) -> Str {
    given
        .cloned()
        .unwrap_or_else(|| content_id(message.as_bytes()))
}

/// Enters messages into the topic, gives them their ids, and says of each whether the topic knew it already.
pub(crate) async fn enter(
    sns: &Sns,
    located: &Located<'_>,
    notices: &mut [Notice],
) -> Result<Vec<bool>, ApiError> {
    let settings = &located.settings;
    let scope = match settings.scope_is_group() {
        true => DeduplicationScope::MessageGroup,
        false => DeduplicationScope::Queue,
    };
    let outgoing = notices.iter().map(|notice| {
        let group = notice.group_id.as_deref().unwrap_or_default();
        let id = notice.deduplication_id.as_deref().unwrap_or_default();
        Outgoing {
            body: Bytes::from_static(b"-"),
            size_bytes: 0,
            delay_ms: None,
            group: Some(group_hash(&sns.keys, group)),
            dedup: Some(deduplication_hash(&sns.keys, scope, group, id)),
        }
    });
    let sent = sns
        .engine
        .queue(queue_of(settings))
        .send(outgoing.collect())
        .await;
    let sent = sent.map_err(errors::from_topic)?;
    let sent = sent
        .into_iter()
        .collect::<Result<Vec<Sent>, _>>()
        .map_err(errors::from_engine)?;
    if sent.len() != notices.len() {
        return Err(errors::internal(
            "the engine answered another number of messages",
        ));
    }
    let now_ms = sns.now_ms();
    for (notice, sent) in notices.iter_mut().zip(&sent) {
        let identity = [
            sent.identity.queue.0.to_be_bytes(),
            sent.identity.sequence.to_be_bytes(),
        ]
        .concat();
        notice.id = uuid::text(sns.ids.key.hash_128(&[&identity]));
        notice.sequence = Some(sent.sequence);
        // As late as can be: the archive is replayed by these times, and keeps its own (SNS-383).
        notice.published_ms = now_ms;
    }
    Ok(sent.iter().map(|sent| sent.duplicate).collect())
}

/// By what the engine knows that the message of a sequence number was published.
pub(crate) fn publication_id(sns: &Sns, sequence: u64) -> u128 {
    let parts: [&[u8]; 2] = [b"sns publication", &sequence.to_be_bytes()];
    sns.keys.message_id.hash_128(&parts)
}

/// Who may publish: one request at a time for each message group and each deduplication id. What falls together waits for each
/// other.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Those that were ever taken.
    known: Mutex<BTreeMap<u64, Arc<Turn>>>,
}

type Turn = tokio::sync::Mutex<()>;

impl Turns {
    /// Waits for the groups and ids of all messages; theirs until what is returned is dropped. Always in the same order, so
    /// that no two requests wait for each other.
    pub(crate) async fn take(&self, sns: &Sns, notices: &[Notice]) -> Vec<OwnedMutexGuard<()>> {
        let number = |text: &Option<Str>| {
            let hash = group_hash(&sns.keys, text.as_deref().unwrap_or_default());
            hash % limits::TURNS_PER_TOPIC
        };
        let groups = notices.iter().map(|notice| number(&notice.group_id));
        // Two groups may bring one id; whoever entered first is the one that is published.
        let ids = notices
            .iter()
            .map(|notice| number(&notice.deduplication_id));
        let ids = ids.map(|id| limits::TURNS_PER_TOPIC + id);
        self.take_numbers(groups.chain(ids).collect()).await
    }

    /// Waits for everybody: nobody publishes until what is returned is dropped.
    pub(crate) async fn take_all(&self) -> Vec<OwnedMutexGuard<()>> {
        self.take_numbers((0..limits::TURNS_PER_TOPIC).collect())
            .await
    }

    async fn take_numbers(&self, numbers: BTreeSet<u64>) -> Vec<OwnedMutexGuard<()>> {
        let mut taken = Vec::with_capacity(numbers.len());
        for number in numbers {
            taken.push(self.turn(number).lock_owned().await);
        }
        taken
    }

    fn turn(&self, number: u64) -> Arc<Turn> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(number).or_default().clone()
    }
}

/// Neighbours differ by this much, and by one from any number of SQS, whose are multiples of four (SNS-369).
const SEQUENCE_NUMBER_STEP: u128 = 4;
const SEQUENCE_NUMBER_BASE: u128 = 10_000_000_000_000_000_001;

/// SNS-367
pub(crate) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_NUMBER_BASE + u128::from(sequence) * SEQUENCE_NUMBER_STEP).to_string()
}

/// The sequence of such a number.
pub(crate) fn sequence_of(number: &str) -> Option<u64> {
    let over = number
        .parse::<u128>()
        .ok()?
        .checked_sub(SEQUENCE_NUMBER_BASE)?;
    u64::try_from(over / SEQUENCE_NUMBER_STEP).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_20_digits() {
        // SNS-367, SNS-369
        assert_eq!(sequence_number(0).len(), 20);
        assert_eq!(sequence_number(u64::MAX).len(), 20);
        assert!(sequence_number(1) < sequence_number(2));
        for sequence in [0, 7, u64::MAX] {
            assert_eq!(sequence_of(&sequence_number(sequence)), Some(sequence));
        }
        assert_eq!(sequence_of("7"), None);
    }
}
