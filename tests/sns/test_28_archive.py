"""Reference section 28: archives of FIFO topics."""

from datetime import datetime
from functools import partial

import pytest

from harness.archives import Subscription, archiving, beginning, id_of, policy, publish, received, replay, texts
from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import Lab, fresh_name, refused
from harness.server import Server
from harness.topics import INVALID, Topics

DAY = 86_400
NO_DELETE = "Invalid state: Cannot delete a topic with an ArchivePolicy"


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


@behaviour("SNS-376")
def test_a_topic_keeps_messages_for_1_to_365_days(topics: Topics):
    for days in ("1", "365"):
        topic = topics.topic(fresh_name(".fifo"), FifoTopic="true", ArchivePolicy=policy(days))
        assert topic.attributes()["ArchivePolicy"] == policy(days)
    topic = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    assert "ArchivePolicy" not in topic.attributes()
    topic.set("ArchivePolicy", policy(7))
    assert topic.attributes()["ArchivePolicy"] == policy(7)


@behaviour("SNS-376")
@pytest.mark.parametrize("bad", [policy("0"), policy("366"), policy("x"), '{"Days":"1"}', "[]", "x", ""])
def test_another_policy_is_refused(topics: Topics, bad: str):
    topic = archiving(topics)
    with refused(INVALID):
        topic.set("ArchivePolicy", bad)
    assert topic.attributes()["ArchivePolicy"] == policy()
    with refused(INVALID):
        topics.topic(fresh_name(".fifo"), FifoTopic="true", ArchivePolicy=bad)


@behaviour("SNS-376")
def test_standard_topics_have_no_archive(topics: Topics):
    with refused(INVALID):
        topics.topic(ArchivePolicy=policy())
    with refused(INVALID, "Invalid parameter: AttributeName"):
        topics.topic().set("ArchivePolicy", policy())


@behaviour("SNS-039", "SNS-378", "SNS-377")
def test_a_topic_with_an_archive_cannot_be_deleted(topics: Topics):
    topic = archiving(topics)
    with refused("InvalidState", NO_DELETE):
        topic.delete()
    assert topic.attributes()["TopicArn"] == topic.arn
    topic.set("ArchivePolicy", "{}")
    assert not {"ArchivePolicy", "BeginningArchiveTime"} & set(topic.attributes())
    topic.delete()
    with refused("NotFound", status=404):
        topic.attributes()


@behaviour("SNS-377")
def test_an_archive_that_was_switched_off_does_not_come_back(topics: Topics):
    topic = archiving(topics)
    start = beginning(topic)
    publish(topic, "before")
    topic.set("ArchivePolicy", "{}")
    publish(topic, "between")
    topic.set("ArchivePolicy", policy())
    assert beginning(topic) > start
    publish(topic, "after")
    with refused(INVALID):
        topic.subscribe(topics.queue(), ReplayPolicy=replay(start))
    subscription = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic)))
    assert texts(received(subscription.queue, 1)) == ["after"]


@behaviour("SNS-379")
def test_the_archive_begins_when_it_was_switched_on_or_with_its_retention(clocked_topics: Topics):
    lab = clocked_topics.lab
    topic = archiving(clocked_topics, days=2)
    made = beginning(topic)
    lab.advance(DAY)
    assert beginning(topic) == made
    lab.advance(2 * DAY)
    assert seconds(made) + DAY <= seconds(beginning(topic)) < seconds(made) + DAY + 60
    # What is too old does not come back when messages are kept for longer.
    topic.set("ArchivePolicy", policy(365))
    assert seconds(beginning(topic)) < seconds(made) + DAY + 60
    lab.advance(10 * DAY)
    assert seconds(made) + DAY <= seconds(beginning(topic)) < seconds(made) + DAY + 60


@behaviour("SNS-376", "SNS-379")
def test_messages_go_when_they_are_too_old(clocked_topics: Topics):
    topic = archiving(clocked_topics, days=1)
    publish(topic, "old")
    clocked_topics.lab.advance(DAY - 600)
    publish(topic, "young")
    clocked_topics.lab.advance(1200)
    subscription = Subscription(topic, clocked_topics.queue(), ReplayPolicy=replay(beginning(topic)))
    assert texts(received(subscription.queue, 1)) == ["young"]


@behaviour("SNS-380")
def test_messages_are_kept_whoever_subscribes(topics: Topics):
    topic = archiving(topics)
    publish(topic, "to nobody")
    filtered = topic.subscribed_queue(FilterPolicy='{"a":["1"]}')
    publish(topic, "to nobody yet")
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": id_of("to nobody")}
    topic.publish("a duplicate", **ids)
    assert filtered.bodies() == []
    for _ in range(2):
        subscription = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic)))
        subscription.until("Completed")
        assert sorted(texts(received(subscription.queue, 2))) == ["to nobody", "to nobody yet"]


@behaviour("SNS-376", "SNS-380", "SNS-126")
def test_the_archive_is_as_durable_as_the_publish():
    with Server() as running:
        topics = Topics(Lab(running))
        topic = archiving(topics)
        start = beginning(topic)
        fifo = topics.lab.fifo(content_based=False)
        topic.subscribe(fifo)
        said = [f"{number:02}" for number in range(20)]
        for text in said:
            publish(topic, text, Subject="s")
        running.kill9()
        running.start()
        assert (topic.attributes()["ArchivePolicy"], beginning(topic)) == (policy(), start)
        subscription = Subscription(topic, topics.lab.fifo(content_based=False), ReplayPolicy=replay(start))
        direct, again = received(fifo, 20), received(subscription.queue, 20)
        assert texts(direct) == texts(again) == said
        assert [envelope["MessageId"] for envelope in direct] == [envelope["MessageId"] for envelope in again]


@behaviour("SNS-030", "SNS-031")
def test_an_archive_counts_when_a_topic_is_made_again(topics: Topics):
    topic = archiving(topics)
    assert topics.topic(topic.name, FifoTopic="true", ArchivePolicy='{ "MessageRetentionPeriod" : "1" }').arn == topic.arn
    with refused(INVALID, "Invalid parameter: Attributes Reason: Topic already exists with different attributes"):
        topics.topic(topic.name, FifoTopic="true", ArchivePolicy=policy(2))


@behaviour("SNS-376", "SNS-377", "SNS-126")
def test_publishes_go_on_while_the_archive_is_switched(topics: Topics):
    """A publish that meets an archive on its way, or one that went, waits until it is told that the switch is done."""
    topic = archiving(topics)
    queue = topics.lab.fifo(content_based=False)
    topic.subscribe(queue, RawMessageDelivery="true")
    publishers, rounds = 15, 20

    def switch(client):
        for number in range(rounds + 1):
            wanted = "{}" if number % 2 == 0 else policy()
            client.set_topic_attributes(TopicArn=topic.arn, AttributeName="ArchivePolicy", AttributeValue=wanted)

    def send(number: int, client):
        for count in range(rounds):
            text = f"{number}-{count}"
            client.publish(TopicArn=topic.arn, Message=text, MessageGroupId=str(number), MessageDeduplicationId=text)

    works = [switch, *(partial(send, number) for number in range(publishers))]
    url = topics.lab.server.url
    assert refusals(at_once([partial(work, aws_client("sns", url)) for work in works])) == []
    topic.set("ArchivePolicy", policy())
    publish(topic, "last")
    wanted = [f"{number}-{count}" for number in range(publishers) for count in range(rounds)] + ["last"]
    assert sorted(queue.drain()) == sorted(wanted)
    subscription = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic)))
    assert texts(received(subscription.queue, 1)) == ["last"]
