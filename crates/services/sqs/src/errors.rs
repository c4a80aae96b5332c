//! The wordings that several operations share, and what an error of the engine means to a caller.

use waystation_delivery::notification::ReadError;
use waystation_engine::EngineError;
use waystation_wire::{ApiError, errors};

use crate::api;

/// SQS-053. The query protocol has a text of its own, which the kind carries (SQS-043).
pub(crate) fn queue_does_not_exist() -> ApiError {
    api::QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.")
}

/// SQS-054.
pub(crate) fn missing_parameter(name: &str) -> ApiError {
    errors::MISSING_PARAMETER.with(format!("The request must contain the parameter {name}."))
}

/// `InvalidParameterValue` with a text of its own.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> ApiError {
    errors::INVALID_PARAMETER_VALUE.with(message)
}

/// SQS-055: `reason` ends with a full stop where AWS's does.
pub(crate) fn invalid_value(
    value: impl std::fmt::Display,
    parameter: &str,
    reason: &str,
) -> ApiError {
    invalid_parameter(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

/// SQS-147, SQS-257, SQS-300: a parameter that only the other kind of queue has.
pub(crate) fn wrong_queue_type(value: impl std::fmt::Display, parameter: &str) -> ApiError {
    invalid_value(
        value,
        parameter,
        "The request include parameter that is not valid for this queue type.",
    )
}

/// SQS-095, SQS-101..105.
pub(crate) fn unknown_attribute(name: &str) -> ApiError {
    api::INVALID_ATTRIBUTE_NAME.with(format!("Unknown Attribute {name}."))
}

/// SQS-096.
pub(crate) fn invalid_attribute_value(name: &str) -> ApiError {
    api::INVALID_ATTRIBUTE_VALUE.with(format!("Invalid value for the parameter {name}."))
}

/// SQS-118.
pub(crate) fn invalid_characters() -> ApiError {
    api::INVALID_MESSAGE_CONTENTS.with(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    )
}

/// SQS-233, SQS-234.
pub(crate) fn invalid_receipt_handle(handle: &str) -> ApiError {
    api::RECEIPT_HANDLE_IS_INVALID.with(format!(
        "The input receipt handle \"{handle}\" is not a valid receipt handle."
    ))
}

/// Something stored cannot be read: the caller can do nothing about it, the operator finds the reason in the log.
pub(crate) fn internal(reason: impl std::fmt::Display) -> ApiError {
    tracing::error!(%reason, "a request failed");
    errors::INTERNAL_FAILURE.with(
        "The request processing has failed because of an unknown error, exception or failure.",
    )
}

/// Every attempt to change a queue lost against another request.
pub(crate) fn changing_too_fast() -> ApiError {
    errors::THROTTLING.with("The queue is being changed by too many requests at once.")
}

/// What an error of the engine means to the caller of an operation on one queue.
pub(crate) fn from_engine(error: EngineError) -> ApiError {
    match error {
        EngineError::QueueMissing => queue_does_not_exist(),
        // SQS-208
        EngineError::InFlightLimit => api::OVER_LIMIT
            .with("Too many messages in flight: delete or release some before receiving more."),
        // A full budget is what AWS calls throttling; SDKs back off and try again (SQS-442).
        EngineError::Overloaded => api::REQUEST_THROTTLED.with("Rate exceeded"),
        EngineError::StorageFull => {
            errors::SERVICE_UNAVAILABLE.with("The disk is full. Consuming messages makes room.")
        }
        EngineError::Stopping => errors::SERVICE_UNAVAILABLE.with("The server is shutting down."),
        EngineError::Conflict { .. } => changing_too_fast(),
        EngineError::Unreadable(reason) => internal(reason),
        // The largest message of the service fits into the journal.
        EngineError::NoSuchLog
        | EngineError::LogSealed
        | EngineError::NoSuchCursor
        | EngineError::TooLarge => internal(error),
    }
}

/// What a message that cannot be read means to the caller.
pub(crate) fn unread(error: ReadError) -> ApiError {
    match error {
        ReadError::Malformed => internal(error),
        ReadError::Engine(error) => from_engine(error),
    }
}
