"""Topics, subscriptions and published messages outlive the process."""

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
