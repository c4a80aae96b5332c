//! Topics come, are listed and go (section 4).

use waystation_engine::{CatalogChange, CatalogEffect, Expect, Scope};
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    self, CreateTopicInput, CreateTopicResponse, DeleteTopicInput, ListTopicsInput,
    ListTopicsResponse, Topic,
};
use crate::catalog::{Located, find, topic_path};
use crate::errors::{Context, changing_too_fast, invalid, not_authorized};
use crate::names::{self, TopicName};
use crate::topic_settings::TopicSettings;
use crate::{
    Limits, Sns, archive, catalog, data_protection, fifo, limits, pages, subscriptions, tags,
    topic_rules,
};

/// `CreateTopic`: a new topic, or the existing one when it is as asked for (SNS-026 to SNS-034).
pub(crate) async fn create(
    sns: &Sns,
    caller: &Caller,
    input: CreateTopicInput,
) -> Result<CreateTopicResponse, ApiError> {
    let wanted = wanted(sns, &input)?;
    let topic = TopicName {
        account: &caller.account,
        region: &caller.region,
        name: &input.name,
    };
    let created = CreateTopicResponse {
        topic_arn: Some(Str::from(topic.arn())),
    };
    let mut attempts = sns.attempts();
    while attempts.another() {
        if let Some(existing) = find(sns, topic)? {
            check_equal(&existing.settings, &wanted)?;
            return Ok(created);
        }
        check_quota(sns, caller, wanted.is_fifo)?;
        let queue = wanted.is_fifo.then(|| fifo::queue_of(&wanted));
        let queue = queue.map(|queue| CatalogEffect::Configure(queue, fifo::queue_config()));
        let mut effects = archive::effects(None, &wanted);
        effects.extend(queue);
        let changes = vec![CatalogChange {
            path: topic_path(topic.name),
            expect: Expect::Absent,
            value: Some(wanted.encode()),
            effects,
        }];
        if catalog::try_write(
            &mut attempts,
            &Scope::new(topic.account, topic.region),
            changes,
        )
        .await?
        {
            sns.archives.tell();
            return Ok(created);
        }
    }
    Err(changing_too_fast())
}

/// The topic that a request describes.
fn wanted(sns: &Sns, input: &CreateTopicInput) -> Result<TopicSettings, ApiError> {
    let is_fifo = names::is_topic_name(&input.name) && input.name.ends_with(names::FIFO_SUFFIX);
    let mut settings = TopicSettings {
        id: sns.engine.new_queue_id().0,
        created_ms: sns.now_ms(),
        is_fifo,
        attributes: Default::default(),
        tags: tags::check(input.tags.iter().flatten())?,
        data_protection: None,
        archive: None,
    };
    let mut asks_for_fifo = false;
    for (name, value) in input.attributes.iter().flat_map(Map::iter) {
        if &**name == "FifoTopic" {
            asks_for_fifo = topic_rules::flag(Context::Create, name, value)?;
        }
    }
    // SNS-028
    if !names::is_topic_name(&input.name) || asks_for_fifo != is_fifo {
        return Err(invalid("Topic Name"));
    }
    for (name, value) in input.attributes.iter().flat_map(Map::iter) {
        if &**name != "FifoTopic" {
            topic_rules::apply(&mut settings, name, value, Context::Create)?;
        }
    }
    if let Some(policy) = &input.data_protection_policy {
        settings.data_protection = Some(data_protection::check(policy)?);
    }
    archive::settle(sns, &TopicSettings::none(), &mut settings);
    Ok(settings)
}

/// SNS-374, SNS-489
fn check_quota(sns: &Sns, caller: &Caller, is_fifo: bool) -> Result<(), ApiError> {
    if sns.limits == Limits::None {
        return Ok(());
    }
    let most = match is_fifo {
        true => limits::FIFO_TOPICS_MAX_AWS,
        false => limits::TOPICS_MAX_AWS,
    };
    let scope = Scope::new(&caller.account, &caller.region);
    let topics = sns
        .engine
        .catalog()
        .range(&scope, catalog::TOPICS, None, usize::MAX);
    let is_such = |path: &[u8]| path.ends_with(names::FIFO_SUFFIX.as_bytes()) == is_fifo;
    if topics.iter().filter(|(path, _)| is_such(path)).count() < most {
        return Ok(());
    }
    Err(api::TOPIC_LIMIT_EXCEEDED_EXCEPTION.with("Topic limit exceeded for the account"))
}

/// SNS-029 to SNS-033
fn check_equal(existing: &TopicSettings, wanted: &TopicSettings) -> Result<(), ApiError> {
    let is_same = |(name, value): (&String, &String)| {
        existing
            .attributes
            .get(name)
            .is_some_and(|current| topic_rules::is_same_text(current, value))
    };
    if existing.is_fifo != wanted.is_fifo || !wanted.attributes.iter().all(is_same) {
        return Err(invalid(
            "Attributes Reason: Topic already exists with different attributes",
        ));
    }
    if !wanted.tags.is_empty() && existing.tags != wanted.tags {
        return Err(invalid(
            "Tags Reason: Topic already exists with different tags",
        ));
    }
    Ok(())
}

/// `DeleteTopic`: the topic at once, then its subscriptions (SNS-035 to SNS-038).
pub(crate) async fn delete(
    sns: &Sns,
    caller: &Caller,
    input: DeleteTopicInput,
) -> Result<(), ApiError> {
    let topic = names::topic(caller, &input.topic_arn, "TopicArn")?;
    let mut attempts = sns.attempts();
    while attempts.another() {
        let Some(located) = find(sns, topic)? else {
            return Ok(());
        };
        if caller.access_key.is_some() && &*caller.account != topic.account {
            return Err(not_authorized(
                &caller.account,
                "DeleteTopic",
                &input.topic_arn,
            ));
        }
        archive::check_deletable(&located.settings)?;
        let changes = vec![CatalogChange {
            path: topic_path(topic.name),
            expect: Expect::Version(located.row.version()),
            value: None,
            effects: removed_with(&located.settings),
        }];
        if catalog::try_write(&mut attempts, &located.scope, changes).await? {
            sns.subscribers.forget(&located.scope, topic.name);
            sns.tallies.forget(&located.scope, topic.name);
            return remove_subscriptions(sns, &located).await;
        }
    }
    Err(changing_too_fast())
}

/// What goes with a topic's row.
pub(crate) fn removed_with(settings: &TopicSettings) -> Vec<CatalogEffect> {
    let queue = settings.is_fifo.then(|| fifo::queue_of(settings));
    let log = settings.archive.map(|archive| archive.log);
    let log = log.map(CatalogEffect::RemoveLog);
    queue
        .map(CatalogEffect::Remove)
        .into_iter()
        .chain(log)
        .collect()
}

/// The subscriptions that a deleted topic leaves. Those of a new topic of the name stay (SNS-037).
async fn remove_subscriptions(sns: &Sns, located: &Located<'_>) -> Result<(), ApiError> {
    let name = located.topic.name;
    let prefix = catalog::subscriptions_of(name);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let catalog = sns.engine.catalog();
        let rows = catalog.range(
            &located.scope,
            &prefix,
            after.as_deref(),
            limits::REMOVED_PER_WRITE_MAX,
        );
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        let mut changes = Vec::new();
        for (path, row) in rows {
            let settings = catalog::subscription_settings(&row)?;
            if settings.topic != located.settings.id {
                continue;
            }
            let id =
                String::from_utf8_lossy(path.get(prefix.len()..).unwrap_or_default()).into_owned();
            changes.append(&mut subscriptions::removals(sns, name, &id, &settings));
        }
        if !changes.is_empty() {
            catalog::write(sns, &located.scope, changes).await?;
        }
    }
}

/// `ListTopics` (SNS-040, SNS-041).
pub(crate) async fn list(
    sns: &Sns,
    caller: &Caller,
    input: ListTopicsInput,
) -> Result<ListTopicsResponse, ApiError> {
    let scope = Scope::new(&caller.account, &caller.region);
    let page = pages::page(
        sns,
        &scope,
        catalog::TOPICS,
        input.next_token.as_deref(),
        |name, _| {
            // Names are ASCII.
            let name = String::from_utf8_lossy(name);
            let topic = TopicName {
                account: &caller.account,
                region: &caller.region,
                name: &name,
            };
            Ok(Some(Topic {
                topic_arn: Some(Str::from(topic.arn())),
            }))
        },
    )?;
    Ok(ListTopicsResponse {
        topics: Some(page.items),
        next_token: page.next_token,
    })
}
