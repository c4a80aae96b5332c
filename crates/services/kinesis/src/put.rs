//! `PutRecord` and `PutRecords` (section 5): rules of records. `store` brings them into their shards.

use waystation_engine::EngineError;
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located, Target};
use crate::api::{
    self, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry,
};
use crate::errors::{constraint, from_engine, internal, invalid};
use crate::record::Record;
use crate::sequence::SequenceNumber;
use crate::store::{self, Entry, Failure, Placement, Stored};
use crate::stream_settings::{Distribution, Status};
use crate::{Kinesis, limits, names};

/// `PutRecord`
pub(crate) async fn put_record(
    kinesis: &Kinesis,
    caller: &Caller,
    input: PutRecordInput,
) -> Result<PutRecordOutput, ApiError> {
    let begun_ms = kinesis.now_ms();
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    let located = writable(kinesis, caller, &target)?;
    let draft = Draft {
        record: Record {
            partition_key: input.partition_key,
            data: input.data,
            is_encrypted: located.stream.settings.key_id.is_some(),
        },
        explicit_hash_key: input.explicit_hash_key,
        index: None,
    };
    let entry = draft.entry(&located)?;
    if let Some(number) = input.sequence_number_for_ordering.as_deref() {
        check_ordering(&located, number)?;
    }
    would_succeed(input.dry_run)?;
    let figures = kinesis.figures.of(&located);
    let mut outcomes = store::store(kinesis, &target, located, vec![entry]).await?;
    let outcome = outcomes
        .pop()
        .ok_or_else(|| internal("no outcome of a record"))?;
    figures.note_put_record(&outcome, kinesis.now_ms().saturating_sub(begun_ms));
    let stored = outcome.map_err(|failure| refusal(failure, &target))?;
    Ok(PutRecordOutput {
        shard_id: stored.shard_id,
        sequence_number: Str::from(stored.number.text()),
        encryption_type: encryption_type(stored.is_encrypted),
    })
}

/// `PutRecords`
pub(crate) async fn put_records(
    kinesis: &Kinesis,
    caller: &Caller,
    input: PutRecordsInput,
) -> Result<PutRecordsOutput, ApiError> {
    let begun_ms = kinesis.now_ms();
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    let located = writable(kinesis, caller, &target)?;
    let is_encrypted = located.stream.settings.key_id.is_some();
    let mut total_bytes = 0;
    let mut entries = Vec::with_capacity(input.records.len());
    for (index, record) in input.records.into_iter().enumerate() {
        let draft = Draft {
            record: Record {
                partition_key: record.partition_key,
                data: record.data,
                is_encrypted,
            },
            explicit_hash_key: record.explicit_hash_key,
            index: Some(index),
        };
        let entry = draft.entry(&located)?; // KIN-085
        total_bytes += entry.size_bytes;
        entries.push(entry);
    }
    if total_bytes > limits::PUT_RECORDS_BYTES_MAX {
        return Err(invalid("Records size exceeds 10 MB limit")); // KIN-080
    }
    would_succeed(input.dry_run)?;
    let figures = kinesis.figures.of(&located);
    let outcomes = store::store(kinesis, &target, located, entries).await?;
    figures.note_put_records(&outcomes, kinesis.now_ms().saturating_sub(begun_ms));
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let results = outcomes
        .into_iter()
        .map(|outcome| result_entry(outcome, &target));
    Ok(PutRecordsOutput {
        failed_record_count: Some(failed as i32),
        records: results.collect(),
        encryption_type: encryption_type(is_encrypted),
    })
}

/// A stream that takes records (KIN-064, KIN-087).
fn writable(kinesis: &Kinesis, caller: &Caller, target: &Target<'_>) -> Result<Located, ApiError> {
    let located = addressing::locate(kinesis, caller, target)?;
    match located.status {
        Status::Active | Status::Updating => Ok(located),
        _ => Err(located.not_found()),
    }
}

/// KIN-234
pub(crate) fn would_succeed(dry_run: Option<bool>) -> Result<(), ApiError> {
    match dry_run {
        Some(true) => Err(api::DRY_RUN_OPERATION_EXCEPTION
            .with("The request would have succeeded, but the DryRun parameter is set.")),
        _ => Ok(()),
    }
}

/// KIN-076
fn encryption_type(is_encrypted: bool) -> Option<Str> {
    is_encrypted.then(|| Str::from_static("KMS"))
}

/// KIN-079
fn check_ordering(located: &Located, number: &str) -> Result<(), ApiError> {
    match SequenceNumber::parse(number) {
        Some(parsed) if parsed.second <= located.now_ms / 1_000 => Ok(()),
        _ => Err(invalid(format_args!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {} under account {} is invalid.",
            located.name,
            located.account()
        ))),
    }
}

/// A record of a request, not yet checked.
struct Draft {
    record: Record,
    explicit_hash_key: Option<Str>,
    /// Its place in the request, if that has several.
    index: Option<usize>,
}

impl Draft {
    fn entry(self, located: &Located) -> Result<Entry, ApiError> {
        let settings = &located.stream.settings;
        let placement = match (settings.distribution, &self.record.partition_key) {
            (Distribution::Auto, _) => Placement::Anywhere, // KIN-232
            (Distribution::UserPartitionKey, Some(key)) => match &self.explicit_hash_key {
                Some(hash) => Placement::At(explicit_hash(hash)?),
                None => Placement::At(store::hash_of(key)),
            },
            (Distribution::UserPartitionKey, None) => {
                let path = self.path("partitionKey");
                return Err(constraint("null", &path, "Member must not be null")); // KIN-073
            }
        };
        let size_bytes = self.record.size_bytes();
        let max = settings.record_kib as usize * 1_024;
        if size_bytes > max {
            // KIN-075
            let (length, path) = (self.record.data.len(), self.path("data"));
            let value = format!("'java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]'");
            let rule = format!("Member must have length less than or equal to {max}");
            return Err(constraint(value, &path, &rule));
        }
        Ok(Entry {
            placement,
            size_bytes,
            record: self.record,
        })
    }

    /// What a refusal calls one of its members.
    fn path(&self, member: &str) -> String {
        match self.index {
            Some(index) => format!("records.{}.member.{member}", index + 1),
            None => member.to_owned(),
        }
    }
}

/// KIN-071, KIN-072
fn explicit_hash(text: &str) -> Result<u128, ApiError> {
    text.parse().map_err(|_| {
        invalid(format_args!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
        ))
    })
}

/// The answer to a single record that was not stored.
fn refusal(failure: Failure, target: &Target<'_>) -> ApiError {
    match failure {
        Failure::Throttled(shard) => api::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION
            .with(rate_exceeded(shard, target.name, target.account)),
        Failure::StreamGone => crate::errors::no_stream(target.name, target.account),
        Failure::Engine(error) => from_engine(error),
    }
}

/// KIN-083, KIN-090
pub(crate) fn rate_exceeded(shard: u32, name: &str, account: &str) -> String {
    let shard = names::shard_id(shard);
    format!("Rate exceeded for shard {shard} in stream {name} under account {account}.")
}

/// KIN-081, KIN-082
fn result_entry(outcome: Result<Stored, Failure>, target: &Target<'_>) -> PutRecordsResultEntry {
    let (code, message) = match outcome {
        Ok(stored) => {
            return PutRecordsResultEntry {
                sequence_number: Some(Str::from(stored.number.text())),
                shard_id: Some(stored.shard_id),
                ..PutRecordsResultEntry::default()
            };
        }
        Err(Failure::Throttled(shard)) => (
            "ProvisionedThroughputExceededException",
            rate_exceeded(shard, target.name, target.account),
        ),
        Err(Failure::Engine(EngineError::Overloaded)) => (
            "ProvisionedThroughputExceededException",
            "Rate exceeded".to_owned(),
        ),
        Err(_) => ("InternalFailure", "Internal service failure.".to_owned()),
    };
    PutRecordsResultEntry {
        error_code: Some(Str::from_static(code)),
        error_message: Some(Str::from(message)),
        ..PutRecordsResultEntry::default()
    }
}
