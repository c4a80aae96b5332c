//! `PublishBatch` (section 14): up to ten messages, all of them valid or none taken.

use std::collections::HashSet;

use waystation_wire::{ApiError, Caller, Str};

use crate::api::{
    self, PublishBatchInput, PublishBatchRequestEntry, PublishBatchResponse,
    PublishBatchResultEntry,
};
use crate::catalog::locate;
use crate::notice::Draft;
use crate::{Sns, fifo, limits, publish};

/// `PublishBatch`
pub(crate) async fn publish_batch(
    sns: &Sns,
    caller: &Caller,
    input: PublishBatchInput,
) -> Result<PublishBatchResponse, ApiError> {
    let entries = input.publish_batch_request_entries;
    check_ids(&entries)?;
    let located = locate(sns, caller, &input.topic_arn, "Publish")?;
    let drafts: Vec<(Str, Draft)> = entries
        .into_iter()
        .map(|mut entry| (std::mem::take(&mut entry.id), Draft::from(entry)))
        .collect();
    let total: usize = drafts.iter().map(|(_, draft)| draft.size_bytes()).sum();
    if total > located.settings.message_bytes_max() {
        // SNS-180
        return Err(api::BATCH_REQUEST_TOO_LONG_EXCEPTION
            .with("The length of all the messages put together is more than the limit."));
    }
    let mut ids = Vec::with_capacity(drafts.len());
    let mut notices = Vec::with_capacity(drafts.len());
    for (id, draft) in drafts {
        // SNS-158, SNS-182
        notices.push(draft.ready(&located.settings, caller, sns.new_id(), sns.now_ms())?);
        ids.push(id);
    }
    let published = publish::all(sns, caller, &located, &input.topic_arn, notices).await?;
    let successful = ids
        .into_iter()
        .zip(published)
        .map(|(id, notice)| PublishBatchResultEntry {
            id: Some(id),
            message_id: Some(Str::from(notice.id)),
            sequence_number: notice
                .sequence
                .map(|sequence| Str::from(fifo::sequence_number(sequence))),
        });
    // SNS-183
    Ok(PublishBatchResponse {
        successful: Some(successful.collect()),
        failed: Some(Vec::new()),
    })
}

/// SNS-174 to SNS-179
fn check_ids(entries: &[PublishBatchRequestEntry]) -> Result<(), ApiError> {
    if entries.is_empty() {
        return Err(api::EMPTY_BATCH_REQUEST_EXCEPTION
            .with("The batch request doesn't contain any entries."));
    }
    if entries.len() > limits::BATCH_ENTRIES_MAX {
        return Err(api::TOO_MANY_ENTRIES_IN_BATCH_REQUEST_EXCEPTION
            .with("The batch request contains more entries than permissible."));
    }
    let refused = |text: String| Err(api::INVALID_BATCH_ENTRY_ID_EXCEPTION.with(text));
    let mut seen = HashSet::new();
    for entry in entries {
        let id = &*entry.id;
        if id.len() > limits::BATCH_ENTRY_ID_LENGTH_MAX {
            return refused(format!(
                "The Id of a batch entry in the batch request is too long: {id}"
            ));
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || !id.bytes().all(legal) {
            return refused(format!(
                "The Id of a batch entry in the batch request contains an impermissible character: {id}"
            ));
        }
        if !seen.insert(id) {
            return Err(api::BATCH_ENTRY_IDS_NOT_DISTINCT_EXCEPTION
                .with("Two or more batch entries in the request have the same Id."));
        }
    }
    Ok(())
}
