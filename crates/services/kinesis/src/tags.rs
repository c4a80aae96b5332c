//! Tags of streams, consumers and queues (KIN-203 to KIN-210). They are part of the resource's row; both families of
//! operations share them.

use std::collections::BTreeMap;

use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    AddTagsToStreamInput, ListTagsForResourceInput, ListTagsForResourceOutput,
    ListTagsForStreamInput, ListTagsForStreamOutput, RemoveTagsFromStreamInput, Tag,
    TagResourceInput, UntagResourceInput,
};
use crate::errors::invalid;
use crate::resources::{self, Resource};
use crate::{Kinesis, addressing, catalog, limits, rates};

/// Tags of a resource by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The tags after adding those of a request (KIN-203 to KIN-206).
pub(crate) fn merged(
    given: &Map<Str>,
    before: &Tags,
    name: &str,
    account: &str,
) -> Result<Tags, ApiError> {
    let texts: Vec<&str> = given
        .iter()
        .flat_map(|(key, value)| [&**key, &**value])
        .collect();
    check_characters(&texts, "add tags to", name, account)?;
    let mut tags = before.clone();
    for (key, value) in given {
        tags.insert(key.to_string(), value.to_string());
    }
    if tags.len() > limits::TAGS_MAX {
        return Err(invalid(format_args!(
            "Failed to add tags to stream {name} under account {account} because a given stream cannot have more than {} \
             tags associated with it.",
            limits::TAGS_MAX
        )));
    }
    Ok(tags)
}

/// KIN-205, KIN-206: two rules, and two texts that name them.
fn check_characters(texts: &[&str], verb: &str, name: &str, account: &str) -> Result<(), ApiError> {
    let is_known = |character: char| {
        character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@%".contains(character)
    };
    if !texts.iter().all(|text| text.chars().all(is_known)) {
        return Err(invalid(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        ));
    }
    let preposition_and_name = format!("{verb} stream {name} under account {account}");
    if texts.iter().any(|text| text.contains('%')) {
        return Err(invalid(format_args!(
            "Failed to {preposition_and_name} because some tags contained illegal characters. The allowed characters \
             are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}

/// `AddTagsToStream`
pub(crate) async fn add(
    kinesis: &Kinesis,
    caller: &Caller,
    input: AddTagsToStreamInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::ADD_TAGS, caller, "", kinesis.now_ms())?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active_or_updating()?; // KIN-051
        settings.tags = merged(&input.tags, &settings.tags, target.name, target.account)?;
        Ok(())
    });
    update.await.map(drop)
}

/// `RemoveTagsFromStream` (KIN-207)
pub(crate) async fn remove(
    kinesis: &Kinesis,
    caller: &Caller,
    input: RemoveTagsFromStreamInput,
) -> Result<(), ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::REMOVE_TAGS, caller, "", kinesis.now_ms())?;
    let keys: Vec<&str> = input.tag_keys.iter().map(|key| &**key).collect();
    check_characters(&keys, "remove tags from", target.name, target.account)?;
    let update = catalog::update(kinesis, caller, &target, |located, settings, _| {
        located.require_active_or_updating()?;
        without(&mut settings.tags, &input.tag_keys);
        Ok(())
    });
    update.await.map(drop)
}

fn without(tags: &mut Tags, keys: &[Str]) {
    tags.retain(|key, _| !keys.iter().any(|gone| **gone == **key));
}

/// `ListTagsForStream` (KIN-208)
pub(crate) async fn list(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListTagsForStreamInput,
) -> Result<ListTagsForStreamOutput, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let target = addressing::target(caller, name, arn)?;
    kinesis
        .rates
        .count(rates::LIST_TAGS, caller, "", kinesis.now_ms())?;
    let located = addressing::locate(kinesis, caller, &target)?;
    let after = input.exclusive_start_tag_key.as_deref();
    let max = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let tags = &located.stream.settings.tags;
    let mut rest = tags
        .iter()
        .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
    let page = rest
        .by_ref()
        .take(max.unwrap_or(limits::TAGS_MAX))
        .map(shown);
    let tags = page.collect();
    Ok(ListTagsForStreamOutput {
        tags,
        has_more_tags: rest.next().is_some(),
    })
}

fn shown((key, value): (&String, &String)) -> Tag {
    Tag {
        key: Str::from(key.clone()),
        value: Some(Str::from(value.clone())),
    }
}

/// `TagResource` (KIN-209)
pub(crate) async fn tag_resource(
    kinesis: &Kinesis,
    caller: &Caller,
    input: TagResourceInput,
) -> Result<(), ApiError> {
    resources::update(kinesis, caller, &input.resource_arn, |resource| {
        let (name, account) = (resource.name.clone(), resource.account.clone());
        *resource.tags = merged(&input.tags, resource.tags, &name, &account)?;
        Ok(())
    })
    .await
}

/// `UntagResource`
pub(crate) async fn untag_resource(
    kinesis: &Kinesis,
    caller: &Caller,
    input: UntagResourceInput,
) -> Result<(), ApiError> {
    resources::update(kinesis, caller, &input.resource_arn, |resource| {
        let keys: Vec<&str> = input.tag_keys.iter().map(|key| &**key).collect();
        check_characters(&keys, "remove tags from", &resource.name, &resource.account)?;
        without(resource.tags, &input.tag_keys);
        Ok(())
    })
    .await
}

/// `ListTagsForResource` (KIN-210)
pub(crate) async fn list_for_resource(
    kinesis: &Kinesis,
    caller: &Caller,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, ApiError> {
    let Resource { tags, .. } = resources::find(kinesis, caller, &input.resource_arn)?;
    Ok(ListTagsForResourceOutput {
        tags: Some(tags.iter().map(shown).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(pairs: &[(&str, &str)]) -> Result<Tags, String> {
        let given = pairs
            .iter()
            .map(|(key, value)| (Str::from((*key).to_owned()), Str::from((*value).to_owned())))
            .collect();
        merged(&given, &Tags::new(), "s", "1").map_err(|error| error.message)
    }

    #[test]
    fn tags_have_their_characters() {
        // KIN-205, KIN-206
        assert!(add(&[("ä b_.:/=+-@9", "")]).is_ok());
        let error = add(&[("a", "b;")]).expect_err("a semicolon");
        assert!(
            error.starts_with("Some tags contain invalid characters."),
            "{error}"
        );
        let error = add(&[("a%", "b")]).expect_err("a per cent sign");
        assert!(
            error.starts_with("Failed to add tags to stream s under account 1 because some tags"),
            "{error}"
        );
    }

    #[test]
    fn fifty_tags_are_the_most() {
        // KIN-204
        let keys: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
        let pairs: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        assert_eq!(add(&pairs[..50]).map(|tags| tags.len()), Ok(50));
        let error = add(&pairs).expect_err("51");
        let start = "Failed to add tags to stream s under account 1 because a given stream cannot have more than";
        assert!(error.starts_with(start), "{error}");
    }
}
