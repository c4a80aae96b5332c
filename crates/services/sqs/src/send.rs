//! `SendMessage` and `SendMessageBatch` (sections 7, 9, 15, 16). The answer comes after the message is durable (SQS-148).

use waystation_engine::{Outgoing, Sent};
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, Located};
use crate::api::{
    self, SendMessageBatchRequest, SendMessageBatchResult, SendMessageBatchResultEntry,
    SendMessageRequest, SendMessageResult,
};
use crate::draft::{Context, Draft, Ready};
use crate::errors::{from_engine, internal};
use crate::md5::{self, Md5Digest};
use crate::rates::Action;
use crate::{Sqs, batch, ids, limits};

/// `SendMessage`
pub(crate) async fn send(
    sqs: &Sqs,
    caller: &Caller,
    mut input: SendMessageRequest,
) -> Result<SendMessageResult, ApiError> {
    let queue_url = std::mem::take(&mut input.queue_url);
    let located = addressing::locate(sqs, caller, &queue_url)?;
    let now_ms = sqs.now_ms();
    sqs.rates.count(Action::Send, &located, now_ms)?;
    let draft = Draft::from(input);
    sqs.rates
        .count_group(&located, draft.group_id.as_deref(), now_ms)?;
    if let Some(fifo) = &located.settings.fifo {
        draft.check_fifo_ids(fifo, Context::Single)?;
    }
    let Ready {
        outgoing,
        body_md5,
        attributes_md5,
        system_attributes_md5,
    } = draft.ready(
        &located.settings,
        caller,
        &sqs.keys,
        now_ms,
        Context::Single,
    )?;
    let mut sent = sqs
        .engine
        .queue(located.id())
        .send(vec![outgoing])
        .await
        .map_err(from_engine)?;
    let sent = sent
        .pop()
        .ok_or_else(|| internal("the engine answered no message"))?
        .map_err(from_engine)?;
    Ok(SendMessageResult {
        md5_of_message_body: digest_text(Some(body_md5)),
        md5_of_message_attributes: digest_text(attributes_md5),
        md5_of_message_system_attributes: digest_text(system_attributes_md5),
        message_id: Some(message_id(sqs, &sent)),
        sequence_number: sequence_number(&located, &sent),
    })
}

/// `SendMessageBatch`
pub(crate) async fn send_batch(
    sqs: &Sqs,
    caller: &Caller,
    input: SendMessageBatchRequest,
) -> Result<SendMessageBatchResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let now_ms = sqs.now_ms();
    sqs.rates.count(Action::Send, &located, now_ms)?;
    let ids: Vec<&str> = input.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids("SendMessageBatch", &ids)?;
    let drafts: Vec<(Str, Draft)> = input
        .entries
        .into_iter()
        .map(|mut entry| (std::mem::take(&mut entry.id), Draft::from(entry)))
        .collect();
    check_total(&drafts)?;
    if let Some(fifo) = &located.settings.fifo {
        drafts
            .iter()
            .try_for_each(|(_, draft)| draft.check_fifo_ids(fifo, Context::Batch))?;
    }

    let mut result = SendMessageBatchResult::default();
    let mut outgoing = Vec::with_capacity(drafts.len());
    let mut accepted = Vec::with_capacity(drafts.len());
    for (id, draft) in drafts {
        match ready_entry(sqs, caller, &located, draft, now_ms) {
            Ok((message, digests)) => {
                outgoing.push(message);
                accepted.push((id, digests));
            }
            Err(error) => result.failed.push(batch::failed(id, error)),
        }
    }
    if outgoing.is_empty() {
        return Ok(result);
    }
    // One command for all: their order is that of the request, also in their sequence (SQS-174, SQS-175).
    let sent = sqs
        .engine
        .queue(located.id())
        .send(outgoing)
        .await
        .map_err(from_engine)?;
    if sent.len() != accepted.len() {
        return Err(internal("the engine answered another number of messages"));
    }
    for ((id, [body, attributes, system_attributes]), sent) in accepted.into_iter().zip(sent) {
        match sent {
            Ok(sent) => result.successful.push(SendMessageBatchResultEntry {
                id,
                message_id: message_id(sqs, &sent),
                md5_of_message_body: digest_text(body).unwrap_or_default(),
                md5_of_message_attributes: digest_text(attributes),
                md5_of_message_system_attributes: digest_text(system_attributes),
                sequence_number: sequence_number(&located, &sent),
            }),
            Err(error) => result.failed.push(batch::failed(id, from_engine(error))),
        }
    }
    Ok(result)
}

/// Digests of body, attributes and system attributes.
type Digests = [Option<Md5Digest>; 3];

fn ready_entry(
    sqs: &Sqs,
    caller: &Caller,
    located: &Located<'_>,
    draft: Draft,
    now_ms: u64,
) -> Result<(Outgoing, Digests), ApiError> {
    sqs.rates
        .count_group(located, draft.group_id.as_deref(), now_ms)?;
    let ready = draft.ready(&located.settings, caller, &sqs.keys, now_ms, Context::Batch)?;
    let digests = [
        Some(ready.body_md5),
        ready.attributes_md5,
        ready.system_attributes_md5,
    ];
    Ok((ready.outgoing, digests))
}

/// SQS-167, SQS-168
fn check_total(drafts: &[(Str, Draft)]) -> Result<(), ApiError> {
    let total: usize = drafts.iter().map(|(_, draft)| draft.size_bytes()).sum();
    if total > limits::BATCH_BYTES_MAX {
        return Err(api::BATCH_REQUEST_TOO_LONG.with(format!(
            "Batch requests cannot be longer than {} bytes. You have sent {total} bytes.",
            limits::BATCH_BYTES_MAX
        )));
    }
    Ok(())
}

fn digest_text(digest: Option<Md5Digest>) -> Option<Str> {
    digest.map(|digest| Str::from(md5::hex(&digest)))
}

/// For a duplicate this is the id of the original (SQS-269).
fn message_id(sqs: &Sqs, sent: &Sent) -> Str {
    Str::from(ids::message_id(&sqs.keys, sent.identity))
}

/// SQS-253
fn sequence_number(located: &Located<'_>, sent: &Sent) -> Option<Str> {
    located
        .is_fifo()
        .then(|| Str::from(ids::sequence_number(sent.sequence)))
}
