//! `SubscribeToShard`: records pushed as they are written (section 10).
//!
//! A subscription is pulled by its connection: it waits inside the engine for the shard's next records and makes an event of
//! them, so a slow client holds back nothing but itself (KIN-193). Who is subscribed is kept in memory: a restart ends all
//! connections, and with them the subscriptions.

use std::sync::Arc;
use std::time::Duration;

use waystation_delivery::event::Listener;
use waystation_engine::{Engine, EngineError, LogBatch, LogRead};
use waystation_wire::{ApiError, Caller, EventStream, Str};

use crate::addressing::{self, Located, Target};
use crate::api::{SubscribeToShardEvent, SubscribeToShardEventStream, SubscribeToShardInput};
use crate::consumer_rows::{Consumer, Status};
use crate::consumers::Found;
use crate::errors::{from_engine, in_use, internal, no_shard, not_found, shard_does_not_exist};
use crate::figures::Notes;
use crate::get_records::Seen;
use crate::limits::Limits;
use crate::positions::Start;
use crate::put::would_succeed;
use crate::sequence::SequenceNumber;
use crate::shard_rows::Shard;
use crate::subscriptions::{Place, Seat, Subject};
use crate::{Kinesis, catalog, consumers, limits, names, rates};

/// `SubscribeToShard`; what is refused here is an ordinary answer (KIN-176).
pub(crate) async fn subscribe(
    kinesis: &Kinesis,
    caller: &Caller,
    input: SubscribeToShardInput,
) -> Result<EventStream<SubscribeToShardEventStream>, ApiError> {
    let found = consumers::by_arn(kinesis, caller, &input.consumer_arn)?;
    let shard = shard(kinesis, &found, &input)?;
    let (located, index) = (found.located, shard.index);
    let start = Start {
        kind: &input.starting_position.r#type,
        sequence_number: input.starting_position.sequence_number.as_deref(),
        timestamp: input.starting_position.timestamp,
        operation: "SubscribeToShard",
    };
    let next = start
        .position(&kinesis.engine, &kinesis.reshards, &located, &shard)
        .await?;
    would_succeed(input.dry_run)?;
    let notes = kinesis.figures.of(&located);
    let now_ms = kinesis.now_ms();
    let subject = Subject {
        stream: located.stream.settings.id,
        consumer: found.name.clone(),
        created_s: found.consumer.created_s,
        shard: index,
    };
    let counted = format!("{}/{index}", input.consumer_arn);
    let seat = kinesis
        .rates
        .count(rates::SUBSCRIBE_TO_SHARD, caller, &counted, now_ms)
        .and_then(|()| kinesis.subscriptions.take(subject, now_ms))
        .inspect_err(|_| notes.note_refused_subscription())?;
    notes.note_subscription();
    let subscription = Subscription {
        engine: kinesis.engine.clone(),
        limits: kinesis.limits,
        listener: kinesis.reshards.listen(),
        seat,
        located,
        consumer: found.name,
        created_s: found.consumer.created_s,
        shard,
        next,
        ends_ms: now_ms + limits::SUBSCRIPTION_MS,
        spoke_ms: now_ms,
        is_over: false,
        notes,
    };
    Ok(EventStream::unfold(
        subscription,
        |mut subscription: Subscription| async move {
            let event = subscription.next_event().await?;
            Ok(event.map(|event| (event, subscription)))
        },
    ))
}

/// The shard to subscribe to, if the consumer may (KIN-190).
fn shard(
    kinesis: &Kinesis,
    found: &Found,
    input: &SubscribeToShardInput,
) -> Result<Arc<Shard>, ApiError> {
    if found.status != Status::Active {
        return Err(in_use(format_args!(
            "Consumer {} is not ACTIVE, instead in state {}",
            input.consumer_arn,
            found.status.as_str()
        )));
    }
    let located = &found.located;
    let (name, account) = (&located.name, located.account());
    let index = names::parse_shard_id(&input.shard_id)
        .ok_or_else(|| no_shard(&input.shard_id, name, account))?;
    let horizon_ms = located.stream.settings.horizon_ms(located.now_ms);
    let shards = located.shards(&kinesis.engine)?;
    let shard = shards
        .get(index)
        .filter(|shard| shard.is_listed(horizon_ms));
    shard
        .cloned()
        .ok_or_else(|| shard_does_not_exist(&names::shard_id(index), name, account))
}

/// A connection that gets a shard's records.
struct Subscription {
    engine: Engine,
    limits: Limits,
    listener: Listener,
    seat: Seat,
    located: Located,
    consumer: String,
    created_s: u64,
    shard: Arc<Shard>,
    /// Position to go on at.
    next: u64,
    ends_ms: u64,
    /// When the last event was made.
    spoke_ms: u64,
    /// The shard's end was told.
    is_over: bool,
    notes: Notes,
}

impl Subscription {
    /// The next event; `None` ends the stream well.
    async fn next_event(&mut self) -> Result<Option<SubscribeToShardEvent>, ApiError> {
        loop {
            self.check()?;
            let now_ms = self.engine.now_ms();
            if self.is_over || now_ms >= self.ends_ms {
                return Ok(None); // KIN-182, KIN-185
            }
            let idle_ms = self.spoke_ms + limits::SUBSCRIPTION_IDLE_MS;
            let Some(batch) = self
                .read(idle_ms.min(self.ends_ms).saturating_sub(now_ms))
                .await?
            else {
                continue;
            };
            let seen = Seen::of(&self.engine, &self.located, &self.shard, batch).await?;
            let now_ms = self.engine.now_ms();
            let is_quiet = seen.records.is_empty() && seen.children.is_none();
            if is_quiet && now_ms < idle_ms && now_ms < self.ends_ms {
                self.next = seen.next;
                continue;
            }
            return Ok(Some(self.event(seen, now_ms).await));
        }
    }

    /// What the shard has, or nothing when something else wants a look.
    async fn read(&mut self, wait_ms: u64) -> Result<Option<LogBatch>, ApiError> {
        let log = self.engine.log(self.shard.log);
        let read = log.read(LogRead {
            from: self.next,
            entries_max: limits::EVENT_RECORDS_MAX,
            bytes_max: limits::EVENT_BYTES_MAX,
            wait_ms,
        });
        tokio::select! {
            read = read => match read {
                Ok(batch) => Ok(Some(batch)),
                // The log of a new child is on its way, or the stream is being deleted: the catalog tells.
                Err(EngineError::NoSuchLog) => {
                    self.listener.heard().await;
                    Ok(None)
                }
                Err(error) => Err(from_engine(error)),
            },
            () = self.seat.changed() => Ok(None),
        }
    }

    /// KIN-178 to KIN-183
    async fn event(&mut self, seen: Seen, now_ms: u64) -> SubscribeToShardEvent {
        let bytes = seen
            .records
            .iter()
            .map(|record| record.data.len() as u64)
            .sum();
        self.notes
            .note_event(self.shard.index, seen.records.len(), bytes, seen.behind_ms);
        if self.limits == Limits::Aws {
            // KIN-189: the time that so much takes.
            let ms = bytes * 1_000 / limits::FAN_OUT_BYTES_PER_SECOND;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        self.next = seen.next;
        self.spoke_ms = now_ms;
        self.is_over = seen.children.is_some();
        let (created_s, shard) = (self.shard.created_s, self.shard.index);
        let continuation = SequenceNumber::between(created_s, shard, self.next, now_ms);
        SubscribeToShardEvent {
            records: seen.records,
            continuation_sequence_number: (!self.is_over).then(|| Str::from(continuation.text())),
            millis_behind_latest: seen.behind_ms as i64,
            child_shards: seen.children,
        }
    }

    /// Whether the subscription still has a right to be: nobody took it over (KIN-187), and stream and consumer are there
    /// (KIN-173, KIN-191).
    fn check(&mut self) -> Result<(), ApiError> {
        if self.seat.place() == Place::Taken {
            return Err(in_use(format_args!(
                "Another active subscription exists for this consumer: {}",
                self.consumer_arn()
            )));
        }
        let target = Target {
            account: self.located.scope.account(),
            region: self.located.scope.region(),
            name: &self.located.name,
        };
        let missing = || not_found(format_args!("Consumer {} not found.", self.consumer_arn()));
        let located = addressing::find(&self.engine, &target)?.ok_or_else(missing)?;
        let path = catalog::consumer_path(&located.name, &self.consumer);
        let row = self
            .engine
            .catalog()
            .get(&located.scope, &path)
            .ok_or_else(missing)?;
        let consumer = Consumer::decode(row.bytes()).map_err(internal)?;
        let is_same = consumer.stream == self.located.stream.settings.id
            && consumer.created_s == self.created_s;
        if !is_same || consumer.status(&located) != Status::Active {
            return Err(missing());
        }
        self.located = located;
        Ok(())
    }

    fn consumer_arn(&self) -> String {
        names::consumer_arn(&self.located.arn(), &self.consumer, self.created_s)
    }
}
