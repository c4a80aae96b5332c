//! The wordings that several operations share, and what an error of the engine means to a caller.

use waystation_engine::EngineError;
use waystation_wire::{ApiError, errors};

use crate::api;

/// `InvalidParameter` with `Invalid parameter: ` before the text.
pub(crate) fn invalid(text: impl std::fmt::Display) -> ApiError {
    api::INVALID_PARAMETER_EXCEPTION.with(format!("Invalid parameter: {text}"))
}

/// `InvalidParameter` for an attribute: SNS-074 says how the text differs between setting one and creating with it.
pub(crate) fn invalid_attribute(context: Context, text: impl std::fmt::Display) -> ApiError {
    match context {
        Context::Set => invalid(text),
        Context::Create => invalid(format_args!("Attributes Reason: {text}")),
    }
}

/// Where an attribute comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// `CreateTopic`, `Subscribe`
    Create,
    /// `SetTopicAttributes`, `SetSubscriptionAttributes`
    Set,
}

/// SNS-024
pub(crate) fn topic_does_not_exist() -> ApiError {
    api::NOT_FOUND_EXCEPTION.with("Topic does not exist")
}

/// SNS-082
pub(crate) fn subscription_does_not_exist() -> ApiError {
    api::NOT_FOUND_EXCEPTION.with("Subscription does not exist")
}

/// What AWS has and this service has not yet.
pub(crate) fn not_implemented(what: impl std::fmt::Display) -> ApiError {
    errors::NOT_IMPLEMENTED.with(format!("{what} is not implemented."))
}

/// SNS-025
pub(crate) fn not_authorized(account: &str, action: &str, arn: &str) -> ApiError {
    api::AUTHORIZATION_ERROR_EXCEPTION.with(format!(
        "User: arn:aws:iam::{account}:root is not authorized to perform: SNS:{action} on resource: {arn} because no \
         resource-based policy allows the SNS:{action} action"
    ))
}

/// Something stored cannot be read: the caller can do nothing about it, the operator finds the reason in the log.
pub(crate) fn internal(reason: impl std::fmt::Display) -> ApiError {
    tracing::error!(%reason, "a request failed");
    api::INTERNAL_ERROR_EXCEPTION.with("Encountered an internal error. Please try again.")
}

/// SNS-487
pub(crate) fn rate_exceeded() -> ApiError {
    api::THROTTLED_EXCEPTION.with("Rate exceeded")
}

/// Every attempt to change something lost against another request.
pub(crate) fn changing_too_fast() -> ApiError {
    rate_exceeded()
}

/// The same for a publish: the topic went at this moment.
pub(crate) fn from_topic(error: EngineError) -> ApiError {
    match error {
        EngineError::QueueMissing => topic_does_not_exist(),
        other => from_engine(other),
    }
}

/// What an error of the engine means to the caller.
pub(crate) fn from_engine(error: EngineError) -> ApiError {
    match error {
        // A full budget is what AWS calls throttling; SDKs back off and try again (SNS-487).
        EngineError::Overloaded | EngineError::InFlightLimit => rate_exceeded(),
        EngineError::Conflict { .. } => changing_too_fast(),
        EngineError::StorageFull => {
            errors::SERVICE_UNAVAILABLE.with("The disk is full. Consuming messages makes room.")
        }
        EngineError::Stopping => errors::SERVICE_UNAVAILABLE.with("The server is shutting down."),
        EngineError::QueueMissing
        | EngineError::NoSuchLog
        | EngineError::LogSealed
        | EngineError::NoSuchCursor
        | EngineError::TooLarge => internal(error),
        EngineError::Unreadable(reason) => internal(reason),
    }
}
