//! `GetShardIterator`, and what an iterator holds (KIN-095 to KIN-112).

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located, Target};
use crate::api::{self, GetShardIteratorInput, GetShardIteratorOutput};
use crate::errors::{no_shard, shard_does_not_exist};
use crate::positions::Start;
use crate::put::{rate_exceeded, would_succeed};
use crate::shard_rows::Shard;
use crate::stream_settings::Status;
use crate::tokens::Purpose;
use crate::{Kinesis, names};
use std::sync::Arc;

/// A place in a shard. It says nothing about what is there, so it stays right whatever retention does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardIterator {
    /// The stream's id: a stream created anew under its name has another one (KIN-040).
    pub(crate) stream: u64,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) shard: u32,
    pub(crate) position: u64,
}

impl ShardIterator {
    /// The text that callers see; it is good for five minutes from now.
    pub(crate) fn issue(&self, kinesis: &Kinesis, now_ms: u64) -> Str {
        let mut out = Output::default();
        out.u64(self.stream);
        out.u32(self.shard);
        out.u64(self.position);
        out.text(&self.account);
        out.text(&self.name);
        let text = kinesis
            .tokens
            .issue(Purpose::Iterator, now_ms, &out.finish());
        debug_assert!(text.len() <= crate::limits::ITERATOR_LENGTH_MAX);
        text
    }

    /// The reverse, from the content of the text.
    pub(crate) fn decode(content: &[u8]) -> Result<ShardIterator, Malformed> {
        let mut input = Input::new(content);
        let iterator = ShardIterator {
            stream: input.u64()?,
            shard: input.u32()?,
            position: input.u64()?,
            account: input.text()?,
            name: input.text()?,
        };
        input.end()?;
        Ok(iterator)
    }
}

/// The shard of a request that reads, which has a text of its own for everything that is not there (KIN-101).
pub(crate) fn readable(
    kinesis: &Kinesis,
    caller: &Caller,
    target: &Target<'_>,
    index: u32,
) -> Result<(Located, Arc<Shard>), ApiError> {
    let missing = || {
        let id = names::shard_id(index);
        shard_does_not_exist(&id, target.name, target.account)
    };
    if addressing::find(&kinesis.engine, target)?.is_none() {
        return Err(missing());
    }
    let located = addressing::locate(kinesis, caller, target)?;
    if located.status == Status::Creating {
        return Err(missing());
    }
    let shards = located.shards(&kinesis.engine)?;
    let horizon_ms = located.stream.settings.horizon_ms(located.now_ms);
    let shard = shards
        .get(index)
        .filter(|shard| shard.is_listed(horizon_ms));
    let shard = shard.cloned().ok_or_else(missing)?;
    Ok((located, shard))
}

/// `GetShardIterator`
pub(crate) async fn get(
    kinesis: &Kinesis,
    caller: &Caller,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    let index = names::parse_shard_id(&input.shard_id)
        .ok_or_else(|| no_shard(&input.shard_id, target.name, target.account))?;
    let (located, shard) = readable(kinesis, caller, &target, index)?;
    let start = Start {
        kind: &input.shard_iterator_type,
        sequence_number: input.starting_sequence_number.as_deref(),
        timestamp: input.timestamp,
        operation: "GetShardIterator",
    };
    let position = start
        .position(&kinesis.engine, &kinesis.reshards, &located, &shard)
        .await?;
    would_succeed(input.dry_run)?;
    let now_ms = kinesis.now_ms();
    if !kinesis.rates.iterator(shard.log, now_ms) {
        return Err(
            api::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION.with(rate_exceeded(
                index,
                target.name,
                target.account,
            )),
        );
    }
    let iterator = ShardIterator {
        stream: located.stream.settings.id,
        account: target.account.to_owned(),
        name: target.name.to_owned(),
        shard: index,
        position,
    };
    Ok(GetShardIteratorOutput {
        shard_iterator: Some(iterator.issue(kinesis, now_ms)),
    })
}
