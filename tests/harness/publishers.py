"""Publishers under load while the server is killed again and again, and what was acknowledged to them."""

import http.client
import itertools
import os
import random
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

from harness.server import Server
from harness.topics import Topic
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

    def run(self, before: Callable[[int], None] = lambda _: None):
        """So many crashes, at moments drawn from a seed that is printed; `before` each of them something may be done."""
        seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
        print(f"WAYSTATION_SEED={seed}")
        chance = random.Random(seed)
        threads = [threading.Thread(target=self.publish, args=(number,)) for number in range(PUBLISHERS)]
        for thread in threads:
            thread.start()
        for number in range(ROUNDS):
            before(number)
            time.sleep(chance.uniform(*UP_SECONDS))
            self.server.kill9()
            self.server.start()
        self.ending.set()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures
        assert len(self.acknowledged) > 10 * ROUNDS, "too little went through to mean something"
        print(f"{len(self.acknowledged)} acknowledged")


def numbers_of(publisher: int, said: list[str]) -> list[int]:
    """The numbers of a publisher's messages, in their order."""
    return [int(text.split()[1]) for text in said if text.startswith(f"{publisher} ")]
