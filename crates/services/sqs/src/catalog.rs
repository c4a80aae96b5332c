//! The service's rows in the catalog, and the one loop that changes them.
//!
//! Paths within the scope of an account and region; names hold no slash, so none is a prefix of another's:
//! ```text
//! sqs/queue/<name>                         settings of a queue
//! sqs/move/<name>                          its latest move tasks: move_task_rows.rs
//! sqs/source/<target name>/<queue id>      a queue whose redrive policy names (or once named) the target: dead_letter.rs
//! ```

use std::sync::Arc;

use waystation_delivery::contention::Attempts;
use waystation_engine::{CatalogChange, QueueId, Row, Scope};
use waystation_wire::{ApiError, Caller};

use crate::addressing::{self, Located};
use crate::settings::QueueSettings;
use crate::stored::Malformed;
use crate::{Sqs, dead_letter, errors};

/// What all queues' paths start with.
pub(crate) const QUEUES: &[u8] = b"sqs/queue/";
/// What all paths of move tasks start with.
pub(crate) const MOVES: &[u8] = b"sqs/move/";
const SOURCES: &[u8] = b"sqs/source/";

/// The path of a queue's settings.
pub(crate) fn queue_path(name: &str) -> Vec<u8> {
    [QUEUES, name.as_bytes()].concat()
}

/// The path of a queue's move tasks.
pub(crate) fn moves_path(name: &str) -> Vec<u8> {
    [MOVES, name.as_bytes()].concat()
}

/// What the paths of a target's sources start with.
pub(crate) fn sources_prefix(target_name: &str) -> Vec<u8> {
    [SOURCES, target_name.as_bytes(), b"/"].concat()
}

/// The path of one source of a target.
pub(crate) fn source_path(target_name: &str, source: QueueId) -> Vec<u8> {
    [
        SOURCES,
        target_name.as_bytes(),
        b"/",
        &source.0.to_be_bytes(),
    ]
    .concat()
}

/// The settings in a queue's row, decoded once per row.
pub(crate) fn settings(row: &Row) -> Result<Arc<QueueSettings>, ApiError> {
    let decoded = row.decoded(|bytes| QueueSettings::decode(bytes).map(Arc::new));
    let settings: &Result<Arc<QueueSettings>, Malformed> = &decoded;
    settings.clone().map_err(errors::internal)
}

/// Changes the settings of an existing queue. `change` may be called several times: whenever another request was
/// faster, with what that one left behind. It answers whether there is anything to write.
pub(crate) async fn update(
    sqs: &Sqs,
    caller: &Caller,
    queue_url: &str,
    mut change: impl FnMut(&Located<'_>, &mut QueueSettings) -> Result<Outcome, ApiError>,
) -> Result<(), ApiError> {
    let mut attempts = sqs.attempts();
    while attempts.another() {
        let located = addressing::locate(sqs, caller, queue_url)?;
        let mut after = QueueSettings::clone(&located.settings);
        match change(&located, &mut after)? {
            Outcome::Unchanged => return Ok(()),
            Outcome::Changed => {}
        }
        let edit = dead_letter::Edit {
            scope: &located.scope,
            account: located.account,
            region: located.region,
            name: located.name,
            before: Some((&*located.row, &*located.settings)),
            after: Some(&after),
        };
        if write(sqs, &mut attempts, &edit).await? {
            return Ok(());
        }
    }
    Err(errors::changing_too_fast())
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The settings are as they were.
    Unchanged,
    /// The settings have to be written.
    Changed,
}

/// Writes an edit of one queue and whatever follows from it for its sources; `false` when it has to be made anew from what
/// the catalog shows now.
pub(crate) async fn write(
    sqs: &Sqs,
    attempts: &mut Attempts<'_>,
    edit: &dead_letter::Edit<'_>,
) -> Result<bool, ApiError> {
    let (changes, mut rest) = dead_letter::changes(sqs, edit)?;
    if !try_write(attempts, edit.scope, changes).await? {
        return Ok(false);
    }
    while let Some(after) = &rest {
        // Sources beyond the first slice follow in writes of their own. One that changes meanwhile finds the
        // target itself, so only the cursor decides when this ends.
        let (changes, next) = dead_letter::follow(sqs, edit, Some(after))?;
        if try_write(attempts, edit.scope, changes).await? {
            rest = next;
        }
    }
    Ok(true)
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
