//! Group, deduplication and attempt ids: their rules and the hashes under which the engine knows them
//! (sections 15, 16 and 18).

pub(crate) use waystation_delivery::fifo_ids::{
    content_id, deduplication_hash, group_hash, is_valid,
};
use waystation_wire::ApiError;

use crate::errors::invalid_value;
use crate::keys::Keys;

/// Checks an id that a request brought; `parameter` is its name there (SQS-146, SQS-266, SQS-301).
pub(crate) fn check_id(id: &str, parameter: &str) -> Result<(), ApiError> {
    if is_valid(id) {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(invalid_value(id, parameter, &reason))
}

/// The engine's name of a receive request attempt id (section 18).
pub(crate) fn attempt_hash(keys: &Keys, id: &str) -> u128 {
    keys.attempt.hash_128(&[id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_printable_ascii() {
        // SQS-145, SQS-266
        let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        for good in ["a", "A9", punctuation, &"x".repeat(128)] {
            assert!(check_id(good, "MessageGroupId").is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\t", "ä", &"x".repeat(129)] {
            assert!(check_id(bad, "MessageGroupId").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_texts_name_the_parameter() {
        // SQS-146
        let error = check_id("a b", "MessageGroupId").expect_err("a blank");
        assert_eq!(
            error.message,
            "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include \
             alphanumeric and punctuation characters. 1 to 128 in length."
        );
        assert_eq!(error.kind.query_code, "InvalidParameterValue");
    }

    #[test]
    fn the_content_id_is_the_digest_of_the_body() {
        // SQS-262, SQS-263
        let id = content_id(b"Test");
        assert_eq!(
            id,
            "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"
        );
        assert!(check_id(&id, "MessageDeduplicationId").is_ok());
    }
}
