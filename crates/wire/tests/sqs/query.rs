//! awsQuery successes: form bodies, query strings, queue paths, XML and its JSON rendering.

use crate::api;
use crate::fixture::{Echo, body, form, get};
use std::sync::Arc;
use waystation_wire::{Blob, Map};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

fn answer(operation: &str, result: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><{operation}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata>\
         <RequestId>rid-1</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// SQS-032, SQS-036, SQS-039.
#[test]
fn a_send_with_attributes_is_decoded_and_answered() {
    let echo = Arc::new(Echo::default());
    let response = form(
        &echo,
        "/",
        "Action=SendMessage&Version=2012-11-05&QueueUrl=u&MessageBody=a%0Ab+%2B%C3%A9&DelaySeconds=3\
         &MessageAttribute.2.Name=Bin&MessageAttribute.2.Value.DataType=Binary&MessageAttribute.2.Value.BinaryValue=AQID\
         &MessageAttribute.1.Name=Str&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=x",
    );
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/xml"));
    assert_eq!(response.header("x-amzn-requestid"), Some("rid-1"));
    let result = "<SendMessageResult><MD5OfMessageBody>6e2baaf3b97dbeef01c0043275f9a0e7</MD5OfMessageBody>\
                  <MessageId>id-1</MessageId></SendMessageResult>";
    assert_eq!(body(&response), answer("SendMessage", result));
    let sent = echo.sent.lock().unwrap().clone().unwrap();
    assert_eq!(sent.message_body, "a\nb +é");
    assert_eq!(sent.delay_seconds, Some(3));
    let attributes = sent.message_attributes.unwrap();
    assert_eq!(
        attributes
            .keys()
            .map(|key| key.to_string())
            .collect::<Vec<_>>(),
        ["Str", "Bin"]
    );
    assert_eq!(
        attributes.get("Bin").unwrap().binary_value,
        Some(Blob::from_static(&[1, 2, 3]))
    );
    assert_eq!(
        attributes.get("Str").unwrap().string_value.as_deref(),
        Some("x")
    );
}

/// SQS-033, SQS-034, SQS-035, SQS-046.
#[test]
fn the_path_and_the_query_string_give_what_the_body_does_not() {
    let echo = Arc::new(Echo::default());
    let response = form(
        &echo,
        "/0/q?Action=GetQueueAttributes&AttributeName.1=A",
        "AttributeName.2=B",
    );
    let result = "<GetQueueAttributesResult><Attribute><Name>A</Name><Value>/0/q</Value></Attribute>\
                  <Attribute><Name>B</Name><Value>/0/q</Value></Attribute></GetQueueAttributesResult>";
    assert_eq!(body(&response), answer("GetQueueAttributes", result));
    let response = form(&echo, "/0/q", "Action=GetQueueUrl");
    assert_eq!(
        body(&response),
        answer(
            "GetQueueUrl",
            "<GetQueueUrlResult><QueueUrl>q</QueueUrl></GetQueueUrlResult>"
        )
    );
    let response = form(&echo, "/0/q", "Action=GetQueueUrl&QueueName=other");
    let result = "<GetQueueUrlResult><QueueUrl>other</QueueUrl></GetQueueUrlResult>";
    assert_eq!(body(&response), answer("GetQueueUrl", result));
}

/// SQS-037, SQS-038.
#[test]
fn answers_without_content_are_short() {
    let echo = Arc::new(Echo::default());
    let response = form(&echo, "/0/q", "Action=DeleteMessage&ReceiptHandle=r");
    assert_eq!(body(&response), answer("DeleteMessage", ""));
    let response = form(&echo, "/0/q", "Action=ReceiveMessage");
    assert_eq!(
        body(&response),
        answer("ReceiveMessage", "<ReceiveMessageResult/>")
    );
}

/// SQS-039, SQS-050.
#[test]
fn batches_are_flattened_lists() {
    let echo = Arc::new(Echo::default());
    let response = form(
        &echo,
        "/0/q",
        "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=good\
         &SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=bad",
    );
    let result = "<SendMessageBatchResult><SendMessageBatchResultEntry><Id>a</Id><MessageId/><MD5OfMessageBody/>\
                  </SendMessageBatchResultEntry><BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault>\
                  <Code>InvalidParameterValue</Code></BatchResultErrorEntry></SendMessageBatchResult>";
    assert_eq!(body(&response), answer("SendMessageBatch", result));
    let response = form(&echo, "/", "Action=ListQueues&QueueNamePrefix=p");
    let result =
        "<ListQueuesResult><QueueUrl>p</QueueUrl><QueueUrl>p</QueueUrl></ListQueuesResult>";
    assert_eq!(body(&response), answer("ListQueues", result));
}

fn with_message(text: &'static str) -> Arc<Echo> {
    let echo = Arc::new(Echo::default());
    let value = api::MessageAttributeValue {
        data_type: "String".into(),
        string_value: Some("v".into()),
        ..Default::default()
    };
    let message_attributes: Map<_> = [("Foo".into(), value)].into_iter().collect();
    let attributes: Map<_> = [("SenderId".into(), "me".into())].into_iter().collect();
    echo.messages.lock().unwrap().push(api::Message {
        body: Some(text.into()),
        attributes: Some(attributes),
        message_attributes: Some(message_attributes),
        ..Default::default()
    });
    echo
}

/// SQS-052, table 3.1.
#[test]
fn a_received_body_survives_an_xml_reader() {
    let echo = with_message("<a & \"b\">\r\n\ttail");
    let response = form(&echo, "/0/q", "Action=ReceiveMessage");
    let result = "<ReceiveMessageResult><Message><Body>&lt;a &amp; &quot;b&quot;&gt;&#xD;\n\ttail</Body>\
                  <Attribute><Name>SenderId</Name><Value>me</Value></Attribute>\
                  <MessageAttribute><Name>Foo</Name><Value><StringValue>v</StringValue><DataType>String</DataType></Value>\
                  </MessageAttribute></Message></ReceiveMessageResult>";
    assert_eq!(body(&response), answer("ReceiveMessage", result));
}

/// SQS-048.
#[test]
fn a_get_that_accepts_json_gets_the_json_rendering() {
    let echo = with_message("text");
    let response = get(&echo, "/0/q?Action=ReceiveMessage", "application/json");
    assert_eq!(response.header("content-type"), Some("application/json"));
    let parsed: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    let root = &parsed["ReceiveMessageResponse"];
    assert_eq!(root["ResponseMetadata"]["RequestId"], "rid-1");
    let message = &root["ReceiveMessageResult"]["messages"][0];
    assert_eq!(message["Body"], "text");
    assert_eq!(message["MD5OfBody"], serde_json::Value::Null);
    assert_eq!(message["Attributes"][0]["Name"], "SenderId");
    assert_eq!(message["MessageAttributes"][0]["Value"]["StringValue"], "v");
    let plain = get(&echo, "/0/q?Action=ReceiveMessage", "*/*");
    assert_eq!(plain.header("content-type"), Some("text/xml"));
}
