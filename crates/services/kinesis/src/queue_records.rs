//! Records of queues: received, acknowledged, hidden, restored (KIN-238 to KIN-248).

use waystation_delivery::stored::{Input, Output};
use waystation_engine::{Delivered, EngineError, QueueId, Receipt, ReceiptError, ReceiveRequest};
use waystation_wire::{ApiError, Caller, Str, Timestamp};

use crate::api::{self, QueueRecord};
use crate::errors::{self, internal};
use crate::queue_catalog::{self, Found};
use crate::queue_feed::{Reference, load, outgoing};
use crate::record::Record;
use crate::stream_settings::Status;
use crate::tokens::Purpose;
use crate::{Kinesis, limits};

/// Which of a queue's records an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ready = 0,
    Dead = 1,
}

fn queue_of(found: &Found, side: Side) -> QueueId {
    match side {
        Side::Ready => found.queue.ready,
        Side::Dead => found.queue.dead,
    }
}

/// What an error of the engine means in these operations (section 18).
fn from_engine(error: EngineError) -> ApiError {
    match error {
        EngineError::Overloaded | EngineError::InFlightLimit => {
            api::THROTTLING_EXCEPTION.with("Rate exceeded")
        }
        // The queue was deleted meanwhile.
        EngineError::QueueMissing => errors::not_found("Queue not found."),
        error => errors::from_engine(error),
    }
}

/// `ReceiveQueueRecords`
pub(crate) async fn receive(
    kinesis: &Kinesis,
    caller: &Caller,
    input: api::ReceiveQueueRecordsInput,
) -> Result<api::ReceiveQueueRecordsOutput, ApiError> {
    let found = queue_catalog::by_arn(kinesis, caller, &input.queue_arn)?;
    let wanted = Wanted {
        limit: input.limit,
        wait_s: input.wait_time_seconds,
        visibility_s: input.visibility_timeout_seconds,
    };
    let queue_records = take(kinesis, &found, Side::Ready, wanted).await?;
    Ok(api::ReceiveQueueRecordsOutput { queue_records })
}

/// `ReceiveDeadLetterQueueRecords` (KIN-243)
pub(crate) async fn receive_dead(
    kinesis: &Kinesis,
    caller: &Caller,
    input: api::ReceiveDeadLetterQueueRecordsInput,
) -> Result<api::ReceiveDeadLetterQueueRecordsOutput, ApiError> {
    let found = queue_catalog::by_arn(kinesis, caller, &input.queue_arn)?;
    let wanted = Wanted {
        limit: input.limit,
        wait_s: input.wait_time_seconds,
        visibility_s: input.visibility_timeout_seconds,
    };
    let queue_records = take(kinesis, &found, Side::Dead, wanted).await?;
    Ok(api::ReceiveDeadLetterQueueRecordsOutput { queue_records })
}

/// What a receive asks for; the defaults are those of KIN-238 and KIN-240.
struct Wanted {
    limit: Option<i32>,
    wait_s: Option<i32>,
    visibility_s: Option<i32>,
}

async fn take(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    wanted: Wanted,
) -> Result<Vec<QueueRecord>, ApiError> {
    if !matches!(found.status, Status::Active | Status::Updating) {
        return Ok(Vec::new()); // KIN-248
    }
    let number = |given: Option<i32>, default: u64| {
        given
            .and_then(|given| u64::try_from(given).ok())
            .unwrap_or(default)
    };
    let max = number(wanted.limit, limits::RECEIVED_RECORDS) as usize;
    let visibility_ms = number(wanted.visibility_s, found.queue.visibility_s.into()) * 1_000;
    let ends_ms = kinesis.now_ms() + number(wanted.wait_s, limits::RECEIVE_WAIT_S) * 1_000;
    let queue = kinesis.engine.queue(queue_of(found, side));
    loop {
        let mut wait_ms = ends_ms.saturating_sub(kinesis.now_ms());
        if side == Side::Dead {
            move_exhausted(kinesis, found).await?;
            // A record gets there when its last timeout ends, which nobody tells.
            wait_ms = wait_ms.min(limits::DEAD_LETTER_LOOK_MS);
        }
        let request = ReceiveRequest {
            max,
            visibility_ms,
            wait_ms,
            attempt: None,
        };
        let delivered = queue.receive(request).await.map_err(from_engine)?;
        kinesis.feeds.note_room(found.id);
        let records = show(kinesis, found, side, delivered).await?;
        if !records.is_empty() || kinesis.now_ms() >= ends_ms {
            return Ok(records);
        }
    }
}

/// Brings what was received too often to the dead-letter records, without waiting for a receive to meet it.
async fn move_exhausted(kinesis: &Kinesis, found: &Found) -> Result<(), ApiError> {
    let request = ReceiveRequest {
        max: 0,
        visibility_ms: 0,
        wait_ms: 0,
        attempt: None,
    };
    let ready = kinesis.engine.queue(found.queue.ready);
    ready.receive(request).await.map(drop).map_err(from_engine)
}

/// The records behind what the engine delivered. Those that the stream does not keep any more are forgotten (KIN-245).
async fn show(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    delivered: Vec<Delivered>,
) -> Result<Vec<QueueRecord>, ApiError> {
    let mut records = Vec::with_capacity(delivered.len());
    let mut expired = Vec::new();
    for message in delivered {
        let reference = Reference::decode(&message.body).map_err(internal)?;
        let Some(entry) = load(&kinesis.engine, reference).await? else {
            expired.push(message.receipt);
            continue;
        };
        let record = Record::decode(&entry.body).map_err(internal)?;
        records.push(QueueRecord {
            receipt_handle: issue(kinesis, found, side, message.receipt, reference),
            record_id: record_id(reference),
            partition_key: record.partition_key,
            data: record.data,
            approximate_arrival_timestamp: Timestamp::from_ms(entry.time_ms),
            first_receive_timestamp: Timestamp::from_ms(message.first_received_ms),
            receive_count: i32::try_from(message.receive_count).unwrap_or(i32::MAX),
        });
    }
    if !expired.is_empty() {
        let queue = kinesis.engine.queue(queue_of(found, side));
        queue.delete(expired).await.map_err(from_engine)?;
    }
    Ok(records)
}

/// The same in every queue (KIN-239): where the record stands in its stream.
fn record_id(reference: Reference) -> Str {
    let Reference { log, position } = reference;
    Str::from(format!("{:016x}{position:016x}", log.0))
}

/// A receipt handle: queue, side, receipt and reference.
fn issue(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    receipt: Receipt,
    reference: Reference,
) -> Str {
    let mut out = Output::default();
    out.u8(side as u8);
    for value in [
        found.id,
        receipt.sequence,
        receipt.tag,
        reference.log.0,
        reference.position,
    ] {
        out.u64(value);
    }
    kinesis
        .tokens
        .issue(Purpose::Receipt, kinesis.now_ms(), &out.finish())
}

fn open(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    handle: &str,
) -> Result<(Receipt, Reference), Refusal> {
    let read = || {
        let opened = kinesis.tokens.open(Purpose::Receipt, handle)?;
        let mut input = Input::new(&opened.content);
        let is_here = input.u8().ok()? == side as u8 && input.u64().ok()? == found.id;
        let receipt = Receipt {
            sequence: input.u64().ok()?,
            tag: input.u64().ok()?,
        };
        let reference = Reference {
            log: waystation_engine::LogId(input.u64().ok()?),
            position: input.u64().ok()?,
        };
        is_here.then_some((receipt, reference))
    };
    read().ok_or(Refusal::InvalidHandle)
}

/// Why an entry failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    InvalidHandle,
    Missing,
    BeyondLimit,
}

impl Refusal {
    fn code(self) -> Str {
        Str::from_static(match self {
            Refusal::InvalidHandle | Refusal::BeyondLimit => "InvalidArgumentException",
            Refusal::Missing => "ResourceNotFoundException",
        })
    }

    fn message(self) -> Str {
        Str::from_static(match self {
            Refusal::InvalidHandle => "The receipt handle is not valid for this queue.",
            Refusal::Missing => {
                "The record does not exist or is not in flight with this receipt handle."
            }
            Refusal::BeyondLimit => {
                "The total visibility timeout of the record is beyond the limit of 43200 seconds."
            }
        })
    }
}

impl From<ReceiptError> for Refusal {
    fn from(error: ReceiptError) -> Refusal {
        match error {
            ReceiptError::Missing | ReceiptError::Expired => Refusal::Missing,
            ReceiptError::BeyondLimit => Refusal::BeyondLimit,
        }
    }
}

type Outcomes = Vec<Result<(), Refusal>>;

/// The entries of a request.
struct Batch {
    outcomes: Outcomes,
    /// Those whose handles are good, with their places.
    good: Vec<(Receipt, Reference, usize)>,
}

impl Batch {
    fn open(kinesis: &Kinesis, found: &Found, side: Side, handles: &[Str]) -> Batch {
        let mut batch = Batch {
            outcomes: Vec::with_capacity(handles.len()),
            good: Vec::with_capacity(handles.len()),
        };
        for (place, handle) in handles.iter().enumerate() {
            let outcome = open(kinesis, found, side, handle);
            batch.outcomes.push(outcome.map(|(receipt, reference)| {
                batch.good.push((receipt, reference, place));
            }));
        }
        batch
    }

    fn receipts(&self) -> Vec<Receipt> {
        self.good.iter().map(|(receipt, ..)| *receipt).collect()
    }

    /// With what the engine answered to the good ones, in their order.
    fn settle(mut self, answers: Vec<Result<(), ReceiptError>>) -> Outcomes {
        for ((.., place), answer) in self.good.iter().zip(answers) {
            if let Some(outcome) = self.outcomes.get_mut(*place) {
                *outcome = answer.map_err(Refusal::from);
            }
        }
        self.outcomes
    }
}

async fn acknowledge(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    handles: &[Str],
) -> Result<Outcomes, ApiError> {
    let batch = Batch::open(kinesis, found, side, handles);
    let queue = kinesis.engine.queue(queue_of(found, side));
    let answers = queue.delete(batch.receipts()).await.map_err(from_engine)?;
    Ok(batch.settle(answers))
}

async fn hide(
    kinesis: &Kinesis,
    found: &Found,
    side: Side,
    handles: &[Str],
    seconds: &[i32],
) -> Result<Outcomes, ApiError> {
    let batch = Batch::open(kinesis, found, side, handles);
    let changes = batch.good.iter().map(|(receipt, _, place)| {
        let seconds = seconds.get(*place).copied().unwrap_or_default();
        (*receipt, u64::try_from(seconds).unwrap_or_default() * 1_000)
    });
    let queue = kinesis.engine.queue(queue_of(found, side));
    let answers = queue.change_visibility(changes.collect()).await;
    Ok(batch.settle(answers.map_err(from_engine)?))
}

/// KIN-244: the record is sent anew, then its dead letter goes. A crash in between leaves both, never none.
async fn restore(kinesis: &Kinesis, found: &Found, handles: &[Str]) -> Result<Outcomes, ApiError> {
    let batch = Batch::open(kinesis, found, Side::Dead, handles);
    let dead = kinesis.engine.queue(found.queue.dead);
    let hold = batch
        .good
        .iter()
        .map(|(receipt, ..)| (*receipt, limits::RESTORE_HOLD_MS));
    let held = dead
        .change_visibility(hold.collect())
        .await
        .map_err(from_engine)?;
    let there = batch
        .good
        .iter()
        .zip(&held)
        .filter(|(_, held)| held.is_ok());
    let there: Vec<(Receipt, Reference)> = there
        .map(|((receipt, reference, _), _)| (*receipt, *reference))
        .collect();
    if !there.is_empty() {
        let ready = kinesis.engine.queue(found.queue.ready);
        let messages = there.iter().map(|(_, reference)| outgoing(*reference, 0));
        for sent in ready.send(messages.collect()).await.map_err(from_engine)? {
            sent.map_err(from_engine)?;
        }
        let receipts = there.iter().map(|(receipt, _)| *receipt);
        dead.delete(receipts.collect()).await.map_err(from_engine)?;
    }
    Ok(batch.settle(held))
}

/// The five operations on batches of entries differ in names of types alone.
macro_rules! batch {
    ($(#[$doc:meta])* $name:ident($input:ident) -> $output:ident, $successful:ident, $failed:ident,
     |$kinesis:ident, $found:ident, $given:ident, $handles:ident| $work:expr) => {
        $(#[$doc])*
        pub(crate) async fn $name(
            $kinesis: &Kinesis,
            caller: &Caller,
            $given: api::$input,
        ) -> Result<api::$output, ApiError> {
            let $found = queue_catalog::by_arn($kinesis, caller, &$given.queue_arn)?;
            let handles: Vec<Str> = $given.entries.iter().map(|entry| entry.receipt_handle.clone()).collect();
            let $handles = handles.as_slice();
            let outcomes = $work.await?;
            let mut output = api::$output::default();
            for (receipt_handle, outcome) in handles.iter().cloned().zip(outcomes) {
                match outcome {
                    Ok(()) => output.successful.push(api::$successful { receipt_handle }),
                    Err(refusal) => output.failed.push(api::$failed {
                        receipt_handle,
                        error_code: refusal.code(),
                        error_message: Some(refusal.message()),
                    }),
                }
            }
            Ok(output)
        }
    };
}

batch! {
    /// `AcknowledgeQueueRecords` (KIN-241, KIN-246)
    acknowledge_records(AcknowledgeQueueRecordsInput) -> AcknowledgeQueueRecordsOutput,
    AcknowledgeQueueRecordsResultEntry, AcknowledgeQueueRecordsErrorEntry,
    |kinesis, found, input, handles| acknowledge(kinesis, &found, Side::Ready, handles)
}

batch! {
    /// `AcknowledgeDeadLetterQueueRecords` (KIN-244)
    acknowledge_dead_records(AcknowledgeDeadLetterQueueRecordsInput) -> AcknowledgeDeadLetterQueueRecordsOutput,
    AcknowledgeDeadLetterQueueRecordsResultEntry, AcknowledgeDeadLetterQueueRecordsErrorEntry,
    |kinesis, found, input, handles| acknowledge(kinesis, &found, Side::Dead, handles)
}

batch! {
    /// `RestoreDeadLetterQueueRecords` (KIN-244)
    restore_dead_records(RestoreDeadLetterQueueRecordsInput) -> RestoreDeadLetterQueueRecordsOutput,
    RestoreDeadLetterQueueRecordsResultEntry, RestoreDeadLetterQueueRecordsErrorEntry,
    |kinesis, found, input, handles| restore(kinesis, &found, handles)
}

batch! {
    /// `UpdateQueueRecordsVisibility` (KIN-241, KIN-242)
    update_visibility(UpdateQueueRecordsVisibilityInput) -> UpdateQueueRecordsVisibilityOutput,
    UpdateQueueRecordsVisibilityResultEntry, UpdateQueueRecordsVisibilityErrorEntry,
    |kinesis, found, input, handles| async {
        let seconds = input.entries.iter().map(|entry| entry.visibility_timeout_seconds);
        hide(kinesis, &found, Side::Ready, handles, &seconds.collect::<Vec<_>>()).await
    }
}

batch! {
    /// `UpdateDeadLetterQueueRecordsVisibility`
    update_dead_visibility(UpdateDeadLetterQueueRecordsVisibilityInput) -> UpdateDeadLetterQueueRecordsVisibilityOutput,
    UpdateDeadLetterQueueRecordsVisibilityResultEntry, UpdateDeadLetterQueueRecordsVisibilityErrorEntry,
    |kinesis, found, input, handles| async {
        let seconds = input.entries.iter().map(|entry| entry.visibility_timeout_seconds);
        hide(kinesis, &found, Side::Dead, handles, &seconds.collect::<Vec<_>>()).await
    }
}
