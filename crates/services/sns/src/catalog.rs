//! The service's rows in the catalog, and the loops that change them.
//!
//! Paths within the scope of an account and region; names hold no slash, so none is a prefix of another's:
//! ```text
//! sns/topic/<name>                              settings of a topic
//! sns/subscription/<topic name>/<id>            a subscription
//! sns/token/<token>                             topic name, slash, id of the subscription that the token confirms
//! sns/endpoint/<topic name>/<hash>              the id of the subscription with this protocol and endpoint (SNS-071)
//! sns/application/<platform>/<name>             settings of a platform application
//! sns/device/<platform>/<name>/<id>             a platform endpoint
//! sns/device-token/<platform>/<name>/<hash>     the id of the endpoint of this device (SNS-448)
//! sns/sms/attributes                            what is set for SMS
//! sns/sms/number/<number>                       what the handset of a number asked for (SNS-473, SNS-474)
//! sns/sms/sandbox/<number>                      a number of the sandbox (SNS-476)
//! sns/captured                                  the queue of captured messages
//! ```

use std::sync::Arc;

use waystation_delivery::contention::{self, Attempts};
use waystation_delivery::stored::Malformed;
use waystation_engine::{CatalogChange, Expect, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::names::{self, TopicName};
use crate::subscription_settings::SubscriptionSettings;
use crate::topic_settings::TopicSettings;
use crate::{Sns, archive, errors};

/// What all topics' paths start with.
pub(crate) const TOPICS: &[u8] = b"sns/topic/";
/// What all subscriptions' paths start with.
pub(crate) const SUBSCRIPTIONS: &[u8] = b"sns/subscription/";
const ENDPOINTS: &[u8] = b"sns/endpoint/";

pub(crate) fn topic_path(name: &str) -> Vec<u8> {
    [TOPICS, name.as_bytes()].concat()
}

/// What the paths of a topic's subscriptions start with.
pub(crate) fn subscriptions_of(topic: &str) -> Vec<u8> {
    [SUBSCRIPTIONS, topic.as_bytes(), b"/"].concat()
}

pub(crate) fn subscription_path(topic: &str, id: &str) -> Vec<u8> {
    [SUBSCRIPTIONS, topic.as_bytes(), b"/", id.as_bytes()].concat()
}

pub(crate) fn token_path(token: &str) -> Vec<u8> {
    [b"sns/token/", token.as_bytes()].concat()
}

pub(crate) fn endpoint_path(topic: &str, hash: u128) -> Vec<u8> {
    [ENDPOINTS, topic.as_bytes(), b"/", &hash.to_be_bytes()].concat()
}

/// A topic that a request addresses, as the catalog showed it.
#[derive(Debug)]
pub(crate) struct Located<'a> {
    pub(crate) topic: TopicName<'a>,
    pub(crate) scope: Scope,
    pub(crate) row: Arc<Row>,
    pub(crate) settings: Arc<TopicSettings>,
}

/// The settings in a topic's row, decoded once per row.
pub(crate) fn topic_settings(row: &Row) -> Result<Arc<TopicSettings>, ApiError> {
    let decoded = row.decoded(|bytes| TopicSettings::decode(bytes).map(Arc::new));
    let settings: &Result<Arc<TopicSettings>, Malformed> = &decoded;
    settings.clone().map_err(errors::internal)
}

/// The settings in a subscription's row, decoded once per row.
pub(crate) fn subscription_settings(row: &Row) -> Result<Arc<SubscriptionSettings>, ApiError> {
    let decoded = row.decoded(|bytes| SubscriptionSettings::decode(bytes).map(Arc::new));
    let settings: &Result<Arc<SubscriptionSettings>, Malformed> = &decoded;
    settings.clone().map_err(errors::internal)
}

/// The topic of an ARN. A request of another account needs a policy on the topic (SNS-415); as long as policies are not
/// evaluated, having one is what counts. An unsigned request, which only the open mode lets through, belongs to nobody.
pub(crate) fn locate<'a>(
    sns: &Sns,
    caller: &Caller,
    arn: &'a str,
    action: &str,
) -> Result<Located<'a>, ApiError> {
    let topic = names::topic(caller, arn, "TopicArn")?;
    let located = find(sns, topic)?.ok_or_else(errors::topic_does_not_exist)?;
    let is_own = caller.access_key.is_none() || &*caller.account == topic.account;
    if is_own || located.settings.attributes.contains_key("Policy") {
        return Ok(located);
    }
    Err(errors::not_authorized(&caller.account, action, arn))
}

/// The topic of a name, if there is one.
pub(crate) fn find<'a>(sns: &Sns, topic: TopicName<'a>) -> Result<Option<Located<'a>>, ApiError> {
    let scope = Scope::new(topic.account, topic.region);
    let Some(row) = sns.engine.catalog().get(&scope, &topic_path(topic.name)) else {
        return Ok(None);
    };
    let settings = topic_settings(&row)?;
    Ok(Some(Located {
        topic,
        scope,
        row,
        settings,
    }))
}

/// Changes the settings of an existing topic. `change` may be called several times: whenever another request was
/// faster, with what that one left behind.
pub(crate) async fn update(
    sns: &Sns,
    caller: &Caller,
    arn: &str,
    action: &str,
    mut change: impl FnMut(&Located<'_>, &mut TopicSettings) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut attempts = sns.attempts();
    while attempts.another() {
        let located = locate(sns, caller, arn, action)?;
        let mut after = TopicSettings::clone(&located.settings);
        change(&located, &mut after)?;
        if after == *located.settings {
            return Ok(());
        }
        let effects = archive::effects(Some(&located.settings), &after);
        let moves_archive = !effects.is_empty();
        let changes = vec![CatalogChange {
            path: topic_path(located.topic.name),
            expect: Expect::Version(located.row.version()),
            value: Some(after.encode()),
            effects,
        }];
        if try_write(&mut attempts, &located.scope, changes).await? {
            if moves_archive {
                sns.archives.tell();
            }
            return Ok(());
        }
    }
    Err(errors::changing_too_fast())
}

/// Writes all rows or none; `false` when the change has to be made anew from what the catalog shows now.
pub(crate) async fn try_write(
    attempts: &mut Attempts<'_>,
    scope: &Scope,
    changes: Vec<CatalogChange>,
) -> Result<bool, ApiError> {
    let written = attempts.write(scope, changes).await;
    written.map_err(errors::from_engine)
}

/// The same, once.
pub(crate) async fn write(
    sns: &Sns,
    scope: &Scope,
    changes: Vec<CatalogChange>,
) -> Result<bool, ApiError> {
    let written = contention::write(&sns.engine, scope, changes).await;
    written.map_err(errors::from_engine)
}
