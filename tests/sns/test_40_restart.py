"""Topics, subscriptions and published messages outlive the process."""

import http.client
import json
from collections.abc import Iterator

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab
from harness.server import Server
from harness.topics import Topics, messages, text


@pytest.fixture
def own() -> Iterator[Server]:
    """A server of this test."""
    with Server() as running:
        yield running


@behaviour("SNS-126", "SNS-340")
def test_everything_acknowledged_survives_kill_9(own: Server):
    topics = Topics(Lab(own))
    topic = topics.topic(DisplayName="kept", tags={"k": "v"})
    plain = topic.subscribed_queue()
    filtered = topic.subscribed_queue(FilterPolicy='{"a":["1"]}')
    gone = topics.queue()
    topics.sns.unsubscribe(SubscriptionArn=topic.subscribe(gone))
    for number in range(20):
        topic.publish(f"before {number:02}", MessageAttributes={"a": text(str(number % 2))})
    own.kill9()
    own.start()
    assert topic.attributes()["DisplayName"] == "kept"
    assert topic.attributes()["SubscriptionsConfirmed"] == "2"
    topic.publish("after", MessageAttributes={"a": text("1")})
    received = sorted(messages(plain) + messages(plain) + messages(plain))
    assert received == ["after", *(f"before {number:02}" for number in range(20))]
    assert len(messages(filtered)) + len(messages(filtered)) == 11
    assert messages(gone) == []


def test_a_reset_removes_topics_and_subscriptions():
    with Server("--test-endpoints") as running:
        topics = Topics(Lab(running))
        topic = topics.topic()
        topic.subscribed_queue()
        topic.publish()
        connection = http.client.HTTPConnection(running.host, timeout=20)
        connection.request("POST", "/_waystation/reset")
        assert json.loads(connection.getresponse().read()) == {"queues_removed": 1, "topics_removed": 1, "streams_removed": 0}
        assert topics.sns.list_topics()["Topics"] == []
        assert topics.sns.list_subscriptions()["Subscriptions"] == []
        again = topics.topic(topic.name)
        assert again.attributes()["SubscriptionsConfirmed"] == "0"
