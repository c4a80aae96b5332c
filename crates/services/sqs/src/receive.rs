//! `ReceiveMessage`: short and long polls (sections 10, 11, 17, 18).

use waystation_delivery::notification::Reading;
use waystation_engine::{Delivered, ReceiveRequest};
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::addressing::{self, Located};
use crate::api::{self, MessageAttributeValue, ReceiveMessageRequest, ReceiveMessageResult};
use crate::errors::{from_engine, internal, invalid_value, unread, wrong_queue_type};
use crate::message::Message;
use crate::message_attributes::{self, Attribute};
use crate::rates::Action;
use crate::selection::{Selection, SystemSelection};
use crate::settings::QueueSettings;
use crate::{Sqs, dead_letter, fifo, ids, limits, md5, receipt};

/// `ReceiveMessage`. A long poll waits inside the engine; when the caller goes away this future is dropped and with it
/// the wait, so that no message is leased to nobody.
pub(crate) async fn receive(
    sqs: &Sqs,
    caller: &Caller,
    mut input: ReceiveMessageRequest,
) -> Result<ReceiveMessageResult, ApiError> {
    detach(&mut input);
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    sqs.rates.count(Action::Receive, &located, sqs.now_ms())?;
    let request = request(sqs, &located.settings, &input)?;
    let newer = match &input.attribute_names {
        // In the query protocol the older list decides alone (SQS-185); in JSON both count (SQS-184).
        Some(_) if caller.protocol.is_query() => None,
        _ => input.message_system_attribute_names.as_ref(),
    };
    let system_names = input.attribute_names.iter().chain(newer).flatten();
    let names = input.message_attribute_names.as_deref().unwrap_or_default();
    let view = View {
        sqs,
        located: &located,
        system: SystemSelection::of(system_names)?,
        attributes: Selection::of(names),
    };
    let delivered = sqs
        .engine
        .queue(located.id())
        .receive(request)
        .await
        .map_err(from_engine)?;
    if delivered.is_empty() {
        return Ok(ReceiveMessageResult::default()); // SQS-015
    }
    let messages = view.messages(delivered).await?;
    Ok(ReceiveMessageResult {
        messages: Some(messages),
    })
}

/// A long poll may wait for 20 seconds: it must not keep the buffer of its request alive, which is many times its size.
fn detach(input: &mut ReceiveMessageRequest) {
    let lists = [
        &mut input.attribute_names,
        &mut input.message_system_attribute_names,
        &mut input.message_attribute_names,
    ];
    let names = lists.into_iter().flatten().flatten();
    for text in names.chain([&mut input.queue_url]) {
        *text = text.detach();
    }
    if let Some(id) = &mut input.receive_request_attempt_id {
        *id = id.detach();
    }
}

/// Checks the numbers of a request and puts the queue's values where it has none.
fn request(
    sqs: &Sqs,
    settings: &QueueSettings,
    input: &ReceiveMessageRequest,
) -> Result<ReceiveRequest, ApiError> {
    let max = input.max_number_of_messages.unwrap_or(1);
    if !(1..=limits::RECEIVE_MESSAGES_MAX).contains(&max) {
        return Err(invalid_value(
            max,
            "MaxNumberOfMessages",
            "Must be between 1 and 10, if provided.",
        )); // SQS-180
    }
    let visibility_timeout_seconds = match input.visibility_timeout {
        None => settings.visibility_timeout_seconds,
        Some(seconds) => within(
            seconds,
            limits::VISIBILITY_TIMEOUT_SECONDS_MAX,
            "VisibilityTimeout",
        )?, // SQS-203, SQS-204
    };
    let wait_time_seconds = match input.wait_time_seconds {
        None => settings.wait_time_seconds, // SQS-211
        Some(seconds) => within(seconds, limits::WAIT_TIME_SECONDS_MAX, "WaitTimeSeconds")?, // SQS-210, SQS-212
    };
    let attempt = match input.receive_request_attempt_id.as_deref() {
        None => None,
        Some(id) if settings.fifo.is_none() => {
            return Err(wrong_queue_type(id, "ReceiveRequestAttemptId"));
        } // SQS-300
        Some(id) => {
            fifo::check_id(id, "ReceiveRequestAttemptId")?; // SQS-301
            Some(fifo::attempt_hash(&sqs.keys, id))
        }
    };
    Ok(ReceiveRequest {
        max: usize::try_from(max).unwrap_or(1),
        visibility_ms: u64::from(visibility_timeout_seconds) * 1_000,
        wait_ms: u64::from(wait_time_seconds) * 1_000,
        attempt,
    })
}

fn within(seconds: i32, seconds_max: i32, parameter: &str) -> Result<u32, ApiError> {
    match u32::try_from(seconds) {
        Ok(value) if seconds <= seconds_max => Ok(value),
        _ => Err(invalid_value(
            seconds,
            parameter,
            &format!("Must be >= 0 and <= {seconds_max}, if provided."),
        )),
    }
}

/// What a caller wants to see of the messages of one queue.
pub(crate) struct View<'a> {
    pub(crate) sqs: &'a Sqs,
    pub(crate) located: &'a Located<'a>,
    pub(crate) system: SystemSelection,
    pub(crate) attributes: Selection<'a>,
}

impl View<'_> {
    /// Messages as the API shows them. Those that have to be signed are so at the same time.
    pub(crate) async fn messages(
        &self,
        mut delivered: Vec<Delivered>,
    ) -> Result<Vec<api::Message>, ApiError> {
        let begin = |delivered: &mut Delivered| {
            let body = std::mem::take(&mut delivered.body);
            Reading::begin(&self.sqs.signer, body, delivered.label)
        };
        let readings = delivered.iter_mut().map(begin);
        let readings = readings.collect::<Result<Vec<_>, _>>().map_err(unread)?;
        let mut messages = Vec::with_capacity(readings.len());
        for (delivered, reading) in delivered.into_iter().zip(readings) {
            let message = reading.end().await.map_err(unread)?;
            messages.push(self.message(delivered, message)?);
        }
        Ok(messages)
    }

    fn message(
        &self,
        delivered: Delivered,
        mut message: Message,
    ) -> Result<api::Message, ApiError> {
        let attributes = self.system_attributes(&message, &delivered);
        let (message_attributes, attributes_md5) = self.message_attributes(&mut message)?;
        Ok(api::Message {
            message_id: Some(Str::from(ids::message_id(
                &self.sqs.keys,
                delivered.identity,
            ))),
            receipt_handle: Some(Str::from(receipt::encode(
                &self.sqs.keys,
                self.located.id(),
                delivered.receipt,
            ))),
            md5_of_body: Some(Str::from(md5::hex(&message.body_md5))),
            body: Some(message.body),
            attributes,
            md5_of_message_attributes: attributes_md5.map(|digest| Str::from(md5::hex(&digest))),
            message_attributes,
        })
    }

    /// SQS-183..197
    fn system_attributes(&self, message: &Message, delivered: &Delivered) -> Option<Map<Str>> {
        if self.system.is_empty() {
            return None;
        }
        let mut attributes = Map::new();
        let mut put =
            |which: SystemSelection, name: &'static str, value: &dyn Fn() -> Option<Str>| {
                if self.system.has(which) {
                    value().map(|value| attributes.insert(name, value));
                }
            };
        let number = |value: u64| Some(Str::from(value.to_string()));
        put(SystemSelection::SENDER_ID, "SenderId", &|| {
            Some(message.sender_id.clone())
        });
        put(SystemSelection::SENT_TIMESTAMP, "SentTimestamp", &|| {
            number(delivered.sent_ms)
        });
        put(
            SystemSelection::RECEIVE_COUNT,
            "ApproximateReceiveCount",
            &|| number(delivered.receive_count.into()),
        );
        put(
            SystemSelection::FIRST_RECEIVE_TIMESTAMP,
            "ApproximateFirstReceiveTimestamp",
            // Only who peeks meets a message that was never received.
            &|| number(delivered.first_received_ms).filter(|_| delivered.first_received_ms > 0),
        );
        put(SystemSelection::SEQUENCE_NUMBER, "SequenceNumber", &|| {
            self.located
                .is_fifo()
                .then(|| Str::from(ids::sequence_number(delivered.sequence)))
        });
        put(
            SystemSelection::DEDUPLICATION_ID,
            "MessageDeduplicationId",
            &|| message.deduplication_id.clone(),
        );
        put(SystemSelection::GROUP_ID, "MessageGroupId", &|| {
            message.group_id.clone()
        });
        put(
            SystemSelection::TRACE_HEADER,
            message_attributes::TRACE_HEADER,
            &|| message.trace_header.clone(),
        );
        put(
            SystemSelection::SOURCE_ARN,
            "DeadLetterQueueSourceArn",
            &|| {
                dead_letter::source_arn(self.sqs, self.located, delivered.moved_from?)
                    .map(Str::from)
            },
        );
        (!attributes.is_empty()).then_some(attributes)
    }

    /// The wanted attributes and their digest, which covers only those (SQS-158).
    fn message_attributes(&self, message: &mut Message) -> Result<Chosen, ApiError> {
        let all = std::mem::take(&mut message.attributes);
        let count = all.len();
        let wanted: Vec<Attribute> = all
            .into_iter()
            .filter(|attribute| self.attributes.wants(attribute))
            .collect();
        if wanted.is_empty() {
            return Ok((None, None));
        }
        let digest = if wanted.len() == count {
            message.attributes_md5
        } else {
            message_attributes::digest(&wanted)
        };
        let attributes = wanted.into_iter().map(|attribute| {
            let mut value = MessageAttributeValue {
                data_type: attribute.data_type.clone(),
                ..Default::default()
            };
            if attribute.is_binary() {
                value.binary_value = Some(attribute.value);
            } else {
                value.string_value = Some(Str::from_utf8(attribute.value).map_err(internal)?);
            }
            Ok((attribute.name, value))
        });
        Ok((Some(attributes.collect::<Result<_, ApiError>>()?), digest))
    }
}

/// Attributes as a response shows them, and their digest.
type Chosen = (Option<Map<MessageAttributeValue>>, Option<md5::Md5Digest>);

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn ranges_are_named() {
        // SQS-204, SQS-210
        assert_eq!(within(0, 20, "WaitTimeSeconds"), Ok(0));
        assert_eq!(within(20, 20, "WaitTimeSeconds"), Ok(20));
        for bad in [-1, 21] {
            let error = within(bad, 20, "WaitTimeSeconds").expect_err("out of range");
            let text = format!(
                "Value {bad} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
            );
            assert_eq!(error.message, text);
        }
    }
}
