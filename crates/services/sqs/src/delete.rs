//! `DeleteMessage` and `DeleteMessageBatch` (section 13).

use waystation_engine::{Receipt, ReceiptError};
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located};
use crate::api::{
    DeleteMessageBatchRequest, DeleteMessageBatchResult, DeleteMessageBatchResultEntry,
    DeleteMessageRequest,
};
use crate::errors::{
    from_engine, internal, invalid_receipt_handle, invalid_value, missing_parameter,
};
use crate::rates::Action;
use crate::{Sqs, batch, receipt};

/// `DeleteMessage`
pub(crate) async fn delete(
    sqs: &Sqs,
    caller: &Caller,
    input: DeleteMessageRequest,
) -> Result<(), ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    sqs.rates.count(Action::Delete, &located, sqs.now_ms())?;
    let receipt = receipt_of(sqs, &located, &input.receipt_handle)?;
    let mut outcome = sqs
        .engine
        .queue(located.id())
        .delete(vec![receipt])
        .await
        .map_err(from_engine)?;
    let outcome = outcome
        .pop()
        .ok_or_else(|| internal("the engine answered no receipt"))?;
    outcome.or_else(|error| verdict(error, &located, &input.receipt_handle))
}

/// `DeleteMessageBatch`
pub(crate) async fn delete_batch(
    sqs: &Sqs,
    caller: &Caller,
    input: DeleteMessageBatchRequest,
) -> Result<DeleteMessageBatchResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    sqs.rates.count(Action::Delete, &located, sqs.now_ms())?;
    let ids: Vec<&str> = input.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids("DeleteMessageBatch", &ids)?;

    let mut result = DeleteMessageBatchResult::default();
    let mut receipts = Vec::with_capacity(input.entries.len());
    let mut accepted: Vec<(Str, Str)> = Vec::with_capacity(input.entries.len());
    for entry in input.entries {
        match receipt_of(sqs, &located, &entry.receipt_handle) {
            Ok(receipt) => {
                receipts.push(receipt);
                accepted.push((entry.id, entry.receipt_handle));
            }
            Err(error) => result.failed.push(batch::failed(entry.id, error)), // SQS-177
        }
    }
    if receipts.is_empty() {
        return Ok(result);
    }
    let outcomes = sqs
        .engine
        .queue(located.id())
        .delete(receipts)
        .await
        .map_err(from_engine)?;
    if outcomes.len() != accepted.len() {
        return Err(internal("the engine answered another number of receipts"));
    }
    for ((id, handle), outcome) in accepted.into_iter().zip(outcomes) {
        match outcome.or_else(|error| verdict(error, &located, &handle)) {
            Ok(()) => result.successful.push(DeleteMessageBatchResultEntry { id }),
            Err(error) => result.failed.push(batch::failed(id, error)),
        }
    }
    Ok(result)
}

/// The receipt in a handle of this queue (SQS-233, SQS-234).
pub(crate) fn receipt_of(
    sqs: &Sqs,
    located: &Located<'_>,
    handle: &str,
) -> Result<Receipt, ApiError> {
    if handle.is_empty() {
        return Err(missing_parameter("ReceiptHandle"));
    }
    match receipt::decode(&sqs.keys, handle) {
        Some((queue, receipt)) if queue == located.id() => Ok(receipt),
        _ => Err(invalid_receipt_handle(handle)),
    }
}

/// What it means that the engine could not delete. A message that is gone is what the caller wanted (SQS-239, SQS-240); an
/// older receive's handle of a standard queue succeeds without effect (SQS-238); on a FIFO queue a handle ends with its
/// timeout, because its group has gone on (SQS-241).
fn verdict(error: ReceiptError, located: &Located<'_>, handle: &str) -> Result<(), ApiError> {
    match error {
        ReceiptError::Expired if located.is_fifo() => Err(invalid_value(
            handle,
            "ReceiptHandle",
            "The receipt handle has expired.",
        )),
        ReceiptError::Expired | ReceiptError::Missing => Ok(()),
        ReceiptError::BeyondLimit => Err(internal("the engine refused a delete for its timeout")),
    }
}
