//! The errors that belong to no single service: those of the framework in front of every AWS API.
//!
//! Codes and statuses of authentication failures follow IDN-053; texts are the caller's.

use crate::error::{ApiError, ErrorKind};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:expr;)+) => {
        $($(#[$doc])* pub static $name: ErrorKind = $kind.framework();)+
    };
}

kinds! {
    /// A bug or a lost resource of ours.
    INTERNAL_FAILURE = ErrorKind::receiver("InternalFailure", 500);
    /// Not now: starting, stopping, or out of a resource.
    SERVICE_UNAVAILABLE = ErrorKind::receiver("ServiceUnavailableException", 503).query("ServiceUnavailable");
    /// The operation exists in AWS and not yet here.
    NOT_IMPLEMENTED = ErrorKind::receiver("NotImplemented", 501);
    /// The query protocol's answer to an unknown action (SQS-044).
    INVALID_ACTION = ErrorKind::sender("InvalidAction", 400);
    /// A query request without `Action`.
    MISSING_ACTION = ErrorKind::sender("MissingAction", 400);
    /// The JSON protocols' answer to an unknown operation; 404 in the query protocol (SQS-047).
    UNKNOWN_OPERATION = ErrorKind::sender("UnknownOperationException", 400).query_status(404);
    /// A form or query string that cannot be read.
    MALFORMED_QUERY_STRING = ErrorKind::sender("MalformedQueryString", 404);
    /// A required parameter is absent (SQS-054).
    MISSING_PARAMETER = ErrorKind::sender("MissingRequiredParameterException", 400).query("MissingParameter");
    /// A parameter has a value it must not have (SQS-055).
    INVALID_PARAMETER_VALUE = ErrorKind::sender("InvalidParameterValueException", 400).query("InvalidParameterValue");
    /// Several parameters do not go together.
    INVALID_PARAMETER_COMBINATION =
        ErrorKind::sender("InvalidParameterCombinationException", 400).query("InvalidParameterCombination");
    /// Constraints of the model are violated.
    VALIDATION = ErrorKind::sender("ValidationException", 400).query("ValidationError");
    /// The body is not a document of the operation.
    SERIALIZATION = ErrorKind::sender("SerializationException", 400);
    /// A form's value is not of its parameter's kind.
    MALFORMED_INPUT = ErrorKind::sender("MalformedInput", 400);
    /// The body is larger than the service takes.
    REQUEST_TOO_LARGE = ErrorKind::sender("RequestEntityTooLargeException", 413).query("RequestEntityTooLarge");
    /// Too many calls.
    THROTTLING = ErrorKind::sender("ThrottlingException", 400).query("Throttling");
    /// The caller may not do this.
    ACCESS_DENIED = ErrorKind::sender("AccessDeniedException", 400).query("AccessDenied").query_status(403);
    /// No credentials.
    MISSING_AUTHENTICATION_TOKEN = ErrorKind::sender("MissingAuthenticationTokenException", 400)
        .query("MissingAuthenticationToken").query_status(403);
    /// Parts of the signature are missing.
    INCOMPLETE_SIGNATURE = ErrorKind::sender("IncompleteSignatureException", 400).query("IncompleteSignature");
    /// Credentials in the header and in the query string.
    AMBIGUOUS_SIGNATURE = ErrorKind::sender("InvalidSignatureException", 400);
    /// Unknown or inactive access key, or a bad session token.
    UNRECOGNIZED_CLIENT = ErrorKind::sender("UnrecognizedClientException", 400)
        .query("InvalidClientTokenId").query_status(403);
    /// The session is over.
    EXPIRED_TOKEN = ErrorKind::sender("ExpiredTokenException", 400).query("ExpiredToken").query_status(403);
    /// Wrong signature, scope or time.
    INVALID_SIGNATURE = ErrorKind::sender("InvalidSignatureException", 400)
        .query("SignatureDoesNotMatch").query_status(403);
    /// A presigned request that is past its end (SQS-057).
    REQUEST_EXPIRED = ErrorKind::sender("RequestExpired", 400);
    /// The region or the account is not enabled.
    OPT_IN_REQUIRED = ErrorKind::sender("OptInRequired", 403);
}

/// The refusal of an action that the service or the path does not take (SQS-044, SQS-045).
pub fn invalid_action(action: &str) -> ApiError {
    INVALID_ACTION.with(format!(
        "The action {action} is not valid for this endpoint."
    ))
}
