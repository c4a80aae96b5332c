//! The attributes of a message, as senders give them: names, types and values are checked once, here (SQS-124..137).
//!
//! What passes is sorted by name, because digests need that order (SQS-151) and stored messages keep it.

pub(crate) use waystation_delivery::message::{Attribute, digest};
use waystation_wire::{ApiError, Map, Str};

use crate::api::{MessageAttributeValue, MessageSystemAttributeValue};
use crate::errors::{invalid_characters, invalid_parameter, invalid_value};
use crate::md5::{self, DigestItem, Md5Digest};
use crate::{characters, limits, number};

/// The only system attribute that senders may give (SQS-137).
pub(crate) const TRACE_HEADER: &str = "AWSTraceHeader";

/// The attributes of a request, checked and sorted by name.
pub(crate) fn check(
    attributes: Option<Map<MessageAttributeValue>>,
) -> Result<Vec<Attribute>, ApiError> {
    let Some(attributes) = attributes else {
        return Ok(Vec::new());
    };
    if attributes.len() > limits::MESSAGE_ATTRIBUTES_MAX {
        // SQS-124
        let count = attributes.len();
        return Err(invalid_parameter(format!(
            "Number of message attributes [{count}] exceeds the allowed maximum [{}].",
            limits::MESSAGE_ATTRIBUTES_MAX
        )));
    }
    let mut checked = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        check_name(&name)?;
        checked.push(check_value(name, value)?);
    }
    checked.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    match checked
        .windows(2)
        .find(|pair| matches!(pair, [one, other] if one.name == other.name))
    {
        // SQS-127
        Some(pair) => Err(invalid_parameter(format!(
            "Message (user) attribute name '{}' occurs more than once.",
            pair.first().map_or("", |attribute| &attribute.name)
        ))),
        None => Ok(checked),
    }
}

/// SQS-125, SQS-126, SQS-128.
fn check_name(name: &str) -> Result<(), ApiError> {
    let length = name.chars().count();
    let legal =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let reserved = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if (1..=limits::MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX).contains(&length)
        && name.chars().all(legal)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !reserved("AWS.")
        && !reserved("Amazon.")
    {
        return Ok(());
    }
    Err(invalid_parameter(format!(
        "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), \
         hyphen (-), and period (.) characters."
    )))
}

fn check_value(name: Str, value: MessageAttributeValue) -> Result<Attribute, ApiError> {
    let MessageAttributeValue {
        data_type,
        string_value,
        binary_value,
        string_list_values,
        binary_list_values,
    } = value;
    if string_list_values.is_some_and(|list| !list.is_empty())
        || binary_list_values.is_some_and(|list| !list.is_empty())
    {
        // SQS-136
        return Err(invalid_parameter(
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    let empty = |kind: &str| {
        // SQS-131, SQS-132
        invalid_parameter(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        ))
    };
    let value = match basic_type(&data_type) {
        None => {
            // SQS-130
            return Err(invalid_parameter(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported \
                 type prefixes: Binary, Number, String."
            )));
        }
        Some(BasicType::Binary) => binary_value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| empty("Binary"))?,
        Some(text_type) => {
            let value = string_value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| empty("String"))?;
            if !characters::are_legal(&value) {
                return Err(invalid_characters()); // SQS-133
            }
            if text_type == BasicType::Number && !number::is_number(&value) {
                // SQS-134
                return Err(invalid_parameter(format!(
                    "Can't cast the value of message (user) attribute '{name}' to a number."
                )));
            }
            value.into_bytes()
        }
    };
    Ok(Attribute {
        name,
        data_type,
        value,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BasicType {
    String,
    Number,
    Binary,
}

/// SQS-129: the type before the custom label.
fn basic_type(data_type: &str) -> Option<BasicType> {
    let (basic, label) = match data_type.split_once('.') {
        Some((basic, label)) => (basic, Some(label)),
        None => (data_type, None),
    };
    if label == Some("") || data_type.chars().count() > limits::MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX {
        return None;
    }
    match basic {
        "String" => Some(BasicType::String),
        "Number" => Some(BasicType::Number),
        "Binary" => Some(BasicType::Binary),
        _ => None,
    }
}

/// The trace header among the system attributes of a request (SQS-137), and the digest of those attributes (SQS-156).
pub(crate) fn check_system(
    attributes: Option<Map<MessageSystemAttributeValue>>,
) -> Result<Option<(Str, Md5Digest)>, ApiError> {
    let mut trace = None;
    for (name, value) in attributes.into_iter().flatten() {
        if name != TRACE_HEADER {
            return Err(invalid_parameter(format!(
                "Message system attribute name '{name}' is invalid. You must use only the following supported system \
                 attributes: {TRACE_HEADER}."
            )));
        }
        let text = value
            .string_value
            .filter(|text| value.data_type == "String" && is_trace_header(text));
        let Some(text) = text else {
            return Err(invalid_value(
                "",
                TRACE_HEADER,
                "The AWSTraceHeader must be of type String and a well-formed X-Ray trace header string.",
            ));
        };
        trace = Some(text);
    }
    Ok(trace.map(|text| {
        let item = DigestItem {
            name: TRACE_HEADER,
            data_type: "String",
            value: text.as_bytes(),
        };
        let digest = md5::of_attributes([item]);
        (text, digest)
    }))
}

/// Whether the text is an X-Ray header: `key=value` pairs separated by semicolons.
pub(crate) fn is_trace_header(text: &str) -> bool {
    let is_pair = |part: &str| {
        part.split_once('=')
            .is_some_and(|(key, _)| !key.trim().is_empty())
    };
    text.len() <= limits::TRACE_HEADER_BYTES_MAX
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.trim_end_matches(';').split(';').all(is_pair)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn value(data_type: &str, text: &str) -> MessageAttributeValue {
        MessageAttributeValue {
            data_type: Str::from(data_type.to_owned()),
            string_value: Some(Str::from(text.to_owned())),
            ..MessageAttributeValue::default()
        }
    }

    fn checked(pairs: Vec<(&str, MessageAttributeValue)>) -> Result<Vec<Attribute>, ApiError> {
        check(Some(
            pairs
                .into_iter()
                .map(|(name, value)| (Str::from(name.to_owned()), value))
                .collect(),
        ))
    }

    #[test]
    fn valid_attributes_are_sorted_by_name() {
        // SQS-127, SQS-151
        let attributes = checked(vec![
            ("b", value("String", "1")),
            ("B", value("Number.int", "2")),
            ("a", value("String.x", "3")),
        ]);
        let names: Vec<Str> = attributes
            .expect("valid")
            .into_iter()
            .map(|attribute| attribute.name)
            .collect();
        assert_eq!(names, ["B", "a", "b"]);
    }

    #[test]
    fn names_follow_the_rules() {
        // SQS-125, SQS-126, SQS-128
        let long = "n".repeat(256);
        for good in ["a", "A-b_c.d", "größe", "名前", "AWSome", "Amazonas", &long] {
            assert!(
                checked(vec![(good, value("String", "x"))]).is_ok(),
                "{good}"
            );
        }
        let longer = "n".repeat(257);
        for bad in [
            "", ".a", "a.", "a..b", "aws.x", "AWS.x", "amazon.x", "a b", "a!", "a\"", "§", "(",
            "?", &longer,
        ] {
            let error = checked(vec![(bad, value("String", "x"))]).expect_err(bad);
            assert_eq!(error.kind.query_code, "InvalidParameterValue");
        }
    }

    #[test]
    fn types_are_three_with_labels() {
        // SQS-129, SQS-130
        assert!(checked(vec![("a", value("String.label.more", "x"))]).is_ok());
        for bad in [
            "",
            "string",
            "Text",
            "Strings",
            "String.",
            &format!("String.{}", "l".repeat(250)),
        ] {
            let error = checked(vec![("a", value(bad, "x"))]).expect_err(bad);
            assert_eq!(
                error.message,
                "The type of message (user) attribute 'a' is invalid. You must use only the following supported type \
                 prefixes: Binary, Number, String."
            );
        }
    }

    #[test]
    fn values_must_fit_their_type() {
        // SQS-131, SQS-132, SQS-133, SQS-134, SQS-136
        let message = |attribute| {
            checked(vec![("a", attribute)])
                .expect_err("invalid")
                .message
        };
        let text = "Message (user) attribute 'a' must contain a non-empty value of type 'String'.";
        assert_eq!(message(value("String", "")), text);
        let text = "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'.";
        assert_eq!(message(value("Binary", "text")), text);
        assert!(message(value("Number", "one")).contains("number"));
        assert!(message(value("String", "\u{1}")).starts_with("Invalid"));
        let mut list = value("String", "x");
        list.string_list_values = Some(vec![Str::from("x")]);
        assert!(message(list).contains("list"));
        let binary = MessageAttributeValue {
            data_type: Str::from("Binary.png"),
            binary_value: Some(Bytes::from_static(b"\0\xff")),
            ..MessageAttributeValue::default()
        };
        let attributes = checked(vec![("a", binary)]).expect("valid");
        assert_eq!(attributes[0].size_bytes(), 1 + 10 + 2); // SQS-120
        assert!(attributes[0].is_binary());
    }

    #[test]
    fn ten_attributes_are_the_most() {
        // SQS-124
        let names: Vec<String> = (0..11).map(|index| format!("a{index}")).collect();
        let pairs = |count: usize| {
            names[..count]
                .iter()
                .map(|name| (name.as_str(), value("String", "x")))
                .collect()
        };
        assert_eq!(checked(pairs(10)).expect("ten").len(), 10);
        let error = checked(pairs(11)).expect_err("eleven");
        assert_eq!(
            error.message,
            "Number of message attributes [11] exceeds the allowed maximum [10]."
        );
    }

    #[test]
    fn only_the_trace_header_is_a_system_attribute() {
        // SQS-137, SQS-156
        let system = |name: &'static str, data_type: &'static str, text: &'static str| {
            let value = MessageSystemAttributeValue {
                data_type: Str::from(data_type),
                string_value: Some(Str::from(text)),
                ..MessageSystemAttributeValue::default()
            };
            check_system(Some([(Str::from(name), value)].into_iter().collect()))
        };
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let (text, digest) = system(TRACE_HEADER, "String", header)
            .expect("valid")
            .expect("given");
        assert_eq!(text, header);
        assert_eq!(md5::hex(&digest), "5ae4d5d7636402d80f4eb6d213245a88");
        assert!(system("SenderId", "String", header).is_err());
        assert!(system(TRACE_HEADER, "Number", header).is_err());
        assert!(system(TRACE_HEADER, "String", "garbage").is_err());
        assert!(check_system(None).expect("none").is_none());
    }
}
