//! Publishing: store the bodies, list the queues.

use waystation_storage::{Funding, Urgency};

use super::{Outcome, Turn};
use crate::command::Command;
use crate::config::EngineError;
use crate::delivery::StoredBody;
use crate::ids::{LogId, QueueId};
use crate::limits::PUBLISHED_BODY_BYTES_MAX;
use crate::log::Log;
use crate::need::Need;
use crate::publication::{AtEnd, CursorMove, Logged, Logging, Publication, Published, Target};
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
        if let Some(Logging::Append(log)) = publication.log
            && let Some(tail) = self.shard.log_tail(log)
        {
            return Err(tail);
        }
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
                position: None,
                cursor_closed: false,
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
        let logged = publication.log.map(|log| self.logged(log)).transpose()?;
        let published = |sequence| Published {
            sequence,
            at_ms: now_ms,
            duplicate: false,
            position: match logged {
                Some(Logged::Entry { position, .. }) => Some(position),
                _ => None,
            },
            cursor_closed: matches!(logged, Some(Logged::Cursor { closed: true, .. })),
        };
        let leaves_nothing = publication.targets.is_empty() && publication.dedup.is_none();
        if leaves_nothing && logged.is_none() {
            return Ok(published(self.shard.applied_end));
        }
        let mut targets = publication.targets.iter();
        let remembers = publication.dedup.is_some() || targets.any(|target| target.dedup.is_some());
        if !self.outbox_has_room() || remembers && self.memory_is_full() {
            return Err(EngineError::Overloaded);
        }
        let end = self.store_publication(topic, publication, logged)?;
        Ok(published(end))
    }

    fn log_of_publication(&self, id: LogId) -> Result<&Log, EngineError> {
        self.shard.logs.get(&id).ok_or(EngineError::NoSuchLog)
    }

    /// What the publication will do to its log, if it can.
    fn logged(&self, logging: Logging) -> Result<Logged, EngineError> {
        match logging {
            Logging::Append(log) => {
                let state = self.log_of_publication(log)?;
                match state.sealed {
                    true => Err(EngineError::LogSealed),
                    false => Ok(Logged::Entry {
                        log,
                        position: state.next,
                    }),
                }
            }
            Logging::Forward(CursorMove {
                log,
                name,
                number,
                from,
                to,
                at_end,
            }) => {
                let state = self.log_of_publication(log)?;
                let stands = |at: &&crate::log::Cursor| (at.number, at.position) == (number, from);
                state
                    .cursors
                    .get(&name)
                    .filter(stands)
                    .ok_or(EngineError::NoSuchCursor)?;
                Ok(Logged::Cursor {
                    log,
                    name,
                    position: to,
                    closed: at_end == AtEnd::Closes && to >= state.next,
                })
            }
        }
    }

    /// The targets that get it here: those whose cursor is still under way get it from that.
    fn targets_of(&self, publication: &Publication, logged: Option<Logged>) -> Vec<Target> {
        let log = match logged {
            Some(Logged::Entry { log, .. }) => self.shard.logs.get(&log),
            _ => None,
        };
        #[cfg(feature = "planted-bugs")]
        let log = log.filter(|_| !crate::plant::is(crate::plant::Plant::CursorPassed));
        let is_open = |reader| log.is_some_and(|log| log.cursors.contains_key(&reader));
        let targets = publication.targets.iter().cloned();
        let targets = targets.filter(|target| !target.reader.is_some_and(is_open));
        targets
            .map(|target| Target {
                reader: None,
                ..target
            })
            .collect()
    }

    /// The bodies but the first have records of their own: should nothing follow them, they are dead from the start.
    fn store_publication(
        &mut self,
        topic: QueueId,
        publication: &Publication,
        logged: Option<Logged>,
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
            targets: self.targets_of(publication, logged),
            log: logged,
        };
        let body = publication.bodies.first().map(AsRef::as_ref);
        let body = body.map(|body| match logged {
            Some(Logged::Entry { log, position }) => (log.0, position, body),
            _ => owned(body),
        });
        self.commit(&record, body, Urgency::Sync, Funding::Producer)
    }
}
