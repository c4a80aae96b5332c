//! Dead-letter queues that come, go and change their mind: the engine always has the target that the policies mean.

use serde_json::{Value, json};

use crate::harness::{Lab, redrive_policy};

const SOURCE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:source";

/// Receives a message once more than its policy allows.
fn exhaust(lab: &Lab, url: &str, receives: usize) {
    for _ in 0..receives {
        assert_eq!(lab.receive(url, json!({ "VisibilityTimeout": 0 })).len(), 1);
    }
    assert_eq!(
        lab.receive(url, json!({ "VisibilityTimeout": 0 })),
        Vec::<Value>::new()
    );
}

fn sources(lab: &Lab, dead: &str) -> Vec<Value> {
    lab.must("ListDeadLetterSourceQueues", json!({ "QueueUrl": dead }))["queueUrls"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_message_moves_and_names_its_source() {
    // SQS-315, SQS-318, SQS-319, SQS-327
    let lab = Lab::new();
    let dead = lab.queue("dead", json!({}));
    let source = lab.queue(
        "source",
        json!({ "RedrivePolicy": redrive_policy("dead", 2) }),
    );
    assert_eq!(sources(&lab, &dead), [Value::from(source.clone())]);
    let sent = lab.send(&source, "poison");
    exhaust(&lab, &source, 2);
    let moved = lab.receive(&dead, json!({ "WaitTimeSeconds": 5 }));
    assert_eq!(moved[0]["MessageId"], sent["MessageId"]);
    assert_eq!(
        moved[0]["Attributes"]["DeadLetterQueueSourceArn"],
        SOURCE_ARN
    );
    assert_eq!(moved[0]["Attributes"]["ApproximateReceiveCount"], "3");
}

#[test]
fn a_target_created_anew_is_the_target_again() {
    // SQS-328
    let lab = Lab::new();
    let dead = lab.queue("dead", json!({}));
    let source = lab.queue(
        "source",
        json!({ "RedrivePolicy": redrive_policy("dead", 1) }),
    );
    lab.must("DeleteQueue", json!({ "QueueUrl": dead }));
    lab.send(&source, "poison");
    for _ in 0..3 {
        assert_eq!(
            lab.receive(&source, json!({ "VisibilityTimeout": 0 }))
                .len(),
            1,
            "the message stays"
        );
    }
    lab.queue("dead", json!({}));
    assert_eq!(sources(&lab, &dead), [Value::from(source.clone())]);
    exhaust(&lab, &source, 0);
    assert_eq!(
        lab.receive(&dead, json!({ "WaitTimeSeconds": 5 }))[0]["Body"],
        "poison"
    );
}

#[test]
fn a_target_may_change_its_mind() {
    // SQS-336, SQS-337
    let lab = Lab::new();
    let dead = lab.queue("dead", json!({}));
    let source = lab.queue(
        "source",
        json!({ "RedrivePolicy": redrive_policy("dead", 1) }),
    );
    let allow = |policy: Value| {
        let attributes = json!({ "RedriveAllowPolicy": policy.to_string() });
        lab.must(
            "SetQueueAttributes",
            json!({ "QueueUrl": dead, "Attributes": attributes }),
        );
    };
    allow(json!({ "redrivePermission": "denyAll" }));
    let policy = json!({ "RedrivePolicy": redrive_policy("dead", 2) });
    let refused = lab.ask(
        "SetQueueAttributes",
        json!({ "QueueUrl": source, "Attributes": policy }),
    );
    assert_eq!(
        refused.expect_err("denied").0,
        "InvalidParameterValueException"
    );
    lab.send(&source, "poison");
    for _ in 0..3 {
        assert_eq!(
            lab.receive(&source, json!({ "VisibilityTimeout": 0 }))
                .len(),
            1,
            "the message stays"
        );
    }
    allow(json!({ "redrivePermission": "byQueue", "sourceQueueArns": [SOURCE_ARN] }));
    exhaust(&lab, &source, 0);
    assert_eq!(
        lab.receive(&dead, json!({ "WaitTimeSeconds": 5 }))[0]["Body"],
        "poison"
    );
}

#[test]
fn a_deleted_source_is_remembered_by_what_it_moved() {
    // SQS-319, SQS-327
    let lab = Lab::new();
    let dead = lab.queue("dead", json!({}));
    let source = lab.queue(
        "source",
        json!({ "RedrivePolicy": redrive_policy("dead", 1) }),
    );
    lab.send(&source, "poison");
    exhaust(&lab, &source, 1);
    lab.must("DeleteQueue", json!({ "QueueUrl": source }));
    assert_eq!(sources(&lab, &dead), Vec::<Value>::new());
    let moved = lab.receive(&dead, json!({ "WaitTimeSeconds": 5 }));
    assert_eq!(
        moved[0]["Attributes"]["DeadLetterQueueSourceArn"],
        SOURCE_ARN
    );
}

#[test]
fn many_sources_follow_their_target() {
    // SQS-325, SQS-327, SQS-328: more sources than fit into one write.
    let lab = Lab::new();
    let dead = lab.queue("dead", json!({}));
    for number in 0..300 {
        lab.queue(
            &format!("source{number}"),
            json!({ "RedrivePolicy": redrive_policy("dead", 1) }),
        );
    }
    assert_eq!(sources(&lab, &dead).len(), 300);
    lab.must("DeleteQueue", json!({ "QueueUrl": dead }));
    lab.queue("dead", json!({}));
    assert_eq!(sources(&lab, &dead).len(), 300);
    for name in ["source0", "source299"] {
        let source = format!("http://localhost/000000000000/{name}");
        lab.send(&source, name);
        exhaust(&lab, &source, 1);
    }
    let mut bodies = Vec::new();
    while bodies.len() < 2 {
        bodies.extend(
            lab.receive(&dead, json!({ "WaitTimeSeconds": 5 }))
                .into_iter()
                .map(|message| message["Body"].clone()),
        );
    }
    bodies.sort_by_key(Value::to_string);
    assert_eq!(bodies, ["source0", "source299"]);
}
