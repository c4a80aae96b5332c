//! Move tasks over a restart, and with the queue whose messages they move gone.

use serde_json::{Value, json};

use crate::harness::{Lab, redrive_policy};

const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

/// A dead-letter queue with so many messages, and another queue.
fn dead_letters(lab: &Lab, count: usize) -> (String, String) {
    let dead = lab.queue("dead", json!({}));
    lab.queue(
        "source",
        json!({ "RedrivePolicy": redrive_policy("dead", 2) }),
    );
    for number in 0..count {
        lab.send(&dead, &number.to_string());
    }
    (dead, lab.queue("target", json!({})))
}

fn start(lab: &Lab, rate: u32) -> Value {
    let target = "arn:aws:sqs:us-east-1:000000000000:target";
    let input = json!({
        "SourceArn": DEAD_ARN, "DestinationArn": target, "MaxNumberOfMessagesPerSecond": rate,
    });
    lab.must("StartMessageMoveTask", input)["TaskHandle"].clone()
}

fn latest(lab: &Lab) -> Value {
    lab.must("ListMessageMoveTasks", json!({ "SourceArn": DEAD_ARN }))["Results"][0].clone()
}

/// The task once it has this state; its own thread brings it there as time goes on.
fn ended(lab: &Lab, status: &str) -> Value {
    for _ in 0..100_000 {
        let task = latest(lab);
        if task["Status"] == status {
            return task;
        }
        lab.advance(1);
    }
    panic!("not {status}: {}", latest(lab));
}

#[test]
fn a_task_goes_on_after_a_restart() {
    // SQS-343, SQS-350, SQS-358
    let mut lab = Lab::new();
    let (dead, target) = dead_letters(&lab, 20);
    start(&lab, 1);
    for _ in 0..3 {
        lab.restart();
        assert_eq!(latest(&lab)["Status"], "RUNNING");
        assert_eq!(latest(&lab)["ApproximateNumberOfMessagesToMove"], 20);
        lab.advance(2);
    }
    assert_eq!(
        ended(&lab, "COMPLETED")["ApproximateNumberOfMessagesMoved"],
        20
    );
    assert_eq!(lab.counts(&target), ["20", "0", "0"]);
    assert_eq!(lab.counts(&dead), ["0", "0", "0"]);
    lab.restart();
    assert_eq!(latest(&lab)["Status"], "COMPLETED");
}

#[test]
fn a_cancelled_task_ends_after_a_restart_too() {
    // SQS-366, SQS-367
    let mut lab = Lab::new();
    let (dead, target) = dead_letters(&lab, 5);
    let handle = start(&lab, 1);
    lab.must(
        "CancelMessageMoveTask",
        json!({ "TaskHandle": handle.clone() }),
    );
    lab.restart();
    let moved = ended(&lab, "CANCELLED")["ApproximateNumberOfMessagesMoved"].clone();
    let moved = moved.as_u64().expect("a number");
    assert_eq!(lab.counts(&target)[0], moved.to_string());
    assert_eq!(lab.counts(&dead)[0], (5 - moved).to_string());
    let (kind, _) = lab
        .ask("CancelMessageMoveTask", json!({ "TaskHandle": handle }))
        .expect_err("ended");
    assert_eq!(kind, "InvalidParameterValueException");
}

#[test]
fn a_removed_queue_leaves_no_task_behind() {
    // SQS-345, SQS-370
    let mut lab = Lab::new();
    let (dead, _) = dead_letters(&lab, 5);
    let handle = start(&lab, 1);
    lab.must("DeleteQueue", json!({ "QueueUrl": dead }));
    lab.restart();
    lab.queue("dead", json!({}));
    let tasks = lab.must("ListMessageMoveTasks", json!({ "SourceArn": DEAD_ARN }));
    assert_eq!(tasks["Results"], json!([]));
    let (kind, text) = lab
        .ask("CancelMessageMoveTask", json!({ "TaskHandle": handle }))
        .expect_err("of another queue");
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("ResourceNotFoundException", "Task does not exist.")
    );
}
