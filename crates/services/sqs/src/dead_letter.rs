//! What redrive policies mean between queues: which target a source really has, and who must be told when that changes.
//!
//! The engine moves messages to a queue id, a policy names a queue. A target may be deleted, created anew under its name,
//! or change whom it allows; each time its sources are told their new target in the same write (SQS-328, SQS-337).
//! For that, and for `ListDeadLetterSourceQueues` (SQS-327), every source has a row under its target's name.
//!
//! A source that was deleted or got another policy keeps its row, marked as former, until the target goes too: messages
//! that it moved still show its ARN (SQS-319).

use bytes::Bytes;
use waystation_engine::{CatalogChange, CatalogEffect, Expect, QueueId, Row, Scope};
use waystation_wire::{ApiError, Caller, Str};

use crate::api::{ListDeadLetterSourceQueuesRequest, ListDeadLetterSourceQueuesResult};
use crate::pages::{Page, PageRequest};
use crate::redrive;
use crate::redrive_allow::RedriveAllowPolicy;
use crate::settings::QueueSettings;
use crate::stored::{Input, Malformed, Output};
use crate::{Sqs, addressing, catalog, errors, limits, names};

/// The creation, change or removal of one queue.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    /// Account and region.
    pub(crate) scope: &'a Scope,
    /// The account.
    pub(crate) account: &'a str,
    /// The region.
    pub(crate) region: &'a str,
    /// The queue's name.
    pub(crate) name: &'a str,
    /// The row that was seen; `None` when there was none.
    pub(crate) before: Option<(&'a Row, &'a QueueSettings)>,
    /// The settings to write; `None` removes the queue.
    pub(crate) after: Option<&'a QueueSettings>,
}

impl Edit<'_> {
    /// The ARN of a queue beside the edited one.
    pub(crate) fn arn_of(&self, name: &str) -> String {
        names::arn(self.region, self.account, name)
    }

    /// Whether the queue is another target than before: new, gone, or of another mind about its sources.
    fn is_another_target(&self) -> bool {
        let permission = |settings: &QueueSettings| {
            settings
                .redrive_allow_policy
                .as_ref()
                .map(|policy| policy.permission.clone())
        };
        match (self.before, self.after) {
            (Some((_, before)), Some(after)) => permission(before) != permission(after),
            _ => true,
        }
    }
}

/// Where to go on when not all sources fitted into one write: the path of the last one that did.
pub(crate) type Rest = Option<Vec<u8>>;

/// All changes that belong to an edit: the queue itself, its place among the sources of its target, and its own sources.
pub(crate) fn changes(sqs: &Sqs, edit: &Edit<'_>) -> Result<(Vec<CatalogChange>, Rest), ApiError> {
    let mut changes = vec![main_change(sqs, edit)?];
    changes.extend(forgotten_tasks(sqs, edit));
    let redrive = |settings: Option<&QueueSettings>| {
        settings.and_then(|settings| {
            Some((
                settings.redrive_policy.as_ref()?.target_name.clone(),
                settings.queue,
            ))
        })
    };
    let (old, new) = (
        redrive(edit.before.map(|(_, settings)| settings)),
        redrive(edit.after),
    );
    if old != new {
        let row = |(target, queue): (String, QueueId), state| {
            SourceRow {
                state,
                name: edit.name.to_owned(),
            }
            .change(&target, queue)
        };
        changes.extend(old.map(|source| row(source, State::Former)));
        changes.extend(new.map(|source| row(source, State::Current)));
    }
    if !edit.is_another_target() {
        return Ok((changes, None));
    }
    let (followers, rest) = follow(sqs, edit, None)?;
    changes.extend(followers);
    Ok((changes, rest))
}

/// With a queue its move tasks go.
fn forgotten_tasks(sqs: &Sqs, edit: &Edit<'_>) -> Option<CatalogChange> {
    let path = catalog::moves_path(edit.name);
    let gone = edit.after.is_none() && sqs.engine.catalog().get(edit.scope, &path).is_some();
    gone.then_some(CatalogChange {
        path,
        expect: Expect::Any,
        value: None,
        effects: Vec::new(),
    })
}

fn main_change(sqs: &Sqs, edit: &Edit<'_>) -> Result<CatalogChange, ApiError> {
    let expect = edit
        .before
        .map_or(Expect::Absent, |(row, _)| Expect::Version(row.version()));
    let queue = match (edit.before, edit.after) {
        (Some((_, before)), Some(after)) if engine_sees_no_difference(before, after) => None,
        (_, Some(after)) => Some(CatalogEffect::Configure(
            after.queue,
            after.config(target(sqs, edit, edit.name, after)?),
        )),
        (Some((_, before)), None) => Some(CatalogEffect::Remove(before.queue)),
        (None, None) => None,
    };
    let value = edit.after.map(QueueSettings::encode);
    Ok(CatalogChange {
        path: catalog::queue_path(edit.name),
        expect,
        value,
        effects: Vec::from_iter(queue),
    })
}

fn engine_sees_no_difference(before: &QueueSettings, after: &QueueSettings) -> bool {
    let seen = |settings: &QueueSettings| (settings.config(None), settings.redrive_policy.clone());
    seen(before) == seen(after)
}

/// Changes for one slice of the sources of the edited queue, from `after` on.
pub(crate) fn follow(
    sqs: &Sqs,
    edit: &Edit<'_>,
    after: Option<&[u8]>,
) -> Result<(Vec<CatalogChange>, Rest), ApiError> {
    let prefix = catalog::sources_prefix(edit.name);
    let slice =
        sqs.engine
            .catalog()
            .range(edit.scope, &prefix, after, limits::FOLLOWERS_PER_WRITE_MAX);
    let rest = (slice.len() == limits::FOLLOWERS_PER_WRITE_MAX)
        .then(|| slice.last().map(|(path, _)| path.clone()))
        .flatten();
    let mut changes = Vec::new();
    for (path, row) in slice {
        let source = SourceRow::read(&row)?;
        match source.state {
            State::Current => changes.extend(reconfigure(sqs, edit, &source.name)?),
            // With the target its messages are gone, and nobody asks for the name any more.
            State::Former if edit.after.is_none() => {
                changes.push(CatalogChange {
                    path,
                    expect: Expect::Any,
                    value: None,
                    effects: Vec::new(),
                });
            }
            State::Former => {}
        }
    }
    Ok((changes, rest))
}

/// Tells a source its target anew. Its row is rewritten as it is, so that a concurrent change of it is noticed.
fn reconfigure(
    sqs: &Sqs,
    edit: &Edit<'_>,
    source: &str,
) -> Result<Option<CatalogChange>, ApiError> {
    let path = catalog::queue_path(source);
    let Some(row) = sqs.engine.catalog().get(edit.scope, &path) else {
        return Ok(None);
    };
    let settings = catalog::settings(&row)?;
    let config = settings.config(target(sqs, edit, source, &settings)?);
    Ok(Some(CatalogChange {
        path,
        expect: Expect::Version(row.version()),
        value: Some(Bytes::copy_from_slice(row.bytes())),
        effects: vec![CatalogEffect::Configure(settings.queue, config)],
    }))
}

/// The queue to which a source's messages move: the one its policy names, if that exists and allows the source.
fn target(
    sqs: &Sqs,
    edit: &Edit<'_>,
    source: &str,
    settings: &QueueSettings,
) -> Result<Option<QueueId>, ApiError> {
    let Some(policy) = &settings.redrive_policy else {
        return Ok(None);
    };
    let allows = |target: &QueueSettings| {
        let allow_policy = target.redrive_allow_policy.as_ref();
        let allowed =
            allow_policy.is_none_or(|allow_policy| allow_policy.allows(&edit.arn_of(source)));
        allowed.then_some(target.queue)
    };
    if policy.target_name == edit.name {
        return Ok(edit.after.and_then(allows));
    }
    Ok(find(sqs, edit.scope, &policy.target_name)?.and_then(|target| allows(&target)))
}

fn find(
    sqs: &Sqs,
    scope: &Scope,
    name: &str,
) -> Result<Option<std::sync::Arc<QueueSettings>>, ApiError> {
    sqs.engine
        .catalog()
        .get(scope, &catalog::queue_path(name))
        .map(|row| catalog::settings(&row))
        .transpose()
}

/// Whether a redrive policy that is being set leads to a queue that exists and allows it (SQS-311, SQS-335, SQS-336).
pub(crate) fn check_target(
    sqs: &Sqs,
    scope: &Scope,
    source_arn: &str,
    settings: &QueueSettings,
) -> Result<(), ApiError> {
    let Some(policy) = &settings.redrive_policy else {
        return Ok(());
    };
    let refused = |reason| Err(errors::invalid_value(&policy.text, "RedrivePolicy", reason));
    let Some(target) = find(sqs, scope, &policy.target_name)? else {
        return refused(redrive::TARGET_MISSING);
    };
    let denied = |allow_policy: &RedriveAllowPolicy| !allow_policy.allows(source_arn);
    if target.redrive_allow_policy.as_ref().is_some_and(denied) {
        return refused("The dead-letter queue does not allow this source queue.");
    }
    Ok(())
}

/// Whether the redrive policy of some queue names this one now (SQS-344, SQS-347).
pub(crate) fn is_target(sqs: &Sqs, located: &addressing::Located<'_>) -> Result<bool, ApiError> {
    let prefix = catalog::sources_prefix(located.name);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let catalog = sqs.engine.catalog();
        let page = limits::LIST_PAGE_MAX;
        let rows = catalog.range(&located.scope, &prefix, after.as_deref(), page);
        for (_, row) in &rows {
            if SourceRow::read(row)?.state == State::Current {
                return Ok(true);
            }
        }
        match rows.into_iter().last() {
            Some((path, _)) => after = Some(path),
            None => return Ok(false),
        }
    }
}

/// The ARN of the queue from which a message was moved into `located` (SQS-319).
pub(crate) fn source_arn(
    sqs: &Sqs,
    located: &addressing::Located<'_>,
    source: QueueId,
) -> Option<String> {
    let path = catalog::source_path(located.name, source);
    let row = sqs.engine.catalog().get(&located.scope, &path)?;
    let source = SourceRow::read(&row).ok()?;
    Some(names::arn(located.region, located.account, &source.name))
}

/// `ListDeadLetterSourceQueues` (SQS-327, SQS-085..088).
pub(crate) async fn list_sources(
    sqs: &Sqs,
    caller: &Caller,
    input: ListDeadLetterSourceQueuesRequest,
) -> Result<ListDeadLetterSourceQueuesResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let request = PageRequest::parse(input.max_results, input.next_token.as_deref())?;
    let prefix = catalog::sources_prefix(located.name);
    let page: Page<Str> = request.collect(sqs, &located.scope, &prefix, |_, row| {
        let source = SourceRow::read(row)?;
        let url = || addressing::queue_url(caller, located.account, &source.name);
        Ok((source.state == State::Current).then(url))
    })?;
    Ok(ListDeadLetterSourceQueuesResult {
        queue_urls: page.items,
        next_token: page.next_token,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The source's policy names the target now.
    Current,
    /// It did once.
    Former,
}

/// Version 1 of a source's row: version u8 = 1, current u8, name.
#[derive(Debug, PartialEq, Eq)]
struct SourceRow {
    state: State,
    name: String,
}

impl SourceRow {
    const VERSION: u8 = 1;

    fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(Self::VERSION);
        out.u8((self.state == State::Current).into());
        out.text(&self.name);
        out.finish()
    }

    fn decode(stored: &[u8]) -> Result<SourceRow, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != Self::VERSION {
            return Err(Malformed);
        }
        let state = if input.flag()? {
            State::Current
        } else {
            State::Former
        };
        let row = SourceRow {
            state,
            name: input.text()?,
        };
        input.end()?;
        Ok(row)
    }

    fn read(row: &Row) -> Result<SourceRow, ApiError> {
        SourceRow::decode(row.bytes()).map_err(errors::internal)
    }

    fn change(&self, target_name: &str, source: QueueId) -> CatalogChange {
        let path = catalog::source_path(target_name, source);
        CatalogChange {
            path,
            expect: Expect::Any,
            value: Some(self.encode()),
            effects: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_rows_stay_readable() {
        for state in [State::Current, State::Former] {
            let row = SourceRow {
                state,
                name: "orders".to_owned(),
            };
            assert_eq!(SourceRow::decode(&row.encode()), Ok(row));
        }
        let stored = b"\x01\x01\x01\x00\x00\x00q";
        assert_eq!(
            SourceRow::decode(stored),
            Ok(SourceRow {
                state: State::Current,
                name: "q".to_owned()
            })
        );
        assert_eq!(
            SourceRow::decode(b"\x02\x01\x01\x00\x00\x00q"),
            Err(Malformed)
        );
    }
}
