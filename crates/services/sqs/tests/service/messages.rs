//! Messages from send to delete, across restarts.

use serde_json::json;

use crate::harness::Lab;

#[test]
fn a_message_goes_through_its_life() {
    // SQS-150, SQS-158, SQS-188, SQS-223, SQS-239
    let lab = Lab::new();
    let url = lab.queue("q", json!({}));
    let attributes = json!({
        "Hello": { "DataType": "String", "StringValue": "There" },
        "General": { "DataType": "String", "StringValue": "Kenobi" },
        "Help.Me": { "DataType": "String", "StringValue": "Me" },
    });
    let sent = lab.must(
        "SendMessage",
        json!({ "QueueUrl": url, "MessageBody": "msg", "MessageAttributes": attributes }),
    );
    assert_eq!(sent["MD5OfMessageBody"], "6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(
        sent["MD5OfMessageAttributes"],
        "4c360f3fdafd970e05fae2f149d997f5"
    );
    let messages = lab.receive(&url, json!({ "MessageAttributeNames": ["Hello"] }));
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["Body"], "msg");
    assert_eq!(
        message["MD5OfMessageAttributes"],
        "a311262e065454b75da111d535b8dacd"
    );
    assert_eq!(
        message["MessageAttributes"]
            .as_object()
            .map(|all| all.len()),
        Some(1)
    );
    assert_eq!(
        message["Attributes"].as_object().map(|all| all.len()),
        Some(4)
    );
    assert_eq!(lab.counts(&url), ["0", "1", "0"]);
    let handle = &message["ReceiptHandle"];
    lab.must(
        "ChangeMessageVisibility",
        json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 0 }),
    );
    assert_eq!(lab.counts(&url), ["1", "0", "0"]);
    for _ in 0..2 {
        lab.must(
            "DeleteMessage",
            json!({ "QueueUrl": url, "ReceiptHandle": handle }),
        );
    }
    assert_eq!(lab.counts(&url), ["0", "0", "0"]);
}

#[test]
fn batches_succeed_and_fail_by_entry() {
    // SQS-169, SQS-172, SQS-173, SQS-175, SQS-177
    let lab = Lab::new();
    let url = lab.queue("q", json!({ "MaximumMessageSize": "1024" }));
    let entries = json!([
        { "Id": "a", "MessageBody": "one" },
        { "Id": "b", "MessageBody": "x".repeat(1_025) },
        { "Id": "c", "MessageBody": "two" },
    ]);
    let answer = lab.must(
        "SendMessageBatch",
        json!({ "QueueUrl": url, "Entries": entries }),
    );
    let ids = |list: &serde_json::Value| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["Id"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(ids(&answer["Successful"]), ["a", "c"]);
    assert_eq!(ids(&answer["Failed"]), ["b"]);
    let text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
    assert_eq!(
        answer["Failed"][0],
        json!({ "Id": "b", "Code": "InvalidParameterValue", "SenderFault": true, "Message": text })
    );
    let messages = lab.receive(&url, json!({}));
    let entries = json!([
        { "Id": "a", "ReceiptHandle": messages[0]["ReceiptHandle"] },
        { "Id": "b", "ReceiptHandle": "nonsense" },
        { "Id": "c", "ReceiptHandle": messages[1]["ReceiptHandle"] },
    ]);
    let answer = lab.must(
        "DeleteMessageBatch",
        json!({ "QueueUrl": url, "Entries": entries }),
    );
    assert_eq!(ids(&answer["Successful"]), ["a", "c"]);
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert_eq!(lab.counts(&url), ["0", "0", "0"]);
}

#[test]
fn fifo_messages_keep_ids_and_order() {
    // SQS-251, SQS-253, SQS-255, SQS-269, SQS-277, SQS-302
    let lab = Lab::new();
    let url = lab.queue(
        "q.fifo",
        json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" }),
    );
    let send = |body: &str| {
        lab.must(
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": body, "MessageGroupId": "g" }),
        )
    };
    let (first, second, again) = (send("one"), send("two"), send("one"));
    assert_eq!(
        (&again["MessageId"], &again["SequenceNumber"]),
        (&first["MessageId"], &first["SequenceNumber"])
    );
    assert!(first["SequenceNumber"].as_str() < second["SequenceNumber"].as_str());
    let messages = lab.receive(&url, json!({ "ReceiveRequestAttemptId": "attempt" }));
    let bodies: Vec<_> = messages.iter().map(|message| &message["Body"]).collect();
    assert_eq!(bodies, ["one", "two"]);
    assert_eq!(
        messages[0]["Attributes"]["SequenceNumber"],
        first["SequenceNumber"]
    );
    assert_eq!(messages[0]["Attributes"]["MessageGroupId"], "g");
    assert_eq!(
        lab.receive(&url, json!({ "ReceiveRequestAttemptId": "attempt" })),
        messages
    );
    let change = json!({ "QueueUrl": url, "ReceiptHandle": messages[0]["ReceiptHandle"], "VisibilityTimeout": 5 });
    lab.must("ChangeMessageVisibility", change.clone());
    lab.advance(31);
    assert!(lab.ask("ChangeMessageVisibility", change).is_err());
}

#[test]
fn messages_and_their_ids_survive_a_restart() {
    // SQS-008, SQS-148, SQS-149, SQS-268
    let mut lab = Lab::new();
    let url = lab.queue("q", json!({}));
    let fifo = lab.queue(
        "q.fifo",
        json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" }),
    );
    let input = json!({ "QueueUrl": fifo, "MessageBody": "m", "MessageGroupId": "g" });
    let sent = lab.send(&url, "m");
    let sent_fifo = lab.must("SendMessage", input.clone());
    lab.restart();
    assert_eq!(
        lab.receive(&url, json!({}))[0]["MessageId"],
        sent["MessageId"]
    );
    assert_eq!(
        lab.must("SendMessage", input)["MessageId"],
        sent_fifo["MessageId"]
    );
    assert_eq!(lab.counts(&fifo), ["1", "0", "0"]);
}

#[test]
fn a_new_deduplication_scope_waits_a_minute_also_across_a_restart() {
    // SQS-275, SQS-110
    let mut lab = Lab::new();
    let url = lab.queue("q.fifo", json!({ "FifoQueue": "true" }));
    let send = |lab: &Lab, group: &str, id: &str| {
        let input = json!({
            "QueueUrl": url, "MessageBody": "m", "MessageGroupId": group, "MessageDeduplicationId": id
        });
        lab.must("SendMessage", input)["MessageId"].clone()
    };
    let first = send(&lab, "g", "one");
    let scope = json!({ "QueueUrl": url, "Attributes": { "DeduplicationScope": "messageGroup" } });
    lab.must("SetQueueAttributes", scope);
    assert_eq!(send(&lab, "h", "one"), first);
    lab.restart();
    lab.advance(59);
    assert_eq!(send(&lab, "h", "one"), first);
    lab.advance(1);
    let second = send(&lab, "g", "two");
    assert_ne!(send(&lab, "h", "two"), second);
    assert_eq!(send(&lab, "g", "two"), second);
}
