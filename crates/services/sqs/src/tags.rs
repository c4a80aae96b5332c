//! Tags of a queue (section 24). They are part of its settings.

use std::collections::BTreeMap;

use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{ListQueueTagsRequest, ListQueueTagsResult, TagQueueRequest, UntagQueueRequest};
use crate::catalog::Outcome;
use crate::errors::{invalid_parameter, missing_parameter};
use crate::{Sqs, addressing, catalog, limits};

/// `TagQueue`: adds tags and replaces the values of existing keys (SQS-395).
pub(crate) async fn tag(
    sqs: &Sqs,
    caller: &Caller,
    input: TagQueueRequest,
) -> Result<(), ApiError> {
    if input.tags.is_empty() {
        return Err(missing_parameter("Tags"));
    }
    let queue_url = input.queue_url;
    let located = addressing::locate(sqs, caller, &queue_url)?;
    let tags = check(located.name, input.tags)?;
    catalog::update(sqs, caller, &queue_url, |located, settings| {
        let before = settings.tags.clone();
        settings.tags.extend(tags.clone());
        check_count(located.name, settings.tags.len())?;
        Ok(if settings.tags == before {
            Outcome::Unchanged
        } else {
            Outcome::Changed
        })
    })
    .await
}

/// `UntagQueue`: keys that do not exist are ignored (SQS-396).
pub(crate) async fn untag(
    sqs: &Sqs,
    caller: &Caller,
    input: UntagQueueRequest,
) -> Result<(), ApiError> {
    if input.tag_keys.is_empty() {
        return Err(missing_parameter("TagKeys"));
    }
    catalog::update(sqs, caller, &input.queue_url, |_, settings| {
        let count = settings.tags.len();
        settings
            .tags
            .retain(|key, _| !input.tag_keys.iter().any(|gone| gone == key.as_str()));
        Ok(if settings.tags.len() == count {
            Outcome::Unchanged
        } else {
            Outcome::Changed
        })
    })
    .await
}

/// `ListQueueTags`
pub(crate) async fn list(
    sqs: &Sqs,
    caller: &Caller,
    input: ListQueueTagsRequest,
) -> Result<ListQueueTagsResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let text = |text: &String| Str::from(text.clone());
    let tags: Map<Str> = located
        .settings
        .tags
        .iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect();
    // SQS-017: no tag, no member.
    Ok(ListQueueTagsResult {
        tags: (!tags.is_empty()).then_some(tags),
    })
}

/// Checks tags that a request brings, and copies them out of its buffer (SQS-392..394, SQS-398, SQS-399).
pub(crate) fn check(
    queue_name: &str,
    tags: impl IntoIterator<Item = (Str, Str)>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut checked = BTreeMap::new();
    for (key, value) in tags {
        if !(1..=limits::TAG_KEY_LENGTH_MAX).contains(&key.chars().count()) {
            return Err(invalid_parameter(
                "Tag keys must be between 1 and 128 characters in length.",
            ));
        }
        if value.chars().count() > limits::TAG_VALUE_LENGTH_MAX {
            return Err(invalid_parameter(
                "Tag values must be between 0 and 256 characters in length.",
            ));
        }
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(invalid_parameter(
                "Tag keys that start with aws: are reserved for system use.",
            ));
        }
        checked.insert(key.to_string(), value.to_string());
    }
    check_count(queue_name, checked.len())?;
    Ok(checked)
}

pub(crate) fn check_count(queue_name: &str, count: usize) -> Result<(), ApiError> {
    if count > limits::TAGS_MAX {
        return Err(invalid_parameter(format!(
            "Too many tags added for queue {queue_name}."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, ApiError> {
        check(
            "q",
            pairs
                .into_iter()
                .map(|(key, value)| (Str::from(key), Str::from(value))),
        )
    }

    #[test]
    fn keys_and_values_have_lengths() {
        // SQS-393, SQS-394, SQS-398
        let one = |key: &str, value: &str| checked(vec![(key.to_owned(), value.to_owned())]);
        assert!(one("k", "").is_ok());
        assert!(one(&"ä".repeat(128), &"ä".repeat(256)).is_ok());
        assert!(one("", "v").is_err());
        assert!(one(&"k".repeat(129), "v").is_err());
        assert!(one("k", &"v".repeat(257)).is_err());
        assert!(one("aws:k", "v").is_err());
        assert!(one("AWS:k", "v").is_err());
    }

    #[test]
    fn fifty_tags_are_the_most() {
        // SQS-392, SQS-399
        let tags = |count: usize| {
            (0..count)
                .map(|index| (format!("k{index}"), String::new()))
                .collect()
        };
        assert_eq!(checked(tags(50)).expect("fifty").len(), 50);
        assert_eq!(
            checked(tags(51)).expect_err("fifty-one").message,
            "Too many tags added for queue q."
        );
    }
}
