//! One virtual shard: its state, and `apply`, the only place where the state changes.
//!
//! `apply` is deterministic, does no I/O and cannot fail: at commit and at replay it does the same
//! to the same state. It first brings the shard's time forward, so that expiries need no record.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::effect::Effect;
use crate::forgetting::Forgetting;
use crate::ids::{LogId, QueueId, Resource, ShardId};
use crate::index::{ShardIndex, Usage};
use crate::log::Log;
use crate::need::Need;
use crate::outbox::Outbox;
use crate::publication::Logged;
use crate::queue::{NewMessage, Passed, Queue, page_of};
use crate::record::Record;
use crate::table::Table;

/// Where and when a record stands in the journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct At {
    /// Address just after the record.
    pub(crate) end: u64,
    pub(crate) time_ms: u64,
    pub(crate) body_lsn: u64,
    pub(crate) body_bytes: u32,
    /// Where the body lies, by segment.
    pub(crate) occupies: Vec<(u32, u32)>,
}

/// The state of one shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) time_ms: u64,
    pub(crate) queues: FxHashMap<QueueId, Queue>,
    pub(crate) logs: FxHashMap<LogId, Log>,
    pub(crate) index: ShardIndex,
    /// Next look at a queue's or a log's retention: (when, whose).
    pub(crate) retention: BTreeSet<(u64, Resource)>,
    /// Next change of what queues remember.
    pub(crate) forgetting: Forgetting,
    pub(crate) outbox: Outbox,
    pub(crate) table: Table,
    /// Test clock's distance from the wall clock; kept by shard 0.
    pub(crate) clock_offset_ms: i64,
    /// Messages of FIFO queues that time made ready, until all that became ready with them are known.
    pub(crate) passed: Vec<Passed>,
    /// Where something may have become available since the caller last looked.
    pub(crate) woken: Vec<Resource>,
    /// What was removed since the caller last looked.
    pub(crate) removed: Vec<Resource>,
    /// Journal segments that bodies moved in here lie in, since the caller last looked.
    pub(crate) references: Vec<u32>,
    /// Rows of removed queues for the next checkpoint to remove: (kind, queue, number, generation).
    pub(crate) dropped_rows: Vec<crate::row_key::RowKey>,
    /// Generation of the last checkpoint begun; a restart counts those that a crash cut off, which are not used again.
    pub(crate) generation: u64,
    /// Generation of the root row: what the manifest names as long as nothing changes.
    pub(crate) root: u64,
    /// Something changed since the last checkpoint.
    pub(crate) dirty: bool,
    /// Address just after the last record applied.
    pub(crate) applied_end: u64,
}

impl Shard {
    pub(crate) fn new(id: ShardId, usage: Arc<Usage>, segment_bytes: u64) -> Shard {
        Shard {
            id,
            time_ms: 0,
            queues: FxHashMap::default(),
            logs: FxHashMap::default(),
            index: ShardIndex::new(usage, segment_bytes),
            retention: BTreeSet::new(),
            forgetting: Forgetting::default(),
            outbox: Outbox::default(),
            table: Table::default(),
            clock_offset_ms: 0,
            passed: Vec::new(),
            woken: Vec::new(),
            removed: Vec::new(),
            references: Vec::new(),
            dropped_rows: Vec::new(),
            generation: 0,
            root: 0,
            dirty: false,
            applied_end: 0,
        }
    }

    pub(crate) fn wake(&mut self, resource: Resource) {
        if self.woken.last() != Some(&resource) {
            self.woken.push(resource);
        }
    }

    /// What a record needs in memory that is not there.
    pub(crate) fn missing(&self, record: &Record) -> Vec<Need> {
        let page = |queue: QueueId, number: u64| Need::Page { queue, number };
        let mut needed: Vec<Need> = Vec::new();
        match record {
            Record::Sent { queue, .. } => needed.extend(self.tail_page(*queue)),
            Record::Leased { queue, leases, .. } => {
                needed.extend(leases.iter().map(|(s, _)| page(*queue, page_of(*s))));
            }
            Record::Moved { queue, moves, .. } => {
                needed.extend(moves.iter().map(|(s, _)| page(*queue, page_of(*s))));
            }
            Record::VisibilityChanged { queue, changes } => {
                needed.extend(changes.iter().map(|(s, _)| page(*queue, page_of(*s))));
            }
            Record::Renewed {
                queue, sequences, ..
            }
            | Record::Deleted { queue, sequences }
            | Record::Expired { queue, sequences }
            | Record::DeadLettered {
                queue, sequences, ..
            } => needed.extend(sequences.iter().map(|s| page(*queue, page_of(*s)))),
            Record::PageExpired {
                queue,
                page: number,
            } => {
                if self.queues.get(queue).is_some_and(Queue::is_fifo) {
                    needed.push(page(*queue, *number));
                }
            }
            Record::EffectsApplied { effects, .. } => {
                let needs = effects.iter().flat_map(|effect| self.missing_for(effect));
                needed.extend(needs);
            }
            Record::LogAppended { log, .. }
            | Record::Published {
                log: Some(Logged::Entry { log, .. }),
                ..
            } => needed.extend(self.log_tail(*log)),
            Record::Purged { .. }
            | Record::BodyKept
            | Record::LogTrimmed { .. }
            | Record::Published { .. }
            | Record::MoveBegun { .. }
            | Record::OutboxTrimmed { .. }
            | Record::CatalogWritten { .. }
            | Record::ClockMoved { .. } => {}
        }
        needed.sort_unstable();
        needed.dedup();
        needed.retain(|need| self.is_missing(*need));
        needed
    }

    /// What an effect needs in memory that is not there: a message the page it goes to, a new delay all
    /// pages with messages that wait for the old one.
    pub(crate) fn missing_for(&self, effect: &Effect) -> Vec<Need> {
        let Resource::Queue(queue) = effect.resource() else {
            return Vec::new();
        };
        let mut needed = Vec::new();
        if effect.body().is_some() {
            needed.extend(self.tail_page(queue));
        }
        if let Effect::Configure {
            version, config, ..
        } = effect
            && let Some(state) = self.queues.get(&queue)
            && state.changes_delay(*version, config)
        {
            let spilled = state.spilled_delayed();
            needed.extend(spilled.map(|number| Need::Page { queue, number }));
        }
        needed.retain(|need| self.is_missing(*need));
        needed
    }

    /// The page that the next entry of the log goes to, if it is not in memory.
    pub(crate) fn log_tail(&self, log: LogId) -> Option<Need> {
        let first = self.logs.get(&log)?.spilled_tail(&self.index)?;
        Some(Need::LogPage { log, first })
    }

    /// The page that the next message of the queue goes to.
    pub(crate) fn tail_page(&self, queue: QueueId) -> Option<Need> {
        let state = self.queues.get(&queue)?;
        let number = page_of(state.next_sequence);
        Some(Need::Page { queue, number })
    }

    /// Makes the fact part of the state. Pages it needs are in memory.
    pub(crate) fn apply(&mut self, record: &Record, at: &At) {
        self.advance(at.time_ms);
        self.dirty = true;
        self.applied_end = at.end;
        match record {
            Record::EffectsApplied {
                source,
                through,
                effects,
            } => {
                for effect in effects {
                    self.apply_effect(effect, at);
                }
                self.outbox.applied.insert(*source, *through);
            }
            Record::OutboxTrimmed {
                destination,
                through,
            } => {
                let index = &mut self.index;
                let rows = self.outbox.trim(self.id, *destination, *through, index);
                self.dropped_rows.extend(rows);
            }
            Record::CatalogWritten {
                version,
                changes,
                effects,
            } => {
                self.table.write(*version, changes);
                for effect in effects {
                    self.outbox.push(effect.clone(), &mut self.index);
                }
            }
            Record::BodyKept => {}
            Record::LogAppended { log, position } => self.log_appended(*log, *position, at),
            Record::LogTrimmed { log, before } => self.log_trimmed(*log, *before, at),
            Record::Published {
                topic,
                deduplication,
                kept,
                targets,
                log,
            } => self.published(*topic, *deduplication, kept, targets, *log, at),
            Record::ClockMoved { offset_ms } => self.clock_offset_ms = *offset_ms,
            _ => self.apply_to_queue(record, at),
        }
    }

    fn apply_to_queue(&mut self, record: &Record, at: &At) {
        let Some(id) = queue_of(record) else {
            return;
        };
        let now_ms = self.time_ms;
        let index = &mut self.index;
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.dirty = true;
        queue.tell_time(now_ms);
        match record {
            Record::Sent {
                sequence,
                available_ms,
                group,
                deduplication,
                ..
            } => {
                let message = sent(at, now_ms, *group, *available_ms, index.segment_bytes);
                let entered = queue.enter(&message, now_ms, index);
                assert_eq!(entered, *sequence, "sequences are given in journal order");
                if let Some(seen) = deduplication {
                    queue
                        .deduplication
                        .remember(*seen, *sequence, now_ms, index);
                }
            }
            Record::Leased {
                until_ms,
                attempt,
                leases,
                ..
            } => {
                queue.lease(leases, *until_ms, now_ms, index);
                if let Some(attempt) = attempt {
                    queue
                        .attempts
                        .remember(*attempt, leases, now_ms, &index.usage);
                }
            }
            Record::Renewed {
                until_ms,
                sequences,
                ..
            } => queue.renew(sequences, *until_ms, now_ms, index),
            Record::Deleted { sequences, .. } => queue.delete(sequences, index),
            Record::VisibilityChanged { changes, .. } => {
                queue.change_visibility(changes, now_ms, index);
            }
            Record::Expired { sequences, .. } => queue.expire(sequences, index),
            Record::PageExpired { page, .. } => queue.expire_page(*page, index),
            Record::Purged { .. } => queue.purge(index),
            Record::DeadLettered {
                target, sequences, ..
            } => {
                for sequence in sequences {
                    if let Some(message) = queue.hand_over(*sequence, *target, index) {
                        self.outbox.push(Effect::DeadLetter(message), index);
                    }
                }
            }
            _ => queue.apply_move(record, &mut self.outbox, index),
        }
        if !matches!(record, Record::Leased { .. }) || queue.is_fifo() {
            queue.last_sync_lsn = at.end;
        }
        self.changed(id);
    }

    /// Renews what the shard keeps about a queue that changed.
    pub(crate) fn changed(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            let due = queue.retention_due();
            if queue.retention_due_ms != due {
                if let Some(when) = queue.retention_due_ms {
                    self.retention.remove(&(when, Resource::Queue(id)));
                }
                if let Some(when) = due {
                    self.retention.insert((when, Resource::Queue(id)));
                }
                queue.retention_due_ms = due;
            }
        }
        self.memory_changed(id);
        self.wake(Resource::Queue(id));
    }

    /// Looks at the queue's retention again after its pages told more than was known.
    pub(crate) fn retention_known(&mut self, id: QueueId) {
        self.changed(id);
    }

    /// A checkpoint of this generation failed before it was sealed: what it held is changed again.
    /// Generation 0 only adds rows to remove.
    pub(crate) fn abandoned(&mut self, generation: u64, rows: Vec<crate::row_key::RowKey>) {
        self.dropped_rows.extend(rows);
        if generation != 0 {
            self.dirty = true;
            self.table.abandoned(generation);
            self.outbox.abandoned(generation);
            for queue in self.queues.values_mut() {
                queue.abandoned(generation);
            }
            for log in self.logs.values_mut() {
                log.abandoned(generation);
            }
        }
    }

    fn apply_effect(&mut self, effect: &Effect, at: &At) {
        match effect {
            Effect::Configure {
                queue,
                version,
                config,
            } => self.configure(*queue, *version, *config, at),
            Effect::Remove { queue } => self.remove(*queue),
            Effect::DeadLetter(message) => self.dead_letter(message, at),
            Effect::Return(message) => self.come_home(message, at),
            Effect::Deliver(delivery) => self.deliver(delivery, at),
            Effect::Move { task, message } => self.arrive(*task, message, at),
            Effect::MoveBack { task, message } => self.come_back(*task, message, at),
            Effect::ConfigureLog {
                log,
                version,
                config,
            } => self.configure_log(*log, *version, *config, at),
            Effect::SealLog { log } => self.seal_log(*log, at),
            Effect::RemoveLog { log } => self.remove_log(*log),
            Effect::OpenCursor { log, name, cursor } => self.open_cursor(*log, *name, *cursor, at),
            Effect::CloseCursor { log, name } => self.close_cursor(*log, *name, at),
        }
    }

    fn configure(
        &mut self,
        id: QueueId,
        version: u64,
        config: crate::config::QueueConfig,
        at: &At,
    ) {
        let now_ms = self.time_ms;
        let usage = &self.index.usage;
        let queue = self.queues.entry(id).or_insert_with(|| {
            usage.queues.add(1);
            Queue::new(id, 0, config)
        });
        if version > queue.version {
            let delay_changed = queue.changes_delay(version, &config);
            queue.version = version;
            queue.config = config;
            queue.redrive_suspended = false;
            queue.dirty = true;
            if delay_changed {
                queue.change_delay(now_ms, &mut self.index);
            }
        }
        queue.last_sync_lsn = at.end;
        self.changed(id);
    }

    fn remove(&mut self, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else {
            return;
        };
        self.index.usage.queues.sub(1);
        queue.purge(&mut self.index);
        if let Some(when) = queue.retention_due_ms {
            self.retention.remove(&(when, Resource::Queue(id)));
        }
        self.forgetting.moved(id, queue.memory_due_ms, None);
        self.dropped_rows.extend(queue.take_dropped_rows(self.id));
        self.dropped_rows.extend(queue.own_row(self.id));
        self.removed.push(Resource::Queue(id));
    }
}

fn queue_of(record: &Record) -> Option<QueueId> {
    match record {
        Record::Sent { queue, .. }
        | Record::Leased { queue, .. }
        | Record::Renewed { queue, .. }
        | Record::Deleted { queue, .. }
        | Record::VisibilityChanged { queue, .. }
        | Record::Expired { queue, .. }
        | Record::PageExpired { queue, .. }
        | Record::Purged { queue }
        | Record::DeadLettered { queue, .. }
        | Record::MoveBegun { queue, .. }
        | Record::Moved { queue, .. } => Some(*queue),
        _ => None,
    }
}

/// The message a `Sent` record describes.
fn sent(at: &At, now_ms: u64, group: u64, available_ms: u64, segment_bytes: u64) -> NewMessage<'_> {
    let plain = (
        (at.body_lsn / segment_bytes) as u32,
        at.body_bytes + crate::queue::BODY_HEADER_BYTES,
    );
    NewMessage {
        body_lsn: at.body_lsn,
        body_bytes: at.body_bytes,
        occupies: &at.occupies,
        chunked: at.occupies != [plain],
        sent_ms: now_ms,
        group,
        available_ms,
        receive_count: 0,
        first_received_ms: 0,
        origin: None,
    }
}
