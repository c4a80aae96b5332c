//! How much a second the operations and the shards take, enforced only under [`Limits::Aws`] (section 12).
//!
//! Each limit is an allowance that fills up with engine time. Allowances are kept in memory: they protect a shared service
//! from its users, so a restart may forget them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use waystation_engine::LogId;
use waystation_wire::{ApiError, Caller};

use crate::errors::limit_exceeded;
use crate::limits::Limits;

/// A control operation and its calls per second, for each account or each stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Control {
    name: &'static str,
    per_second: i64,
}

macro_rules! control {
    ($($row:ident = $name:literal, $per_second:literal;)+) => {
        $(pub(crate) const $row: Control = Control { name: $name, per_second: $per_second };)+
    };
}

// The second table of section 12. Those per stream are counted with the stream's name, and subscriptions for each consumer and shard (KIN-188).
control! {
    CREATE_STREAM = "CreateStream", 5;
    DELETE_STREAM = "DeleteStream", 5;
    LIST_STREAMS = "ListStreams", 5;
    SPLIT_SHARD = "SplitShard", 5;
    MERGE_SHARDS = "MergeShards", 5;
    ADD_TAGS = "AddTagsToStream", 5;
    REMOVE_TAGS = "RemoveTagsFromStream", 5;
    LIST_TAGS = "ListTagsForStream", 5;
    INCREASE_RETENTION = "IncreaseStreamRetentionPeriod", 5;
    DECREASE_RETENTION = "DecreaseStreamRetentionPeriod", 5;
    ENABLE_MONITORING = "EnableEnhancedMonitoring", 5;
    DISABLE_MONITORING = "DisableEnhancedMonitoring", 5;
    REGISTER_CONSUMER = "RegisterStreamConsumer", 5;
    DEREGISTER_CONSUMER = "DeregisterStreamConsumer", 5;
    LIST_CONSUMERS = "ListStreamConsumers", 5;
    UPDATE_STREAM_WARM_THROUGHPUT = "UpdateStreamWarmThroughput", 5;
    UPDATE_ACCOUNT_SETTINGS = "UpdateAccountSettings", 5;
    DESCRIBE_STREAM = "DescribeStream", 10;
    UPDATE_SHARD_COUNT = "UpdateShardCount", 10;
    DESCRIBE_STREAM_SUMMARY = "DescribeStreamSummary", 20;
    DESCRIBE_CONSUMER = "DescribeStreamConsumer", 20;
    DESCRIBE_LIMITS = "DescribeLimits", 1;
    SUBSCRIBE_TO_SHARD = "SubscribeToShard", 1;
    LIST_SHARDS = "ListShards", 1000;
}

/// The first table of section 12: of one shard, per second.
const WRITE_BYTES: i64 = 1 << 20;
const WRITE_RECORDS: i64 = 1_000;
const READ_BYTES: i64 = 2 << 20;
const READ_CALLS: i64 = 5;
const ITERATORS: i64 = 5;
/// Allowances remembered at once; beyond, new subjects are not counted.
const ALLOWANCES_MAX: usize = 100_000;
/// An allowance untouched for so long is full whatever it was.
const FULL_AGAIN_MS: u64 = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Control(&'static str, String, String, String),
    WriteBytes(LogId),
    WriteRecords(LogId),
    ReadBytes(LogId),
    ReadCalls(LogId),
    Iterators(LogId),
}

/// What may still come, in thousandths; negative after a read that was larger than what was left.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    milli: i64,
    at_ms: u64,
}

/// All allowances that are not full.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: Limits,
    allowances: Mutex<HashMap<Subject, Allowance>>,
}

/// How an allowance fills.
#[derive(Debug, Clone, Copy)]
struct Refill {
    per_second: i64,
    most: i64,
}

impl Refill {
    /// Holds one second's worth.
    const fn a_second(per_second: i64) -> Refill {
        Refill {
            per_second,
            most: per_second,
        }
    }
}

impl Rates {
    /// Nothing was asked yet.
    pub(crate) fn new(limits: Limits) -> Rates {
        Rates {
            limits,
            allowances: Mutex::default(),
        }
    }

    /// Counts a call of a control operation, or refuses it (KIN-221). `stream` is empty where the account is what counts.
    pub(crate) fn count(
        &self,
        control: Control,
        caller: &Caller,
        stream: &str,
        now_ms: u64,
    ) -> Result<(), ApiError> {
        if self.limits == Limits::None {
            return Ok(());
        }
        let subject = Subject::Control(
            control.name,
            caller.account.to_string(),
            caller.region.to_string(),
            stream.to_owned(),
        );
        let refill = Refill::a_second(control.per_second);
        match self.lock().take(subject, 1, refill, now_ms) {
            true => Ok(()),
            false => Err(limit_exceeded(format_args!(
                "Rate exceeded for operation {} under account {}.",
                control.name, caller.account
            ))),
        }
    }

    /// Whether a shard takes a record of so many bytes, whose stream allows `record_bytes_max` (KIN-222). Large records come
    /// from an allowance that holds one of them.
    pub(crate) fn write(
        &self,
        log: LogId,
        bytes: usize,
        record_bytes_max: u64,
        now_ms: u64,
    ) -> bool {
        if self.limits == Limits::None {
            return true;
        }
        let of_bytes = Refill {
            per_second: WRITE_BYTES,
            most: WRITE_BYTES.max(record_bytes_max as i64),
        };
        let of_records = Refill::a_second(WRITE_RECORDS);
        let mut all = self.lock();
        let (records, bytes_left) = (Subject::WriteRecords(log), Subject::WriteBytes(log));
        all.level(&records, of_records, now_ms) >= 1_000
            && all.take(bytes_left, bytes as i64, of_bytes, now_ms)
            && all.take(records, 1, of_records, now_ms)
    }

    /// Whether a shard answers another `GetRecords` (KIN-224).
    pub(crate) fn begin_read(&self, log: LogId, now_ms: u64) -> bool {
        if self.limits == Limits::None {
            return true;
        }
        let mut all = self.lock();
        let left = all.level(
            &Subject::ReadBytes(log),
            Refill::a_second(READ_BYTES),
            now_ms,
        );
        left > 0
            && all.take(
                Subject::ReadCalls(log),
                1,
                Refill::a_second(READ_CALLS),
                now_ms,
            )
    }

    /// Counts what a `GetRecords` gave. More than a second's worth takes all its time by itself: after 10 MiB nothing more
    /// comes for 5 seconds (KIN-125).
    pub(crate) fn note_read(&self, log: LogId, bytes: u64, now_ms: u64) {
        if self.limits == Limits::None {
            return;
        }
        let mut all = self.lock();
        let refill = Refill::a_second(READ_BYTES);
        let bytes = bytes as i64;
        let level = all.level(&Subject::ReadBytes(log), refill, now_ms);
        let left = match bytes > READ_BYTES {
            true => -bytes * 1_000,
            false => level - bytes * 1_000,
        };
        all.set(Subject::ReadBytes(log), left, now_ms);
    }

    /// Whether a shard gives another iterator.
    pub(crate) fn iterator(&self, log: LogId, now_ms: u64) -> bool {
        let refill = Refill::a_second(ITERATORS);
        self.limits == Limits::None || self.lock().take(Subject::Iterators(log), 1, refill, now_ms)
    }

    fn lock(&self) -> Allowances<'_> {
        Allowances(
            self.allowances
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

struct Allowances<'a>(MutexGuard<'a, HashMap<Subject, Allowance>>);

impl Allowances<'_> {
    /// What is left now, in thousandths.
    fn level(&self, subject: &Subject, refill: Refill, now_ms: u64) -> i64 {
        let full = refill.most.saturating_mul(1_000);
        self.0.get(subject).map_or(full, |allowance| {
            let passed_ms = now_ms
                .saturating_sub(allowance.at_ms)
                .min(FULL_AGAIN_MS * 10);
            let filled = refill.per_second.saturating_mul(passed_ms as i64);
            allowance.milli.saturating_add(filled).min(full)
        })
    }

    fn set(&mut self, subject: Subject, milli: i64, now_ms: u64) {
        if self.0.len() >= ALLOWANCES_MAX {
            self.0
                .retain(|_, allowance| now_ms < allowance.at_ms + FULL_AGAIN_MS);
        }
        if self.0.len() < ALLOWANCES_MAX || self.0.contains_key(&subject) {
            let at_ms = now_ms;
            self.0.insert(subject, Allowance { milli, at_ms });
        }
    }

    /// Takes an amount if it is there.
    fn take(&mut self, subject: Subject, amount: i64, refill: Refill, now_ms: u64) -> bool {
        let left = self.level(&subject, refill, now_ms) - amount.saturating_mul(1_000);
        if left < 0 {
            return false;
        }
        self.set(subject, left, now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId(1);
    const MIB: u64 = 1 << 20;

    #[test]
    fn without_limits_nothing_is_refused() {
        let rates = Rates::new(Limits::None);
        for _ in 0..10_000 {
            assert!(rates.write(LOG, 1 << 20, MIB, 0) && rates.begin_read(LOG, 0));
        }
    }

    #[test]
    fn a_shard_takes_1_mib_and_1000_records_a_second() {
        // KIN-222
        let rates = Rates::new(Limits::Aws);
        assert!(rates.write(LOG, 1 << 20, MIB, 5_000));
        assert!(!rates.write(LOG, 1, MIB, 5_000));
        assert!(rates.write(LOG, 1 << 19, MIB, 5_500));
        let records = (0..2_000).filter(|_| rates.write(LogId(2), 10, MIB, 5_000));
        assert_eq!(records.count(), 1_000);
        assert!(rates.write(LogId(2), 10, MIB, 5_001) && !rates.write(LogId(2), 10, MIB, 5_001));
    }

    #[test]
    fn a_large_record_takes_its_time() {
        let rates = Rates::new(Limits::Aws);
        assert!(rates.write(LOG, 10 << 20, 10 * MIB, 5_000));
        assert!(!rates.write(LOG, 10 << 20, 10 * MIB, 14_999));
        assert!(rates.write(LOG, 10 << 20, 10 * MIB, 15_000));
    }

    #[test]
    fn after_10_mib_a_shard_rests_for_5_seconds() {
        // KIN-125
        let rates = Rates::new(Limits::Aws);
        assert!(rates.begin_read(LOG, 10_000));
        rates.note_read(LOG, 10 << 20, 10_000);
        assert!(!rates.begin_read(LOG, 14_999));
        assert!(rates.begin_read(LOG, 15_001));
        let calls = (0..10).filter(|_| rates.begin_read(LogId(2), 0));
        assert_eq!(calls.count(), 5);
    }

    #[test]
    fn control_operations_have_their_rates() {
        // KIN-221
        let rates = Rates::new(Limits::Aws);
        let caller = Caller::default();
        let calls = |control, at_ms| {
            let passed = |_: &i32| rates.count(control, &caller, "", at_ms).is_ok();
            (0..100).filter(passed).count()
        };
        assert_eq!(calls(CREATE_STREAM, 0), 5);
        assert_eq!(calls(CREATE_STREAM, 1_000), 5);
        assert_eq!(calls(DESCRIBE_LIMITS, 0), 1);
        assert_eq!(calls(DESCRIBE_STREAM_SUMMARY, 0), 20);
    }
}
