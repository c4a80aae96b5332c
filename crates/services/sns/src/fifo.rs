//! FIFO topics (section 27): every publish first enters a FIFO queue of the engine that the topic owns.
//!
//! That queue decides what is a duplicate, for five minutes, and numbers the messages; `MessageId` and `SequenceNumber`
//! derive from where a message stands in it, so that a duplicate's answer repeats the original's (SNS-363, SNS-364). Its
//! messages hold nothing and go by their age.
//!
//! Only then is it published to the queues, which takes a record of its own. Publishes of one group take turns over both,
//! so that every queue has their messages in the order of their sequence numbers.
//!
//! A publisher that got no answer publishes again, and the topic knows the message already. Whether the subscribed queues
//! have it too is what `Settled` tells: if that is not certain, the duplicate is delivered again, which FIFO queues
//! recognise by the deduplication id (SNS-368).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;
use waystation_delivery::fifo_ids::{
    DeduplicationScope, content_id, deduplication_hash, group_hash,
};
use waystation_delivery::uuid;
use waystation_engine::{EngineError, Outgoing, QueueConfig, QueueId, QueueKind, Sent};
use waystation_wire::{ApiError, Str};

use crate::catalog::Located;
use crate::notice::Notice;
use crate::subscribers::Topic;
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

/// Enters messages into the topic, gives them their ids, and says of each whether it has to be delivered.
pub(crate) async fn enter(
    sns: &Sns,
    located: &Located<'_>,
    topic: &Topic,
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
    let sent = sent.map_err(|error| match error {
        EngineError::QueueMissing => errors::topic_does_not_exist(),
        other => errors::from_engine(other),
    })?;
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
    let mut wanted = Vec::with_capacity(sent.len());
    for (notice, sent) in notices.iter_mut().zip(&sent) {
        let identity = [
            sent.identity.queue.0.to_be_bytes(),
            sent.identity.sequence.to_be_bytes(),
        ]
        .concat();
        notice.id = uuid::text(sns.ids.key.hash_128(&[&identity]));
        notice.sequence = Some(sent.sequence);
        wanted.push(topic.settled(|settled| settled.begin(sent.sequence, sent.duplicate, now_ms)));
    }
    Ok(wanted)
}

/// Who may publish: one request at a time for each message group. Groups that fall together wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Those that were ever taken.
    known: Mutex<BTreeMap<u64, Arc<Turn>>>,
}

type Turn = tokio::sync::Mutex<()>;

impl Turns {
    /// Waits for the groups of all messages; theirs until what is returned is dropped. Always in the same order, so that no
    /// two requests wait for each other.
    pub(crate) async fn take(&self, sns: &Sns, notices: &[Notice]) -> Vec<OwnedMutexGuard<()>> {
        let groups = notices
            .iter()
            .map(|notice| notice.group_id.as_deref().unwrap_or_default());
        let numbers: BTreeSet<u64> = groups
            .map(|group| group_hash(&sns.keys, group) % limits::TURNS_PER_TOPIC)
            .collect();
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

/// The deliveries of messages were made.
pub(crate) fn settle(topic: &Topic, notices: &[Notice]) {
    topic.settled(|settled| {
        notices
            .iter()
            .filter_map(|notice| notice.sequence)
            .for_each(|sequence| settled.end(sequence));
    });
}

/// Neighbours differ by this much, and by one from any number of SQS, whose are multiples of four (SNS-369).
const SEQUENCE_NUMBER_STEP: u128 = 4;
const SEQUENCE_NUMBER_BASE: u128 = 10_000_000_000_000_000_001;

/// SNS-367
pub(crate) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_NUMBER_BASE + u128::from(sequence) * SEQUENCE_NUMBER_STEP).to_string()
}

/// Which messages of a topic certainly reached all their queues since this start of the server.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// From the first sequence number seen to the last; none of them is known outside.
    seen: Option<(u64, u64)>,
    /// Those in between that are not settled, with the time at which they were last heard of.
    open: BTreeMap<u64, u64>,
}

impl Settled {
    /// A message entered the topic, or a duplicate of it; whether it has to be delivered.
    fn begin(&mut self, sequence: u64, is_duplicate: bool, now_ms: u64) -> bool {
        let is_open = match self.seen {
            Some((first, last)) if (first..=last).contains(&sequence) => {
                self.open.contains_key(&sequence)
            }
            // Before this start, or not yet told by whoever published it.
            _ => true,
        };
        if is_duplicate && !is_open {
            return false;
        }
        if !is_duplicate {
            let before = sequence.saturating_sub(1);
            let (mut first, mut last) = self.seen.unwrap_or((sequence, before));
            // What is not remembered counts as not settled, so forgetting is always safe.
            if sequence.saturating_sub(last) > limits::UNSETTLED_MAX as u64
                || self.open.len() > limits::UNSETTLED_MAX
            {
                self.open.clear();
                (first, last) = (sequence, before);
            }
            // Numbers that were passed over belong to publishes that have not come here yet, or never will.
            for passed in last.saturating_add(1)..sequence {
                self.open.insert(passed, now_ms);
            }
            self.open.insert(sequence, now_ms);
            self.seen = Some((first, last.max(sequence)));
            self.forget_old(now_ms);
        }
        true
    }

    fn end(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }

    /// What is older than the time in which duplicates are known needs no answer any more.
    fn forget_old(&mut self, now_ms: u64) {
        if self.open.len() > limits::UNSETTLED_KEPT {
            self.open
                .retain(|_, heard_ms| now_ms.saturating_sub(*heard_ms) <= limits::DEDUPLICATION_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_delivered_until_its_original_was() {
        // SNS-363
        let mut settled = Settled::default();
        assert!(settled.begin(7, false, 0));
        assert!(settled.begin(7, true, 0), "the original is under way");
        settled.end(7);
        assert!(!settled.begin(7, true, 0));
        assert!(settled.begin(6, true, 0), "from before this start");
        assert!(settled.begin(9, false, 0));
        assert!(
            settled.begin(8, true, 0),
            "its original has not come here yet"
        );
        assert!(settled.begin(8, false, 0));
        settled.end(8);
        assert!(!settled.begin(8, true, 0));
        assert!(settled.begin(9, true, 0));
    }

    #[test]
    fn what_never_settles_is_forgotten_in_time() {
        let mut settled = Settled::default();
        for sequence in 0..=limits::UNSETTLED_KEPT as u64 {
            settled.begin(sequence, false, 0);
        }
        settled.begin(
            limits::UNSETTLED_KEPT as u64 + 1,
            false,
            limits::DEDUPLICATION_MS + 1,
        );
        assert_eq!(settled.open.len(), 1);
        settled.begin(1 << 40, false, limits::DEDUPLICATION_MS + 1);
        assert_eq!(settled.open.len(), 1);
        assert!(
            settled.begin(0, true, limits::DEDUPLICATION_MS + 1),
            "forgotten, so not settled"
        );
    }

    #[test]
    fn sequence_numbers_have_20_digits() {
        // SNS-367, SNS-369
        assert_eq!(sequence_number(0).len(), 20);
        assert_eq!(sequence_number(u64::MAX).len(), 20);
        assert!(sequence_number(1) < sequence_number(2));
    }
}
