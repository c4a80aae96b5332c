//! Tags of a topic (section 29). They are part of its settings.

use std::collections::BTreeMap;

use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    self, ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResourceRequest,
    TagResourceResponse, UntagResourceRequest, UntagResourceResponse,
};
use crate::errors::invalid;
use crate::{Sns, catalog, limits};

/// Checks tags of a request (SNS-394, SNS-395, SNS-397).
pub(crate) fn check<'a>(
    tags: impl Iterator<Item = &'a Tag>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut checked = BTreeMap::new();
    for Tag { key, value } in tags {
        if !(1..=limits::TAG_KEY_LENGTH_MAX).contains(&key.chars().count())
            || value.chars().count() > limits::TAG_VALUE_LENGTH_MAX
        {
            return Err(invalid("Tags"));
        }
        if checked.insert(key.to_string(), value.to_string()).is_some() {
            return Err(invalid("Duplicated keys are not allowed."));
        }
    }
    check_count(&checked)?;
    Ok(checked)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > limits::TAGS_MAX {
        return Err(api::TAG_LIMIT_EXCEEDED_EXCEPTION
            .with("Could not complete request: tag quota of per resource exceeded"));
    }
    Ok(())
}

/// SNS-400: tagging has a word of its own for a topic that is not there.
fn renamed(error: ApiError) -> ApiError {
    if std::ptr::eq(error.kind, &api::NOT_FOUND_EXCEPTION) {
        return api::RESOURCE_NOT_FOUND_EXCEPTION.with("Resource does not exist");
    }
    error
}

/// `TagResource` (SNS-396)
pub(crate) async fn tag(
    sns: &Sns,
    caller: &Caller,
    input: TagResourceRequest,
) -> Result<TagResourceResponse, ApiError> {
    let tags = check(input.tags.iter())?;
    let update = catalog::update(
        sns,
        caller,
        &input.resource_arn,
        "TagResource",
        |_, settings| {
            settings.tags.extend(tags.clone());
            check_count(&settings.tags)
        },
    );
    update.await.map_err(renamed)?;
    Ok(TagResourceResponse::default())
}

/// `UntagResource` (SNS-398)
pub(crate) async fn untag(
    sns: &Sns,
    caller: &Caller,
    input: UntagResourceRequest,
) -> Result<UntagResourceResponse, ApiError> {
    let update = catalog::update(
        sns,
        caller,
        &input.resource_arn,
        "UntagResource",
        |_, settings| {
            settings
                .tags
                .retain(|key, _| !input.tag_keys.iter().any(|gone| **gone == **key));
            Ok(())
        },
    );
    update.await.map_err(renamed)?;
    Ok(UntagResourceResponse::default())
}

/// `ListTagsForResource` (SNS-399)
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    let located = catalog::locate(sns, caller, &input.resource_arn, "ListTagsForResource")
        .map_err(renamed)?;
    let tags = located.settings.tags.iter().map(|(key, value)| Tag {
        key: Str::from(key.clone()),
        value: Str::from(value.clone()),
    });
    Ok(ListTagsForResourceResponse {
        tags: Some(tags.collect()),
    })
}
