//! The wordings that several operations share, and what an error of the engine means to a caller.

use std::fmt::Display;

use waystation_engine::EngineError;
use waystation_wire::{ApiError, errors};

use crate::api;

/// `InvalidArgumentException`
pub(crate) fn invalid(text: impl Display) -> ApiError {
    api::INVALID_ARGUMENT_EXCEPTION.with(text.to_string())
}

/// `ValidationException`
pub(crate) fn refused(text: impl Display) -> ApiError {
    api::VALIDATION_EXCEPTION.with(text.to_string())
}

/// `LimitExceededException`
pub(crate) fn limit_exceeded(text: impl Display) -> ApiError {
    api::LIMIT_EXCEEDED_EXCEPTION.with(text.to_string())
}

/// `ResourceInUseException`
pub(crate) fn in_use(text: impl Display) -> ApiError {
    api::RESOURCE_IN_USE_EXCEPTION.with(text.to_string())
}

/// `ResourceNotFoundException`
pub(crate) fn not_found(text: impl Display) -> ApiError {
    api::RESOURCE_NOT_FOUND_EXCEPTION.with(text.to_string())
}

/// KIN-037
pub(crate) fn no_stream(name: &str, account: &str) -> ApiError {
    not_found(format_args!(
        "Stream {name} under account {account} not found."
    ))
}

/// KIN-038, KIN-145
pub(crate) fn no_shard(shard: &str, name: &str, account: &str) -> ApiError {
    not_found(format_args!(
        "Could not find shard {shard} in stream {name} under account {account}."
    ))
}

/// KIN-101
pub(crate) fn shard_does_not_exist(shard: &str, name: &str, account: &str) -> ApiError {
    not_found(format_args!(
        "Shard {shard} in stream {name} under account {account} does not exist"
    ))
}

/// A resource of another account that has no policy (KIN-036).
pub(crate) fn access_denied(account: &str, action: &str, arn: &str) -> ApiError {
    api::ACCESS_DENIED_EXCEPTION.with(format!(
        "User: arn:aws:iam::{account}:root is not authorized to perform: kinesis:{action} on resource: {arn} because no \
         resource-based policy allows the kinesis:{action} action"
    ))
}

/// The text of a refused constraint, where the model does not know it (KIN-026).
pub(crate) fn constraint(value: impl Display, path: &str, rule: &str) -> ApiError {
    refused(format_args!(
        "1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {rule}"
    ))
}

/// Something stored cannot be read: the caller can do nothing about it, the operator finds the reason in the log.
pub(crate) fn internal(reason: impl Display) -> ApiError {
    tracing::error!(%reason, "a request failed");
    api::INTERNAL_FAILURE_EXCEPTION.with("Internal service failure.")
}

/// Every attempt to change something lost against another request.
pub(crate) fn changing_too_fast() -> ApiError {
    limit_exceeded("Rate exceeded")
}

/// What an error of the engine means to the caller.
pub(crate) fn from_engine(error: EngineError) -> ApiError {
    match error {
        // A full budget is what AWS calls throttling; SDKs back off and try again.
        EngineError::Overloaded | EngineError::InFlightLimit => {
            api::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION.with("Rate exceeded")
        }
        EngineError::Conflict { .. } => changing_too_fast(),
        EngineError::StorageFull => errors::SERVICE_UNAVAILABLE.with("The disk is full."),
        EngineError::Stopping => errors::SERVICE_UNAVAILABLE.with("The server is shutting down."),
        error => internal(error),
    }
}
