"""Reference section 32: what became of deliveries, in the server's log until there is a service for logs."""

import hashlib
import json
import re

from harness.behaviours import behaviour
from harness.endpoint import Endpoint, confirmed, retries
from harness.topics import Topic, Topics
from harness.waiting import eventually

ROLE = "arn:aws:iam::000000000000:role/log"
LINE = re.compile(r"delivery status log_group=(\S+) entry=(\{.*\})$", re.MULTILINE)


def asked(topic: Topic, kind: str, rate: str = "100"):
    """Asks for everything about one kind of endpoint."""
    for name, value in [("SuccessFeedbackRoleArn", ROLE), ("SuccessFeedbackSampleRate", rate), ("FailureFeedbackRoleArn", ROLE)]:
        topic.set(kind + name, value)


def entries(topic: Topic) -> list[tuple[str, dict]]:
    """Log groups and entries of a topic so far."""
    lines = LINE.findall(re.sub(r"\x1b\[[0-9;]*m", "", topic.topics.lab.server.whole_log()))
    found = [(group, json.loads(entry)) for group, entry in lines]
    return [(group, entry) for group, entry in found if entry["notification"]["topicArn"] == topic.arn]


def some(topic: Topic, count: int) -> list[tuple[str, dict]]:
    """As many entries, when they are there."""
    return eventually(lambda: (found := entries(topic)) and len(found) >= count and found, f"{count} entries")


@behaviour("SNS-425", "SNS-428", "SNS-429", "SNS-430", "SNS-431", "SNS-432", "SNS-433", "SNS-423")
def test_a_delivery_to_a_queue_is_told(topics: Topics):
    topic = topics.topic()
    asked(topic, "SQS")
    queue = topic.subscribed_queue()
    answer = topic.publish("hello")
    [(group, entry)] = some(topic, 1)
    assert group == f"sns/us-east-1/000000000000/{topic.name}"
    assert set(entry) == {"notification", "delivery", "status"}
    notification, delivery = entry["notification"], entry["delivery"]
    assert notification["messageId"] == answer["MessageId"]
    assert notification["messageMD5Sum"] == hashlib.md5(b"hello").hexdigest()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", notification["timestamp"])
    assert delivery["destination"] == queue.arn
    assert re.fullmatch(r"[0-9a-f-]{36}", delivery["deliveryId"])
    assert "sqsRequestId" in json.loads(delivery["providerResponse"])
    assert 0 <= delivery["dwellTimeMs"] < 20_000
    assert (delivery["statusCode"], entry["status"]) == (200, "SUCCESS")


@behaviour("SNS-425", "SNS-431", "SNS-226")
def test_a_queue_that_is_gone_is_told_as_a_failure(topics: Topics):
    topic = topics.topic()
    asked(topic, "SQS")
    topic.subscribe("arn:aws:sqs:us-east-1:000000000000:never-there")
    topic.publish("m")
    [(group, entry)] = some(topic, 1)
    assert group == f"sns/us-east-1/000000000000/{topic.name}/Failure"
    assert (entry["status"], entry["delivery"]["statusCode"]) == ("FAILURE", 400)
    assert "NonExistentQueue" in entry["delivery"]["providerResponse"]


@behaviour("SNS-430", "SNS-432", "SNS-434", "SNS-424")
def test_every_attempt_at_an_endpoint_is_told(topics: Topics):
    topic = topics.topic()
    asked(topic, "HTTP")
    with Endpoint(503, 200, body=b"thanks") as endpoint:
        confirmed(topic, endpoint, DeliveryPolicy=retries(1))
        answer = topic.publish("m")
        found = some(topic, 3)
        # The confirmation too.
        assert found[0][1]["notification"]["messageId"] != answer["MessageId"]
        deliveries = [entry["delivery"] for _, entry in found[1:]]
        assert [delivery["statusCode"] for delivery in deliveries] == [503, 200]
        assert [delivery["attempts"] for delivery in deliveries] == [1, 2]
        assert {delivery["providerResponse"] for delivery in deliveries} == {"thanks"}
        assert {delivery["destination"] for delivery in deliveries} == {endpoint.url}
        assert [group.endswith("/Failure") for group, _ in found] == [False, True, False]


@behaviour("SNS-424")
def test_without_a_role_nothing_is_told(topics: Topics):
    silent, told = topics.topic(), topics.topic()
    silent.set("SQSSuccessFeedbackSampleRate", "100")
    asked(told, "HTTP")
    asked(told, "SQS", rate="0")
    told.subscribe("arn:aws:sqs:us-east-1:000000000000:never-there")
    for topic in (silent, told):
        topic.subscribed_queue()
        topic.publish("m")
    # Failures are told whatever the rate of successes.
    assert [entry["status"] for _, entry in some(told, 1)] == ["FAILURE"]
    assert entries(silent) == []
