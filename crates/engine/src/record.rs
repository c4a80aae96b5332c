//! Facts the journal keeps. A record says what happened, never what was asked, and holds every
//! decision in it; its kind and version never change their meaning.
//!
//! Layout of the metadata: the fields in order of declaration, little-endian (`codec`).

use crate::codec::{Malformed, Reader, Writer};
use crate::delivery::StoredBody;
use crate::effect::Effect;
use crate::ids::{LogId, QueueId};
use crate::publication::{Logged, Target};

/// One catalog row's change: full key, and the new value or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowChange {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// Something that happened on one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A message was accepted; its body is the record's body section.
    Sent {
        queue: QueueId,
        sequence: u64,
        /// Available from then on; 0 for at once.
        available_ms: u64,
        group: u64,
        deduplication: Option<u128>,
    },
    /// Messages are in flight until a time (or were shown and stay ready, when it is not later
    /// than the record's own time).
    Leased {
        queue: QueueId,
        until_ms: u64,
        attempt: Option<u128>,
        leases: Vec<(u64, u64)>,
    },
    /// The same receive was answered again (`SQS-302`): deadline moved, counts and tags stay.
    Renewed {
        queue: QueueId,
        until_ms: u64,
        attempt: u128,
        sequences: Vec<u64>,
    },
    /// Messages were deleted by their consumers.
    Deleted { queue: QueueId, sequences: Vec<u64> },
    /// Deadlines were changed: (sequence, until); a time that has come makes it ready.
    VisibilityChanged {
        queue: QueueId,
        changes: Vec<(u64, u64)>,
    },
    /// Messages outlived the queue's retention.
    Expired { queue: QueueId, sequences: Vec<u64> },
    /// A page whose messages all outlived the queue's retention.
    PageExpired { queue: QueueId, page: u64 },
    /// Everything in the queue was thrown away.
    Purged { queue: QueueId },
    /// Messages left for the dead-letter queue, through the outbox.
    DeadLettered {
        queue: QueueId,
        target: QueueId,
        sequences: Vec<u64>,
    },
    /// Effects of another shard took place here; `through` is the number of the last.
    EffectsApplied {
        source: u8,
        through: u64,
        effects: Vec<Effect>,
    },
    /// The destination has everything up to here.
    OutboxTrimmed { destination: u8, through: u64 },
    /// Catalog rows changed; `version` is new for all of them.
    CatalogWritten {
        version: u64,
        changes: Vec<RowChange>,
        effects: Vec<Effect>,
    },
    /// A move task begins: messages below a sequence, of which so many are ready.
    MoveBegun {
        queue: QueueId,
        task: u64,
        below: u64,
        to_move: u64,
    },
    /// Messages of a move task left for other queues, through the outbox: (sequence, destination).
    Moved {
        queue: QueueId,
        task: u64,
        moves: Vec<(u64, QueueId)>,
    },
    /// A body that a publication beside its first has; the `Published` that follows refers to it.
    BodyKept,
    /// A message was published; its first body is the record's body section.
    Published {
        topic: QueueId,
        deduplication: Option<u128>,
        /// Bodies beyond the first.
        kept: Vec<StoredBody>,
        targets: Vec<Target>,
        /// What it did to a log.
        log: Option<Logged>,
    },
    /// The test clock was moved to this distance from the wall clock.
    ClockMoved { offset_ms: i64 },
    /// An entry was appended to a log; it is the record's body section, its time is the record's.
    LogAppended { log: LogId, position: u64 },
    /// A log's entries before a position are gone.
    LogTrimmed { log: LogId, before: u64 },
}

/// Version of every record layout so far.
pub(crate) const RECORD_VERSION: u8 = 1;

fn encode_sequences(out: &mut Writer, sequences: &[u64]) {
    out.list(sequences, |out, sequence| {
        out.u64(*sequence);
    });
}

fn encode_pairs(out: &mut Writer, pairs: &[(u64, u64)]) {
    out.list(pairs, |out, (a, b)| {
        out.u64(*a).u64(*b);
    });
}

fn decode_sequences(input: &mut Reader<'_>) -> Result<Vec<u64>, Malformed> {
    input.list(Reader::u64)
}

fn decode_pairs(input: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, Malformed> {
    input.list(|input| Ok((input.u64()?, input.u64()?)))
}

impl Record {
    /// The record's kind on disk; 0 belongs to the journal, 64-66 are reserved for the prepare,
    /// commit and abort of transactions.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Record::Sent { .. } => 1,
            Record::Leased { .. } => 2,
            Record::Renewed { .. } => 3,
            Record::Deleted { .. } => 4,
            Record::VisibilityChanged { .. } => 5,
            Record::Expired { .. } => 6,
            Record::PageExpired { .. } => 7,
            Record::Purged { .. } => 8,
            Record::DeadLettered { .. } => 9,
            Record::EffectsApplied { .. } => 10,
            Record::OutboxTrimmed { .. } => 11,
            Record::CatalogWritten { .. } => 12,
            Record::ClockMoved { .. } => 13,
            Record::MoveBegun { .. } => 14,
            Record::Moved { .. } => 15,
            Record::BodyKept => 16,
            Record::Published { log: None, .. } => 17,
            Record::LogAppended { .. } => 18,
            Record::LogTrimmed { .. } => 19,
            Record::Published { log: Some(_), .. } => 20,
        }
    }

    /// Appends the metadata of this record to `out`.
    pub(crate) fn encode(&self, out: &mut Writer) {
        match self {
            Record::Sent {
                queue,
                sequence,
                available_ms,
                group,
                deduplication,
            } => {
                out.u64(queue.0)
                    .u64(*sequence)
                    .u64(*available_ms)
                    .u64(*group);
                out.option(deduplication.as_ref(), |out, id| {
                    out.u128(*id);
                });
            }
            Record::Leased {
                queue,
                until_ms,
                attempt,
                leases,
            } => {
                out.u64(queue.0).u64(*until_ms);
                out.option(attempt.as_ref(), |out, attempt| {
                    out.u128(*attempt);
                });
                encode_pairs(out, leases);
            }
            Record::Renewed {
                queue,
                until_ms,
                attempt,
                sequences,
            } => {
                out.u64(queue.0).u64(*until_ms).u128(*attempt);
                encode_sequences(out, sequences);
            }
            Record::Deleted { queue, sequences } | Record::Expired { queue, sequences } => {
                out.u64(queue.0);
                encode_sequences(out, sequences);
            }
            Record::VisibilityChanged { queue, changes } => {
                out.u64(queue.0);
                encode_pairs(out, changes);
            }
            Record::PageExpired { queue, page } => {
                out.u64(queue.0).u64(*page);
            }
            Record::Purged { queue } => {
                out.u64(queue.0);
            }
            Record::DeadLettered {
                queue,
                target,
                sequences,
            } => {
                out.u64(queue.0).u64(target.0);
                encode_sequences(out, sequences);
            }
            _ => self.encode_across(out),
        }
    }

    /// Records that do not concern one queue.
    fn encode_across(&self, out: &mut Writer) {
        match self {
            Record::EffectsApplied {
                source,
                through,
                effects,
            } => {
                out.u8(*source).u64(*through);
                out.list(effects, |out, effect| effect.encode(out));
            }
            Record::OutboxTrimmed {
                destination,
                through,
            } => {
                out.u8(*destination).u64(*through);
            }
            Record::CatalogWritten {
                version,
                changes,
                effects,
            } => {
                out.u64(*version);
                out.list(changes, |out, change| {
                    out.bytes(&change.key);
                    out.option(change.value.as_ref(), |out, value| {
                        out.bytes(value);
                    });
                });
                out.list(effects, |out, effect| effect.encode(out));
            }
            Record::ClockMoved { offset_ms } => {
                out.u64(*offset_ms as u64);
            }
            Record::MoveBegun {
                queue,
                task,
                below,
                to_move,
            } => {
                out.u64(queue.0).u64(*task).u64(*below).u64(*to_move);
            }
            Record::Moved { queue, task, moves } => {
                out.u64(queue.0).u64(*task);
                out.list(moves, |out, (sequence, target)| {
                    out.u64(*sequence).u64(target.0);
                });
            }
            Record::LogAppended {
                log,
                position: place,
            }
            | Record::LogTrimmed { log, before: place } => {
                out.u64(log.0).u64(*place);
            }
            Record::BodyKept => {}
            _ => self.encode_published(out),
        }
    }

    fn encode_published(&self, out: &mut Writer) {
        let Record::Published {
            topic,
            deduplication,
            kept,
            targets,
            log,
        } = self
        else {
            unreachable!("encoded by encode");
        };
        out.u64(topic.0);
        out.option(deduplication.as_ref(), |out, id| {
            out.u128(*id);
        });
        out.list(kept, |out, body| body.encode(out));
        out.list(targets, |out, target| target.encode(out));
        // The kind says whether it follows.
        if let Some(log) = log {
            log.encode(out);
        }
    }

    /// Reads the metadata of a record of `kind` and `version`; an unknown pair is an error,
    /// because skipping a fact would make the state wrong.
    pub(crate) fn decode(kind: u8, version: u8, meta: &[u8]) -> Result<Record, Malformed> {
        if version != RECORD_VERSION {
            return Err(Malformed("record of an unknown version"));
        }
        let mut input = Reader::new(meta, "record");
        let record = Record::decode_kind(kind, &mut input)?;
        input.finish()?;
        Ok(record)
    }

    fn decode_kind(kind: u8, input: &mut Reader<'_>) -> Result<Record, Malformed> {
        if kind >= 10 {
            return Record::decode_across(kind, input);
        }
        let queue = QueueId(input.u64()?);
        Ok(match kind {
            1 => Record::Sent {
                queue,
                sequence: input.u64()?,
                available_ms: input.u64()?,
                group: input.u64()?,
                deduplication: input.option(Reader::u128)?,
            },
            2 => Record::Leased {
                queue,
                until_ms: input.u64()?,
                attempt: input.option(Reader::u128)?,
                leases: decode_pairs(input)?,
            },
            3 => Record::Renewed {
                queue,
                until_ms: input.u64()?,
                attempt: input.u128()?,
                sequences: decode_sequences(input)?,
            },
            4 => Record::Deleted {
                queue,
                sequences: decode_sequences(input)?,
            },
            5 => Record::VisibilityChanged {
                queue,
                changes: decode_pairs(input)?,
            },
            6 => Record::Expired {
                queue,
                sequences: decode_sequences(input)?,
            },
            7 => Record::PageExpired {
                queue,
                page: input.u64()?,
            },
            8 => Record::Purged { queue },
            9 => Record::DeadLettered {
                queue,
                target: QueueId(input.u64()?),
                sequences: decode_sequences(input)?,
            },
            _ => return Err(Malformed("record of an unknown kind")),
        })
    }

    fn decode_across(kind: u8, input: &mut Reader<'_>) -> Result<Record, Malformed> {
        Ok(match kind {
            10 => Record::EffectsApplied {
                source: input.u8()?,
                through: input.u64()?,
                effects: input.list(Effect::decode)?,
            },
            11 => Record::OutboxTrimmed {
                destination: input.u8()?,
                through: input.u64()?,
            },
            12 => Record::CatalogWritten {
                version: input.u64()?,
                changes: input.list(|input| {
                    Ok(RowChange {
                        key: input.bytes()?.to_vec(),
                        value: input.option(|input| Ok(input.bytes()?.to_vec()))?,
                    })
                })?,
                effects: input.list(Effect::decode)?,
            },
            13 => Record::ClockMoved {
                offset_ms: input.u64()? as i64,
            },
            14 => Record::MoveBegun {
                queue: QueueId(input.u64()?),
                task: input.u64()?,
                below: input.u64()?,
                to_move: input.u64()?,
            },
            15 => Record::Moved {
                queue: QueueId(input.u64()?),
                task: input.u64()?,
                moves: input.list(|input| Ok((input.u64()?, QueueId(input.u64()?))))?,
            },
            16 => Record::BodyKept,
            17 | 20 => Record::Published {
                topic: QueueId(input.u64()?),
                deduplication: input.option(Reader::u128)?,
                kept: input.list(StoredBody::decode)?,
                targets: input.list(Target::decode)?,
                log: match kind {
                    17 => None,
                    _ => Some(Logged::decode(input)?),
                },
            },
            18 => Record::LogAppended {
                log: LogId(input.u64()?),
                position: input.u64()?,
            },
            19 => Record::LogTrimmed {
                log: LogId(input.u64()?),
                before: input.u64()?,
            },
            _ => return Err(Malformed("record of an unknown kind")),
        })
    }
}
