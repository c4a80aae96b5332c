//! Peeked messages as JSON, in two forms: our own, and that of XML converted to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use waystation_engine::MessageState;
use waystation_sqs::api::{Message, MessageAttributeValue};
use waystation_sqs::{PeekedMessage, PeekedMessages};
use waystation_wire::{Model, Response, Str};

use crate::json_answer::reply;

/// `{"Messages": [...], "NextMarker": "..."}`: messages as the JSON protocol shows them, and what each is doing.
pub(crate) fn own(peeked: &PeekedMessages) -> Response {
    let messages: Vec<Value> = peeked.messages.iter().map(own_message).collect();
    let mut answer = Map::new();
    answer.insert("Messages".to_owned(), messages.into());
    if let Some(next) = peeked.next {
        answer.insert("NextMarker".to_owned(), next.to_string().into());
    }
    reply(200, &answer.into())
}

fn own_message(peeked: &PeekedMessage) -> Value {
    let message = &peeked.message;
    let mut shown = basics(message);
    let state = match peeked.state {
        MessageState::Visible => "visible",
        MessageState::InFlight => "in flight",
        MessageState::Delayed => "delayed",
    };
    shown.insert("State".to_owned(), state.into());
    let attributes: Map<String, Value> = attributes(message)
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    shown.insert("Attributes".to_owned(), attributes.into());
    let own: Map<String, Value> = message_attributes(message)
        .map(|(name, value)| (name.to_string(), attribute_value(value)))
        .collect();
    if !own.is_empty() {
        shown.insert("MessageAttributes".to_owned(), own.into());
    }
    shown.into()
}

/// `{"ReceiveMessageResponse": {...}}` as a converter makes it of the XML: a member that repeats is a list, one that
/// does not is a value, and an empty element is `null`.
pub(crate) fn converted(peeked: &PeekedMessages, model: &Model, request_id: &str) -> Response {
    let messages = peeked.messages.iter().map(|peeked| {
        let message = &peeked.message;
        let mut shown = basics(message);
        shown.insert(
            "ReceiptHandle".to_owned(),
            optional(&message.receipt_handle),
        );
        let system = attributes(message)
            .map(|(name, value)| json!({ "Name": name.as_str(), "Value": value.as_str() }));
        insert(&mut shown, "Attribute", system.collect());
        let own = message_attributes(message)
            .map(|(name, value)| json!({ "Name": name.as_str(), "Value": attribute_value(value) }));
        insert(&mut shown, "MessageAttribute", own.collect());
        Value::Object(shown)
    });
    let mut result = Map::new();
    insert(&mut result, "Message", messages.collect());
    let result = match result.is_empty() {
        true => Value::Null,
        false => result.into(),
    };
    reply(
        200,
        &json!({ "ReceiveMessageResponse": {
            "@xmlns": model.xml_namespace,
            "ReceiveMessageResult": result,
            "ResponseMetadata": { "RequestId": request_id },
        }}),
    )
}

fn insert(into: &mut Map<String, Value>, name: &str, mut values: Vec<Value>) {
    match values.len() {
        0 => {}
        1 => drop(into.insert(name.to_owned(), values.remove(0))),
        _ => drop(into.insert(name.to_owned(), values.into())),
    }
}

fn basics(message: &Message) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |name: &str, value: &Option<Str>| {
        if value.is_some() {
            shown.insert(name.to_owned(), optional(value));
        }
    };
    put("MessageId", &message.message_id);
    put("MD5OfBody", &message.md5_of_body);
    put("MD5OfMessageAttributes", &message.md5_of_message_attributes);
    put("Body", &message.body);
    shown
}

fn attributes(message: &Message) -> impl Iterator<Item = (&Str, &Str)> {
    message.attributes.iter().flat_map(|map| map.iter())
}

fn message_attributes(message: &Message) -> impl Iterator<Item = (&Str, &MessageAttributeValue)> {
    message.message_attributes.iter().flat_map(|map| map.iter())
}

fn attribute_value(value: &MessageAttributeValue) -> Value {
    let mut shown = Map::new();
    shown.insert("DataType".to_owned(), text(&value.data_type));
    if let Some(string) = &value.string_value {
        shown.insert("StringValue".to_owned(), text(string));
    }
    if let Some(binary) = &value.binary_value {
        shown.insert("BinaryValue".to_owned(), BASE64.encode(binary).into());
    }
    shown.into()
}

fn text(value: &Str) -> Value {
    value.as_str().into()
}

fn optional(value: &Option<Str>) -> Value {
    value.as_ref().map_or(Value::Null, text)
}
