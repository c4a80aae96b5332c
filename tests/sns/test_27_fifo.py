"""Reference section 27: FIFO topics."""

import hashlib
import json
import threading

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, fresh_name, refused
from harness.server import Server
from harness.topics import INVALID, Topic, Topics, envelopes


def fifo_topic(topics: Topics, **attributes: str) -> Topic:
    return topics.topic(fresh_name(".fifo"), FifoTopic="true", **attributes)


def fifo_queue(topics: Topics, topic: Topic, **attributes: str) -> Queue:
    """A subscribed FIFO queue that deduplicates nothing by itself."""
    queue = topics.lab.fifo(content_based=False)
    topic.subscribe(queue, **attributes)
    return queue


@behaviour("SNS-195", "SNS-367", "SNS-369", "SNS-372", "SNS-125")
def test_envelopes_have_a_sequence_number(topics: Topics):
    topic = fifo_topic(topics)
    queue = fifo_queue(topics, topic)
    first = topic.publish("1", MessageGroupId="g", MessageDeduplicationId="a")
    second = topic.publish("2", MessageGroupId="g", MessageDeduplicationId="b", Subject="s")
    assert len(first["SequenceNumber"]) == 20 and first["SequenceNumber"] < second["SequenceNumber"]
    received = queue.receive()
    one, two = (json.loads(message["Body"]) for message in received)
    assert list(one) == ["Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"]
    assert (one["MessageId"], one["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert (two["Subject"], two["SequenceNumber"]) == ("s", second["SequenceNumber"])
    numbers = {message["Attributes"]["SequenceNumber"] for message in received}
    assert not numbers & {first["SequenceNumber"], second["SequenceNumber"]}


@behaviour("SNS-368", "SNS-370", "SNS-362")
def test_fifo_queues_get_the_ids_and_standard_queues_do_not(topics: Topics):
    topic = fifo_topic(topics, ContentBasedDeduplication="true")
    queue, standard = fifo_queue(topics, topic), topics.queue()
    topic.subscribe(standard)
    topic.publish("content", MessageGroupId="g")
    attributes = queue.receive_one()["Attributes"]
    assert attributes["MessageGroupId"] == "g"
    assert attributes["MessageDeduplicationId"] == hashlib.sha256(b"content").hexdigest()
    plain = standard.receive_one()["Attributes"]
    assert not {"MessageGroupId", "MessageDeduplicationId", "SequenceNumber"} & set(plain)


@behaviour("SNS-363", "SNS-364")
def test_a_duplicate_is_answered_alike_and_not_delivered(topics: Topics):
    topic = fifo_topic(topics)
    queue, standard = fifo_queue(topics, topic), topics.queue()
    topic.subscribe(standard)
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first, again = topic.publish("first", **ids), topic.publish("again", **ids)
    for name in ("MessageId", "SequenceNumber"):
        assert first[name] == again[name]
    assert [envelope["Message"] for envelope in envelopes(queue)] == ["first"]
    assert [envelope["Message"] for envelope in envelopes(standard)] == ["first"]


@behaviour("SNS-362")
def test_an_explicit_id_wins_over_the_content(topics: Topics):
    topic = fifo_topic(topics, ContentBasedDeduplication="true")
    queue = fifo_queue(topics, topic, RawMessageDelivery="true")
    topic.publish("same", MessageGroupId="g", MessageDeduplicationId="a")
    topic.publish("same", MessageGroupId="g", MessageDeduplicationId="b")
    topic.publish("same", MessageGroupId="g")
    topic.publish("same", MessageGroupId="g", MessageAttributes={"a": {"DataType": "String", "StringValue": "other"}})
    assert queue.bodies() == ["same", "same", "same"]


@behaviour("SNS-365")
@pytest.mark.parametrize(("scope", "expected"), [("Topic", 1), ("MessageGroup", 2)])
def test_ids_are_unique_over_the_topic_or_over_the_group(topics: Topics, scope: str, expected: int):
    topic = fifo_topic(topics, FifoThroughputScope=scope)
    standard = topics.queue()
    topic.subscribe(standard)
    for group in ("g", "h"):
        topic.publish(group, MessageGroupId=group, MessageDeduplicationId="d")
    assert len(standard.receive()) == expected


@behaviour("SNS-371", "SNS-375")
def test_messages_of_a_group_keep_their_order(topics: Topics):
    topic = fifo_topic(topics)
    queue, raw = fifo_queue(topics, topic), fifo_queue(topics, topic, RawMessageDelivery="true")

    def publish(group: str):
        for number in range(25):
            topic.publish(f"{group} {number}", MessageGroupId=group, MessageDeduplicationId=f"{group}{number}")

    threads = [threading.Thread(target=publish, args=(group,)) for group in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for received in (raw.drain(), [json.loads(body)["Message"] for body in queue.drain()]):
        assert len(received) == 75
        for group in "abc":
            assert [said for said in received if said.startswith(group)] == [f"{group} {number}" for number in range(25)]


@behaviour("SNS-184")
def test_a_batch_keeps_its_order_and_is_deduplicated(topics: Topics):
    topic = fifo_topic(topics)
    queue = fifo_queue(topics, topic, RawMessageDelivery="true")

    def entry(number: int, dedup: str) -> dict:
        return {"Id": str(number), "Message": str(number), "MessageGroupId": "g", "MessageDeduplicationId": dedup}

    batch = [entry(0, "a"), entry(1, "b"), entry(2, "a"), entry(3, "c")]
    answer = topics.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=batch)
    ids = [entry["MessageId"] for entry in answer["Successful"]]
    assert ids[0] == ids[2] and len(set(ids)) == 3
    topics.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=[entry(4, "b"), entry(5, "d")])
    assert queue.drain() == ["0", "1", "3", "5"]


@behaviour("SNS-361", "SNS-182")
def test_ids_are_checked(topics: Topics):
    topic = fifo_topic(topics)
    for group, dedup in [("a b", "d"), ("g", "ä"), ("", "d"), ("g", "d" * 129)]:
        with refused(INVALID):
            topic.publish(MessageGroupId=group, MessageDeduplicationId=dedup)
    entries = [{"Id": "1", "Message": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}, {"Id": "2", "Message": "m"}]
    with refused(INVALID, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"):
        topics.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)


@behaviour("SNS-353")
def test_dead_letters_keep_group_and_order(topics: Topics):
    topic = fifo_topic(topics)
    dead = topics.lab.fifo(content_based=False)
    missing = f"arn:aws:sqs:us-east-1:000000000000:{fresh_name('.fifo')}"
    topic.subscribe(missing, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}), RawMessageDelivery="true")
    for number in range(3):
        topic.publish(str(number), MessageGroupId="g", MessageDeduplicationId=str(number))
    received = dead.receive()
    assert [message["Body"] for message in received] == ["0", "1", "2"]
    assert {message["Attributes"]["MessageGroupId"] for message in received} == {"g"}
    assert received[0]["Attributes"]["MessageDeduplicationId"] == "0"


@behaviour("SNS-363", "SNS-126")
def test_duplicates_are_known_after_kill_9():
    with Server() as running:
        topics = Topics(Lab(running))
        topic = fifo_topic(topics)
        queue = fifo_queue(topics, topic)
        ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
        first = topic.publish("first", **ids)
        running.kill9()
        running.start()
        again = topic.publish("again", **ids)
        assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
        later = topic.publish("later", MessageGroupId="g", MessageDeduplicationId="e")
        assert later["SequenceNumber"] > first["SequenceNumber"]
        assert [envelope["Message"] for envelope in envelopes(queue)] == ["first", "later"]


@behaviour("SNS-371", "SNS-367")
def test_publishes_of_one_group_at_the_same_time_keep_their_order(topics: Topics):
    topic = fifo_topic(topics)
    queues = [fifo_queue(topics, topic) for _ in range(3)]

    def publish(publisher: int):
        for number in range(15):
            topic.publish("m", MessageGroupId="g", MessageDeduplicationId=f"{publisher}-{number}")

    threads = [threading.Thread(target=publish, args=(publisher,)) for publisher in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for queue in queues:
        numbers = [json.loads(body)["SequenceNumber"] for body in queue.drain(wait=1)]
        assert len(numbers) == 60
        assert numbers == sorted(set(numbers))
