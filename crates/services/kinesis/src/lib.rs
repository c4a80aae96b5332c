//! Amazon Kinesis Data Streams: streams of records in shards, each shard a log of the engine.
//!
//! `operations!` below is the table of contents. A put takes this way: `addressing` finds the stream in the catalog, `put`
//! applies AWS's rules (`docs/reference/kinesis.md`, cited by id), `store` appends to the logs of the shards that the hash
//! keys belong to, and the answer's sequence numbers are computed from where the records stand (`sequence`).
//!
//! What is deliberately absent so far, and answered with `NotImplemented`: channels. Absent without an error: KMS, evaluation
//! of policies (`auth` will do it).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use waystation_delivery::contention::{Attempts, Contention};
use waystation_delivery::event::Event;
use waystation_engine::Engine;
use waystation_wire::service::BoxFuture;

// What is asked for.
pub mod api;
mod streams;
mod describe;
mod list_shards;
mod put;
mod iterators;
mod get_records;
mod reshard;
mod scaling;
mod retention;
mod modes;
mod consumers;
mod subscribe;
mod queues;
mod queue_records;
mod tags;
mod policies;
mod monitoring;
mod encryption;
mod account;
mod survey;
mod reset;
// How streams and shards are found, kept and changed.
mod names;
mod addressing;
mod catalog;
mod stream_settings;
mod shard_rows;
mod shards;
mod consumer_rows;
mod queue_rows;
mod queue_catalog;
mod queue_feed;
mod resources;
mod work;
mod sweep;
// A record on its way.
mod record;
mod store;
mod growth;
mod sequence;
mod positions;
mod tokens;
mod subscriptions;
mod rates;
mod figures;
mod errors;
mod limits;

pub use figures::{Figure, FigureKind};
pub use limits::Limits;
pub use survey::Surveyed;

/// Starts a future that runs by itself; whoever has the async runtime gives it.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// The service.
pub struct Kinesis {
    engine: Engine,
    limits: Limits,
    spawn: Spawn,
    tokens: tokens::Tokens,
    rates: rates::Rates,
    /// Puts and reads that meet a sealed log, or a child whose log is on its way, wait for it (KIN-153).
    reshards: Event,
    contention: Arc<Contention>,
    growth: growth::Growth,
    figures: figures::AllFigures,
    subscriptions: subscriptions::Subscriptions,
    feeds: Arc<queue_feed::Feeds>,
    /// Whose turn it is where the service distributes records by itself (KIN-232).
    turn: AtomicUsize,
}

impl Kinesis {
    /// The service over an engine, whose message key makes its iterators and tokens.
    pub fn new(engine: Engine, limits: Limits, spawn: Spawn) -> Kinesis {
        Kinesis {
            tokens: tokens::Tokens::new(&engine.message_key()),
            rates: rates::Rates::new(limits),
            reshards: Event::default(),
            contention: Arc::default(),
            growth: growth::Growth::default(),
            figures: figures::AllFigures::default(),
            subscriptions: subscriptions::Subscriptions::default(),
            feeds: Arc::default(),
            turn: AtomicUsize::new(0),
            engine,
            limits,
            spawn,
        }
    }

    /// Goes on with what a restart interrupted.
    pub fn start(&self) {
        work::start_all(self);
        queue_feed::start_all(self);
        (self.spawn)(Box::pin(sweep::run(self.engine.clone())));
    }

    /// Engine time in milliseconds since the epoch, so that a moved test clock moves streams too.
    fn now_ms(&self) -> u64 {
        self.engine.now_ms()
    }

    /// Attempts at one change of rows.
    fn attempts(&self) -> Attempts<'_> {
        self.contention.attempts(&self.engine)
    }
}

impl fmt::Debug for Kinesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kinesis")
    }
}

waystation_wire::operations! {
    Kinesis, api::MODEL;
    "CreateStream" => streams::create(api::CreateStreamInput) -> (),
    "DeleteStream" => streams::delete(api::DeleteStreamInput) -> (),
    "ListStreams" => streams::list(api::ListStreamsInput) -> api::ListStreamsOutput,
    "DescribeStream" => describe::describe(api::DescribeStreamInput) -> api::DescribeStreamOutput,
    "DescribeStreamSummary" => describe::describe_summary(api::DescribeStreamSummaryInput)
        -> api::DescribeStreamSummaryOutput,
    "ListShards" => list_shards::list(api::ListShardsInput) -> api::ListShardsOutput,
    "PutRecord" => put::put_record(api::PutRecordInput) -> api::PutRecordOutput,
    "PutRecords" => put::put_records(api::PutRecordsInput) -> api::PutRecordsOutput,
    "GetShardIterator" => iterators::get(api::GetShardIteratorInput) -> api::GetShardIteratorOutput,
    "GetRecords" => get_records::get(api::GetRecordsInput) -> api::GetRecordsOutput,
    "SplitShard" => reshard::split(api::SplitShardInput) -> (),
    "MergeShards" => reshard::merge(api::MergeShardsInput) -> (),
    "UpdateShardCount" => scaling::update(api::UpdateShardCountInput) -> api::UpdateShardCountOutput,
    "IncreaseStreamRetentionPeriod" => retention::increase(api::IncreaseStreamRetentionPeriodInput) -> (),
    "DecreaseStreamRetentionPeriod" => retention::decrease(api::DecreaseStreamRetentionPeriodInput) -> (),
    "UpdateStreamMode" => modes::update_mode(api::UpdateStreamModeInput) -> (),
    "UpdateStreamWarmThroughput" => modes::update_warm_throughput(api::UpdateStreamWarmThroughputInput)
        -> api::UpdateStreamWarmThroughputOutput,
    "UpdateStreamRecordDistributionStrategy" =>
        modes::update_distribution(api::UpdateStreamRecordDistributionStrategyInput) -> (),
    "UpdateMaxRecordSize" => modes::update_max_record_size(api::UpdateMaxRecordSizeInput) -> (),
    "RegisterStreamConsumer" => consumers::register(api::RegisterStreamConsumerInput)
        -> api::RegisterStreamConsumerOutput,
    "DescribeStreamConsumer" => consumers::describe(api::DescribeStreamConsumerInput)
        -> api::DescribeStreamConsumerOutput,
    "ListStreamConsumers" => consumers::list(api::ListStreamConsumersInput) -> api::ListStreamConsumersOutput,
    "DeregisterStreamConsumer" => consumers::deregister(api::DeregisterStreamConsumerInput) -> (),
    "SubscribeToShard" => subscribe::subscribe(api::SubscribeToShardInput)
        -> waystation_wire::EventStream<api::SubscribeToShardEventStream>,
    "CreateQueue" => queues::create(api::CreateQueueInput) -> api::CreateQueueOutput,
    "DescribeQueue" => queues::describe(api::DescribeQueueInput) -> api::DescribeQueueOutput,
    "ListQueues" => queues::list(api::ListQueuesInput) -> api::ListQueuesOutput,
    "UpdateQueue" => queues::update(api::UpdateQueueInput) -> api::UpdateQueueOutput,
    "DeleteQueue" => queues::delete(api::DeleteQueueInput) -> (),
    "ReceiveQueueRecords" => queue_records::receive(api::ReceiveQueueRecordsInput) -> api::ReceiveQueueRecordsOutput,
    "AcknowledgeQueueRecords" => queue_records::acknowledge_records(api::AcknowledgeQueueRecordsInput)
        -> api::AcknowledgeQueueRecordsOutput,
    "UpdateQueueRecordsVisibility" => queue_records::update_visibility(api::UpdateQueueRecordsVisibilityInput)
        -> api::UpdateQueueRecordsVisibilityOutput,
    "ReceiveDeadLetterQueueRecords" => queue_records::receive_dead(api::ReceiveDeadLetterQueueRecordsInput)
        -> api::ReceiveDeadLetterQueueRecordsOutput,
    "AcknowledgeDeadLetterQueueRecords" =>
        queue_records::acknowledge_dead_records(api::AcknowledgeDeadLetterQueueRecordsInput)
        -> api::AcknowledgeDeadLetterQueueRecordsOutput,
    "UpdateDeadLetterQueueRecordsVisibility" =>
        queue_records::update_dead_visibility(api::UpdateDeadLetterQueueRecordsVisibilityInput)
        -> api::UpdateDeadLetterQueueRecordsVisibilityOutput,
    "RestoreDeadLetterQueueRecords" => queue_records::restore_dead_records(api::RestoreDeadLetterQueueRecordsInput)
        -> api::RestoreDeadLetterQueueRecordsOutput,
    "AddTagsToStream" => tags::add(api::AddTagsToStreamInput) -> (),
    "RemoveTagsFromStream" => tags::remove(api::RemoveTagsFromStreamInput) -> (),
    "ListTagsForStream" => tags::list(api::ListTagsForStreamInput) -> api::ListTagsForStreamOutput,
    "TagResource" => tags::tag_resource(api::TagResourceInput) -> (),
    "UntagResource" => tags::untag_resource(api::UntagResourceInput) -> (),
    "ListTagsForResource" => tags::list_for_resource(api::ListTagsForResourceInput) -> api::ListTagsForResourceOutput,
    "PutResourcePolicy" => policies::put(api::PutResourcePolicyInput) -> (),
    "GetResourcePolicy" => policies::get(api::GetResourcePolicyInput) -> api::GetResourcePolicyOutput,
    "DeleteResourcePolicy" => policies::delete(api::DeleteResourcePolicyInput) -> (),
    "EnableEnhancedMonitoring" => monitoring::enable(api::EnableEnhancedMonitoringInput)
        -> api::EnhancedMonitoringOutput,
    "DisableEnhancedMonitoring" => monitoring::disable(api::DisableEnhancedMonitoringInput)
        -> api::EnhancedMonitoringOutput,
    "StartStreamEncryption" => encryption::start(api::StartStreamEncryptionInput) -> (),
    "StopStreamEncryption" => encryption::stop(api::StopStreamEncryptionInput) -> (),
    "DescribeLimits" => account::describe_limits(api::DescribeLimitsInput) -> api::DescribeLimitsOutput,
    "DescribeAccountSettings" => account::describe(api::DescribeAccountSettingsInput)
        -> api::DescribeAccountSettingsOutput,
    "UpdateAccountSettings" => account::update(api::UpdateAccountSettingsInput) -> api::UpdateAccountSettingsOutput,
}
