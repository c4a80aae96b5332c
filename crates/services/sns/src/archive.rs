//! The archive of a FIFO topic (section 28): a log of the engine that keeps one copy of every message, whoever subscribes.
//!
//! The log lies on the topic's shard, so a publish and its archived copy are one record of the engine (decision 19). Which
//! log it is stands in the topic's row; switching the archive off removes the log, and switching it on again makes another.

use serde_json::Value;
use waystation_delivery::envelope::timestamp;
use waystation_engine::{CatalogEffect, LogConfig, LogId};
use waystation_wire::ApiError;

use crate::errors::{Context, invalid_attribute};
use crate::topic_settings::TopicSettings;
use crate::{Sns, api, fifo, limits};

/// The attribute that switches it on.
pub(crate) const POLICY: &str = "ArchivePolicy";
/// Its only member.
const PERIOD: &str = "MessageRetentionPeriod";

/// Where a topic keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Archive {
    /// The log.
    pub(crate) log: LogId,
    /// There is nothing from before, in milliseconds since the epoch: it was switched on then, or what was older was
    /// given up when the retention became longer.
    pub(crate) since_ms: u64,
}

/// Checks a policy and returns for how many days it keeps messages; `None` keeps none (SNS-376, SNS-377).
pub(crate) fn days(policy: &str, context: Context) -> Result<Option<u64>, ApiError> {
    let refused = |text: String| Err(invalid_attribute(context, format_args!("{POLICY}: {text}")));
    let document: Value = match serde_json::from_str(policy) {
        Ok(document) => document,
        Err(error) => return refused(format!("failed to parse JSON. {error}")),
    };
    let Some(members) = document.as_object() else {
        return refused("must be a JSON object".to_owned());
    };
    if let Some(unknown) = members.keys().find(|name| *name != PERIOD) {
        return refused(format!("invalid JSON. Attribute {unknown} is unknown."));
    }
    let Some(period) = members.get(PERIOD) else {
        return Ok(None);
    };
    let days = match period {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    match days.filter(|days| limits::ARCHIVE_DAYS.contains(days)) {
        Some(days) => Ok(Some(days)),
        None => refused(format!("{PERIOD} must be a number of days from 1 to 365")),
    }
}

impl TopicSettings {
    /// How long its archive keeps a message, in milliseconds; `None` without one.
    fn archived_ms(&self) -> Option<u64> {
        let policy = self.attributes.get(POLICY)?;
        let days = days(policy, Context::Set).ok().flatten()?;
        Some(days * limits::DAY_MS)
    }

    /// From when on its archive can be replayed (SNS-379).
    pub(crate) fn archive_begins_ms(&self, now_ms: u64) -> Option<u64> {
        let (archive, archived_ms) = (self.archive?, self.archived_ms()?);
        Some(archive.since_ms.max(now_ms.saturating_sub(archived_ms)))
    }

    /// `BeginningArchiveTime`
    pub(crate) fn beginning_archive_time(&self, now_ms: u64) -> Option<String> {
        self.archive_begins_ms(now_ms).map(timestamp)
    }
}

/// Makes the archive what the policy says after attributes changed.
pub(crate) fn settle(sns: &Sns, before: &TopicSettings, after: &mut TopicSettings) {
    let now_ms = sns.now_ms();
    after.archive = match (before.archive, after.archived_ms()) {
        (_, None) => None,
        (None, Some(_)) => Some(Archive {
            log: sns.engine.new_log_id_beside(fifo::queue_of(after)),
            since_ms: now_ms,
        }),
        // What the old retention has given up does not come back with a longer one.
        (Some(archive), Some(_)) => Some(Archive {
            since_ms: match before.attributes.get(POLICY) == after.attributes.get(POLICY) {
                true => archive.since_ms,
                false => before.archive_begins_ms(now_ms).unwrap_or(now_ms),
            },
            ..archive
        }),
    };
}

/// What a change of a topic means for its log.
pub(crate) fn effects(before: Option<&TopicSettings>, after: &TopicSettings) -> Vec<CatalogEffect> {
    let former = before.and_then(|before| before.archive);
    let mut effects = Vec::new();
    if let Some(former) = former
        && after
            .archive
            .is_none_or(|archive| archive.log != former.log)
    {
        effects.push(CatalogEffect::RemoveLog(former.log));
    }
    let kept_before_ms = before.and_then(TopicSettings::archived_ms);
    if let Some(archive) = after.archive
        && let Some(retention_ms) = after.archived_ms()
        && (former.is_none() || kept_before_ms != Some(retention_ms))
    {
        let config = LogConfig { retention_ms };
        effects.push(CatalogEffect::ConfigureLog(archive.log, config));
    }
    effects
}

/// SNS-039, SNS-378
pub(crate) fn check_deletable(settings: &TopicSettings) -> Result<(), ApiError> {
    match settings.archive {
        None => Ok(()),
        Some(_) => Err(api::INVALID_STATE_EXCEPTION
            .with("Invalid state: Cannot delete a topic with an ArchivePolicy")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_say_for_how_many_days() {
        // SNS-376, SNS-377
        let days = |policy: &str| days(policy, Context::Set);
        assert_eq!(days(r#"{"MessageRetentionPeriod":"30"}"#), Ok(Some(30)));
        assert_eq!(days(r#"{"MessageRetentionPeriod":365}"#), Ok(Some(365)));
        assert_eq!(days("{}"), Ok(None));
        for bad in [
            "",
            "x",
            "[]",
            r#"{"MessageRetentionPeriod":"0"}"#,
            r#"{"MessageRetentionPeriod":"366"}"#,
            r#"{"MessageRetentionPeriod":"+7"}"#,
            r#"{"MessageRetentionPeriod":1.5}"#,
            r#"{"MessageRetentionPeriod":null}"#,
            r#"{"MessageRetentionPeriod":"7","Other":1}"#,
        ] {
            let message = days(bad).expect_err(bad).message;
            assert!(
                message.starts_with("Invalid parameter: ArchivePolicy: "),
                "{message}"
            );
        }
    }

    #[test]
    fn the_archive_begins_when_it_was_switched_on_or_with_the_retention() {
        // SNS-379
        let mut topic = crate::notice::tests::topic(true);
        assert_eq!(topic.archive_begins_ms(5), None);
        topic.attributes.insert(
            POLICY.to_owned(),
            r#"{"MessageRetentionPeriod":"1"}"#.to_owned(),
        );
        topic.archive = Some(Archive {
            log: LogId(1),
            since_ms: 1_000,
        });
        assert_eq!(topic.archive_begins_ms(2_000), Some(1_000));
        assert_eq!(topic.archive_begins_ms(limits::DAY_MS + 5_000), Some(5_000));
        let text = topic.beginning_archive_time(2_000);
        assert_eq!(text.as_deref(), Some("1970-01-01T00:00:01.000Z"));
    }
}
