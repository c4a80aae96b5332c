//! Failures in both protocols.

use crate::fixture::{Echo, body, form, get, json, request, send_to};
use http::Method;
use std::sync::Arc;
use waystation_wire::Response;

fn echo() -> Arc<Echo> {
    Arc::new(Echo::default())
}

fn parsed(response: &Response) -> serde_json::Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn query_error(kind: &str, code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>{kind}</Type>\
         <Code>{code}</Code><Message>{message}</Message><Detail/></Error><RequestId>rid-1</RequestId></ErrorResponse>"
    )
}

/// SQS-025, SQS-026, SQS-028, SQS-040 to SQS-043.
#[test]
fn a_modelled_error_has_two_faces() {
    let response = json(
        &echo(),
        "DeleteMessage",
        r#"{"QueueUrl":"u","ReceiptHandle":"gone"}"#,
    );
    assert_eq!(response.status, 400);
    assert_eq!(
        response.header("x-amzn-query-error"),
        Some("AWS.SimpleQueueService.NonExistentQueue;Sender")
    );
    assert_eq!(response.header("x-amzn-requestid"), Some("rid-1"));
    let text = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#;
    assert_eq!(body(&response), text);
    let response = form(&echo(), "/0/q", "Action=DeleteMessage&ReceiptHandle=gone");
    assert_eq!(response.status, 400);
    let message = "The specified queue does not exist for this wsdl version.";
    assert_eq!(
        body(&response),
        query_error("Sender", "AWS.SimpleQueueService.NonExistentQueue", message)
    );
}

/// SQS-041, IDN-058.
#[test]
fn a_failure_of_ours_is_the_receivers() {
    let response = json(
        &echo(),
        "DeleteMessage",
        r#"{"QueueUrl":"u","ReceiptHandle":"broken"}"#,
    );
    assert_eq!(response.status, 500);
    assert_eq!(
        response.header("x-amzn-query-error"),
        Some("InternalFailure;Receiver")
    );
    assert_eq!(
        parsed(&response)["__type"],
        "com.amazon.coral.service#InternalFailure"
    );
    let response = form(&echo(), "/0/q", "Action=DeleteMessage&ReceiptHandle=broken");
    assert_eq!(
        (response.status, body(&response)),
        (
            500,
            &*query_error("Receiver", "InternalFailure", "We broke.")
        )
    );
}

/// SQS-051.
#[test]
fn an_error_text_is_always_well_formed() {
    let response = form(&echo(), "/0/q", "Action=DeleteMessage&ReceiptHandle=odd");
    let message = "The input receipt handle &quot;&lt;odd&gt;&amp;\u{FFFD}&quot; is invalid.";
    assert_eq!(
        (response.status, body(&response)),
        (
            404,
            &*query_error("Sender", "ReceiptHandleIsInvalid", message)
        )
    );
}

/// SQS-027, SQS-054, and the name of a parameter inside a batch.
#[test]
fn the_first_missing_parameter_is_named() {
    let response = json(&echo(), "SendMessage", r#"{"QueueUrl":"u"}"#);
    assert_eq!(response.status, 400);
    assert_eq!(
        response.header("x-amzn-query-error"),
        Some("MissingParameter;Sender")
    );
    let text = r#"{"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"The request must contain the parameter MessageBody."}"#;
    assert_eq!(body(&response), text);
    let response = form(
        &echo(),
        "/0/q",
        "Action=SendMessageBatch&SendMessageBatchRequestEntry.2.Id=a",
    );
    let message =
        "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.";
    assert_eq!(
        body(&response),
        query_error("Sender", "MissingParameter", message)
    );
}

/// SQS-030.
#[test]
fn values_of_the_wrong_kind_are_refused_in_words() {
    for (input, text) in [
        (
            r#"{"MessageBody":{}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"MessageBody":[]}"#,
            "Start of list found where not expected.",
        ),
        (
            r#"{"MessageBody":1}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"MessageBody":true}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            r#"{"DelaySeconds":"1"}"#,
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"DelaySeconds":1.5}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"DelaySeconds":3000000000}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"MessageAttributes":[]}"#,
            "Start of list found where not expected.",
        ),
        (
            r#"{"MessageAttributes":"x"}"#,
            "Expected structure or map or null",
        ),
        ("{", "Unexpected end of the document."),
        ("{} x", "Unexpected text after the document."),
        ("[]", "Start of list found where not expected."),
    ] {
        let response = json(&echo(), "SendMessage", input);
        assert_eq!(response.status, 400, "{input}");
        assert_eq!(
            parsed(&response)["__type"],
            "com.amazon.coral.service#SerializationException",
            "{input}"
        );
        assert_eq!(parsed(&response)["message"], text, "{input}");
    }
}

/// SQS-044, SQS-045, SQS-047.
#[test]
fn unknown_actions_and_missing_ones() {
    let response = form(&echo(), "/", "Action=Fly&Version=2012-11-05");
    let message = "The action Fly is not valid for this endpoint.";
    assert_eq!(
        (response.status, body(&response)),
        (400, &*query_error("Sender", "InvalidAction", message))
    );
    let response = form(&echo(), "/0/q", "Action=ListQueues");
    let message = "The action ListQueues is not valid for this endpoint.";
    assert_eq!(
        (response.status, body(&response)),
        (400, &*query_error("Sender", "InvalidAction", message))
    );
    for accept in ["*/*", "application/json"] {
        let response = get(&echo(), "/0/q", accept);
        assert_eq!(response.status, 404);
        assert!(body(&response).contains("<UnknownOperationException"));
    }
    let response = json(&echo(), "Fly", "{}");
    assert_eq!(response.status, 400);
    assert_eq!(
        parsed(&response)["__type"],
        "com.amazon.coral.service#UnknownOperationException"
    );
}

/// An operation of the model that has no row.
#[test]
fn an_operation_that_is_not_there_yet_says_so() {
    let response = json(&echo(), "PurgeQueue", "{}");
    assert_eq!(response.status, 501);
    assert_eq!(
        parsed(&response)["message"],
        "PurgeQueue is not implemented."
    );
    let response = form(&echo(), "/0/q", "Action=PurgeQueue");
    let text = query_error(
        "Receiver",
        "NotImplemented",
        "PurgeQueue is not implemented.",
    );
    assert_eq!((response.status, body(&response)), (501, &*text));
}

/// SQS-049.
#[test]
fn a_get_that_accepts_json_gets_its_errors_as_json() {
    let response = get(
        &echo(),
        "/0/q?Action=DeleteMessage&ReceiptHandle=gone",
        "application/json",
    );
    assert_eq!(response.status, 400);
    let text = r#"{"Error":{"Code":"AWS.SimpleQueueService.NonExistentQueue","Message":"The specified queue does not exist for this wsdl version.","Type":"Sender"},"RequestId":"rid-1"}"#;
    assert_eq!(body(&response), text);
}

/// A request that speaks no protocol of the service still gets an answer that its client may read.
#[test]
fn a_json_request_without_a_target_is_unknown() {
    let headers = [("content-type", "application/x-amz-json-1.0")];
    let response = send_to(&echo(), request(Method::POST, "/", &headers, "{}"));
    assert_eq!(
        parsed(&response)["__type"],
        "com.amazon.coral.service#UnknownOperationException"
    );
}
