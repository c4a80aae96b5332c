//! Where mails, text messages and push notifications go: nothing here sends them, so they are kept where a tester reads them.
//!
//! Every account and region with such a message owns one queue of the engine, and a message in it is as durable as any
//! other: a publish names that queue in its record like those of other subscribers, and its answer means that the message
//! is there. Messages go by their age, after as long as an unread SQS message (`docs/decisions/0017-captured-messages.md`).

use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_engine::{
    CatalogChange, CatalogEffect, Delivered, Expect, Outgoing, PeekRequest, QueueConfig,
    QueueHandle, QueueId, QueueKind, ReceiveRequest, Row, Scope, States,
};
use waystation_wire::{ApiError, Caller};

use crate::captured_message::{CapturedKind, CapturedMessage};
use crate::catalog::Located;
use crate::errors::{changing_too_fast, from_engine, internal};
use crate::notice::Notice;
use crate::subscribers::Subscriber;
use crate::{Sns, catalog, email, limits, push, sms};

/// The row that names the queue: version u8 = 1, queue id u64.
pub(crate) const PATH: &[u8] = b"sns/captured";
const VERSION: u8 = 1;

fn config() -> QueueConfig {
    QueueConfig {
        kind: QueueKind::Standard,
        retention_ms: limits::CAPTURED_MS,
        delay_ms: 0,
        redrive: None,
    }
}

/// The queue that a row names.
pub(crate) fn queue_of(row: &Row) -> Result<QueueId, ApiError> {
    let read = |stored: &[u8]| {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let queue = input.u64()?;
        input.end().map(|()| QueueId(queue))
    };
    read(row.bytes()).map_err(internal)
}

/// The queue of a scope, if anything was ever captured there.
pub(crate) fn known_queue(sns: &Sns, scope: &Scope) -> Result<Option<QueueId>, ApiError> {
    let row = sns.engine.catalog().get(scope, PATH);
    row.map(|row| queue_of(&row)).transpose()
}

/// The queue of a scope, made if need be.
pub(crate) async fn queue(sns: &Sns, scope: &Scope) -> Result<QueueId, ApiError> {
    if let Some(known) = known_queue(sns, scope)? {
        return Ok(known);
    }
    let queue = sns.engine.new_queue_id();
    let mut row = Output::default();
    row.u8(VERSION);
    row.u64(queue.0);
    let changes = vec![CatalogChange {
        path: PATH.to_vec(),
        expect: Expect::Absent,
        value: Some(row.finish()),
        effects: vec![CatalogEffect::Configure(queue, config())],
    }];
    if catalog::write(sns, scope, changes).await? {
        return Ok(queue);
    }
    // Whoever was faster made it, unless everything was thrown away since.
    known_queue(sns, scope)?.ok_or_else(changing_too_fast)
}

/// Whether the messages of a protocol are captured.
pub(crate) fn takes(protocol: &str) -> bool {
    matches!(protocol, "sms" | "application") || email::is_email(protocol)
}

/// Makes the queue of a scope for subscriptions of a protocol whose messages are captured.
pub(crate) async fn prepare(sns: &Sns, scope: &Scope, protocol: &str) -> Result<(), ApiError> {
    if takes(protocol) {
        queue(sns, scope).await?;
    }
    Ok(())
}

/// The queue and the message for a subscriber who is outside; `None` for another, and for one who cannot be reached.
pub(crate) fn address(
    sns: &Sns,
    caller: &Caller,
    located: &Located<'_>,
    topic_arn: &str,
    notice: &Notice,
    subscriber: &Subscriber,
) -> Result<Option<(QueueId, Outgoing)>, ApiError> {
    if !takes(&subscriber.settings.protocol) {
        return Ok(None);
    }
    let message = match &*subscriber.settings.protocol {
        "sms" => sms::notification(sns, located, topic_arn, notice, subscriber)?,
        "application" => push::notification(sns, topic_arn, notice, subscriber)?,
        _ => Some(email::notification(
            caller, located, topic_arn, notice, subscriber,
        )),
    };
    let queue = known_queue(sns, &located.scope)?;
    Ok(queue.zip(message.map(|message| message.outgoing())))
}

/// Keeps a message that no topic brought, durably.
pub(crate) async fn keep(
    sns: &Sns,
    scope: &Scope,
    message: &CapturedMessage,
) -> Result<(), ApiError> {
    let queue = sns.engine.queue(queue(sns, scope).await?);
    let sent = queue.send(vec![message.outgoing()]).await;
    sent.and_then(|sent| sent.into_iter().collect::<Result<Vec<_>, _>>())
        .map(drop)
        .map_err(from_engine)
}

/// Which captured messages.
#[derive(Debug, Clone, Copy)]
pub struct Captures<'a> {
    /// The account.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// One kind of them.
    pub kind: Option<CapturedKind>,
    /// Those for one address, phone number or platform endpoint.
    pub endpoint: Option<&'a str>,
}

impl Captures<'_> {
    fn is_everything(&self) -> bool {
        self.kind.is_none() && self.endpoint.is_none()
    }

    fn wants(&self, message: &CapturedMessage) -> bool {
        self.kind.is_none_or(|kind| kind == message.kind)
            && self
                .endpoint
                .is_none_or(|endpoint| endpoint == message.endpoint)
    }
}

/// Captured messages in the order in which they came, each with its time in milliseconds since the epoch.
#[derive(Debug, Default)]
pub struct CapturedPage {
    /// The messages.
    pub messages: Vec<(u64, CapturedMessage)>,
    /// Where to go on; `None` when these are the last.
    pub next: Option<u64>,
}

impl Sns {
    /// Shows captured messages from a marker of an earlier answer on. An answer is bounded in number and bytes.
    pub async fn captured(
        &self,
        wanted: Captures<'_>,
        marker: Option<u64>,
    ) -> Result<CapturedPage, ApiError> {
        let scope = Scope::new(wanted.account, wanted.region);
        let mut page = CapturedPage::default();
        let Some(queue) = known_queue(self, &scope)? else {
            return Ok(page);
        };
        let queue = self.engine.queue(queue);
        let (mut from, mut bytes) = (marker.or(Some(0)), 0);
        while let Some(start) = from
            && page.messages.len() < limits::CAPTURED_SHOWN_MAX
            && bytes < limits::CAPTURED_SHOWN_BYTES_MAX
        {
            let request = PeekRequest {
                from: start,
                max: limits::CAPTURED_SHOWN_MAX - page.messages.len(),
                bytes_max: limits::CAPTURED_SHOWN_BYTES_MAX - bytes,
                states: States::ALL,
            };
            let part = queue.peek(request).await.map_err(from_engine)?;
            for Delivered { body, sent_ms, .. } in
                part.messages.into_iter().map(|seen| seen.message)
            {
                let message = CapturedMessage::decode(&body).map_err(internal)?;
                if wanted.wants(&message) {
                    bytes += body.len() as u64;
                    page.messages.push((sent_ms, message));
                }
            }
            from = part.next;
        }
        page.next = from;
        Ok(page)
    }

    /// Throws captured messages away, durably.
    pub async fn clear_captured(&self, unwanted: Captures<'_>) -> Result<(), ApiError> {
        let scope = Scope::new(unwanted.account, unwanted.region);
        let Some(queue) = known_queue(self, &scope)? else {
            return Ok(());
        };
        let queue = self.engine.queue(queue);
        if unwanted.is_everything() {
            return queue.purge().await.map_err(from_engine);
        }
        remove(&queue, &unwanted).await
    }
}

/// Removes some messages of a queue: each is received, and those that stay are put back.
async fn remove(queue: &QueueHandle, unwanted: &Captures<'_>) -> Result<(), ApiError> {
    let request = ReceiveRequest {
        max: limits::BATCH_ENTRIES_MAX,
        visibility_ms: limits::ATTEMPT_MS_MAX,
        wait_ms: 0,
        attempt: None,
    };
    let mut staying = Vec::new();
    loop {
        let messages = queue.receive(request.clone()).await.map_err(from_engine)?;
        if messages.is_empty() {
            break;
        }
        let mut gone = Vec::new();
        for message in messages {
            match CapturedMessage::decode(&message.body) {
                Ok(captured) if !unwanted.wants(&captured) => staying.push((message.receipt, 0)),
                _ => gone.push(message.receipt),
            }
        }
        queue.delete(gone).await.map_err(from_engine)?;
    }
    for part in staying.chunks(limits::BATCH_ENTRIES_MAX) {
        let told = queue.change_visibility(part.to_vec()).await;
        told.map_err(from_engine)?;
    }
    Ok(())
}
