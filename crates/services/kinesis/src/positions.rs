//! Where reading starts: the five types that `GetShardIterator` and `SubscribeToShard` share (section 6, KIN-174).

use std::future::Future;

use waystation_delivery::event::Event;
use waystation_delivery::limits::LOOKS_MAX;
use waystation_engine::{Engine, EngineError, LogId, LogPoint, LogSpot};
use waystation_wire::{ApiError, Timestamp};

use crate::addressing::Located;
use crate::errors::{from_engine, invalid};
use crate::names;
use crate::sequence::SequenceNumber;
use crate::shard_rows::Shard;

/// A starting position as a request gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    /// `ShardIteratorType`, whose values the model checked.
    pub(crate) kind: &'a str,
    pub(crate) sequence_number: Option<&'a str>,
    pub(crate) timestamp: Option<Timestamp>,
    /// The operation, which texts name.
    pub(crate) operation: &'static str,
}

impl Start<'_> {
    /// The position in the shard's log.
    pub(crate) async fn position(
        &self,
        engine: &Engine,
        reshards: &Event,
        located: &Located,
        shard: &Shard,
    ) -> Result<u64, ApiError> {
        match self.kind {
            "AT_SEQUENCE_NUMBER" => Ok(self.number(located, shard)?.position()),
            "AFTER_SEQUENCE_NUMBER" => Ok(self.number(located, shard)?.position_after()),
            "AT_TIMESTAMP" => {
                let at_ms = self.time_ms(located)?;
                let spot = LogSpot::Time(at_ms);
                Ok(locate(engine, reshards, shard.log, spot).await?.position)
            }
            _ if self.sequence_number.is_some() => Err(self.mixed("also a StartingSequenceNumber")),
            "LATEST" => {
                let found = locate(engine, reshards, shard.log, LogSpot::Tip).await?;
                Ok(found.position)
            }
            // The oldest record at the time of reading (KIN-098).
            _ => Ok(0),
        }
    }

    /// KIN-102, KIN-103
    fn mixed(&self, given: &str) -> ApiError {
        invalid(format_args!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and {given}.",
            self.kind
        ))
    }

    /// KIN-106 to KIN-108
    fn number(&self, located: &Located, shard: &Shard) -> Result<SequenceNumber, ApiError> {
        let text = self
            .sequence_number
            .ok_or_else(|| self.mixed("no StartingSequenceNumber"))?;
        let (operation, id) = (self.operation, names::shard_id(shard.index));
        let (name, account) = (&located.name, located.account());
        let used = format!(
            "StartingSequenceNumber {text} used in {operation} on shard {id} in stream {name} under account {account}"
        );
        let Some(number) = SequenceNumber::parse(text) else {
            return Err(invalid(format_args!("{used} is invalid.")));
        };
        if number.shard != shard.index {
            return Err(invalid(format_args!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {id}",
                names::shard_id(number.shard)
            )));
        }
        if number.created_s != shard.created_s {
            return Err(invalid(format_args!(
                "{used} is invalid because it did not come from this stream."
            )));
        }
        Ok(number)
    }

    /// KIN-104, KIN-105
    fn time_ms(&self, located: &Located) -> Result<u64, ApiError> {
        let Some(timestamp) = self.timestamp else {
            return Err(invalid(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                 timestamp parameter.",
            ));
        };
        let (at_ms, now_ms) = (timestamp.as_ms(), located.now_ms);
        match u64::try_from(at_ms) {
            Ok(at_ms) if at_ms > now_ms => Err(invalid(format_args!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {at_ms}, currentTimestampInMillis: {now_ms}"
            ))),
            Ok(at_ms) => Ok(at_ms),
            Err(_) => Ok(0),
        }
    }
}

/// Finds a place in a shard's log.
pub(crate) async fn locate(
    engine: &Engine,
    reshards: &Event,
    log: LogId,
    spot: LogSpot,
) -> Result<LogPoint, ApiError> {
    let handle = &engine.log(log);
    settled(reshards, || handle.locate(spot)).await
}

/// Asks a log that the catalog knows. That of a new child may be on its way, for a moment.
pub(crate) async fn settled<T, F>(reshards: &Event, ask: impl Fn() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut listener = None;
    for _ in 0..LOOKS_MAX {
        match ask().await {
            Err(EngineError::NoSuchLog) => reshards.before_next_look(&mut listener).await,
            answer => return answer.map_err(from_engine),
        }
    }
    Err(from_engine(EngineError::NoSuchLog))
}
