//! A published message on its way to one queue, and its arrival there.
//!
//! The destination decides when it takes the effect in, and its record says what it decided: the queue's own delay,
//! its own memory of duplicates, whether the queue is there at all.

use crate::codec::{Malformed, Reader, Writer};
use crate::effect::Effect;
use crate::ids::{MessageIdentity, QueueId};
use crate::page::{decode_chunks, encode_chunks};
use crate::publication::{Label, Logged, Target};
use crate::queue::BODY_HEADER_BYTES;
use crate::shard::{At, Shard};

/// A body that was stored for others to refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredBody {
    pub(crate) lsn: u64,
    pub(crate) bytes: u32,
    /// Where it lies when it is cut in chunks; empty for a plain one.
    pub(crate) chunks: Vec<(u32, u32)>,
}

/// What the destination made of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not there yet.
    Open,
    /// In the queue, available from then on.
    Taken { available_ms: u64 },
    /// The queue has seen its deduplication id.
    Duplicate,
    /// There is no such queue.
    Lost,
}

/// One queue's share of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) queue: QueueId,
    /// Who the journal knows the body by: the topic and the engine time of the publish, or a log and the position there.
    pub(crate) owner: MessageIdentity,
    /// Engine time of the publish.
    pub(crate) sent_ms: u64,
    pub(crate) body: StoredBody,
    pub(crate) group: u64,
    pub(crate) deduplication: Option<u128>,
    pub(crate) label: Option<Label>,
    pub(crate) verdict: Verdict,
}

impl StoredBody {
    /// The body that a record brought.
    pub(crate) fn of(at: &At, segment_bytes: u64) -> StoredBody {
        let plain = StoredBody {
            lsn: at.body_lsn,
            bytes: at.body_bytes,
            chunks: Vec::new(),
        };
        match plain.occupied(segment_bytes) == at.occupies {
            true => plain,
            false => StoredBody {
                chunks: at.occupies.clone(),
                ..plain
            },
        }
    }

    /// Where it lies, by segment.
    pub(crate) fn occupied(&self, segment_bytes: u64) -> Vec<(u32, u32)> {
        match self.chunks.is_empty() {
            true => vec![(
                (self.lsn / segment_bytes) as u32,
                self.bytes + BODY_HEADER_BYTES,
            )],
            false => self.chunks.clone(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.lsn).u32(self.bytes);
        encode_chunks(out, &self.chunks);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<StoredBody, Malformed> {
        Ok(StoredBody {
            lsn: input.u64()?,
            bytes: input.u32()?,
            chunks: decode_chunks(input)?,
        })
    }
}

impl Delivery {
    /// The owner of its body tells the time of the publish.
    pub(crate) fn is_of_topic(&self) -> bool {
        self.owner.sequence == self.sent_ms
    }

    /// Everything but the time of the publish.
    pub(crate) fn encode(&self, out: &mut Writer) {
        out.u64(self.queue.0);
        self.owner.encode(out);
        self.body.encode(out);
        out.u64(self.group);
        out.option(self.deduplication.as_ref(), |out, id| {
            out.u128(*id);
        });
        out.option(self.label.as_ref(), |out, label| label.encode(out));
        match self.verdict {
            Verdict::Open => out.u8(0),
            Verdict::Taken { available_ms } => out.u8(1).u64(available_ms),
            Verdict::Duplicate => out.u8(2),
            Verdict::Lost => out.u8(3),
        };
    }

    /// Reads it; without a time that of its body's owner counts.
    pub(crate) fn decode(
        sent_ms: Option<u64>,
        input: &mut Reader<'_>,
    ) -> Result<Delivery, Malformed> {
        let queue = QueueId(input.u64()?);
        let owner = MessageIdentity::decode(input)?;
        Ok(Delivery {
            queue,
            owner,
            sent_ms: sent_ms.unwrap_or(owner.sequence),
            body: StoredBody::decode(input)?,
            group: input.u64()?,
            deduplication: input.option(Reader::u128)?,
            label: input.option(Label::decode)?,
            verdict: match input.u8()? {
                0 => Verdict::Open,
                1 => Verdict::Taken {
                    available_ms: input.u64()?,
                },
                2 => Verdict::Duplicate,
                3 => Verdict::Lost,
                _ => return Err(input.malformed()),
            },
        })
    }
}

impl Shard {
    /// A message was published here: everybody's share goes to the outbox. `kept` are the bodies beyond the record's own,
    /// which a log may have as an entry.
    pub(crate) fn published(
        &mut self,
        topic: QueueId,
        deduplication: Option<u128>,
        kept: &[StoredBody],
        targets: &[Target],
        log: Option<Logged>,
        at: &At,
    ) {
        let own = StoredBody::of(at, self.index.segment_bytes);
        let of_topic = MessageIdentity {
            queue: topic,
            sequence: at.time_ms,
        };
        let of_first = match log {
            Some(Logged::Entry { log, position }) => MessageIdentity {
                queue: QueueId(log.0),
                sequence: position,
            },
            _ => of_topic,
        };
        for target in targets {
            let place = usize::from(target.body);
            let (body, owner) = match place.checked_sub(1) {
                None => (Some(&own), of_first),
                Some(place) => (kept.get(place), of_topic),
            };
            let Some(body) = body.cloned() else {
                continue;
            };
            let delivery = Delivery {
                queue: target.queue,
                owner,
                sent_ms: at.time_ms,
                body,
                group: target.group.unwrap_or(0),
                deduplication: target.dedup,
                label: target.label,
                verdict: Verdict::Open,
            };
            self.outbox.push(Effect::Deliver(delivery), &mut self.index);
        }
        if let Some(logged) = log {
            self.logged(logged, at);
        }
        let now_ms = self.time_ms;
        if let Some(id) = deduplication
            && let Some(queue) = self.queues.get_mut(&topic)
        {
            queue
                .deduplication
                .remember(id, at.end, now_ms, &self.index);
            queue.dirty = true;
            queue.last_sync_lsn = at.end;
            self.changed(topic);
        }
    }

    /// A share of a publication arrives; what becomes of it is decided already.
    pub(crate) fn deliver(&mut self, delivery: &Delivery, at: &At) {
        let Verdict::Taken { available_ms } = delivery.verdict else {
            return;
        };
        let now_ms = self.time_ms;
        let Some(queue) = self.queues.get_mut(&delivery.queue) else {
            return;
        };
        let sequence = queue.deliver(delivery, available_ms, now_ms, &mut self.index);
        if let Some(id) = delivery.deduplication {
            let index = &self.index;
            queue.deduplication.remember(id, sequence, now_ms, index);
        }
        queue.dirty = true;
        queue.last_sync_lsn = at.end;
        let occupied = delivery.body.occupied(self.index.segment_bytes);
        self.references
            .extend(occupied.iter().map(|(segment, _)| *segment));
        self.changed(delivery.queue);
    }
}
