//! What an ARN stands for: the seam between sources that deliver and the services that own targets.

use bytes::Bytes;
use waystation_engine::QueueId;
use waystation_wire::service::BoxFuture;

use crate::arn::Arn;
use crate::fifo_ids::DeduplicationScope;

/// A queue that messages can be delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueTarget {
    /// The engine's id. A queue created anew under an old name has another one, so it is looked up for every delivery.
    pub id: QueueId,
    /// On FIFO queues, over what deduplication ids are unique now.
    pub fifo: Option<DeduplicationScope>,
    /// Whether the queue has a policy. As long as policies are not evaluated, having one is what lets other accounts in.
    pub has_policy: bool,
}

/// A service that owns queues.
pub trait Queues: Send + Sync {
    /// The queue of an ARN at this engine time; `None` when there is none.
    fn find(&self, arn: &Arn<'_>, now_ms: u64) -> Option<QueueTarget>;
}

/// What became of an asynchronous invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// The event is the function's now; whatever comes of it is no matter of the source (SNS-235).
    Accepted {
        /// The id of the request.
        request_id: String,
    },
    /// There is no such function, or it lets the source not in: no retry will help (SNS-234).
    Refused(String),
    /// It may work later.
    Failed(String),
}

/// A service that runs functions.
pub trait Functions: Send + Sync {
    /// Hands an event to a function, by the ARN of the function, an alias or a version.
    fn invoke(&self, arn: &str, event: Bytes) -> BoxFuture<'static, Invocation>;
}
