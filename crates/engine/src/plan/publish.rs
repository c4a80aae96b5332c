//! Publishing: store the bodies, list the queues.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::Command;
use crate::config::EngineError;
use crate::delivery::StoredBody;
use crate::ids::QueueId;
use crate::limits::PUBLISHED_BODY_BYTES_MAX;
use crate::need::Need;
use crate::publication::{Publication, Published};
use crate::queue::Lookup;
use crate::record::Record;

impl Turn<'_> {
    pub(super) fn publish(&mut self, command: Command) -> Outcome {
        let Command::Publish {
            topic,
            publications,
            mut results,
            promise,
        } = command
        else {
            return Outcome::Done;
        };
        while let Some(publication) = publications.get(results.len()) {
            match self.publish_one(topic, publication) {
                Ok(result) => results.push(result),
                Err(need) => {
                    let again = Command::Publish {
                        topic,
                        publications,
                        results,
                        promise,
                    };
                    return Outcome::Fetch(again, vec![need]);
                }
            }
        }
        // Whatever is told of, the original of a duplicate too, lies before the shard's last record.
        let after = self.shard.applied_end;
        self.reply(promise, Ok(results), after);
        Outcome::Done
    }

    /// Publishes, or finds that it was published before; an error says what must be read to know.
    fn publish_one(
        &mut self,
        topic: QueueId,
        publication: &Publication,
    ) -> Result<Result<Published, EngineError>, Need> {
        let Some(id) = publication.dedup else {
            return Ok(self.publish_new(topic, publication));
        };
        let Some(queue) = self.shard.queues.get(&topic) else {
            return Ok(Err(EngineError::QueueMissing));
        };
        let cache = &self.shard.index.deduplication_rows;
        match queue.deduplication.find(id, self.shard.time_ms, cache) {
            Lookup::New => Ok(self.publish_new(topic, publication)),
            Lookup::Seen { sequence, at_ms } => Ok(Ok(Published {
                sequence,
                at_ms,
                duplicate: true,
            })),
            Lookup::Unread { bucket, row } => Err(Need::Deduplication {
                queue: topic,
                bucket,
                row,
            }),
        }
    }

    /// Publishes what nobody published before.
    fn publish_new(
        &mut self,
        topic: QueueId,
        publication: &Publication,
    ) -> Result<Published, EngineError> {
        let now_ms = self.shard.time_ms;
        let mut bodies = publication.bodies.iter();
        if !publication.fits() || bodies.any(|body| body.len() > PUBLISHED_BODY_BYTES_MAX) {
            return Err(EngineError::TooLarge);
        }
        let published = |sequence| Published {
            sequence,
            at_ms: now_ms,
            duplicate: false,
        };
        if publication.targets.is_empty() && publication.dedup.is_none() {
            return Ok(published(self.shard.applied_end));
        }
        let mut targets = publication.targets.iter();
        let remembers = publication.dedup.is_some() || targets.any(|target| target.dedup.is_some());
        if !self.outbox_has_room() || remembers && self.memory_is_full() {
            return Err(EngineError::Overloaded);
        }
        let end = self.store_publication(topic, publication)?;
        Ok(published(end))
    }

    /// The bodies but the first have records of their own: should nothing follow them, they are dead from the start.
    fn store_publication(
        &mut self,
        topic: QueueId,
        publication: &Publication,
    ) -> Result<u64, EngineError> {
        let published_ms = self.shard.time_ms;
        let owned = |body| (topic.0, published_ms, body);
        let mut kept = Vec::new();
        for body in publication.bodies.iter().skip(1) {
            let body = Some(owned(body.as_ref()));
            let at = self.commit_at(&Record::BodyKept, body, Urgency::Lazy, Funding::Producer)?;
            kept.push(StoredBody::of(&at, self.shard.index.segment_bytes));
        }
        let record = Record::Published {
            topic,
            deduplication: publication.dedup,
            kept,
            targets: publication.targets.clone(),
        };
        let body = publication.bodies.first();
        let body = body.map(|body| owned(body.as_ref()));
        self.commit(&record, body, Urgency::Sync, Funding::Producer)
    }
}
