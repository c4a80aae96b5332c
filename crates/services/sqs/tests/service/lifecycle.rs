//! Queues and their settings under concurrency, deletion and restarts.

use serde_json::{Value, json};
use waystation_sqs::Limits;

use crate::harness::{Lab, ask, block_on};

#[test]
fn concurrent_creates_agree_on_one_queue() {
    // SQS-066, SQS-068
    let lab = Lab::new();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let sqs = lab.sqs.clone();
            let attributes = json!({ "VisibilityTimeout": (number % 2 + 1).to_string() });
            let input = json!({ "QueueName": "q", "Attributes": attributes });
            std::thread::spawn(move || block_on(ask(sqs, "CreateQueue".to_owned(), input)))
        })
        .collect();
    let answers: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().expect("an answer"))
        .collect();
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        4,
        "{answers:?}"
    );
    let text = "A queue already exists with the same name and a different value for attribute VisibilityTimeout";
    let refusal = ("QueueNameExists".to_owned(), text.to_owned());
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .all(|error| *error == refusal)
    );
}

#[test]
fn concurrent_changes_are_all_kept() {
    // SQS-099, SQS-395
    let lab = Lab::new();
    let url = lab.queue("q", json!({}));
    let threads: Vec<_> = (0..20)
        .map(|number| {
            let sqs = lab.sqs.clone();
            let input = json!({ "QueueUrl": url, "Tags": { format!("k{number}"): "v" } });
            std::thread::spawn(move || block_on(ask(sqs, "TagQueue".to_owned(), input)))
        })
        .collect();
    for thread in threads {
        thread.join().expect("an answer").expect("a success");
    }
    let tags = lab.must("ListQueueTags", json!({ "QueueUrl": url }));
    assert_eq!(tags["Tags"].as_object().map(|tags| tags.len()), Some(20));
}

#[test]
fn a_queue_created_again_is_another_one() {
    // SQS-076, SQS-079, SQS-234
    let lab = Lab::new();
    let url = lab.queue("q", json!({ "DelaySeconds": "0" }));
    lab.send(&url, "old");
    let handle = lab.receive(&url, json!({}))[0]["ReceiptHandle"].clone();
    lab.must("DeleteQueue", json!({ "QueueUrl": url }));
    let missing = lab
        .ask(
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": "m" }),
        )
        .expect_err("deleted");
    assert_eq!(missing.0, "QueueDoesNotExist");
    assert_eq!(lab.queue("q", json!({})), url);
    assert_eq!(lab.counts(&url), ["0", "0", "0"]);
    let error = lab
        .ask(
            "DeleteMessage",
            json!({ "QueueUrl": url, "ReceiptHandle": handle }),
        )
        .expect_err("another queue's");
    assert_eq!(error.0, "ReceiptHandleIsInvalid");
}

#[test]
fn a_parked_receive_ends_with_its_queue() {
    // SQS-079
    let lab = Lab::new();
    let url = lab.queue("q", json!({}));
    let (sqs, input) = (
        lab.sqs.clone(),
        json!({ "QueueUrl": url, "WaitTimeSeconds": 20 }),
    );
    let poll = std::thread::spawn(move || block_on(ask(sqs, "ReceiveMessage".to_owned(), input)));
    lab.must("DeleteQueue", json!({ "QueueUrl": url }));
    let answer = poll.join().expect("an answer");
    assert!(
        answer == Ok(json!({})) || answer.is_err_and(|(shape, _)| shape == "QueueDoesNotExist")
    );
}

#[test]
fn waiting_periods_follow_the_engine_clock() {
    // SQS-074, SQS-376
    let lab = Lab::with_limits(Limits::Aws);
    let url = lab.queue("q", json!({}));
    let purge = || {
        lab.ask("PurgeQueue", json!({ "QueueUrl": url }))
            .map_err(|error| error.0)
    };
    assert_eq!(purge(), Ok(json!({})));
    assert_eq!(purge(), Err("PurgeQueueInProgress".to_owned()));
    lab.advance(60);
    assert_eq!(purge(), Ok(json!({})));
    lab.must("DeleteQueue", json!({ "QueueUrl": url }));
    let create = || {
        lab.ask("CreateQueue", json!({ "QueueName": "q" }))
            .map(|_| ())
            .map_err(|error| error.0)
    };
    assert_eq!(create(), Err("QueueDeletedRecently".to_owned()));
    lab.advance(60);
    assert_eq!(create(), Ok(()));
}

#[test]
fn lists_come_in_pages() {
    // SQS-084, SQS-086, SQS-087
    let lab = Lab::new();
    let mut urls: Vec<Value> = (0..7)
        .map(|number| Value::from(lab.queue(&format!("a{number}"), json!({}))))
        .collect();
    urls.extend((0..2).map(|number| Value::from(lab.queue(&format!("b{number}"), json!({})))));
    let page = |prefix: &str, token: Value| {
        lab.must(
            "ListQueues",
            json!({ "QueueNamePrefix": prefix, "MaxResults": 3, "NextToken": token }),
        )
    };
    let first = page("a", Value::Null);
    assert_eq!(first["QueueUrls"], json!(urls[..3]));
    let second = page("a", first["NextToken"].clone());
    assert_eq!(second["QueueUrls"], json!(urls[3..6]));
    let third = page("a", second["NextToken"].clone());
    assert_eq!(third, json!({ "QueueUrls": urls[6..7] }));
    assert_eq!(
        lab.must("ListQueues", json!({})),
        json!({ "QueueUrls": urls })
    );
    assert_eq!(
        lab.must("ListQueues", json!({ "QueueNamePrefix": "c" })),
        json!({})
    );
}

#[test]
fn settings_survive_a_restart() {
    // SQS-149
    let mut lab = Lab::new();
    let url = lab.queue(
        "q.fifo",
        json!({ "FifoQueue": "true", "VisibilityTimeout": "7", "Policy": "" }),
    );
    lab.must("TagQueue", json!({ "QueueUrl": url, "Tags": { "k": "v" } }));
    let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let before = lab.must("GetQueueAttributes", all.clone());
    lab.restart();
    assert_eq!(lab.must("GetQueueAttributes", all), before);
    assert_eq!(
        lab.must("ListQueueTags", json!({ "QueueUrl": url })),
        json!({ "Tags": { "k": "v" } })
    );
}

#[test]
fn permissions_come_and_go_with_the_policy() {
    // SQS-400, SQS-405, SQS-406, SQS-407
    let lab = Lab::new();
    let url = lab.queue("q", json!({}));
    let policy = || {
        let answer = lab.must(
            "GetQueueAttributes",
            json!({ "QueueUrl": url, "AttributeNames": ["Policy"] }),
        );
        answer["Attributes"]["Policy"]
            .as_str()
            .map(|text| serde_json::from_str::<Value>(text).expect("JSON"))
    };
    let grant = |label: &str| {
        let accounts = json!(["111111111111", "222222222222"]);
        json!({ "QueueUrl": url, "Label": label, "AWSAccountIds": accounts, "Actions": ["SendMessage"] })
    };
    lab.must("AddPermission", grant("one"));
    lab.must("AddPermission", grant("two"));
    assert_eq!(
        lab.ask("AddPermission", grant("two")).expect_err("again").0,
        "InvalidParameterValueException"
    );
    let statements = policy().expect("a policy")["Statement"].clone();
    assert_eq!(statements[0]["Sid"], "one");
    assert_eq!(
        statements[1]["Principal"]["AWS"][1],
        "arn:aws:iam::222222222222:root"
    );
    lab.must(
        "RemovePermission",
        json!({ "QueueUrl": url, "Label": "one" }),
    );
    assert_eq!(
        policy().expect("a policy")["Statement"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    lab.must(
        "RemovePermission",
        json!({ "QueueUrl": url, "Label": "two" }),
    );
    assert_eq!(policy(), None);
}
