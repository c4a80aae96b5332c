"""Publishers under load while the server is killed again and again: every acknowledged message is in every queue."""

import http.client
import itertools
import json
import os
import random
import re
import threading
import time
from urllib.parse import urlencode

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.server import Server
from harness.topics import Topic, Topics
from harness.wire import credential

ROUNDS = 8
PUBLISHERS = 3
# Between crashes, drawn anew each time.
UP_SECONDS = (0.1, 0.5)


def ask(server: Server, **parameters: str) -> str | None:
    """The text of a success, nothing when the server went away."""
    headers = credential(service="sns") | {"Content-Type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", "/", urlencode(parameters | {"Version": "2010-03-31"}), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    assert answer.status == 200, text
    return text


class Rounds:
    """Publishers that go on while the server crashes; they write down what was acknowledged."""

    def __init__(self, server: Server, topic: Topic):
        self.server = server
        self.topic = topic
        self.acknowledged: dict[str, str] = {}
        self.failures: list[BaseException] = []
        self.ending = threading.Event()

    def publish(self, publisher: int):
        """Numbered messages in a group of its own; on a FIFO topic each is repeated until it is acknowledged."""
        is_fifo = self.topic.name.endswith(".fifo")
        try:
            for number in itertools.count():
                said = f"{publisher} {number}"
                ids = {"MessageGroupId": f"g{publisher}", "MessageDeduplicationId": f"d{publisher}-{number}"} if is_fifo else {}
                while not self.ending.is_set():
                    text = ask(self.server, Action="Publish", TopicArn=self.topic.arn, Message=said, **ids)
                    if text is not None:
                        self.acknowledged[said] = re.search("<MessageId>([^<]+)", text).group(1)
                    if text is not None or not is_fifo:
                        break
                    time.sleep(0.01)
                if self.ending.is_set():
                    return
        except BaseException as failure:  # noqa: BLE001 - a thread's failure is the test's
            self.failures.append(failure)

    def run(self):
        """So many crashes, at moments drawn from a seed that is printed."""
        seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
        print(f"WAYSTATION_SEED={seed}")
        chance = random.Random(seed)
        threads = [threading.Thread(target=self.publish, args=(number,)) for number in range(PUBLISHERS)]
        for thread in threads:
            thread.start()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(*UP_SECONDS))
            self.server.kill9()
            self.server.start()
        self.ending.set()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures
        assert len(self.acknowledged) > 10 * ROUNDS, "too little went through to mean something"
        print(f"{len(self.acknowledged)} acknowledged")


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
                numbers = [int(said.split()[1]) for said, _ in received if said.startswith(f"{publisher} ")]
                # The last one may have been stored without an answer.
                assert numbers == list(range(len(numbers)))
            ids = dict(received)
            assert {said for said, message_id in rounds.acknowledged.items() if ids.get(said) != message_id} == set()
