//! What one shard does to another: effects, and the outbox they wait in.
//!
//! The record of the source carries the effect; the destination pulls it with credits and stores
//! the number of the last one with what it did. So inside the system an effect takes place exactly
//! once and in order, whatever crashes in between, and no shard ever blocks on another.

use std::collections::{BTreeMap, VecDeque};

use crate::codec::{Malformed, Reader, Writer};
use crate::config::QueueConfig;
use crate::ids::{MessageIdentity, QueueId, ShardId};
use crate::limits::{EFFECTS_PER_PULL_MAX, OUTBOX_EFFECTS_MAX};
use crate::page::{decode_chunks, encode_chunks};

/// A message on its way between queues; the body stays where the journal put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MovedMessage {
    /// Destination.
    pub(crate) queue: QueueId,
    /// The queue it leaves.
    pub(crate) from: QueueId,
    /// The queue an earlier move had brought it to that one from.
    pub(crate) before: Option<QueueId>,
    pub(crate) identity: MessageIdentity,
    pub(crate) body_lsn: u64,
    pub(crate) body_bytes: u32,
    pub(crate) chunks: Vec<(u32, u32)>,
    pub(crate) sent_ms: u64,
    pub(crate) group: u64,
    pub(crate) receive_count: u16,
    pub(crate) first_received_ms: u64,
}

/// Something that must happen on another shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Create the queue or change its settings; `version` only grows.
    Configure {
        queue: QueueId,
        version: u64,
        config: QueueConfig,
    },
    /// Delete the queue with all its messages.
    Remove { queue: QueueId },
    /// Put the message into its dead-letter queue.
    DeadLetter(MovedMessage),
    /// The dead-letter queue was gone: take the message back and stop trying (`SQS-328`).
    Return(MovedMessage),
}

impl Effect {
    /// The queue it happens to.
    pub(crate) fn queue(&self) -> QueueId {
        match self {
            Effect::Configure { queue, .. } | Effect::Remove { queue } => *queue,
            Effect::DeadLetter(message) | Effect::Return(message) => message.queue,
        }
    }

    /// The message it carries.
    pub(crate) fn message(&self) -> Option<&MovedMessage> {
        match self {
            Effect::DeadLetter(message) | Effect::Return(message) => Some(message),
            Effect::Configure { .. } | Effect::Remove { .. } => None,
        }
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        match self {
            Effect::Configure {
                queue,
                version,
                config,
            } => {
                out.u8(1).u64(queue.0).u64(*version);
                config.encode(out);
            }
            Effect::Remove { queue } => {
                out.u8(2).u64(queue.0);
            }
            Effect::DeadLetter(message) => {
                out.u8(3);
                message.encode(out);
            }
            Effect::Return(message) => {
                out.u8(4);
                message.encode(out);
            }
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Effect, Malformed> {
        Ok(match input.u8()? {
            1 => Effect::Configure {
                queue: QueueId(input.u64()?),
                version: input.u64()?,
                config: QueueConfig::decode(input)?,
            },
            2 => Effect::Remove {
                queue: QueueId(input.u64()?),
            },
            3 => Effect::DeadLetter(MovedMessage::decode(input)?),
            4 => Effect::Return(MovedMessage::decode(input)?),
            _ => return Err(Malformed("effect of an unknown kind")),
        })
    }
}

impl MovedMessage {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.queue.0)
            .u64(self.from.0)
            .u64(self.identity.queue.0)
            .u64(self.identity.sequence)
            .u64(self.body_lsn)
            .u32(self.body_bytes)
            .u64(self.sent_ms)
            .u64(self.group)
            .u16(self.receive_count)
            .u64(self.first_received_ms);
        out.option(self.before.as_ref(), |out, before| {
            out.u64(before.0);
        });
        encode_chunks(out, &self.chunks);
    }

    fn decode(input: &mut Reader<'_>) -> Result<MovedMessage, Malformed> {
        Ok(MovedMessage {
            queue: QueueId(input.u64()?),
            from: QueueId(input.u64()?),
            identity: MessageIdentity {
                queue: QueueId(input.u64()?),
                sequence: input.u64()?,
            },
            body_lsn: input.u64()?,
            body_bytes: input.u32()?,
            sent_ms: input.u64()?,
            group: input.u64()?,
            receive_count: input.u16()?,
            first_received_ms: input.u64()?,
            before: input.option(|input| Ok(QueueId(input.u64()?)))?,
            chunks: decode_chunks(input)?,
        })
    }
}

/// Effects one shard holds for one other, numbered from 1 without gaps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    /// Number of the last effect ever put in.
    last: u64,
    waiting: VecDeque<(u64, Effect)>,
}

/// All lanes out of one shard, and how far it has taken in those of others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    lanes: BTreeMap<ShardId, Lane>,
    /// Number of the last effect applied here, by source.
    pub(crate) applied: BTreeMap<ShardId, u64>,
}

impl Outbox {
    /// Puts an effect into the lane of its destination.
    pub(crate) fn push(&mut self, effect: Effect) {
        let lane = self.lanes.entry(effect.queue().shard()).or_default();
        lane.last += 1;
        lane.waiting.push_back((lane.last, effect));
    }

    /// Number of the last effect put into the lane to `destination`.
    pub(crate) fn last(&self, destination: ShardId) -> u64 {
        self.lanes.get(&destination).map_or(0, |lane| lane.last)
    }

    /// Room for `count` more effects towards `destination`.
    pub(crate) fn has_room(&self, destination: ShardId, count: usize) -> bool {
        self.waiting(destination) + count <= OUTBOX_EFFECTS_MAX
    }

    fn waiting(&self, destination: ShardId) -> usize {
        self.lanes
            .get(&destination)
            .map_or(0, |lane| lane.waiting.len())
    }

    /// Destinations with effects waiting.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.lanes
            .iter()
            .filter(|(_, lane)| !lane.waiting.is_empty())
            .map(|(shard, _)| *shard)
    }

    /// Every effect that waits.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &Effect> {
        let lanes = self.lanes.values();
        lanes.flat_map(|lane| lane.waiting.iter().map(|(_, effect)| effect))
    }

    /// The next slice after number `after`.
    pub(crate) fn slice(&self, destination: ShardId, after: u64) -> Vec<(u64, Effect)> {
        let Some(lane) = self.lanes.get(&destination) else {
            return Vec::new();
        };
        lane.waiting
            .iter()
            .filter(|(number, _)| *number > after)
            .take(EFFECTS_PER_PULL_MAX)
            .cloned()
            .collect()
    }

    /// Would `trim` drop anything?
    pub(crate) fn can_trim(&self, destination: ShardId, through: u64) -> bool {
        self.lanes
            .get(&destination)
            .and_then(|lane| lane.waiting.front())
            .is_some_and(|(number, _)| *number <= through)
    }

    /// Drops what the destination has, and returns it.
    pub(crate) fn trim(&mut self, destination: ShardId, through: u64) -> Vec<Effect> {
        let mut dropped = Vec::new();
        if let Some(lane) = self.lanes.get_mut(&destination) {
            while lane.waiting.front().is_some_and(|(n, _)| *n <= through) {
                dropped.extend(lane.waiting.pop_front().map(|(_, effect)| effect));
            }
        }
        dropped
    }

    /// Number of the last effect of `source` applied here.
    pub(crate) fn applied_from(&self, source: ShardId) -> u64 {
        self.applied.get(&source).copied().unwrap_or(0)
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u32(self.lanes.len() as u32);
        for (shard, lane) in &self.lanes {
            out.u8(*shard).u64(lane.last);
            out.u32(lane.waiting.len() as u32);
            for (number, effect) in &lane.waiting {
                out.u64(*number);
                effect.encode(out);
            }
        }
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::OutboxCursor) {
            out.u32(0);
            return;
        }
        out.u32(self.applied.len() as u32);
        for (shard, number) in &self.applied {
            out.u8(*shard).u64(*number);
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Outbox, Malformed> {
        let lanes = input.list(|input| {
            let shard = input.u8()?;
            let last = input.u64()?;
            let waiting = input.list(|input| Ok((input.u64()?, Effect::decode(input)?)))?;
            Ok((
                shard,
                Lane {
                    last,
                    waiting: waiting.into(),
                },
            ))
        })?;
        let applied = input.list(|input| Ok((input.u8()?, input.u64()?)))?;
        Ok(Outbox {
            lanes: lanes.into_iter().collect(),
            applied: applied.into_iter().collect(),
        })
    }
}
