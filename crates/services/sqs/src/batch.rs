//! What all batches have in common (section 9): the rules that fail a whole request, and the shape of one entry's failure.

use waystation_wire::error::Fault;
use waystation_wire::{ApiError, Str, errors};

use crate::api::{self, BatchResultErrorEntry};
use crate::limits;

/// Checks number and ids of the entries of a batch (SQS-161..166). `operation` names the entries in the text for none.
pub(crate) fn check_ids(operation: &str, ids: &[&str]) -> Result<(), ApiError> {
    if ids.is_empty() {
        let text = format!("There should be at least one {operation}RequestEntry in the request.");
        return Err(api::EMPTY_BATCH_REQUEST.with(text));
    }
    if ids.len() > limits::BATCH_ENTRIES_MAX {
        return Err(api::TOO_MANY_ENTRIES_IN_BATCH_REQUEST.with(format!(
            "Maximum number of entries per request are {}. You have sent {}.",
            limits::BATCH_ENTRIES_MAX,
            ids.len()
        )));
    }
    if !ids.iter().all(|id| is_entry_id(id)) {
        return Err(api::INVALID_BATCH_ENTRY_ID.with(
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
             letters long.",
        ));
    }
    let repeated = ids
        .iter()
        .enumerate()
        .find(|(at, id)| ids.iter().skip(at + 1).any(|other| other == *id));
    match repeated {
        Some((_, id)) => Err(api::BATCH_ENTRY_IDS_NOT_DISTINCT.with(format!("Id {id} repeated."))),
        None => Ok(()),
    }
}

/// SQS-164
fn is_entry_id(id: &str) -> bool {
    (1..=limits::BATCH_ENTRY_ID_LENGTH_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// One entry that failed alone (SQS-172, SQS-176, SQS-179).
pub(crate) fn failed(id: Str, error: ApiError) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: error.kind.fault == Fault::Sender && !is_throttling(&error),
        code: Str::from_static(error.kind.query_code),
        message: Some(Str::from(error.message)),
    }
}

/// The model calls throttling the sender's fault; for an entry of a batch the service does not (SQS-179).
fn is_throttling(error: &ApiError) -> bool {
    [&api::REQUEST_THROTTLED, &errors::THROTTLING].contains(&error.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(ids: &[&str]) -> (&'static str, String) {
        let error = check_ids("SendMessageBatch", ids).expect_err("refused");
        (error.kind.shape, error.message)
    }

    #[test]
    fn a_batch_has_1_to_10_entries() {
        // SQS-161, SQS-162, SQS-163
        let ids: Vec<String> = (0..11).map(|id| id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert!(check_ids("SendMessageBatch", &ids[..10]).is_ok());
        let text = "There should be at least one SendMessageBatchRequestEntry in the request.";
        assert_eq!(refusal(&[]), ("EmptyBatchRequest", text.to_owned()));
        let text = "Maximum number of entries per request are 10. You have sent 11.";
        assert_eq!(
            refusal(&ids),
            ("TooManyEntriesInBatchRequest", text.to_owned())
        );
    }

    #[test]
    fn ids_are_short_plain_and_distinct() {
        // SQS-164, SQS-165, SQS-166
        assert!(check_ids("SendMessageBatch", &["a", "B-_9", &"x".repeat(80)]).is_ok());
        for bad in ["", "a b", "a.b", "ä", &"x".repeat(81)] {
            assert_eq!(refusal(&["a", bad]).0, "InvalidBatchEntryId", "{bad}");
        }
        assert_eq!(
            refusal(&["a", "b", "a"]),
            ("BatchEntryIdsNotDistinct", "Id a repeated.".to_owned())
        );
    }

    #[test]
    fn failures_carry_the_query_code() {
        // SQS-176, SQS-179
        let entry = failed(Str::from("a"), crate::errors::invalid_parameter("text"));
        assert_eq!(
            (&*entry.code, entry.sender_fault, entry.message.as_deref()),
            ("InvalidParameterValue", true, Some("text"))
        );
        for kind in [&errors::SERVICE_UNAVAILABLE, &api::REQUEST_THROTTLED] {
            assert!(!failed(Str::from("a"), kind.with("later")).sender_fault);
        }
    }
}
