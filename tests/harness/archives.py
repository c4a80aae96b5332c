"""FIFO topics that keep their messages, and subscriptions that replay them."""

import json

from harness.lab import Queue, fresh_name
from harness.topics import Topic, Topics
from harness.waiting import eventually


def policy(days: int | str = 1) -> str:
    """An archive policy."""
    return json.dumps({"MessageRetentionPeriod": str(days)})


def archiving(topics: Topics, days: int = 1, **attributes: str) -> Topic:
    """A FIFO topic with an archive."""
    return topics.topic(fresh_name(".fifo"), FifoTopic="true", ArchivePolicy=policy(days), **attributes)


def id_of(text: str) -> str:
    """A deduplication id for a text."""
    return "".join(character if character.isalnum() else "-" for character in text)


def publish(topic: Topic, text: str, group: str = "g", **more) -> dict:
    """Publishes a text with a deduplication id of its own."""
    return topic.publish(text, MessageGroupId=group, MessageDeduplicationId=id_of(text), **more)


def publish_many(topic: Topic, texts: list[str], group: str = "g"):
    """The same of many, ten at a time."""
    for first in range(0, len(texts), 10):
        entries = [
            {"Id": str(number), "Message": text, "MessageGroupId": group, "MessageDeduplicationId": id_of(text)}
            for number, text in enumerate(texts[first : first + 10])
        ]
        topic.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)


def beginning(topic: Topic) -> str:
    """From when on the archive can be replayed."""
    return topic.attributes()["BeginningArchiveTime"]


def replay(start: str, end: str | None = None) -> str:
    """A replay policy."""
    points = {"StartingPoint": start} | ({"EndingPoint": end} if end else {})
    return json.dumps({"PointType": "Timestamp"} | points)


class Subscription:
    """A subscription by its ARN."""

    def __init__(self, topic: Topic, queue: Queue, **attributes: str):
        self.sns = topic.sns
        self.queue = queue
        self.arn = topic.subscribe(queue, **attributes)

    def attributes(self) -> dict[str, str]:
        """GetSubscriptionAttributes."""
        return self.sns.get_subscription_attributes(SubscriptionArn=self.arn)["Attributes"]

    def set(self, name: str, value: str):
        """SetSubscriptionAttributes."""
        self.sns.set_subscription_attributes(SubscriptionArn=self.arn, AttributeName=name, AttributeValue=value)

    def replay(self, start: str, end: str | None = None):
        """Begins a replay."""
        self.set("ReplayPolicy", replay(start, end))

    def status(self) -> str | None:
        """How its replay stands."""
        return self.attributes().get("ReplayStatus")

    def until(self, *wanted: str):
        """Waits for a status."""
        eventually(lambda: self.status() in wanted, f"a replay that is {' or '.join(wanted)}", 30)


def take(queue: Queue) -> list[dict]:
    """The envelopes of everything in the queue, in its order; all of it is deleted."""
    found = []
    while messages := queue.receive(10, wait=1):
        found += [json.loads(message["Body"]) for message in messages]
        queue.delete_batch(*messages)
    return found


def texts(envelopes: list[dict]) -> list[str]:
    """What was published."""
    return [envelope["Message"] for envelope in envelopes]


def in_order(envelopes: list[dict]) -> list[dict]:
    """As they were published; a queue shows group after group."""
    return sorted(envelopes, key=lambda envelope: envelope["SequenceNumber"])


def received(queue: Queue, count: int) -> list[dict]:
    """So many envelopes, and nothing after them."""
    found = []
    eventually(lambda: found.extend(take(queue)) or len(found) >= count, f"{count} messages", 30)
    assert len(found) == count, texts(found)
    return found
