//! Replays (section 28): what a subscription asks of its topic's archive, and how that is kept.
//!
//! How far a replay is stands in the engine, as a cursor of the archive's log under the subscription's id; its row tells which
//! archive it reads, from where to when, and how it stands. `replays` works them.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use waystation_delivery::envelope::timestamp;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_delivery::uuid;
use waystation_engine::{CatalogEffect, Cursor, EngineError, Label, LogId, LogSpot};
use waystation_wire::ApiError;

use crate::catalog::Located;
use crate::errors::{Context, changing_too_fast, from_engine, invalid_attribute};
use crate::{Sns, api, archive, limits};

/// The attribute that starts one.
pub(crate) const POLICY: &str = "ReplayPolicy";
const MEMBERS: [&str; 3] = ["PointType", "StartingPoint", "EndingPoint"];

/// A replay of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replay {
    /// What it reads; when the topic has another archive by now, it cannot go on.
    pub(crate) log: LogId,
    /// Tells it from earlier ones of the subscription, which have lower numbers (SNS-386).
    pub(crate) number: u64,
    /// Messages published from then on, in milliseconds since the epoch.
    pub(crate) start_ms: u64,
    /// Messages published until then (SNS-385).
    pub(crate) end_ms: Option<u64>,
    /// Where it begins in the log.
    pub(crate) from: u64,
    pub(crate) status: ReplayStatus,
}

/// How it stands (SNS-390).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayStatus {
    Pending,
    InProgress,
    Completed,
    Failed,
}

const STATUSES: [ReplayStatus; 4] = [
    ReplayStatus::Pending,
    ReplayStatus::InProgress,
    ReplayStatus::Completed,
    ReplayStatus::Failed,
];

impl ReplayStatus {
    /// As `ReplayStatus` shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ReplayStatus::Pending => "Pending",
            ReplayStatus::InProgress => "In progress",
            ReplayStatus::Completed => "Completed",
            ReplayStatus::Failed => "Failed",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, ReplayStatus::Completed | ReplayStatus::Failed)
    }
}

impl Replay {
    /// Whether it wants a message of that time (SNS-383, SNS-385).
    pub(crate) fn covers(&self, published_ms: u64) -> bool {
        published_ms >= self.start_ms && self.end_ms.is_none_or(|end_ms| published_ms <= end_ms)
    }

    /// Nothing that it wants enters the archive at that time or later.
    pub(crate) fn is_past(&self, archived_ms: u64) -> bool {
        let last_ms = |end_ms: u64| end_ms.saturating_add(limits::ARCHIVED_LATE_MS);
        self.end_ms
            .is_some_and(|end_ms| archived_ms > last_ms(end_ms))
    }

    /// Opens its cursor.
    pub(crate) fn opened(&self, subscription: &str) -> CatalogEffect {
        let cursor = Cursor {
            number: self.number,
            position: self.from,
        };
        CatalogEffect::OpenCursor(self.log, label(subscription), cursor)
    }

    /// Closes its cursor: the subscription hears of new messages directly.
    pub(crate) fn closed(&self, subscription: &str) -> CatalogEffect {
        CatalogEffect::CloseCursor(self.log, label(subscription))
    }

    pub(crate) fn encode(&self, out: &mut Output) {
        out.u64(self.log.0);
        out.u64(self.number);
        out.u64(self.start_ms);
        out.option(&self.end_ms, |out, end_ms| out.u64(*end_ms));
        out.u64(self.from);
        out.u8(self.status as u8);
    }

    pub(crate) fn decode(input: &mut Input<'_>) -> Result<Replay, Malformed> {
        Ok(Replay {
            log: LogId(input.u64()?),
            number: input.u64()?,
            start_ms: input.u64()?,
            end_ms: input.option(Input::u64)?,
            from: input.u64()?,
            status: *STATUSES.get(usize::from(input.u8()?)).ok_or(Malformed)?,
        })
    }
}

/// By what the engine knows a subscription.
pub(crate) fn label(subscription: &str) -> Label {
    Label(uuid::to_bytes(subscription).unwrap_or_default())
}

/// What a change of a subscription's replay means for cursors.
pub(crate) fn effects(
    subscription: &str,
    before: Option<Replay>,
    after: Option<Replay>,
) -> Vec<CatalogEffect> {
    let number = |replay: Option<Replay>| replay.map(|replay| replay.number);
    if number(before) == number(after) {
        return Vec::new();
    }
    match (before, after) {
        (_, Some(after)) => vec![after.opened(subscription)],
        (Some(before), None) => vec![before.closed(subscription)],
        (None, None) => Vec::new(),
    }
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    start_ms: u64,
    end_ms: Option<u64>,
}

fn refused(context: Context, text: impl std::fmt::Display) -> ApiError {
    invalid_attribute(context, format_args!("{POLICY}: {text}"))
}

/// Reads a policy; an empty one replays nothing (SNS-381).
pub(crate) fn window(policy: &str, context: Context) -> Result<Option<Window>, ApiError> {
    if policy.is_empty() {
        return Ok(None);
    }
    let refused = |text: String| refused(context, text);
    if policy.len() > limits::ATTRIBUTE_BYTES_MAX {
        return Err(refused("too long".to_owned()));
    }
    let document: Value = serde_json::from_str(policy)
        .map_err(|error| refused(format!("failed to parse JSON. {error}")))?;
    let members = document
        .as_object()
        .ok_or_else(|| refused("must be a JSON object".to_owned()))?;
    if members.is_empty() {
        return Ok(None);
    }
    if let Some(unknown) = members
        .keys()
        .find(|name| !MEMBERS.contains(&name.as_str()))
    {
        return Err(refused(format!(
            "invalid JSON. Attribute {unknown} is unknown."
        )));
    }
    if members.get("PointType").and_then(Value::as_str) != Some("Timestamp") {
        return Err(refused("PointType must be Timestamp".to_owned()));
    }
    let start_ms = point(members, "StartingPoint", context)?;
    let end_ms = point(members, "EndingPoint", context)?;
    let start_ms = start_ms.ok_or_else(|| refused("StartingPoint must be specified".to_owned()))?;
    if end_ms.is_some_and(|end_ms| end_ms <= start_ms) {
        return Err(refused(
            "EndingPoint must be after StartingPoint".to_owned(),
        ));
    }
    Ok(Some(Window { start_ms, end_ms }))
}

/// A time in UTC, to the millisecond.
fn point(
    members: &Map<String, Value>,
    name: &str,
    context: Context,
) -> Result<Option<u64>, ApiError> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let text = value.as_str().filter(|text| text.ends_with('Z'));
    let time = text.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let ms = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
    match ms {
        Some(ms) => Ok(Some(ms)),
        None => Err(refused(
            context,
            format_args!("{name} must be an ISO 8601 timestamp in UTC"),
        )),
    }
}

/// The replay that a valid policy asks for, at the topic as it is now (SNS-381, SNS-391). `former` is the one it replaces;
/// `subscription` is not counted among those that run.
pub(crate) async fn plan(
    sns: &Sns,
    topic: &Located<'_>,
    policy: &str,
    former: Option<Replay>,
    subscription: Option<&str>,
    context: Context,
) -> Result<Option<Replay>, ApiError> {
    let Some(Window { start_ms, end_ms }) = window(policy, context)? else {
        return Ok(None);
    };
    let now_ms = sns.now_ms();
    let begins_ms = topic.settings.archive_begins_ms(now_ms);
    let (Some(archive), Some(begins_ms)) = (topic.settings.archive, begins_ms) else {
        return Err(refused(
            context,
            format_args!("the topic has no {}", archive::POLICY),
        ));
    };
    // It moves with the clock: what somebody was told a moment ago still holds.
    let told_ms = topic
        .settings
        .archive_begins_ms(now_ms.saturating_sub(limits::BEGINNING_TOLD_MS));
    if told_ms.is_some_and(|told_ms| start_ms < told_ms) {
        return Err(refused(
            context,
            format_args!(
                "StartingPoint must not be before the BeginningArchiveTime {}",
                timestamp(begins_ms)
            ),
        ));
    }
    if start_ms > now_ms {
        return Err(refused(context, "StartingPoint must not be in the future"));
    }
    if sns.replays.others(&topic.scope, subscription) >= limits::REPLAYS_MAX {
        return Err(api::REPLAY_LIMIT_EXCEEDED_EXCEPTION
            .with("The maximum number of concurrent message replays is reached"));
    }
    let log = sns.engine.log(archive.log);
    let located = log.locate(LogSpot::Time(start_ms)).await;
    let located = located.map_err(|error| match error {
        // It is being made, or going.
        EngineError::NoSuchLog => changing_too_fast(),
        other => from_engine(other),
    })?;
    Ok(Some(Replay {
        log: archive.log,
        number: former.map_or(0, |former| former.number + 1).max(now_ms),
        start_ms,
        end_ms,
        from: located.position,
        status: ReplayStatus::Pending,
    }))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One with everything set.
    pub(crate) fn full() -> Replay {
        Replay {
            log: LogId(3),
            number: 4,
            start_ms: 5,
            end_ms: Some(6),
            from: 7,
            status: ReplayStatus::Failed,
        }
    }

    #[test]
    fn policies_name_a_window() {
        // SNS-381
        let window = |policy: &str| window(policy, Context::Set);
        let start = r#""PointType":"Timestamp","StartingPoint":"1970-01-01T00:00:01Z""#;
        assert_eq!(
            window(&format!("{{{start}}}")),
            Ok(Some(Window {
                start_ms: 1_000,
                end_ms: None
            }))
        );
        let whole = format!(r#"{{{start},"EndingPoint":"1970-01-01T00:00:02.5Z"}}"#);
        assert_eq!(
            window(&whole),
            Ok(Some(Window {
                start_ms: 1_000,
                end_ms: Some(2_500)
            }))
        );
        assert_eq!((window(""), window("{}")), (Ok(None), Ok(None)));
        for bad in [
            "x",
            "[]",
            r#"{"PointType":"Timestamp"}"#,
            r#"{"StartingPoint":"1970-01-01T00:00:01Z"}"#,
            r#"{"PointType":"Position","StartingPoint":"1970-01-01T00:00:01Z"}"#,
            r#"{"PointType":"Timestamp","StartingPoint":"yesterday"}"#,
            r#"{"PointType":"Timestamp","StartingPoint":"1970-01-01T00:00:01+01:00"}"#,
            r#"{"PointType":"Timestamp","StartingPoint":7}"#,
            &format!(r#"{{{start},"EndingPoint":"1970-01-01T00:00:01Z"}}"#),
            &format!(r#"{{{start},"Other":1}}"#),
        ] {
            let message = window(bad).expect_err(bad).message;
            assert!(
                message.starts_with("Invalid parameter: ReplayPolicy: "),
                "{message}"
            );
        }
    }

    #[test]
    fn a_replay_wants_what_was_published_in_its_window() {
        // SNS-383, SNS-385
        let replay = full();
        assert_eq!(
            [4, 5, 6, 7].map(|ms| replay.covers(ms)),
            [false, true, true, false]
        );
        assert!(!replay.is_past(6 + limits::ARCHIVED_LATE_MS));
        assert!(replay.is_past(7 + limits::ARCHIVED_LATE_MS));
        let open = Replay {
            end_ms: None,
            ..replay
        };
        assert!(open.covers(u64::MAX) && !open.is_past(u64::MAX));
    }
}
