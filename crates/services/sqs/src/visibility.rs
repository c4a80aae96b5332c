//! `ChangeMessageVisibility` and `ChangeMessageVisibilityBatch` (section 12).

use waystation_engine::{Receipt, ReceiptError};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityBatchResult,
    ChangeMessageVisibilityBatchResultEntry, ChangeMessageVisibilityRequest,
};
use crate::delete::receipt_of;
use crate::errors::{from_engine, internal, invalid_value, missing_parameter};
use crate::{Sqs, addressing, batch, limits};

/// `ChangeMessageVisibility`
pub(crate) async fn change(
    sqs: &Sqs,
    caller: &Caller,
    input: ChangeMessageVisibilityRequest,
) -> Result<(), ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let seconds = input.visibility_timeout;
    let change = (
        receipt_of(sqs, &located, &input.receipt_handle)?,
        timeout_ms(seconds)?,
    );
    let mut outcome = sqs
        .engine
        .queue(located.id())
        .change_visibility(vec![change])
        .await
        .map_err(from_engine)?;
    let outcome = outcome
        .pop()
        .ok_or_else(|| internal("the engine answered no receipt"))?;
    outcome.map_err(|error| refusal(error, &input.receipt_handle, seconds))
}

/// `ChangeMessageVisibilityBatch`
pub(crate) async fn change_batch(
    sqs: &Sqs,
    caller: &Caller,
    input: ChangeMessageVisibilityBatchRequest,
) -> Result<ChangeMessageVisibilityBatchResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let ids: Vec<&str> = input.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids("ChangeMessageVisibilityBatch", &ids)?;

    let mut result = ChangeMessageVisibilityBatchResult::default();
    let mut changes: Vec<(Receipt, u64)> = Vec::with_capacity(input.entries.len());
    let mut accepted: Vec<(Str, Str, i32)> = Vec::with_capacity(input.entries.len());
    for entry in input.entries {
        let seconds = entry
            .visibility_timeout
            .ok_or_else(|| missing_parameter("VisibilityTimeout"));
        let change = seconds.and_then(|seconds| {
            Ok((
                receipt_of(sqs, &located, &entry.receipt_handle)?,
                timeout_ms(seconds)?,
                seconds,
            ))
        });
        match change {
            Ok((receipt, timeout_ms, seconds)) => {
                changes.push((receipt, timeout_ms));
                accepted.push((entry.id, entry.receipt_handle, seconds));
            }
            Err(error) => result.failed.push(batch::failed(entry.id, error)),
        }
    }
    if changes.is_empty() {
        return Ok(result);
    }
    let outcomes = sqs
        .engine
        .queue(located.id())
        .change_visibility(changes)
        .await
        .map_err(from_engine)?;
    if outcomes.len() != accepted.len() {
        return Err(internal("the engine answered another number of receipts"));
    }
    for ((id, handle, seconds), outcome) in accepted.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => result
                .successful
                .push(ChangeMessageVisibilityBatchResultEntry { id }),
            Err(error) => result
                .failed
                .push(batch::failed(id, refusal(error, &handle, seconds))),
        }
    }
    Ok(result)
}

/// SQS-224
fn timeout_ms(seconds: i32) -> Result<u64, ApiError> {
    match u64::try_from(seconds) {
        Ok(value) if seconds <= limits::VISIBILITY_TIMEOUT_SECONDS_MAX => Ok(value * 1_000),
        _ => Err(invalid_value(
            seconds,
            "VisibilityTimeout",
            "Must be >= 0 and <= 43200, if provided.",
        )),
    }
}

/// SQS-225, SQS-230, SQS-231
fn refusal(error: ReceiptError, handle: &str, seconds: i32) -> ApiError {
    match error {
        ReceiptError::Missing | ReceiptError::Expired => {
            let reason =
                "Message does not exist or is not available for visibility timeout change.";
            invalid_value(handle, "ReceiptHandle", reason)
        }
        ReceiptError::BeyondLimit => {
            let reason =
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            invalid_value(seconds, "VisibilityTimeout", reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_0_to_12_hours() {
        // SQS-224
        assert_eq!(timeout_ms(0), Ok(0));
        assert_eq!(timeout_ms(43_200), Ok(43_200_000));
        assert!(timeout_ms(-1).is_err() && timeout_ms(43_201).is_err());
    }

    #[test]
    fn refusals_name_handle_or_timeout() {
        // SQS-225, SQS-230, SQS-231
        for error in [ReceiptError::Missing, ReceiptError::Expired] {
            let text = "Value h for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available \
                        for visibility timeout change.";
            assert_eq!(refusal(error, "h", 1).message, text);
        }
        let text = "Value 9 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is \
                    beyond the limit [43200 seconds]";
        assert_eq!(refusal(ReceiptError::BeyondLimit, "h", 9).message, text);
    }
}
