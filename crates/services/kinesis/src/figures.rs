//! What happened to each stream since the start, for `/metrics` (section 16). Kept in memory: a restart begins anew, as counters
//! of Prometheus may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::addressing::Located;
use crate::limits;
use crate::store::{Failure, Stored};

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$row_doc:meta])* $row:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            $($(#[$row_doc])* pub $row: AtomicU64,)+
        }
    };
}

counters! {
    /// Counters of a stream, named as AWS names its metrics.
    StreamFigures {
        /// `IncomingBytes`
        incoming_bytes,
        /// `IncomingRecords`
        incoming_records,
        /// Calls of `PutRecord`
        put_record_calls,
        /// `PutRecord.Success`
        put_record_success,
        /// `PutRecord.Bytes`
        put_record_bytes,
        /// `PutRecord.Latency`, summed up in milliseconds
        put_record_latency_ms,
        /// Calls of `PutRecords`
        put_records_calls,
        /// `PutRecords.Success`: calls of which at least one record succeeded
        put_records_success,
        /// `PutRecords.Bytes`
        put_records_bytes,
        /// `PutRecords.Latency`, summed up in milliseconds
        put_records_latency_ms,
        /// `PutRecords.TotalRecords`
        put_records_total,
        /// `PutRecords.SuccessfulRecords`
        put_records_successful,
        /// `PutRecords.FailedRecords`
        put_records_failed,
        /// `PutRecords.ThrottledRecords`
        put_records_throttled,
        /// Calls of `GetRecords`
        get_records_calls,
        /// `GetRecords.Success`
        get_records_success,
        /// `GetRecords.Bytes`
        get_records_bytes,
        /// `GetRecords.Records`
        get_records_records,
        /// `GetRecords.Latency`, summed up in milliseconds
        get_records_latency_ms,
        /// `GetRecords.IteratorAgeMilliseconds` of the last call (KIN-254)
        iterator_age_ms,
        /// `WriteProvisionedThroughputExceeded`
        write_throttled,
        /// `ReadProvisionedThroughputExceeded`
        read_throttled,
        /// `SubscribeToShard.Success`
        subscribe_success,
        /// `SubscribeToShard.RateExceeded`
        subscribe_rate_exceeded,
        /// `SubscribeToShardEvent.Success`
        subscribe_events,
        /// `SubscribeToShardEvent.Bytes`
        subscribe_bytes,
        /// `SubscribeToShardEvent.Records`
        subscribe_records,
        /// `SubscribeToShardEvent.MillisBehindLatest` of the last event
        subscribe_behind_ms,
    }
}

counters! {
    /// Counters of a shard, for streams with enhanced monitoring (KIN-215).
    ShardFigures {
        /// `IncomingBytes`
        incoming_bytes,
        /// `IncomingRecords`
        incoming_records,
        /// `OutgoingBytes`
        outgoing_bytes,
        /// `OutgoingRecords`
        outgoing_records,
        /// `WriteProvisionedThroughputExceeded`
        write_throttled,
        /// `ReadProvisionedThroughputExceeded`
        read_throttled,
        /// `IteratorAgeMilliseconds` of the last call
        iterator_age_ms,
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// The counters of one stream and of its shards.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) stream: StreamFigures,
    pub(crate) shards: Mutex<HashMap<u32, Arc<ShardFigures>>>,
}

/// The counters of all streams that were used, by id.
#[derive(Debug, Default)]
pub(crate) struct AllFigures {
    streams: Mutex<HashMap<u64, Arc<Figures>>>,
}

impl AllFigures {
    /// Where to note what happens to a stream. Beyond so many streams it is noted nowhere.
    pub(crate) fn of(&self, located: &Located) -> Notes {
        let settings = &located.stream.settings;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = streams.len() < limits::STREAMS_WITH_FIGURES_MAX;
        let figures = match has_room || streams.contains_key(&settings.id) {
            true => Arc::clone(streams.entry(settings.id).or_default()),
            false => Arc::default(),
        };
        Notes {
            figures,
            by_shard: settings.metrics != 0,
        }
    }

    /// Those of a stream that was used.
    pub(crate) fn get(&self, stream: u64) -> Option<Arc<Figures>> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.get(&stream).cloned()
    }

    /// Forgets streams that are gone.
    pub(crate) fn retain(&self, is_there: impl Fn(u64) -> bool) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|id, _| is_there(*id));
    }
}

/// Notes what happens to a stream.
#[derive(Debug)]
pub(crate) struct Notes {
    figures: Arc<Figures>,
    /// Shards are counted only while the stream is monitored by shard (KIN-253).
    by_shard: bool,
}

impl Notes {
    fn shard(&self, index: u32, note: impl FnOnce(&ShardFigures)) {
        if !self.by_shard {
            return;
        }
        let mut shards = self
            .figures
            .shards
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if shards.len() < limits::SHARDS_WITH_FIGURES_MAX || shards.contains_key(&index) {
            note(shards.entry(index).or_default());
        }
    }

    fn note_record(&self, outcome: &Result<Stored, Failure>) {
        match outcome {
            Ok(stored) => {
                let bytes = stored.size_bytes as u64;
                add(&self.figures.stream.incoming_bytes, bytes);
                add(&self.figures.stream.incoming_records, 1);
                self.shard(stored.number.shard, |shard| {
                    add(&shard.incoming_bytes, bytes);
                    add(&shard.incoming_records, 1);
                });
            }
            Err(Failure::Throttled(index)) => {
                add(&self.figures.stream.write_throttled, 1);
                self.shard(*index, |shard| add(&shard.write_throttled, 1));
            }
            Err(_) => {}
        }
    }

    /// A `PutRecord` came to this.
    pub(crate) fn note_put_record(&self, outcome: &Result<Stored, Failure>, took_ms: u64) {
        let stream = &self.figures.stream;
        self.note_record(outcome);
        add(&stream.put_record_calls, 1);
        add(&stream.put_record_latency_ms, took_ms);
        if let Ok(stored) = outcome {
            add(&stream.put_record_success, 1);
            add(&stream.put_record_bytes, stored.size_bytes as u64);
        }
    }

    /// A `PutRecords` came to this.
    pub(crate) fn note_put_records(&self, outcomes: &[Result<Stored, Failure>], took_ms: u64) {
        let stream = &self.figures.stream;
        outcomes
            .iter()
            .for_each(|outcome| self.note_record(outcome));
        let stored = outcomes.iter().flatten();
        let successful = stored.clone().count() as u64;
        let throttled = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(Failure::Throttled(_))));
        add(&stream.put_records_calls, 1);
        add(&stream.put_records_success, u64::from(successful > 0));
        add(
            &stream.put_records_bytes,
            stored.map(|one| one.size_bytes as u64).sum(),
        );
        add(&stream.put_records_latency_ms, took_ms);
        add(&stream.put_records_total, outcomes.len() as u64);
        add(&stream.put_records_successful, successful);
        add(
            &stream.put_records_failed,
            outcomes.len() as u64 - successful,
        );
        add(&stream.put_records_throttled, throttled.count() as u64);
    }

    /// A `GetRecords` was refused for its rate.
    pub(crate) fn note_refused_read(&self, index: u32) {
        add(&self.figures.stream.get_records_calls, 1);
        add(&self.figures.stream.read_throttled, 1);
        self.shard(index, |shard| add(&shard.read_throttled, 1));
    }

    /// A `GetRecords` gave this.
    pub(crate) fn note_get_records(
        &self,
        index: u32,
        records: usize,
        bytes: u64,
        behind_ms: u64,
        took_ms: u64,
    ) {
        let stream = &self.figures.stream;
        add(&stream.get_records_calls, 1);
        add(&stream.get_records_success, 1);
        add(&stream.get_records_bytes, bytes);
        add(&stream.get_records_records, records as u64);
        add(&stream.get_records_latency_ms, took_ms);
        stream.iterator_age_ms.store(behind_ms, Ordering::Relaxed);
        self.shard(index, |shard| {
            add(&shard.outgoing_bytes, bytes);
            add(&shard.outgoing_records, records as u64);
            shard.iterator_age_ms.store(behind_ms, Ordering::Relaxed);
        });
    }
}
