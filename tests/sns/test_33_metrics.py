"""Reference section 33: what CloudWatch tells of a topic, as /metrics shows it."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.behaviours import behaviour
from harness.captured import Captured, fresh_number
from harness.topics import Topic, Topics, text
from harness.waiting import eventually
from harness.wire import Wire

LINE = re.compile(r"^(waystation_sns_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


def of(topic: Topic) -> dict[str, float]:
    """The metrics of one topic that are not zero."""
    found = {}
    for name, labels, value in LINE.findall(Wire(topic.topics.lab.server.host).ask("GET", "/metrics").text):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if pairs == {"account": "000000000000", "region": "us-east-1", "topic": topic.name} and float(value):
            found[name.removeprefix("waystation_sns_").removesuffix("_total")] = float(value)
    return found


@pytest.fixture
def failing() -> Iterator[str]:
    """An HTTP endpoint that takes confirmations and refuses everything else for a while."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_notification = self.headers["x-amz-sns-message-type"] == "Notification"
            if not is_notification:
                tokens.append(json.loads(body)["Token"])
            self.send_response(500 if is_notification else 200)
            self.end_headers()

        def log_message(self, *_):
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.tokens = tokens
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_topic_that_was_not_used_shows_nothing(topics: Topics):
    assert of(topics.topic()) == {}


@behaviour("SNS-438")
def test_what_filters_hold_back_is_neither_delivered_nor_failed(topics: Topics):
    topic = topics.topic()
    topic.subscribed_queue()
    topic.subscribed_queue(FilterPolicy='{"a":["x"]}')
    topic.subscribed_queue(FilterPolicy='{"k":["x"]}', FilterPolicyScope="MessageBody")
    topic.publish('{"k":"x"}', MessageAttributes={"a": text("x")})
    assert of(topic) == {"messages_published": 1, "published_message_size_bytes": 9 + 1 + 6 + 1, "notifications_delivered": 3}
    topic.publish("no object")
    assert of(topic) == {
        "messages_published": 2,
        "published_message_size_bytes": 17 + 9,
        "notifications_delivered": 4,
        "notifications_filtered_out": 2,
        "notifications_filtered_out_message_attributes": 1,
        "notifications_filtered_out_no_message_attributes": 1,
        "notifications_filtered_out_message_body": 1,
        "notifications_filtered_out_invalid_message_body": 1,
    }


@behaviour("SNS-291", "SNS-302", "SNS-308")
def test_the_reason_for_holding_back_is_counted(topics: Topics):
    by_attributes, by_body = topics.topic(), topics.topic()
    by_attributes.subscribed_queue(FilterPolicy='{"a":["x"]}')
    by_attributes.publish(MessageAttributes={"a": text("[x", "String.Array")})
    by_attributes.publish(MessageAttributes={"a": text('["y"]', "String.Array")})
    by_attributes.publish()
    counted = of(by_attributes)
    assert counted["notifications_filtered_out_message_attributes"] == 3
    assert counted["notifications_filtered_out_invalid_attributes"] == 1
    assert counted["notifications_filtered_out_no_message_attributes"] == 1
    by_body.subscribed_queue(FilterPolicy='{"a":["x"]}', FilterPolicyScope="MessageBody")
    for body in ("text", "[1]", '{"a":"y"}'):
        by_body.publish(body)
    counted = of(by_body)
    assert counted["notifications_filtered_out_message_body"] == 3
    assert counted["notifications_filtered_out_invalid_message_body"] == 2


@behaviour("SNS-437")
def test_a_lost_queue_fails_once_and_an_http_endpoint_in_every_attempt(topics: Topics, failing):
    topic, dead = topics.topic(), topics.queue()
    gone = "arn:aws:sqs:us-east-1:000000000000:gone"
    topic.subscribe(gone, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    topic.publish()
    assert of(topic)["notifications_failed"] == 1
    assert of(topic)["notifications_redriven_to_dlq"] == 1
    lost = topics.topic()
    lost.subscribe(gone)
    lost.publish()
    assert of(lost) == {"messages_published": 1, "published_message_size_bytes": 7, "notifications_failed": 1}
    web = topics.topic()
    policy = {"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2}}
    web.sns.subscribe(
        TopicArn=web.arn,
        Protocol="http",
        Endpoint=f"http://127.0.0.1:{failing.server_address[1]}/",
        Attributes={"DeliveryPolicy": json.dumps(policy)},
    )
    [token] = eventually(lambda: failing.tokens, "a token")
    web.sns.confirm_subscription(TopicArn=web.arn, Token=token)
    web.publish()
    eventually(lambda: of(web).get("notifications_failed") == 3, "three failed attempts")
    assert "notifications_delivered" not in of(web)


def test_messages_for_somebody_outside_count_too(clocked_topics: Topics, captured: Captured):
    topic, number = clocked_topics.topic(), fresh_number()
    topic.sns.subscribe(TopicArn=topic.arn, Protocol="sms", Endpoint=number)
    topic.publish()
    captured.one(number)
    eventually(lambda: of(topic).get("notifications_delivered") == 1, "a delivery")


def test_a_deleted_topic_shows_nothing(topics: Topics):
    topic = topics.topic()
    topic.publish()
    assert of(topic)["messages_published"] == 1
    topic.delete()
    assert of(topic) == {}
