//! What happened to each stream since the start, for `/metrics` (section 16). Kept in memory: a restart begins anew, as counters
//! of Prometheus may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::addressing::Located;
use crate::limits;
use crate::store::{Failure, Stored};

/// What a figure does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
}

/// One figure of a stream or shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// `put_records_total`
    pub name: &'static str,
    /// What it does over time.
    pub kind: FigureKind,
    /// AWS's name of it, and what is meant where that is not the same.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

macro_rules! figures {
    ($(#[$doc:meta])* $name:ident { $($row:ident: $kind:ident $help:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            $($row: AtomicU64,)+
        }

        impl $name {
            /// All of them, in a fixed order.
            pub(crate) fn all(&self) -> Vec<Figure> {
                vec![$(Figure {
                    name: stringify!($row),
                    kind: FigureKind::$kind,
                    help: $help,
                    value: self.$row.load(Ordering::Relaxed),
                },)+]
            }
        }
    };
}

figures! {
    /// Figures of a stream (section 16).
    StreamFigures {
        incoming_bytes: Counter "IncomingBytes",
        incoming_records: Counter "IncomingRecords",
        put_record_calls: Counter "Calls of PutRecord",
        put_record_success: Counter "PutRecord.Success",
        put_record_bytes: Counter "PutRecord.Bytes",
        put_record_latency_ms: Counter "PutRecord.Latency, summed up in milliseconds",
        put_records_calls: Counter "Calls of PutRecords",
        put_records_success: Counter "PutRecords.Success: calls of which at least one record succeeded",
        put_records_bytes: Counter "PutRecords.Bytes",
        put_records_latency_ms: Counter "PutRecords.Latency, summed up in milliseconds",
        put_records_total: Counter "PutRecords.TotalRecords",
        put_records_successful: Counter "PutRecords.SuccessfulRecords",
        put_records_failed: Counter "PutRecords.FailedRecords",
        put_records_throttled: Counter "PutRecords.ThrottledRecords",
        get_records_calls: Counter "Calls of GetRecords",
        get_records_success: Counter "GetRecords.Success",
        get_records_bytes: Counter "GetRecords.Bytes",
        get_records_records: Counter "GetRecords.Records",
        get_records_latency_ms: Counter "GetRecords.Latency, summed up in milliseconds",
        iterator_age_ms: Gauge "GetRecords.IteratorAgeMilliseconds of the last call (KIN-254)",
        write_throttled: Counter "WriteProvisionedThroughputExceeded",
        read_throttled: Counter "ReadProvisionedThroughputExceeded",
        subscribe_success: Counter "SubscribeToShard.Success",
        subscribe_rate_exceeded: Counter "SubscribeToShard.RateExceeded",
        subscribe_events: Counter "SubscribeToShardEvent.Success",
        subscribe_bytes: Counter "SubscribeToShardEvent.Bytes",
        subscribe_records: Counter "SubscribeToShardEvent.Records",
        subscribe_behind_ms: Gauge "SubscribeToShardEvent.MillisBehindLatest of the last event",
    }
}

figures! {
    /// Figures of a shard, for streams with enhanced monitoring (KIN-215).
    ShardFigures {
        incoming_bytes: Counter "IncomingBytes",
        incoming_records: Counter "IncomingRecords",
        outgoing_bytes: Counter "OutgoingBytes",
        outgoing_records: Counter "OutgoingRecords",
        write_throttled: Counter "WriteProvisionedThroughputExceeded",
        read_throttled: Counter "ReadProvisionedThroughputExceeded",
        iterator_age_ms: Gauge "IteratorAgeMilliseconds of the last call",
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// The counters of one stream and of its shards.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    stream: StreamFigures,
    shards: Mutex<HashMap<u32, Arc<ShardFigures>>>,
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

impl Figures {
    /// Those of the stream, and those of its shards by index.
    pub(crate) fn all(&self) -> (Vec<Figure>, Vec<(u32, Vec<Figure>)>) {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_shard: Vec<_> = shards
            .iter()
            .map(|(index, shard)| (*index, shard.all()))
            .collect();
        by_shard.sort_by_key(|(index, _)| *index);
        (self.stream.all(), by_shard)
    }
}

/// Records that a put brought in, and those that came too early.
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    records: u64,
    bytes: u64,
    throttled: u64,
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

    /// What records came to: counted for the stream in one step, whatever their number.
    fn note_records(&self, outcomes: &[Result<Stored, Failure>]) -> Taken {
        let mut taken = Taken::default();
        for outcome in outcomes {
            match outcome {
                Ok(stored) => {
                    let bytes = stored.size_bytes as u64;
                    taken.records += 1;
                    taken.bytes += bytes;
                    self.shard(stored.number.shard, |shard| {
                        add(&shard.incoming_bytes, bytes);
                        add(&shard.incoming_records, 1);
                    });
                }
                Err(Failure::Throttled(index)) => {
                    taken.throttled += 1;
                    self.shard(*index, |shard| add(&shard.write_throttled, 1));
                }
                Err(_) => {}
            }
        }
        let stream = &self.figures.stream;
        add(&stream.incoming_bytes, taken.bytes);
        add(&stream.incoming_records, taken.records);
        add(&stream.write_throttled, taken.throttled);
        taken
    }

    /// A `PutRecord` came to this.
    pub(crate) fn note_put_record(&self, outcome: &Result<Stored, Failure>, took_ms: u64) {
        let stream = &self.figures.stream;
        let taken = self.note_records(std::slice::from_ref(outcome));
        add(&stream.put_record_calls, 1);
        add(&stream.put_record_latency_ms, took_ms);
        add(&stream.put_record_success, taken.records);
        add(&stream.put_record_bytes, taken.bytes);
    }

    /// A `PutRecords` came to this.
    pub(crate) fn note_put_records(&self, outcomes: &[Result<Stored, Failure>], took_ms: u64) {
        let stream = &self.figures.stream;
        let taken = self.note_records(outcomes);
        let total = outcomes.len() as u64;
        add(&stream.put_records_calls, 1);
        add(&stream.put_records_success, u64::from(taken.records > 0));
        add(&stream.put_records_bytes, taken.bytes);
        add(&stream.put_records_latency_ms, took_ms);
        add(&stream.put_records_total, total);
        add(&stream.put_records_successful, taken.records);
        add(&stream.put_records_failed, total - taken.records);
        add(&stream.put_records_throttled, taken.throttled);
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

    /// A `SubscribeToShard` began.
    pub(crate) fn note_subscription(&self) {
        add(&self.figures.stream.subscribe_success, 1);
    }

    /// A `SubscribeToShard` came too early.
    pub(crate) fn note_refused_subscription(&self) {
        add(&self.figures.stream.subscribe_rate_exceeded, 1);
    }

    /// An event gave this.
    pub(crate) fn note_event(&self, index: u32, records: usize, bytes: u64, behind_ms: u64) {
        let stream = &self.figures.stream;
        add(&stream.subscribe_events, 1);
        add(&stream.subscribe_bytes, bytes);
        add(&stream.subscribe_records, records as u64);
        stream
            .subscribe_behind_ms
            .store(behind_ms, Ordering::Relaxed);
        self.shard(index, |shard| {
            add(&shard.outgoing_bytes, bytes);
            add(&shard.outgoing_records, records as u64);
        });
    }
}
