"""Publishers under load while the server is killed again and again: every acknowledged message is in every queue."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.publishers import PUBLISHERS, Rounds, numbers_of
from harness.server import Server
from harness.topics import Topics


def said_in(queue: Queue) -> list[tuple[str, str]]:
    """Text and id of every envelope in a queue, in its order."""
    # After a restart deliveries go on: a publish waits for no queue.
    read = [json.loads(body) for body in queue.drain(wait=1)]
    return [(envelope["Message"], envelope["MessageId"]) for envelope in read]


@behaviour("SNS-126", "SNS-139", "SNS-341")
@pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
def test_every_acknowledged_message_is_in_every_queue(flags: tuple[str, ...]):
    with Server(*flags) as server:
        topics = Topics(Lab(server))
        topic = topics.topic()
        queues = [topic.subscribed_queue() for _ in range(3)]
        filtered = topic.subscribed_queue(FilterPolicy='{"a":["never"]}')
        gone = topics.queue()
        topics.sns.unsubscribe(SubscriptionArn=topic.subscribe(gone))
        rounds = Rounds(server, topic)
        rounds.run()
        for queue in queues:
            received = dict(said_in(queue))
            lost = {said for said, message_id in rounds.acknowledged.items() if received.get(said) != message_id}
            assert not lost
        assert said_in(filtered) == []
        assert said_in(gone) == []


@behaviour("SNS-363", "SNS-371", "SNS-126")
@pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
def test_fifo_queues_have_every_message_once_and_in_order(flags: tuple[str, ...]):
    with Server(*flags) as server:
        topics = Topics(Lab(server))
        topic = topics.topic("rounds.fifo", FifoTopic="true")
        queues = [topics.lab.fifo(content_based=False) for _ in range(2)]
        for queue in queues:
            topic.subscribe(queue)
        rounds = Rounds(server, topic)
        rounds.run()
        for queue in queues:
            received = said_in(queue)
            for publisher in range(PUBLISHERS):
                numbers = numbers_of(publisher, [said for said, _ in received])
                # The last one may have been stored without an answer.
                assert numbers == list(range(len(numbers)))
            ids = dict(received)
            assert {said for said, message_id in rounds.acknowledged.items() if ids.get(said) != message_id} == set()
