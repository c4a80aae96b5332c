//! Why a document is refused, in the words of the service's dialect.

use super::Kind;
use crate::error::ApiError;
use crate::json::decode::BASE64;
use crate::limits::ECHOED_CHARACTERS_MAX;
use crate::model::Serialization;
use crate::{Blob, errors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no document.
    Syntax(Cow<'static, str>),
    /// A value is not of its member's kind.
    Kind(Cow<'static, str>),
}

/// What a member wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Text,
    Blob,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
    List,
    Map,
    Structure,
}

/// The document is something else than a structure.
pub(super) const NO_STRUCTURE: Refused = Refused::Syntax(Cow::Borrowed("Expected a structure."));

impl Refused {
    pub(crate) fn syntax(reason: impl Into<Cow<'static, str>>) -> Refused {
        Refused::Syntax(reason.into())
    }

    pub(super) fn kind(reason: impl Into<Cow<'static, str>>) -> Refused {
        Refused::Kind(reason.into())
    }

    /// The answer. Services that name classes say nothing of a bad document, and of a wrong kind in a member `Message`
    /// (KIN-024).
    pub(crate) fn into_error(self, serialization: Serialization) -> ApiError {
        match (serialization, self) {
            (Serialization::TokenNames, Refused::Syntax(reason) | Refused::Kind(reason)) => {
                errors::SERIALIZATION.with(reason)
            }
            (Serialization::ClassNames, Refused::Syntax(_)) => errors::SERIALIZATION.with(""),
            (Serialization::ClassNames, Refused::Kind(reason)) => {
                errors::SERIALIZATION.with("").field("Message", reason)
            }
        }
    }
}

/// A value of one kind where a member wants another.
pub(super) fn inconvertible(serialization: Serialization, found: Kind, target: Target) -> Refused {
    match serialization {
        Serialization::TokenNames => by_token(found, target),
        Serialization::ClassNames => by_class(found, target),
    }
}

fn by_token(found: Kind, target: Target) -> Refused {
    let name = match found {
        Kind::Object => {
            return Refused::kind("Start of structure or map found where not expected.");
        }
        Kind::Array => return Refused::kind("Start of list found where not expected."),
        Kind::Text => "STRING_VALUE",
        Kind::Bytes => "BINARY_VALUE",
        Kind::Number => "NUMBER_VALUE",
        Kind::Time => "TIMESTAMP_VALUE",
        Kind::True => "TRUE_VALUE",
        Kind::False => "FALSE_VALUE",
        Kind::Null => "NULL_VALUE",
    };
    let wanted = match target {
        Target::Text => "a String",
        Target::Boolean => "a Boolean",
        Target::Integer => "an Integer",
        Target::Long => "a Long",
        Target::Float => "a Float",
        Target::Double => "a Double",
        Target::Timestamp => "a Timestamp",
        Target::Blob => return Refused::kind("Expected Base64 text or null"),
        Target::List => return Refused::kind("Expected list or null"),
        Target::Map | Target::Structure => {
            return Refused::kind("Expected structure or map or null");
        }
    };
    Refused::kind(format!("{name} can not be converted to {wanted}"))
}

fn by_class(found: Kind, target: Target) -> Refused {
    let class = match found {
        Kind::Object => {
            return Refused::kind("Start of structure or map found where not expected.");
        }
        Kind::Array => return Refused::kind("Start of list found where not expected"),
        Kind::True | Kind::False => "java.lang.Boolean",
        Kind::Number | Kind::Time => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Kind::Text | Kind::Null => "java.lang.String",
        Kind::Bytes => "java.nio.HeapByteBuffer",
    };
    let wanted = match target {
        Target::Text => "an String",
        Target::Boolean => "an Boolean",
        Target::Integer => "an Integer",
        Target::Long => "an Long",
        Target::Float => "an Float",
        Target::Double => "an Double",
        Target::Blob => "a Blob",
        Target::Timestamp => "milliseconds since epoch",
        Target::List => return Refused::kind("Expected list or null"),
        Target::Map => return Refused::kind("Expected map or null"),
        Target::Structure => return Refused::kind("Expected null"),
    };
    Refused::kind(format!("class {class} can not be converted to {wanted}"))
}

/// A text where a boolean is wanted, in the words of classes.
pub(super) fn no_boolean(text: &str) -> Refused {
    let shown = echoed(text).to_uppercase();
    Refused::kind(format!("'{shown}' can not be converted to an Boolean"))
}

/// The bytes of a Base64 text.
pub(super) fn base64(serialization: Serialization, text: &str) -> Result<Blob, Refused> {
    let bytes = match serialization {
        Serialization::TokenNames => BASE64.decode(text),
        Serialization::ClassNames => STANDARD.decode(text),
    };
    bytes.map(Blob::from).map_err(|_| match serialization {
        Serialization::TokenNames => Refused::kind("A blob is not valid Base64."),
        Serialization::ClassNames => {
            let (shown, reason) = (echoed(text), base64_reason(text));
            Refused::kind(format!(
                "'{shown}' can not be converted to a Blob: {reason}"
            ))
        }
    })
}

fn base64_reason(text: &str) -> String {
    if !text.len().is_multiple_of(4) {
        let length = text.len();
        return format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {length}"
        );
    }
    let data = text.strip_suffix('=').unwrap_or(text);
    let data = data.strip_suffix('=').unwrap_or(data);
    let strange =
        |character: &char| !character.is_ascii_alphanumeric() && !matches!(character, '+' | '/');
    match data.chars().find(strange) {
        Some(character) => format!("Invalid Base64 character: '{character}'"),
        // The word is misspelt in AWS's answers too.
        None => String::from("Invalid last non-pad Base64 character dectected"),
    }
}

/// As much of a refused value as an answer repeats.
fn echoed(text: &str) -> String {
    text.chars().take(ECHOED_CHARACTERS_MAX).collect()
}
