//! Rates of FIFO queues under AWS's limits, on a clock that stands still.

use serde_json::{Value, json};
use waystation_sqs::Limits;

use crate::harness::Lab;

const FAST: &str = r#"{"FifoQueue":"true","ContentBasedDeduplication":"true",
    "DeduplicationScope":"messageGroup","FifoThroughputLimit":"perMessageGroupId"}"#;

/// Tells the runner which behaviours the test that calls it shows.
#[allow(clippy::print_stdout, reason = "the test runner reads these lines")]
fn shows(ids: &[&str]) {
    ids.iter().for_each(|id| println!("behaviour {id}"));
}

fn batch(url: &str, round: usize) -> Value {
    let entries: Vec<Value> = (0..10)
        .map(|number| {
            let body = format!("{round}-{number}");
            json!({ "Id": number.to_string(), "MessageBody": body, "MessageGroupId": body })
        })
        .collect();
    json!({ "QueueUrl": url, "Entries": entries })
}

/// How many batches of ten are accepted before one is refused.
fn batches(lab: &Lab, url: &str, most: usize) -> usize {
    let refused = (0..most).find(
        |round| match lab.ask("SendMessageBatch", batch(url, *round)) {
            Ok(answer) => {
                assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(10));
                false
            }
            Err((code, _)) => {
                assert_eq!(code, "RequestThrottled");
                true
            }
        },
    );
    refused.unwrap_or(most)
}

#[test]
fn batches_carry_ten_times_as_many_messages() {
    shows(&["SQS-441"]);
    let lab = Lab::with_limits(Limits::Aws);
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let url = lab.queue("slow.fifo", attributes);
    assert_eq!(batches(&lab, &url, 1_000), 300);
    lab.advance(1);
    assert_eq!(batches(&lab, &url, 1_000), 300);
}

#[test]
fn queues_with_high_throughput_share_the_rate_of_their_region() {
    shows(&["SQS-443"]);
    // The laboratory's region takes 70,000 a second; each is a request of its own.
    let lab = Lab::with_limits(Limits::Aws);
    let attributes: Value = serde_json::from_str(FAST).expect("JSON");
    let urls = ["one.fifo", "two.fifo"].map(|name| lab.queue(name, attributes.clone()));
    let receive = |url: &String| lab.ask("ReceiveMessage", json!({ "QueueUrl": url }));
    for round in 0..70_000 {
        assert!(receive(&urls[round % 2]).is_ok(), "request {round}");
    }
    for url in &urls {
        assert_eq!(receive(url).expect_err("too many").0, "RequestThrottled");
    }
    assert_eq!(
        batches(&lab, &urls[0], 301),
        301,
        "sends have a rate of their own"
    );
}
