//! A message on its way into a queue: every rule of sections 7, 15 and 16 that looks at one message alone.

use waystation_engine::Outgoing;
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{
    MessageAttributeValue, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
    SendMessageRequest,
};
use crate::errors::{
    invalid_characters, invalid_parameter, invalid_value, missing_parameter, wrong_queue_type,
};
use crate::fifo_settings::FifoSettings;
use crate::md5::{self, Md5Digest};
use crate::message::Message;
use crate::settings::QueueSettings;
use crate::{characters, fifo, limits, message_attributes};

/// A message as a request gives it, alone or in a batch.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    body: Str,
    delay_seconds: Option<i32>,
    attributes: Option<Map<MessageAttributeValue>>,
    system_attributes: Option<Map<MessageSystemAttributeValue>>,
    pub(crate) group_id: Option<Str>,
    deduplication_id: Option<Str>,
}

impl From<SendMessageRequest> for Draft {
    fn from(request: SendMessageRequest) -> Draft {
        Draft {
            body: request.message_body,
            delay_seconds: request.delay_seconds,
            attributes: request.message_attributes,
            system_attributes: request.message_system_attributes,
            group_id: request.message_group_id,
            deduplication_id: request.message_deduplication_id,
        }
    }
}

impl From<SendMessageBatchRequestEntry> for Draft {
    fn from(entry: SendMessageBatchRequestEntry) -> Draft {
        Draft {
            body: entry.message_body,
            delay_seconds: entry.delay_seconds,
            attributes: entry.message_attributes,
            system_attributes: entry.message_system_attributes,
            group_id: entry.message_group_id,
            deduplication_id: entry.message_deduplication_id,
        }
    }
}

/// A message ready for the engine, and the digests that the answer repeats.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What the engine gets.
    pub(crate) outgoing: Outgoing,
    /// `MD5OfMessageBody`
    pub(crate) body_md5: Md5Digest,
    /// `MD5OfMessageAttributes`, of this request even when the message is a duplicate (SQS-159).
    pub(crate) attributes_md5: Option<Md5Digest>,
    /// `MD5OfMessageSystemAttributes`
    pub(crate) system_attributes_md5: Option<Md5Digest>,
}

/// SQS-170, SQS-251: the text for a missing group, whatever its code.
const GROUP_MISSING: &str = "The request must contain the parameter MessageGroupId.";

impl Draft {
    /// Body, names, types and values: what counts against limits (SQS-120).
    pub(crate) fn size_bytes(&self) -> usize {
        let attribute = |(name, value): (&Str, &MessageAttributeValue)| {
            let text = value.string_value.as_ref().map_or(0, |text| text.len());
            name.len()
                + value.data_type.len()
                + text
                + value.binary_value.as_ref().map_or(0, |bytes| bytes.len())
        };
        self.body.len()
            + self
                .attributes
                .iter()
                .flat_map(Map::iter)
                .map(attribute)
                .sum::<usize>()
    }

    /// The ids without which no message enters a FIFO queue. In a batch this fails the whole request, with
    /// `InvalidParameterValue` for the group where a single send says `MissingParameter` (SQS-170, SQS-171, SQS-251, SQS-265).
    pub(crate) fn check_fifo_ids(
        &self,
        fifo: &FifoSettings,
        context: Context,
    ) -> Result<(), ApiError> {
        if self.group_id.is_none() {
            return Err(match context {
                Context::Single => missing_parameter("MessageGroupId"),
                Context::Batch => invalid_parameter(GROUP_MISSING),
            });
        }
        if self.deduplication_id.is_none() && !fifo.content_based_deduplication {
            return Err(invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            ));
        }
        Ok(())
    }

    /// Checks everything about the message and encodes it. `now_ms` is engine time.
    pub(crate) fn ready(
        self,
        settings: &QueueSettings,
        caller: &Caller,
        keys: &crate::keys::Keys,
        now_ms: u64,
        context: Context,
    ) -> Result<Ready, ApiError> {
        if self.body.is_empty() {
            return Err(missing_parameter("MessageBody")); // SQS-116
        }
        self.check_size(settings, context)?;
        let size_bytes = u32::try_from(self.size_bytes()).unwrap_or(u32::MAX);
        if !characters::are_legal(&self.body) {
            return Err(invalid_characters()); // SQS-117
        }
        let delay_ms = self.delay_ms(settings)?;
        self.group_id
            .as_deref()
            .map_or(Ok(()), |id| fifo::check_id(id, "MessageGroupId"))?; // SQS-144, SQS-146
        let (deduplication_id, dedup) = self.deduplication(settings, keys, now_ms)?;
        let Draft {
            body,
            attributes,
            system_attributes,
            group_id,
            ..
        } = self;
        let attributes = message_attributes::check(attributes)?;
        let (trace_header, system_attributes_md5) =
            match message_attributes::check_system(system_attributes)? {
                Some((text, digest)) => (Some(text), Some(digest)),
                // SQS-138
                None => (
                    caller
                        .trace_header
                        .clone()
                        .filter(|text| message_attributes::is_trace_header(text)),
                    None,
                ),
            };
        let group = group_id.as_deref().map(|id| fifo::group_hash(keys, id));
        let body_md5 = md5::of_body(body.as_bytes());
        let attributes_md5 = message_attributes::digest(&attributes);
        let message = Message {
            body,
            body_md5,
            attributes,
            attributes_md5,
            sender_id: caller.principal_id.clone(),
            group_id,
            deduplication_id,
            trace_header,
        };
        let outgoing = Outgoing {
            body: message.encode(),
            delay_ms,
            group,
            dedup,
            size_bytes,
        };
        Ok(Ready {
            outgoing,
            body_md5,
            attributes_md5,
            system_attributes_md5,
        })
    }

    /// SQS-121, SQS-122, SQS-169
    fn check_size(&self, settings: &QueueSettings, context: Context) -> Result<(), ApiError> {
        if self.size_bytes() <= settings.maximum_message_bytes as usize {
            return Ok(());
        }
        let what = match context {
            Context::Single => "are invalid",
            Context::Batch => "cannot be validated",
        };
        Err(invalid_parameter(format!(
            "One or more parameters {what}. Reason: Message must be shorter than {} bytes.",
            settings.maximum_message_bytes
        )))
    }

    /// SQS-139, SQS-140, SQS-257, SQS-258
    fn delay_ms(&self, settings: &QueueSettings) -> Result<Option<u64>, ApiError> {
        let Some(seconds) = self.delay_seconds else {
            return Ok(None);
        };
        if settings.fifo.is_some() && seconds > 0 {
            return Err(wrong_queue_type(seconds, "DelaySeconds"));
        }
        if !(0..=limits::DELAY_SECONDS_MAX).contains(&seconds) {
            return Err(invalid_value(
                seconds,
                "DelaySeconds",
                "DelaySeconds must be >= 0 and <= 900.",
            ));
        }
        Ok(settings
            .fifo
            .is_none()
            .then(|| u64::from(seconds.unsigned_abs()) * 1_000))
    }

    /// The deduplication id and its hash (SQS-147, SQS-262, SQS-264, SQS-266, SQS-275).
    fn deduplication(
        &self,
        settings: &QueueSettings,
        keys: &crate::keys::Keys,
        now_ms: u64,
    ) -> Result<(Option<Str>, Option<u128>), ApiError> {
        let Some(fifo) = &settings.fifo else {
            return match &self.deduplication_id {
                Some(id) => Err(wrong_queue_type(id, "MessageDeduplicationId")),
                None => Ok((None, None)),
            };
        };
        let id = match &self.deduplication_id {
            Some(id) => {
                fifo::check_id(id, "MessageDeduplicationId")?;
                id.clone()
            }
            None => fifo::content_id(self.body.as_bytes()),
        };
        let group = self.group_id.as_deref().unwrap_or_default();
        let hash = fifo::deduplication_hash(keys, fifo.scope_at(now_ms), group, &id);
        Ok((Some(id), Some(hash)))
    }
}

/// Whether a message came alone or in a batch; some texts and codes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// `SendMessage`
    Single,
    /// `SendMessageBatch`
    Batch,
}

#[cfg(test)]
mod tests {
    use waystation_engine::QueueId;

    use super::*;
    use crate::keys::Keys;

    fn standard() -> QueueSettings {
        QueueSettings::new(QueueId(1), 0, None)
    }

    fn fifo_queue(content_based_deduplication: bool) -> QueueSettings {
        QueueSettings::new(
            QueueId(1),
            0,
            Some(FifoSettings {
                content_based_deduplication,
                ..FifoSettings::default()
            }),
        )
    }

    fn draft(body: &str) -> Draft {
        Draft {
            body: Str::from(body.to_owned()),
            ..Draft::default()
        }
    }

    fn ready(draft: Draft, settings: &QueueSettings) -> Result<Ready, ApiError> {
        draft.ready(
            settings,
            &Caller::default(),
            &Keys::new(&[1; 32]),
            0,
            Context::Single,
        )
    }

    fn message(draft: Draft, settings: &QueueSettings) -> String {
        ready(draft, settings).expect_err("refused").message
    }

    fn text(text: &'static str) -> Option<Str> {
        Some(Str::from(text))
    }

    #[test]
    fn bodies_must_be_there_and_legal() {
        // SQS-116, SQS-117, SQS-118
        assert_eq!(
            message(draft(""), &standard()),
            "The request must contain the parameter MessageBody."
        );
        assert!(message(draft("\u{1}"), &standard()).starts_with("Invalid characters found."));
        let sent = ready(draft("msg"), &standard()).expect("valid");
        assert_eq!(md5::hex(&sent.body_md5), "6e2baaf3b97dbeef01c0043275f9a0e7");
        assert_eq!(
            (sent.attributes_md5, sent.system_attributes_md5),
            (None, None)
        ); // SQS-123
    }

    #[test]
    fn the_queue_limits_the_size() {
        // SQS-121, SQS-122, SQS-169
        let settings = QueueSettings {
            maximum_message_bytes: 1_024,
            ..standard()
        };
        assert!(ready(draft(&"x".repeat(1_024)), &settings).is_ok());
        let text =
            "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
        assert_eq!(message(draft(&"x".repeat(1_025)), &settings), text);
        assert!(ready(draft(&"ä".repeat(512)), &settings).is_ok());
        assert!(ready(draft(&"ä".repeat(513)), &settings).is_err());
        let batch = draft(&"x".repeat(1_025)).ready(
            &settings,
            &Caller::default(),
            &Keys::new(&[1; 32]),
            0,
            Context::Batch,
        );
        let text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
        assert_eq!(batch.expect_err("too long").message, text);
    }

    #[test]
    fn the_size_is_body_and_attributes() {
        // SQS-120
        let attribute = |text: &'static str, bytes: &'static [u8]| MessageAttributeValue {
            data_type: Str::from("Type"),
            string_value: Some(Str::from(text)).filter(|text| !text.is_empty()),
            binary_value: Some(bytes::Bytes::from_static(bytes)).filter(|bytes| !bytes.is_empty()),
            ..MessageAttributeValue::default()
        };
        let mut attributes = Map::new();
        attributes.insert("name", attribute("text ä", b""));
        attributes.insert("n", attribute("", b"\0\xff"));
        let mut draft = Draft {
            attributes: Some(attributes),
            ..draft("body ä")
        };
        draft.system_attributes = Some(Map::new());
        assert_eq!(draft.size_bytes(), 7 + (4 + 4 + 7) + (1 + 4 + 2));
    }

    #[test]
    fn delays_belong_to_standard_queues() {
        // SQS-139, SQS-140, SQS-257, SQS-258
        let delay = |seconds, settings: &QueueSettings| {
            let draft = Draft {
                delay_seconds: Some(seconds),
                group_id: text("g"),
                ..draft("m")
            };
            ready(draft, settings)
                .map(|ready| ready.outgoing.delay_ms)
                .map_err(|error| error.message)
        };
        assert_eq!(delay(0, &standard()), Ok(Some(0)));
        assert_eq!(delay(900, &standard()), Ok(Some(900_000)));
        for bad in [-1, 901] {
            let expected = format!(
                "Value {bad} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            );
            assert_eq!(delay(bad, &standard()), Err(expected));
        }
        assert_eq!(delay(0, &fifo_queue(true)), Ok(None));
        let expected = "Value 1 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not \
                        valid for this queue type.";
        assert_eq!(delay(1, &fifo_queue(true)), Err(expected.to_owned()));
    }

    #[test]
    fn groups_are_welcome_everywhere_and_checked() {
        // SQS-144, SQS-146
        let with = |id| Draft {
            group_id: text(id),
            ..draft("m")
        };
        let sent = ready(with("g"), &standard()).expect("valid");
        assert!(sent.outgoing.group.is_some() && sent.outgoing.dedup.is_none());
        for bad in ["", "a b"] {
            assert!(
                message(with(bad), &standard())
                    .starts_with(&format!("Value {bad} for parameter MessageGroupId"))
            );
        }
    }

    #[test]
    fn fifo_queues_need_both_ids() {
        // SQS-170, SQS-171, SQS-251, SQS-265
        let check = |draft: &Draft, settings: &QueueSettings, context| {
            let fifo = settings.fifo.as_ref().expect("FIFO");
            draft
                .check_fifo_ids(fifo, context)
                .map_err(|error| (error.kind.query_code, error.message))
        };
        let missing = Err(("MissingParameter", GROUP_MISSING.to_owned()));
        assert_eq!(
            check(&draft("m"), &fifo_queue(true), Context::Single),
            missing
        );
        let invalid = Err(("InvalidParameterValue", GROUP_MISSING.to_owned()));
        assert_eq!(
            check(&draft("m"), &fifo_queue(true), Context::Batch),
            invalid
        );
        let grouped = Draft {
            group_id: text("g"),
            ..draft("m")
        };
        assert_eq!(check(&grouped, &fifo_queue(true), Context::Single), Ok(()));
        let error = check(&grouped, &fifo_queue(false), Context::Single).expect_err("no id");
        assert!(
            error
                .1
                .starts_with("The queue should either have ContentBasedDeduplication enabled")
        );
    }

    #[test]
    fn deduplication_ids_are_explicit_or_computed() {
        // SQS-147, SQS-262, SQS-264, SQS-266, SQS-267
        let send = |body, id: Option<&'static str>, settings: &QueueSettings| {
            let draft = Draft {
                group_id: text("g"),
                deduplication_id: id.map(Str::from),
                ..draft(body)
            };
            ready(draft, settings).map(|ready| ready.outgoing)
        };
        let computed = send("Test", None, &fifo_queue(true)).expect("valid");
        let digest = "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25";
        let explicit = send("other", Some(digest), &fifo_queue(true)).expect("valid");
        assert_eq!(computed.dedup, explicit.dedup);
        let stored = Message::decode(computed.body).expect("readable");
        assert_eq!(stored.deduplication_id, text(digest)); // SQS-277
        let error = send("m", Some("a b"), &fifo_queue(true)).expect_err("a blank");
        assert!(
            error
                .message
                .contains("MessageDeduplicationId can only include")
        );
        let error = send("m", Some("id"), &standard()).expect_err("standard");
        let expected = "Value id for parameter MessageDeduplicationId is invalid. Reason: The request include parameter \
                        that is not valid for this queue type.";
        assert_eq!(error.message, expected);
    }

    #[test]
    fn the_header_stands_in_for_the_system_attribute() {
        // SQS-138
        let trace = |header: &'static str| {
            let caller = Caller {
                trace_header: text(header),
                ..Caller::default()
            };
            let ready = draft("m")
                .ready(
                    &standard(),
                    &caller,
                    &Keys::new(&[1; 32]),
                    0,
                    Context::Single,
                )
                .expect("valid");
            assert_eq!(ready.system_attributes_md5, None);
            Message::decode(ready.outgoing.body)
                .expect("readable")
                .trace_header
        };
        assert_eq!(trace("Root=1-2-3"), text("Root=1-2-3"));
        assert_eq!(trace("garbage"), None);
    }
}
