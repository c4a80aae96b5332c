//! `PurgeQueue` (section 22).

use waystation_wire::{ApiError, Caller};

use crate::api::{self, PurgeQueueRequest};
use crate::errors::from_engine;
use crate::{Sqs, addressing};

/// `PurgeQueue`: all messages go, whatever their state, and with them the deduplication ids (SQS-276, SQS-374..379).
/// What was sent before the call is deleted when it returns; what is sent afterwards stays.
pub(crate) async fn purge(
    sqs: &Sqs,
    caller: &Caller,
    input: PurgeQueueRequest,
) -> Result<(), ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    if !sqs
        .waiting
        .start(format!("purge {}", located.id().0), sqs.now_ms())
    {
        return Err(api::PURGE_QUEUE_IN_PROGRESS.with(format!(
            "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
            located.name
        )));
    }
    sqs.engine
        .queue(located.id())
        .purge()
        .await
        .map_err(from_engine)
}
