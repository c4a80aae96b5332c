//! Message attributes as publishers give them (section 12): checked once, here, and sorted by name, because SQS stores
//! them so.

use waystation_delivery::message::Attribute;
use waystation_pattern::{self as pattern, AttributeValue};
use waystation_wire::{ApiError, Map, Str};

use crate::api::{self, MessageAttributeValue};
use crate::limits;

/// What the reserved names begin with that publishers may give (SNS-145, SNS-464, SNS-468).
const CONTROLS: [&str; 3] = ["AWS.SNS.MOBILE.", "AWS.SNS.SMS.", "AWS.MM.SMS."];

/// SNS-157
fn refused(text: String) -> ApiError {
    api::INVALID_PARAMETER_VALUE_EXCEPTION.with(text)
}

/// The attributes of a request.
pub(crate) fn check(
    attributes: Option<Map<MessageAttributeValue>>,
) -> Result<Vec<Attribute>, ApiError> {
    let mut checked = Vec::new();
    for (name, value) in attributes.into_iter().flatten() {
        check_name(&name)?;
        checked.push(check_value(name, value)?);
    }
    checked.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(checked)
}

/// SNS-144 to SNS-150
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().count() > limits::MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX {
        return Err(refused(
            "Length of message attribute name must be less than 256 bytes.".to_owned(),
        ));
    }
    let legal =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if let Some(bad) = name.chars().find(|character| !legal(*character)) {
        return Err(refused(format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include \
             alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(bad)
        )));
    }
    if name.is_empty() {
        return Err(refused(
            "Length of message attribute name must be greater than 0 bytes.".to_owned(),
        ));
    }
    for (is_there, place) in [
        (name.starts_with('.'), "starting"),
        (name.ends_with('.'), "ending"),
    ] {
        if is_there {
            return Err(refused(format!(
                "Invalid message attribute name {place} with character '.' was found."
            )));
        }
    }
    if name.contains("..") {
        return Err(refused(
            "Message attribute name can not have successive '.' character.".to_owned(),
        ));
    }
    let lower = name.to_ascii_lowercase();
    let is_reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    if is_reserved && !CONTROLS.iter().any(|control| name.starts_with(control)) {
        return Err(refused(
            "Message attribute name can not start with the reserved prefixes AWS. and Amazon."
                .to_owned(),
        ));
    }
    Ok(())
}

/// SNS-142, SNS-143, SNS-152 to SNS-156
fn check_value(name: Str, value: MessageAttributeValue) -> Result<Attribute, ApiError> {
    let MessageAttributeValue {
        data_type,
        string_value,
        binary_value,
    } = value;
    let (basic, label) = match data_type.split_once('.') {
        Some((basic, label)) => (basic, Some(label)),
        None => (&*data_type, None),
    };
    if !matches!(basic, "String" | "Number" | "Binary") || label == Some("") {
        return Err(refused(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is \
             Binary, Number, and String."
        )));
    }
    let empty = || {
        refused(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
             '{data_type}'."
        ))
    };
    let other_field = |field: &str| {
        refused(format!(
            "The message attribute '{name}' with type '{basic}' must use field '{field}'."
        ))
    };
    let string_value = string_value.filter(|text| !text.is_empty());
    let binary_value = binary_value.filter(|bytes| !bytes.is_empty());
    let value = match (basic, string_value, binary_value) {
        (_, None, None) => return Err(empty()),
        ("Binary", None, Some(bytes)) => bytes,
        ("Binary", Some(_), _) => return Err(other_field("Binary")),
        (_, Some(text), None) => text.into_bytes(),
        _ => return Err(other_field("String")),
    };
    if basic == "Number" && !is_number(&value) {
        return Err(refused(format!(
            "Could not cast message attribute '{name}' value to number."
        ))); // SNS-160
    }
    Ok(Attribute {
        name,
        data_type,
        value,
    })
}

/// Digits with a sign, a period and an exponent if need be.
fn is_number(value: &[u8]) -> bool {
    let legal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let text = std::str::from_utf8(value).unwrap_or_default();
    // Rust also reads "inf" and "nan"; those letters are not legal here.
    value.iter().all(legal) && text.parse::<f64>().is_ok()
}

/// Attributes as filter policies see them; binary ones are absent (SNS-288).
pub(crate) fn for_filters(attributes: &[Attribute]) -> Vec<pattern::Attribute<'_>> {
    let texts = attributes.iter().filter_map(|attribute| {
        let text = std::str::from_utf8(&attribute.value).ok()?;
        let value = match &*attribute.data_type {
            "String.Array" => AttributeValue::Array(text),
            number if number.starts_with("Number") => AttributeValue::Number(text),
            string if string.starts_with("String") => AttributeValue::Text(text),
            _ => return None,
        };
        Some(pattern::Attribute {
            name: &attribute.name,
            value,
        })
    });
    texts.collect()
}

/// Whether some attribute of type String.Array holds no array of scalars (SNS-159).
pub(crate) fn has_unreadable(attributes: &[Attribute]) -> bool {
    let is_readable = |value: &[u8]| {
        let values = serde_json::from_slice::<Vec<serde_json::Value>>(value);
        values.is_ok_and(|values| {
            values
                .iter()
                .all(|value| !value.is_array() && !value.is_object())
        })
    };
    attributes
        .iter()
        .any(|attribute| &*attribute.data_type == "String.Array" && !is_readable(&attribute.value))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn text(data_type: &str, value: &str) -> MessageAttributeValue {
        MessageAttributeValue {
            data_type: Str::from(data_type.to_owned()),
            string_value: Some(Str::from(value.to_owned())),
            binary_value: None,
        }
    }

    fn message(name: &str, value: MessageAttributeValue) -> String {
        let attributes = [(Str::from(name.to_owned()), value)].into_iter().collect();
        let error = check(Some(attributes)).expect_err(name);
        assert_eq!(error.kind.query_code, "ParameterValueInvalid"); // SNS-157
        error.message
    }

    #[test]
    fn names_follow_the_rules() {
        // SNS-144 to SNS-150
        let value = || text("String", "v");
        for good in ["a", "A-b_c.d", &"n".repeat(256), "AWS.SNS.SMS.SenderID"] {
            let attributes = [(Str::from(good.to_owned()), value())]
                .into_iter()
                .collect();
            assert!(check(Some(attributes)).is_ok(), "{good}");
        }
        assert_eq!(
            message(&"n".repeat(257), value()),
            "Length of message attribute name must be less than 256 bytes."
        );
        assert_eq!(
            message("a^b", value()),
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include \
             alphanumeric characters, hyphens, underscores, or dots."
        );
        assert_eq!(
            message(".a", value()),
            "Invalid message attribute name starting with character '.' was found."
        );
        assert_eq!(
            message("a.", value()),
            "Invalid message attribute name ending with character '.' was found."
        );
        assert_eq!(
            message("a..b", value()),
            "Message attribute name can not have successive '.' character."
        );
        assert!(message("aws.x", value()).contains("reserved"));
    }

    #[test]
    fn types_and_values_fit() {
        // SNS-142, SNS-143, SNS-152 to SNS-156
        let bad_type = "The message attribute 'a' has an invalid message attribute type, the set of supported type \
                        prefixes is Binary, Number, and String.";
        for data_type in ["", "Stringprefixed", "String.", "text"] {
            assert_eq!(message("a", text(data_type, "v")), bad_type);
        }
        assert_eq!(
            message("a", text("String.x", "")),
            "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String.x'."
        );
        let binary = |data_type: &str| MessageAttributeValue {
            data_type: Str::from(data_type.to_owned()),
            string_value: None,
            binary_value: Some(Bytes::from_static(b"\xff")),
        };
        let field = |kind: &str, field: &str| {
            format!("The message attribute 'a' with type '{kind}' must use field '{field}'.")
        };
        assert_eq!(message("a", binary("String")), field("String", "String"));
        assert_eq!(message("a", binary("Number")), field("Number", "String"));
        assert_eq!(message("a", text("Binary", "v")), field("Binary", "Binary"));
        for number in ["x", "1,5", "inf", "", "0x1"] {
            let text = text("Number", number);
            let expected = match number {
                "" => "must contain non-empty",
                _ => "Could not cast message attribute 'a' value to number.",
            };
            assert!(message("a", text).contains(expected), "{number}");
        }
        let attributes = [(Str::from("a"), binary("Binary.png"))]
            .into_iter()
            .collect();
        assert!(check(Some(attributes)).is_ok());
    }
}
