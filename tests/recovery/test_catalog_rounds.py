"""Queues are created, changed, tagged and deleted while the server is killed: each is as its last answer said."""

import os
import random

from harness.behaviours import behaviour
from harness.lab import Lab
from harness.load import Client, Down, Load
from harness.server import Server

ROUNDS = 20
GONE = "gone"

# What a queue may be: its visibility timeout and one tag, or gone.
State = tuple[str, str] | str


class Keeper:
    """Works on queues of its own and knows for each in which states it may be: one, or two after a lost answer."""

    def __init__(self, load: Load, number: int):
        self.load = load
        self.names = [f"keeper-{number}-{letter}" for letter in "abcdefgh"]
        self.may_be: dict[str, set[State]] = {name: {GONE} for name in self.names}

    def step(self, client: Client, chance: random.Random):
        """One operation on one queue whose state is known."""
        known = [name for name in self.names if len(self.may_be[name]) == 1]
        if not known:
            # Every answer was lost at some time: go on with names that nobody used.
            self.names = [f"{name}x" for name in self.names]
            self.may_be |= {name: {GONE} for name in self.names}
            return
        name = chance.choice(known)
        [before] = self.may_be[name]
        after, operations = self.plan(name, before, chance)
        self.may_be[name] = {before, after}
        for operation, payload in operations:
            client.ask(operation, payload)
        self.may_be[name] = {after}

    def plan(self, name: str, before: State, chance: random.Random) -> tuple[State, list[tuple[str, dict]]]:
        """The state to reach, and the one operation that reaches it."""
        url = f"{self.load.server.url}/000000000000/{name}"
        number = str(chance.randint(1, 40_000))
        if before == GONE:
            create = {"QueueName": name, "Attributes": {"VisibilityTimeout": number}, "tags": {"k": number}}
            return (number, number), [("CreateQueue", create)]
        timeout, tag = before
        kind = chance.random()
        if kind < 0.3:
            return GONE, [("DeleteQueue", {"QueueUrl": url})]
        if kind < 0.65:
            return (number, tag), [("SetQueueAttributes", {"QueueUrl": url, "Attributes": {"VisibilityTimeout": number}})]
        return (timeout, number), [("TagQueue", {"QueueUrl": url, "Tags": {"k": number}})]


def state_of(lab: Lab, name: str) -> State:
    """What the queue is now."""
    url = f"{lab.server.url}/000000000000/{name}"
    found = lab.wire.json("GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]})
    if found.status != 200:
        assert found.error_type() == "QueueDoesNotExist", found.text
        return GONE
    tags = lab.wire.json("ListQueueTags", {"QueueUrl": url}).json["Tags"]
    return found.json["Attributes"]["VisibilityTimeout"], tags["k"]


@behaviour("SQS-149", "SQS-065", "SQS-076", "SQS-099", "SQS-395")
def test_every_queue_is_as_its_last_answer_said():
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    with Server("--test-volatile-writes", "2") as server:
        load = Load(server, seed)
        keepers = [Keeper(load, number) for number in range(4)]
        for keeper in keepers:
            load.add(keeper.step)
        with load.running():
            load.rounds(ROUNDS)
        assert load.unexpected == [], server.log()
        lab = Lab(server)
        for keeper in keepers:
            for name, states in keeper.may_be.items():
                assert state_of(lab, name) in states, f"{name} may be {states}"
        listed = {url.rsplit("/", 1)[1] for url in lab.sqs.list_queues().get("QueueUrls", [])}
        certain = {name for keeper in keepers for name, states in keeper.may_be.items() if GONE not in states}
        surely_gone = {name for keeper in keepers for name, states in keeper.may_be.items() if states == {GONE}}
        assert certain <= listed
        assert not surely_gone & listed
        assert certain and sum(len(keeper.may_be) for keeper in keepers) >= 32


@behaviour("SQS-374", "SQS-149", "SQS-148")
def test_a_purge_takes_what_was_there_and_nothing_later_whatever_crashes():
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    chance = random.Random(seed)
    with Server("--test-volatile-writes", "2") as server:
        load = Load(server, seed)
        url = load.create("purged")
        client = Client(load)
        expected: set[str] = set()
        for number in range(ROUNDS):
            for message in range(chance.randint(1, 15)):
                body = f"{number}-{message}"
                client.ask("SendMessage", {"QueueUrl": url, "MessageBody": body})
                expected.add(body)
            if chance.random() < 0.5:
                client.ask("PurgeQueue", {"QueueUrl": url})
                expected.clear()
            load.crash()
            try:
                client.ask("ListQueues", {})
            except Down:
                pass
        found = Lab(server).queue("purged").drain()
        assert sorted(found) == sorted(expected)
