//! Which attributes a receive asks for (SQS-183..187, SQS-198..202, table 10.1).

use waystation_wire::{ApiError, Str};

use crate::attributes;
use crate::message_attributes::Attribute;

/// Message system attributes as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SystemSelection(u16);

macro_rules! system_attributes {
    ($($(#[$doc:meta])* $constant:ident = $bit:literal, $name:literal;)+) => {
        impl SystemSelection {
            $($(#[$doc])* pub(crate) const $constant: SystemSelection = SystemSelection(1 << $bit);)+

            fn of_name(name: &str) -> Result<SystemSelection, ApiError> {
                match name {
                    "All" => Ok(SystemSelection(u16::MAX)),
                    $($name => Ok(SystemSelection::$constant),)+
                    // `AttributeNames` is typed as names of queue attributes; no message has one of those.
                    other => attributes::find(other).map(|_| SystemSelection(0)),
                }
            }
        }
    };
}

system_attributes! {
    /// `SenderId`
    SENDER_ID = 0, "SenderId";
    /// `SentTimestamp`
    SENT_TIMESTAMP = 1, "SentTimestamp";
    /// `ApproximateReceiveCount`
    RECEIVE_COUNT = 2, "ApproximateReceiveCount";
    /// `ApproximateFirstReceiveTimestamp`
    FIRST_RECEIVE_TIMESTAMP = 3, "ApproximateFirstReceiveTimestamp";
    /// `SequenceNumber`
    SEQUENCE_NUMBER = 4, "SequenceNumber";
    /// `MessageDeduplicationId`
    DEDUPLICATION_ID = 5, "MessageDeduplicationId";
    /// `MessageGroupId`
    GROUP_ID = 6, "MessageGroupId";
    /// `AWSTraceHeader`
    TRACE_HEADER = 7, "AWSTraceHeader";
    /// `DeadLetterQueueSourceArn`
    SOURCE_ARN = 8, "DeadLetterQueueSourceArn";
}

impl SystemSelection {
    /// Every attribute that a message has.
    pub(crate) const ALL: SystemSelection = SystemSelection(u16::MAX);

    /// The union of all names (SQS-184); an unknown one is refused as in `GetQueueAttributes` (SQS-095).
    pub(crate) fn of<'a>(
        mut names: impl Iterator<Item = &'a Str>,
    ) -> Result<SystemSelection, ApiError> {
        names.try_fold(SystemSelection(0), |all, name| {
            Ok(SystemSelection(all.0 | SystemSelection::of_name(name)?.0))
        })
    }

    /// Whether an attribute is among them.
    pub(crate) fn has(self, attribute: SystemSelection) -> bool {
        self.0 & attribute.0 != 0
    }

    /// Whether there is any.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Message attributes by name: all, or some names and prefixes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection<'a> {
    /// Every attribute.
    All,
    /// Those that one of the patterns names, in the form of the request. May be empty.
    Named(&'a [Str]),
}

impl<'a> Selection<'a> {
    /// Reads `MessageAttributeNames`. Names that cannot exist match nothing (SQS-201).
    pub(crate) fn of(names: &'a [Str]) -> Selection<'a> {
        if names.iter().any(|name| *name == "All" || *name == ".*") {
            Selection::All
        } else {
            Selection::Named(names)
        }
    }

    /// Whether the attribute is wanted (SQS-198..200).
    pub(crate) fn wants(&self, attribute: &Attribute) -> bool {
        match self {
            Selection::All => true,
            Selection::Named(names) => names.iter().any(|name| match name.strip_suffix(".*") {
                Some(prefix) => attribute.name.starts_with(prefix),
                None => *name == attribute.name,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn wanted(names: &[&'static str]) -> Vec<&'static str> {
        let names: Vec<Str> = names.iter().map(|name| Str::from(*name)).collect();
        let selection = Selection::of(&names);
        let attributes = ["General", "Hello", "Help.Me", "hello"];
        let wants = |name: &&'static str| {
            selection.wants(&Attribute {
                name: Str::from(*name),
                data_type: Str::from("String"),
                value: Bytes::new(),
            })
        };
        attributes.into_iter().filter(wants).collect()
    }

    #[test]
    fn message_attributes_are_chosen_by_name_or_prefix() {
        // SQS-198, SQS-199, SQS-200, SQS-201, SQS-202
        assert_eq!(wanted(&[]), [""; 0]);
        assert_eq!(wanted(&["Hello"]), ["Hello"]);
        assert_eq!(wanted(&["Hel.*"]), ["Hello", "Help.Me"]);
        assert_eq!(wanted(&["Help.*", "General"]), ["General", "Help.Me"]);
        for all in ["All", ".*"] {
            assert_eq!(wanted(&["x", all]).len(), 4);
        }
        assert_eq!(wanted(&["all", "HELLO", "Hel*", "!", ""]), [""; 0]);
    }

    #[test]
    fn system_attributes_are_chosen_by_name() {
        // SQS-183, SQS-184, SQS-187
        let of = |names: &[&'static str]| {
            let names: Vec<Str> = names.iter().map(|name| Str::from(*name)).collect();
            SystemSelection::of(names.iter()).map_err(|error| error.message)
        };
        assert_eq!(of(&[]), Ok(SystemSelection(0)));
        assert_eq!(of(&["VisibilityTimeout"]), Ok(SystemSelection(0)));
        let two = of(&["SenderId", "SequenceNumber"]).expect("known");
        assert!(two.has(SystemSelection::SENDER_ID) && two.has(SystemSelection::SEQUENCE_NUMBER));
        assert!(!two.has(SystemSelection::SENT_TIMESTAMP));
        assert!(
            of(&["All"])
                .expect("known")
                .has(SystemSelection::SOURCE_ARN)
        );
        assert_eq!(
            of(&["SenderId", "Nonsense"]),
            Err("Unknown Attribute Nonsense.".to_owned())
        );
    }
}
