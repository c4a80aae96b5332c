//! `MessageStructure=json`: one text per protocol (section 13).

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::Value;
use waystation_wire::ApiError;

use crate::errors::invalid;

/// The texts by protocol; `default` is always there.
pub(crate) type Texts = HashMap<String, String>;

/// Reads a structured message (SNS-164 to SNS-171).
pub(crate) fn parse(message: &str) -> Result<Texts, ApiError> {
    let mut reader = serde_json::Deserializer::from_str(message);
    let read = reader
        .deserialize_map(Members)
        .and_then(|texts| reader.end().map(|()| texts));
    let texts =
        read.map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
    if !texts.contains_key("default") {
        return Err(invalid(
            "Message Structure - No default entry in JSON message body",
        ));
    }
    Ok(texts)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts = Texts::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            // SNS-169
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a key occurs twice"));
            }
            // SNS-168
            if let Value::String(text) = value {
                texts.insert(name, text);
            }
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_texts() {
        // SNS-164 to SNS-171
        let texts = parse(r#"{"default":"d","sqs":"","http":7,"x":"{\"a\":1}"}"#).expect("valid");
        assert_eq!(texts.get("default").map(String::as_str), Some("d"));
        assert_eq!(texts.get("sqs").map(String::as_str), Some(""));
        assert_eq!(texts.get("http"), None);
        assert_eq!(texts.get("x").map(String::as_str), Some("{\"a\":1}"));
        let message = |text| parse(text).expect_err(text).message;
        for text in [r#"{"sqs":"x"}"#, r#"{"default":7}"#] {
            assert_eq!(
                message(text),
                "Invalid parameter: Message Structure - No default entry in JSON message body"
            );
        }
        for text in [
            "x",
            "[]",
            "{",
            r#"{"default":"a","default":"b"}"#,
            r#"{"default":"a"} x"#,
        ] {
            assert_eq!(
                message(text),
                "Invalid parameter: Message Structure - JSON message body failed to parse"
            );
        }
    }
}
