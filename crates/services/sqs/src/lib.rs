//! Amazon SQS: queues of messages, standard and FIFO, over the engine's queues.
//!
//! `operations!` below is the table of contents. A request takes this way: `addressing` finds the queue in the catalog,
//! the operation's file applies AWS's rules (`docs/reference/sqs.md`, cited by id), the engine does the durable part, and
//! the answer is built from ids that derive from the engine's (`ids`, `receipt`).
//!
//! What is deliberately absent: evaluation of policies (`auth` will do it).

use std::fmt;
use std::sync::Arc;

use waystation_delivery::contention::{Attempts, Contention};
use waystation_delivery::signer::Signer;
use waystation_delivery::{keys, md5, message, stored};
use waystation_engine::Engine;
use waystation_wire::service::BoxFuture;

// What is asked for.
pub mod api;
mod queues;
mod queue_attributes;
mod send;
mod receive;
mod delete;
mod visibility;
mod purge;
mod peek;
mod reset;
mod declared;
mod survey;
mod tags;
mod permissions;
mod dead_letter;
mod move_tasks;
mod move_task_rows;
mod move_runner;
// How queues are found, kept and changed.
mod addressing;
mod catalog;
mod directory;
mod settings;
mod fifo_settings;
mod pages;
mod waiting;
mod rates;
pub mod names;
// Rules of queues.
mod attributes;
mod apply;
mod report;
mod redrive;
mod redrive_allow;
mod policy;
// Rules of messages.
mod draft;
mod batch;
mod fifo;
mod message_attributes;
mod selection;
mod characters;
mod number;
mod ids;
mod receipt;
mod errors;
mod limits;

pub use declared::{Declaration, NotDeclared};
pub use limits::Limits;
pub use peek::{Peek, PeekedMessage, PeekedMessages};
pub use survey::{NamedFigures, QueueFigures, QuietFigures, Survey};

/// Starts a future that runs by itself; whoever has the async runtime gives it.
pub type Spawn = Box<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// The service.
pub struct Sqs {
    engine: Engine,
    spawn: Spawn,
    /// For messages of SNS, whose envelopes are made when they are read.
    signer: Arc<Signer>,
    /// Makes the ids of move tasks (SQS-371).
    task_key: keys::Key,
    keys: keys::Keys,
    waiting: waiting::WaitingPeriods,
    rates: rates::Rates,
    contention: Arc<Contention>,
}

impl Sqs {
    /// The service over an engine, whose message key makes its ids and receipt handles.
    pub fn new(engine: Engine, limits: Limits, spawn: Spawn, signer: Arc<Signer>) -> Sqs {
        let task_key = keys::Key::derive(&engine.message_key(), "sqs move task");
        let keys = keys::Keys::new(&engine.message_key());
        Sqs {
            engine,
            spawn,
            signer,
            task_key,
            keys,
            waiting: waiting::WaitingPeriods::new(limits),
            rates: rates::Rates::new(limits),
            contention: Arc::default(),
        }
    }

    /// Engine time in milliseconds since the epoch: that of messages, so that a moved test clock moves queues too.
    fn now_ms(&self) -> u64 {
        self.engine.now_ms()
    }

    /// Attempts at one change of rows.
    fn attempts(&self) -> Attempts<'_> {
        self.contention.attempts(&self.engine)
    }
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sqs")
    }
}

waystation_wire::operations! {
    Sqs, api::MODEL, path_parameters = addressing::path_parameters;
    "CreateQueue" => queues::create(api::CreateQueueRequest) -> api::CreateQueueResult,
    "DeleteQueue" => queues::delete(api::DeleteQueueRequest) -> (),
    "GetQueueUrl" => queues::get_url(api::GetQueueUrlRequest) -> api::GetQueueUrlResult,
    "ListQueues" => queues::list(api::ListQueuesRequest) -> api::ListQueuesResult,
    "GetQueueAttributes" => queue_attributes::get(api::GetQueueAttributesRequest) -> api::GetQueueAttributesResult,
    "SetQueueAttributes" => queue_attributes::set(api::SetQueueAttributesRequest) -> (),
    "SendMessage" => send::send(api::SendMessageRequest) -> api::SendMessageResult,
    "SendMessageBatch" => send::send_batch(api::SendMessageBatchRequest) -> api::SendMessageBatchResult,
    "ReceiveMessage" => receive::receive(api::ReceiveMessageRequest) -> api::ReceiveMessageResult,
    "DeleteMessage" => delete::delete(api::DeleteMessageRequest) -> (),
    "DeleteMessageBatch" => delete::delete_batch(api::DeleteMessageBatchRequest) -> api::DeleteMessageBatchResult,
    "ChangeMessageVisibility" => visibility::change(api::ChangeMessageVisibilityRequest) -> (),
    "ChangeMessageVisibilityBatch" => visibility::change_batch(api::ChangeMessageVisibilityBatchRequest)
        -> api::ChangeMessageVisibilityBatchResult,
    "PurgeQueue" => purge::purge(api::PurgeQueueRequest) -> (),
    "TagQueue" => tags::tag(api::TagQueueRequest) -> (),
    "UntagQueue" => tags::untag(api::UntagQueueRequest) -> (),
    "ListQueueTags" => tags::list(api::ListQueueTagsRequest) -> api::ListQueueTagsResult,
    "ListDeadLetterSourceQueues" => dead_letter::list_sources(api::ListDeadLetterSourceQueuesRequest)
        -> api::ListDeadLetterSourceQueuesResult,
    "StartMessageMoveTask" => move_tasks::start(api::StartMessageMoveTaskRequest) -> api::StartMessageMoveTaskResult,
    "ListMessageMoveTasks" => move_tasks::list(api::ListMessageMoveTasksRequest) -> api::ListMessageMoveTasksResult,
    "CancelMessageMoveTask" => move_tasks::cancel(api::CancelMessageMoveTaskRequest)
        -> api::CancelMessageMoveTaskResult,
    "AddPermission" => permissions::add(api::AddPermissionRequest) -> (),
    "RemovePermission" => permissions::remove(api::RemovePermissionRequest) -> (),
}
