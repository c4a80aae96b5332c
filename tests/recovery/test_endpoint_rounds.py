"""Endpoints that fail while the server is killed again and again: no attempt is forgotten, and who left hears nothing."""

import json
import os
import queue
import random
import time

import pytest

from harness.behaviours import behaviour
from harness.endpoint import Endpoint, confirmed
from harness.lab import Lab
from harness.server import Server
from harness.topics import Topic, Topics

ROUNDS = 5
MESSAGES = 12
# Retries of each message; after them it is a dead letter.
RETRIES = 8


def policy() -> str:
    return json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": RETRIES}})


def drained(endpoint: Endpoint) -> list[str]:
    """The ids of what an endpoint was sent since the last look."""
    ids = []
    while True:
        try:
            headers, _, _ = endpoint.requests.get_nowait()
        except queue.Empty:
            return ids
        if headers["x-amz-sns-message-type"] == "Notification":
            ids.append(headers["x-amz-sns-message-id"])


class Rounds:
    """A topic with an endpoint that never takes anything, and one that leaves."""

    def __init__(self, server: Server, failing: Endpoint, leaving: Endpoint):
        self.server = server
        self.topics = Topics(Lab(server))
        self.topic: Topic = self.topics.topic()
        self.dead = self.topics.queue()
        redrive = json.dumps({"deadLetterTargetArn": self.dead.arn})
        confirmed(self.topic, failing, DeliveryPolicy=policy(), RedrivePolicy=redrive)
        self.leaving = confirmed(self.topic, leaving, DeliveryPolicy=policy())

    def crash(self, chance: random.Random):
        """Kills the server at a moment of its choice."""
        time.sleep(chance.uniform(0.2, 1.2))
        self.server.kill9()
        self.server.start()


@behaviour("SNS-340", "SNS-341", "SNS-337", "SNS-117", "SNS-354")
@pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
def test_attempts_go_on_and_end_as_the_policy_says(flags: tuple[str, ...]):
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    chance = random.Random(seed)
    with Server(*flags) as server, Endpoint(500) as failing, Endpoint(500) as leaving:
        rounds = Rounds(server, failing, leaving)
        published = [rounds.topic.publish(str(number))["MessageId"] for number in range(MESSAGES)]
        rounds.crash(chance)
        rounds.topics.sns.unsubscribe(SubscriptionArn=rounds.leaving)
        # An attempt that was under way may still end.
        time.sleep(0.5)
        drained(leaving)
        for _ in range(ROUNDS - 1):
            rounds.crash(chance)
        dead: dict[str, str] = {}
        deadline = time.monotonic() + 120
        while len(dead) < MESSAGES and time.monotonic() < deadline:
            for message in rounds.dead.receive(wait=1):
                envelope = json.loads(message["Body"])
                dead[envelope["MessageId"]] = envelope["Message"]
                rounds.dead.delete(message)
        assert sorted(dead) == sorted(published)
        attempts = drained(failing)
        for message_id in published:
            # An attempt that a crash met may count and not have been made, or the other way round; all others do both.
            assert 1 + RETRIES - ROUNDS <= attempts.count(message_id) <= 1 + RETRIES + ROUNDS
        assert drained(leaving) == []
        rounds.topic.publish("nobody is left but one")
        assert drained(leaving) == []
