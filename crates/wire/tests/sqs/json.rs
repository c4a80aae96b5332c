//! awsJson1.0 successes.

use crate::api;
use crate::fixture::{Echo, body, json, request, send_to};
use http::Method;
use std::sync::Arc;
use waystation_wire::{Blob, Map};

const SEND: &str = r#"{"QueueUrl":"http://localhost:4566/0/q","MessageBody":"a\n\"b\" \u00e9\ud83d\ude00",
  "DelaySeconds":3,"MessageAttributes":{"Foo":{"DataType":"Binary","BinaryValue":"AQID"}},
  "Unknown":{"deep":[1,2,{"x":null}]},"MessageGroupId":null}"#;

/// SQS-011, SQS-013, SQS-014, SQS-022.
#[test]
fn a_send_is_decoded_and_answered() {
    let echo = Arc::new(Echo::default());
    let response = json(&echo, "SendMessage", SEND);
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/x-amz-json-1.0")
    );
    assert_eq!(response.header("x-amzn-RequestId"), Some("rid-1"));
    assert_eq!(
        body(&response),
        r#"{"MD5OfMessageBody":"6e2baaf3b97dbeef01c0043275f9a0e7","MessageId":"id-1"}"#
    );
    let sent = echo.sent.lock().unwrap().clone().unwrap();
    assert_eq!(sent.message_body, "a\n\"b\" é😀");
    assert_eq!(sent.delay_seconds, Some(3));
    assert_eq!(sent.message_group_id, None);
    let attributes = sent.message_attributes.unwrap();
    assert_eq!(
        attributes.get("Foo").unwrap().binary_value,
        Some(Blob::from_static(&[1, 2, 3]))
    );
}

/// A body without escapes is a slice of the request, not a copy.
#[test]
fn text_shares_the_buffer_of_the_request() {
    let echo = Arc::new(Echo::default());
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "AmazonSQS.SendMessage"),
    ];
    let request = request(
        Method::POST,
        "/",
        &headers,
        r#"{"QueueUrl":"u","MessageBody":"shared"}"#,
    );
    let buffer = request.body.as_ptr_range();
    let kept = request.body.clone();
    send_to(&echo, request);
    let sent = echo.sent.lock().unwrap().clone().unwrap();
    assert!(buffer.contains(&sent.message_body.as_bytes().as_ptr()));
    assert!(!buffer.contains(&sent.message_body.detach().as_bytes().as_ptr()));
    drop(kept);
}

/// SQS-012.
#[test]
fn the_path_of_a_json_request_plays_no_part() {
    let echo = Arc::new(Echo::default());
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "AmazonSQS.ListQueues"),
    ];
    let response = send_to(
        &echo,
        request(Method::POST, "/000000000000/q", &headers, "{}"),
    );
    assert_eq!((response.status, body(&response)), (200, "{}"));
}

/// SQS-014, SQS-015, SQS-016, SQS-018.
#[test]
fn what_has_no_value_is_absent() {
    let echo = Arc::new(Echo::default());
    for (operation, input) in [
        ("ReceiveMessage", r#"{"QueueUrl":"u"}"#),
        ("ListQueues", ""),
        ("ListQueues", "null"),
        ("GetQueueAttributes", r#"{"QueueUrl":"u"}"#),
        ("DeleteMessage", r#"{"QueueUrl":"u","ReceiptHandle":"r"}"#),
    ] {
        let response = json(&echo, operation, input);
        assert_eq!(
            (response.status, body(&response)),
            (200, "{}"),
            "{operation}"
        );
    }
}

/// SQS-019.
#[test]
fn a_batch_answer_leaves_out_the_empty_side() {
    let echo = Arc::new(Echo::default());
    let batch = |text: &str| {
        let input =
            format!(r#"{{"QueueUrl":"u","Entries":[{{"Id":"1","MessageBody":"{text}"}}]}}"#);
        body(&json(&echo, "SendMessageBatch", &input)).to_owned()
    };
    assert_eq!(
        batch("good"),
        r#"{"Successful":[{"Id":"1","MessageId":"","MD5OfMessageBody":""}]}"#
    );
    assert_eq!(
        batch("bad"),
        r#"{"Failed":[{"Id":"1","SenderFault":true,"Code":"InvalidParameterValue"}]}"#
    );
}

/// SQS-022, SQS-023, SQS-119.
#[test]
fn a_received_message_keeps_every_character() {
    let echo = Arc::new(Echo::default());
    let mut attributes = Map::new();
    attributes.insert("ApproximateReceiveCount", "1".into());
    let mut message_attributes = Map::new();
    let value = api::MessageAttributeValue {
        data_type: "Binary".into(),
        binary_value: Some(Blob::from_static(b"\x00\xff")),
        ..Default::default()
    };
    message_attributes.insert("Bin", value);
    echo.messages.lock().unwrap().push(api::Message {
        body: Some("quote\" back\\ line\r\n tab\t nul\u{0} \u{1f} é😀".into()),
        attributes: Some(attributes),
        message_attributes: Some(message_attributes),
        ..Default::default()
    });
    let response = json(&echo, "ReceiveMessage", r#"{"QueueUrl":"u"}"#);
    let parsed: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    let message = &parsed["Messages"][0];
    assert_eq!(
        message["Body"],
        "quote\" back\\ line\r\n tab\t nul\u{0} \u{1f} é😀"
    );
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["MessageAttributes"]["Bin"]["BinaryValue"], "AP8=");
}

/// SQS-031.
#[test]
fn numbers_and_booleans_pass_as_queue_attributes() {
    let echo = Arc::new(Echo::default());
    let input =
        r#"{"QueueName":"q","Attributes":{"DelaySeconds":5,"FifoQueue":true},"tags":{"a":"b"}}"#;
    let response = json(&echo, "CreateQueue", input);
    assert_eq!(body(&response), r#"{"QueueUrl":"http://localhost/q/3"}"#);
}
