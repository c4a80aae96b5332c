"""Publishes to a topic with an archive, and replays of it, while the server is killed again and again."""

import pytest

from harness.archives import Subscription, archiving, beginning, policy, publish_many, replay, take, texts
from harness.behaviours import behaviour
from harness.lab import Lab
from harness.publishers import PUBLISHERS, Rounds, numbers_of
from harness.server import Server
from harness.topics import Topics
from harness.waiting import eventually

KILLED = pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
# The replay begins before this crash.
MIDDLE = 4


@behaviour("SNS-380", "SNS-383", "SNS-384", "SNS-126")
@KILLED
def test_archive_queues_and_replays_have_every_message_once_and_in_order(flags: tuple[str, ...]):
    with Server(*flags) as server:
        topics = Topics(Lab(server))
        topic = topics.topic("rounds.fifo", FifoTopic="true", ArchivePolicy=policy())
        start = beginning(topic)
        direct = [topics.lab.fifo(content_based=False), topics.queue()]
        for queue in direct:
            topic.subscribe(queue)
        replayed: list[Subscription] = []

        def subscribe(number: int):
            if number == MIDDLE:
                queues = [topics.lab.fifo(content_based=False), topics.queue()]
                replayed.extend(Subscription(topic, queue, ReplayPolicy=replay(start)) for queue in queues)

        rounds = Rounds(server, topic)
        rounds.run(subscribe)
        for subscription in replayed:
            subscription.until("Completed")
        for queue in direct + [subscription.queue for subscription in replayed]:
            received = take(queue)
            said = texts(received)
            for publisher in range(PUBLISHERS):
                numbers = numbers_of(publisher, said)
                # Standard queues promise no order. The last message may have been stored without an answer.
                numbers = numbers if queue.name.endswith(".fifo") else sorted(numbers)
                assert numbers == list(range(len(numbers)))
            ids = {envelope["Message"]: envelope["MessageId"] for envelope in received}
            assert {text for text, message_id in rounds.acknowledged.items() if ids.get(text) != message_id} == set()
            is_replayed = {envelope.get("Replayed", False) for envelope in received}
            assert is_replayed == ({False} if queue in direct else {True, False})


@behaviour("SNS-383", "SNS-390")
@KILLED
def test_a_replay_goes_on_where_it_was(flags: tuple[str, ...]):
    with Server(*flags) as server:
        topics = Topics(Lab(server))
        topic = archiving(topics)
        said = [str(number) for number in range(4000)]
        publish_many(topic, said)
        subscription = Subscription(topic, topics.queue(), ReplayPolicy=replay(beginning(topic)))
        interrupted = 0
        for _ in range(6):
            eventually(lambda: count(subscription) > interrupted or subscription.status() == "Completed", "progress")
            interrupted = count(subscription)
            server.kill9()
            server.start()
        subscription.until("Completed")
        received = take(subscription.queue)
        assert sorted(texts(received), key=int) == said
        assert all(envelope["Replayed"] for envelope in received)


def count(subscription: Subscription) -> int:
    return int(subscription.queue.attribute("ApproximateNumberOfMessages"))
