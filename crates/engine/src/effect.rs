//! What one shard does to another. Effects wait in the source's `outbox` until the destination took
//! them in.

use waystation_storage::{BodyRef, Lsn};

use crate::codec::{Malformed, Reader, Writer};
use crate::config::{LogConfig, QueueConfig};
use crate::delivery::Delivery;
use crate::ids::{LogId, MessageIdentity, QueueId, Resource};
use crate::log::Cursor;
use crate::page::{decode_chunks, encode_chunks};
use crate::publication::Label;

/// Kind that goes before that of an effect whose message has a label.
const LABELLED: u8 = 9;

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
    /// Who it was when the journal took its body.
    pub(crate) owner: MessageIdentity,
    /// What its publisher labelled it with.
    pub(crate) label: Option<Label>,
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
    /// Put the message into the queue a move task takes it to, as a new one (`SQS-355`).
    Move { task: u64, message: MovedMessage },
    /// Put a published message into the queue.
    Deliver(Delivery),
    /// That queue was gone: take the message back, uncounted.
    MoveBack { task: u64, message: MovedMessage },
    /// Create the log or change its settings; `version` only grows.
    ConfigureLog {
        log: LogId,
        version: u64,
        config: LogConfig,
    },
    /// The log takes no more entries.
    SealLog { log: LogId },
    /// Delete the log with all its entries.
    RemoveLog { log: LogId },
    /// Open a cursor of the log, in place of an older one of this name.
    OpenCursor {
        log: LogId,
        name: Label,
        cursor: Cursor,
    },
    /// The log has no cursor of this name any more.
    CloseCursor { log: LogId, name: Label },
}

impl Effect {
    /// What it happens to.
    pub(crate) fn resource(&self) -> Resource {
        match self {
            Effect::Configure { queue, .. } | Effect::Remove { queue } => Resource::Queue(*queue),
            Effect::DeadLetter(message)
            | Effect::Return(message)
            | Effect::Move { message, .. }
            | Effect::MoveBack { message, .. } => Resource::Queue(message.queue),
            Effect::Deliver(delivery) => Resource::Queue(delivery.queue),
            Effect::ConfigureLog { log, .. }
            | Effect::SealLog { log }
            | Effect::RemoveLog { log }
            | Effect::OpenCursor { log, .. }
            | Effect::CloseCursor { log, .. } => Resource::Log(*log),
        }
    }

    /// The message it carries.
    pub(crate) fn message(&self) -> Option<&MovedMessage> {
        match self {
            Effect::DeadLetter(message)
            | Effect::Return(message)
            | Effect::Move { message, .. }
            | Effect::MoveBack { message, .. } => Some(message),
            Effect::Configure { .. }
            | Effect::Remove { .. }
            | Effect::Deliver(_)
            | Effect::ConfigureLog { .. }
            | Effect::SealLog { .. }
            | Effect::RemoveLog { .. }
            | Effect::OpenCursor { .. }
            | Effect::CloseCursor { .. } => None,
        }
    }

    /// The body it refers to, and who the journal knows that by.
    pub(crate) fn body(&self) -> Option<(BodyRef, MessageIdentity)> {
        let (lsn, bytes, owner) = match self {
            Effect::Deliver(delivery) => (delivery.body.lsn, delivery.body.bytes, delivery.owner),
            other => {
                let message = other.message()?;
                (message.body_lsn, message.body_bytes, message.owner)
            }
        };
        let body = BodyRef {
            lsn: Lsn(lsn),
            bytes,
        };
        Some((body, owner))
    }

    /// Where that body lies.
    pub(crate) fn occupied(&self, segment_bytes: u64) -> Vec<(u32, u32)> {
        match self {
            Effect::Deliver(delivery) => delivery.body.occupied(segment_bytes),
            other => other
                .message()
                .map_or(Vec::new(), |message| message.occupied(segment_bytes)),
        }
    }

    /// What it counts in the outbox, in bytes: about its memory, and no less than its room on the disk.
    pub(crate) fn weight_bytes(&self) -> u64 {
        let chunks = match self {
            Effect::Deliver(delivery) => delivery.body.chunks.len(),
            other => other.message().map_or(0, |message| message.chunks.len()),
        };
        (size_of::<Effect>() + chunks * 8) as u64
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        if let Some(label) = self.message().and_then(|message| message.label) {
            out.u8(LABELLED);
            label.encode(out);
        }
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
            // 3 and 4 were these two without owners.
            Effect::DeadLetter(message) => {
                out.u8(5);
                message.encode(out);
            }
            Effect::Return(message) => {
                out.u8(6);
                message.encode(out);
            }
            Effect::Move { task, message } => {
                out.u8(7).u64(*task);
                message.encode(out);
            }
            Effect::MoveBack { task, message } => {
                out.u8(8).u64(*task);
                message.encode(out);
            }
            Effect::Deliver(delivery) if delivery.is_of_topic() => {
                out.u8(10);
                delivery.encode(out);
            }
            Effect::Deliver(delivery) => {
                out.u8(16).u64(delivery.sent_ms);
                delivery.encode(out);
            }
            Effect::ConfigureLog {
                log,
                version,
                config,
            } => {
                out.u8(11).u64(log.0).u64(*version);
                config.encode(out);
            }
            Effect::SealLog { log } => {
                out.u8(12).u64(log.0);
            }
            Effect::RemoveLog { log } => {
                out.u8(13).u64(log.0);
            }
            Effect::OpenCursor { log, name, cursor } => {
                out.u8(14).u64(log.0);
                name.encode(out);
                cursor.encode(out);
            }
            Effect::CloseCursor { log, name } => {
                out.u8(15).u64(log.0);
                name.encode(out);
            }
        }
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Effect, Malformed> {
        match input.u8()? {
            LABELLED => {
                let label = Label::decode(input)?;
                let kind = input.u8()?;
                let mut effect = Effect::decode_kind(kind, input)?;
                match effect.message_mut() {
                    Some(message) => message.label = Some(label),
                    None => return Err(input.malformed()),
                }
                Ok(effect)
            }
            kind => Effect::decode_kind(kind, input),
        }
    }

    fn message_mut(&mut self) -> Option<&mut MovedMessage> {
        match self {
            Effect::DeadLetter(message)
            | Effect::Return(message)
            | Effect::Move { message, .. }
            | Effect::MoveBack { message, .. } => Some(message),
            _ => None,
        }
    }

    fn decode_kind(kind: u8, input: &mut Reader<'_>) -> Result<Effect, Malformed> {
        Ok(match kind {
            1 => Effect::Configure {
                queue: QueueId(input.u64()?),
                version: input.u64()?,
                config: QueueConfig::decode(input)?,
            },
            2 => Effect::Remove {
                queue: QueueId(input.u64()?),
            },
            3 => Effect::DeadLetter(MovedMessage::decode_ownerless(input)?),
            4 => Effect::Return(MovedMessage::decode_ownerless(input)?),
            5 => Effect::DeadLetter(MovedMessage::decode(input)?),
            6 => Effect::Return(MovedMessage::decode(input)?),
            7 => Effect::Move {
                task: input.u64()?,
                message: MovedMessage::decode(input)?,
            },
            8 => Effect::MoveBack {
                task: input.u64()?,
                message: MovedMessage::decode(input)?,
            },
            10 => Effect::Deliver(Delivery::decode(None, input)?),
            11 => Effect::ConfigureLog {
                log: LogId(input.u64()?),
                version: input.u64()?,
                config: LogConfig::decode(input)?,
            },
            12 => Effect::SealLog {
                log: LogId(input.u64()?),
            },
            13 => Effect::RemoveLog {
                log: LogId(input.u64()?),
            },
            14 => Effect::OpenCursor {
                log: LogId(input.u64()?),
                name: Label::decode(input)?,
                cursor: Cursor::decode(input)?,
            },
            15 => Effect::CloseCursor {
                log: LogId(input.u64()?),
                name: Label::decode(input)?,
            },
            16 => {
                let sent_ms = input.u64()?;
                Effect::Deliver(Delivery::decode(Some(sent_ms), input)?)
            }
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
        self.owner.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<MovedMessage, Malformed> {
        let message = MovedMessage::decode_ownerless(input)?;
        Ok(MovedMessage {
            owner: MessageIdentity::decode(input)?,
            ..message
        })
    }

    /// The older layout, of messages that never had an identity beside that of their body.
    fn decode_ownerless(input: &mut Reader<'_>) -> Result<MovedMessage, Malformed> {
        let (queue, from) = (QueueId(input.u64()?), QueueId(input.u64()?));
        let identity = MessageIdentity::decode(input)?;
        Ok(MovedMessage {
            queue,
            from,
            identity,
            owner: identity,
            label: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A dead letter as versions before move tasks wrote it, without its kind: where it goes and comes from, who it is,
    /// where its body lies, when it was sent, its group, its receives, where it was before, its chunks.
    const OWNERLESS: &str = "07000000000000010900000000000002\
        03000000000000014d00000000000000\
        0020000000000000e0930400\
        0068e5cf8b010000aabbccddeeff0000\
        0300f468e5cf8b010000\
        010500000000000004\
        020000000100000000a0030002000000e0f30000";

    /// What those bytes say.
    fn ownerless() -> MovedMessage {
        let identity = MessageIdentity {
            queue: QueueId(0x0100_0000_0000_0003),
            sequence: 77,
        };
        MovedMessage {
            queue: QueueId(0x0100_0000_0000_0007),
            from: QueueId(0x0200_0000_0000_0009),
            before: Some(QueueId(0x0400_0000_0000_0005)),
            identity,
            owner: identity,
            label: None,
            body_lsn: 0x2000,
            body_bytes: 300_000,
            chunks: vec![(1, 237_568), (2, 62_432)],
            sent_ms: 1_700_000_000_000,
            group: 0xffee_ddcc_bbaa,
            receive_count: 3,
            first_received_ms: 1_700_000_000_244,
        }
    }

    fn decoded(bytes: &[u8]) -> Result<Effect, Malformed> {
        let mut input = Reader::new(bytes, "effect");
        let effect = Effect::decode(&mut input)?;
        input.finish().map(|()| effect)
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
        bytes.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn effects_from_before_move_tasks_are_read() {
        let read = |kind: &str| decoded(&unhex(&(kind.to_owned() + OWNERLESS)));
        assert_eq!(read("03"), Ok(Effect::DeadLetter(ownerless())));
        assert_eq!(read("04"), Ok(Effect::Return(ownerless())));
        assert!(read("05").is_err(), "an owner is missing");
    }

    #[test]
    fn every_effect_with_a_message_comes_back_as_it_was() {
        let owned = MovedMessage {
            owner: MessageIdentity {
                queue: QueueId(5),
                sequence: 6,
            },
            label: Some(Label([7; 16])),
            ..ownerless()
        };
        for message in [ownerless(), owned] {
            let (task, again) = (8, message.clone());
            for effect in [
                Effect::DeadLetter(message.clone()),
                Effect::Return(message.clone()),
                Effect::Move { task, message },
                Effect::MoveBack {
                    task,
                    message: again,
                },
            ] {
                let mut out = Writer::default();
                effect.encode(&mut out);
                assert_eq!(decoded(&out.bytes), Ok(effect));
            }
        }
    }
}
