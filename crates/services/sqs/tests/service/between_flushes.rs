//! What happens between a decision and its flush, and what needs pages that are not in memory.

use std::pin::pin;

use serde_json::json;
use waystation_engine::States;
use waystation_sqs::Peek;

use crate::by_hand::ByHand;
use crate::harness::ask;

#[test]
fn a_reset_goes_on_when_somebody_writes_the_catalog_meanwhile() {
    let mut node = ByHand::new();
    let url = node.must("CreateQueue", json!({ "QueueName": "q" }))["QueueUrl"].clone();
    // Decided and not durable: the reset still sees the row of before, and its first write conflicts.
    let input = json!({ "QueueUrl": url, "Tags": { "k": "v" } });
    let mut tag = pin!(ask(node.sqs.clone(), "TagQueue".to_owned(), input));
    assert!(node.decide(tag.as_mut()).is_pending());
    let sqs = node.sqs.clone();
    assert_eq!(
        node.answer(sqs.reset()).map_err(|error| error.message),
        Ok(1)
    );
    assert_eq!(node.answer(tag), Ok(json!({})));
    assert_eq!(node.must("ListQueues", json!({})), json!({}));
}

#[test]
fn a_peek_that_asks_twice_shows_no_more_than_was_asked_for() {
    let mut node = ByHand::new();
    let url = node.must("CreateQueue", json!({ "QueueName": "q" }))["QueueUrl"].clone();
    // The first index page has three visible messages, and the second is not in memory when the first one is looked at.
    let mut send = |number: u32, delay: u32| {
        let entries = (0..10).map(|place| {
            json!({ "Id": format!("m{place}"), "MessageBody": format!("{number}.{place}"), "DelaySeconds": delay })
        });
        let entries: Vec<_> = entries.take(if number == 0 { 3 } else { 10 }).collect();
        node.must(
            "SendMessageBatch",
            json!({ "QueueUrl": url, "Entries": entries }),
        );
    };
    send(0, 0);
    (1..=52).for_each(|number| send(number, 900));
    send(53, 0);
    node.checkpoint();
    node.restart();
    let sqs = node.sqs.clone();
    let mut marker = None;
    for expected in [
        ["0.0", "0.1", "0.2", "53.0", "53.1"],
        ["53.2", "53.3", "53.4", "53.5", "53.6"],
    ] {
        let peek = Peek {
            account: "000000000000",
            region: "us-east-1",
            name: "q",
            states: States {
                visible: true,
                in_flight: false,
                delayed: false,
            },
            limit: Some(5),
            marker,
        };
        let shown = node.answer(sqs.peek(peek)).map_err(|error| error.message);
        let shown = shown.expect("messages");
        let bodies = shown.messages.iter().map(|m| m.message.body.as_deref());
        assert_eq!(bodies.collect::<Vec<_>>(), expected.map(Some));
        marker = shown.next;
    }
}
