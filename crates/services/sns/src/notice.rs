//! A message as it was published: every rule of sections 11 to 13 and 27 that looks at one message alone.

use waystation_delivery::fifo_ids;
use waystation_delivery::limits::TRACE_HEADER_BYTES_MAX;
use waystation_delivery::message::{Attribute, Message};
use waystation_delivery::notification::Notification;
use waystation_pattern as pattern;
use waystation_wire::{ApiError, Caller, Map, Str};

use crate::api::{MessageAttributeValue, PublishBatchRequestEntry, PublishInput};
use crate::errors::invalid;
use crate::structure::{self, Texts};
use crate::topic_settings::TopicSettings;
use crate::{fifo, limits, message_attributes};

/// What a request says of one message.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    message: Str,
    subject: Option<Str>,
    structure: Option<Str>,
    attributes: Option<Map<MessageAttributeValue>>,
    group_id: Option<Str>,
    deduplication_id: Option<Str>,
}

impl From<PublishInput> for Draft {
    fn from(input: PublishInput) -> Draft {
        Draft {
            message: input.message,
            subject: input.subject,
            structure: input.message_structure,
            attributes: input.message_attributes,
            group_id: input.message_group_id,
            deduplication_id: input.message_deduplication_id,
        }
    }
}

impl From<PublishBatchRequestEntry> for Draft {
    fn from(entry: PublishBatchRequestEntry) -> Draft {
        Draft {
            message: entry.message,
            subject: entry.subject,
            structure: entry.message_structure,
            attributes: entry.message_attributes,
            group_id: entry.message_group_id,
            deduplication_id: entry.message_deduplication_id,
        }
    }
}

/// A valid message with its identity.
#[derive(Debug)]
pub(crate) struct Notice {
    /// SNS-006; a FIFO topic gives another one.
    pub(crate) id: String,
    /// When it was published, in milliseconds since the epoch.
    pub(crate) published_ms: u64,
    message: Str,
    texts: Option<Texts>,
    pub(crate) subject: Option<Str>,
    /// Sorted by name.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) group_id: Option<Str>,
    /// On FIFO topics, given or computed.
    pub(crate) deduplication_id: Option<Str>,
    /// On FIFO topics, where the message stands there.
    pub(crate) sequence: Option<u64>,
    /// SNS-224
    pub(crate) trace_header: Option<Str>,
    /// SNS-388
    pub(crate) is_replayed: bool,
}

impl Notice {
    /// A message as its topic's archive kept it: with everything it had (SNS-387).
    pub(crate) fn archived(kept: Notification) -> Notice {
        let Message {
            body,
            attributes,
            group_id,
            deduplication_id,
            trace_header,
            ..
        } = kept.message;
        Notice {
            id: kept.id.to_string(),
            published_ms: kept.published_ms,
            message: body,
            texts: None,
            subject: kept.subject,
            attributes,
            group_id,
            deduplication_id,
            sequence: kept.sequence_number.as_deref().and_then(fifo::sequence_of),
            trace_header,
            is_replayed: true,
        }
    }

    /// The text for subscribers of a protocol.
    pub(crate) fn text_for(&self, protocol: &str) -> &str {
        self.text(self.text_key(protocol))
    }

    /// Which of the message's texts subscribers of a protocol get (SNS-164, SNS-165).
    pub(crate) fn text_key<'a>(&self, protocol: &'a str) -> &'a str {
        match &self.texts {
            Some(texts) if texts.contains_key(protocol) => protocol,
            _ => "default",
        }
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &str) -> &str {
        match &self.texts {
            Some(texts) => texts.get(key).map_or("", String::as_str),
            None => &self.message,
        }
    }

    /// The attributes as filter policies see them.
    pub(crate) fn filter_attributes(&self) -> Vec<pattern::Attribute<'_>> {
        message_attributes::for_filters(&self.attributes)
    }

    /// Whether an array among the attributes cannot be read (SNS-291).
    pub(crate) fn has_unreadable_attributes(&self) -> bool {
        message_attributes::has_unreadable(&self.attributes)
    }

    /// What counted against the size limit (SNS-131).
    pub(crate) fn size_bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(Attribute::size_bytes);
        self.message.len() + attributes.sum::<usize>()
    }
}

impl Draft {
    /// A message of the service itself.
    pub(crate) fn of(message: Str, subject: Str) -> Draft {
        Draft {
            message,
            subject: Some(subject),
            ..Draft::default()
        }
    }

    /// What counts against the size limit (SNS-131, SNS-173).
    pub(crate) fn size_bytes(&self) -> usize {
        let attribute = |(name, value): (&Str, &MessageAttributeValue)| {
            name.len()
                + value.data_type.len()
                + value.string_value.as_ref().map_or(0, |text| text.len())
                + value.binary_value.as_ref().map_or(0, |bytes| bytes.len())
        };
        self.message.len()
            + self
                .attributes
                .iter()
                .flat_map(Map::iter)
                .map(attribute)
                .sum::<usize>()
    }

    /// Checks everything about the message.
    pub(crate) fn ready(
        self,
        topic: &TopicSettings,
        caller: &Caller,
        id: String,
        now_ms: u64,
    ) -> Result<Notice, ApiError> {
        if self.message.is_empty() {
            return Err(invalid("Empty message")); // SNS-130
        }
        if self.size_bytes() > topic.message_bytes_max() {
            return Err(invalid("Message too long")); // SNS-132
        }
        if self
            .subject
            .as_deref()
            .is_some_and(|subject| !is_subject(subject))
        {
            return Err(invalid("Subject")); // SNS-134
        }
        self.check_ids(topic)?;
        let texts = match self.structure.as_deref() {
            None => None,
            Some("json") => Some(structure::parse(&self.message)?),
            Some(_) => return Err(invalid("MessageStructure")), // SNS-172
        };
        let attributes = message_attributes::check(self.attributes)?;
        let given = self.deduplication_id.as_ref();
        let deduplication_id = topic
            .is_fifo
            .then(|| fifo::deduplication_id(given, &self.message));
        let trace_header = caller.trace_header.clone();
        Ok(Notice {
            id,
            published_ms: now_ms,
            message: self.message,
            texts,
            subject: self.subject,
            attributes,
            group_id: self.group_id,
            deduplication_id,
            sequence: None,
            trace_header: trace_header.filter(|text| text.len() <= TRACE_HEADER_BYTES_MAX),
            is_replayed: false,
        })
    }

    /// SNS-136, SNS-137, SNS-359 to SNS-361
    fn check_ids(&self, topic: &TopicSettings) -> Result<(), ApiError> {
        if topic.is_fifo {
            if self.group_id.is_none() {
                return Err(invalid(
                    "The MessageGroupId parameter is required for FIFO topics",
                ));
            }
            let by_content = topic.attributes.get("ContentBasedDeduplication");
            if self.deduplication_id.is_none() && by_content.is_none_or(|value| value != "true") {
                return Err(invalid(
                    "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                     explicitly",
                ));
            }
        } else if self.deduplication_id.is_some() {
            return Err(invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid \
                 for this topic type",
            ));
        }
        for (id, name) in [
            (&self.group_id, "MessageGroupId"),
            (&self.deduplication_id, "MessageDeduplicationId"),
        ] {
            if id.as_deref().is_some_and(|id| !fifo_ids::is_valid(id)) {
                return Err(invalid(format_args!(
                    "{name} Reason: {name} can only include alphanumeric and punctuation characters. 1 to 128 in length"
                )));
            }
        }
        Ok(())
    }
}

/// SNS-134, SNS-135
fn is_subject(subject: &str) -> bool {
    (1..=limits::SUBJECT_LENGTH_MAX).contains(&subject.chars().count())
        && !subject.chars().any(char::is_control)
        && !subject.starts_with(char::is_whitespace)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A topic with nothing set.
    pub(crate) fn topic(is_fifo: bool) -> TopicSettings {
        TopicSettings {
            id: 1,
            created_ms: 0,
            is_fifo,
            attributes: Default::default(),
            tags: Default::default(),
            data_protection: None,
            archive: None,
        }
    }

    /// A message with nothing but its text.
    pub(crate) fn draft(message: &str) -> Draft {
        Draft {
            message: Str::from(message.to_owned()),
            ..Draft::default()
        }
    }

    fn message(draft: Draft, topic: &TopicSettings) -> String {
        let outcome = draft.ready(topic, &Caller::default(), String::new(), 0);
        outcome.expect_err("refused").message
    }

    #[test]
    fn messages_have_a_size() {
        // SNS-130 to SNS-133
        assert_eq!(
            message(draft(""), &topic(false)),
            "Invalid parameter: Empty message"
        );
        let most = draft(&"x".repeat(262_144));
        assert!(
            most.ready(&topic(false), &Caller::default(), String::new(), 0)
                .is_ok()
        );
        assert_eq!(
            message(draft(&"x".repeat(262_145)), &topic(false)),
            "Invalid parameter: Message too long"
        );
        let mut large = topic(false);
        large
            .attributes
            .insert("MaximumMessageSize".to_owned(), "1024".to_owned());
        assert_eq!(
            message(draft(&"ä".repeat(513)), &large),
            "Invalid parameter: Message too long"
        );
    }

    #[test]
    fn subjects_are_one_short_line() {
        // SNS-134, SNS-135
        for bad in ["", "a\nb", "a\tb", " a", &"s".repeat(100)] {
            let subject = Some(Str::from(bad.to_owned()));
            assert_eq!(
                message(
                    Draft {
                        subject,
                        ..draft("m")
                    },
                    &topic(false)
                ),
                "Invalid parameter: Subject"
            );
        }
        assert!(is_subject(&"s".repeat(99)) && is_subject("Grüße"));
    }

    #[test]
    fn ids_belong_to_fifo_topics() {
        // SNS-137, SNS-359, SNS-360, SNS-361
        let id = |text: &'static str| Some(Str::from_static(text));
        let with_id = Draft {
            deduplication_id: id("d"),
            ..draft("m")
        };
        assert!(message(with_id, &topic(false)).ends_with("not valid for this topic type"));
        assert_eq!(
            message(draft("m"), &topic(true)),
            "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        );
        let group_id = id("g");
        assert_eq!(
            message(
                Draft {
                    group_id,
                    ..draft("m")
                },
                &topic(true)
            ),
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or \
             MessageDeduplicationId provided explicitly"
        );
        let group_id = id("a b");
        assert!(
            message(
                Draft {
                    group_id,
                    ..draft("m")
                },
                &topic(false)
            )
            .contains("MessageGroupId")
        );
    }
}
