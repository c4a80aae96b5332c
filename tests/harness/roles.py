"""What producers and consumers do, step by step, in the crash rounds."""

import itertools
import random
import time
from collections.abc import Callable

from harness.load import Client, Load
from harness.history import Told

Role = Callable[[Client, random.Random], None]

_PRODUCERS = itertools.count(1)


def producer(load: Load, queue: str) -> Role:
    """Sends bodies that nobody sent before, one by one and in batches, and never a second time."""
    name, numbers = next(_PRODUCERS), itertools.count()

    def step(client: Client, chance: random.Random):
        if chance.random() < 0.8:
            load.send(client, queue, f"{name}-{next(numbers)}")
        else:
            load.send_batch(client, queue, [f"{name}-{next(numbers)}" for _ in range(chance.randint(2, 10))])

    return step


def fifo_producer(load: Load, queue: str) -> Role:
    """Sends to groups of its own in order; what has no answer is sent again until it has one, as the SDKs do."""
    name, numbers = next(_PRODUCERS), itertools.count()
    groups = [f"group-{name}-{letter}" for letter in "ab"]
    unanswered: list[tuple[str, str]] = []
    sent: list[tuple[str, str]] = []

    def step(client: Client, chance: random.Random):
        if sent and chance.random() < 0.1:
            group, body = chance.choice(sent[-20:])
            load.send(client, queue, body, MessageGroupId=group, MessageDeduplicationId=body)
            return
        if not unanswered:
            group = chance.choice(groups)
            unanswered.append((group, f"{group}-{next(numbers)}"))
        group, body = unanswered[0]
        if load.send(client, queue, body, MessageGroupId=group, MessageDeduplicationId=body) is Told.ACKNOWLEDGED:
            sent.append(unanswered.pop())

    return step


def consumer(load: Load, queue: str) -> Role:
    """Receives and deletes most of it at once, shows some again, and forgets the rest."""

    def step(client: Client, chance: random.Random):
        for message in load.receive(client, queue):
            fate = chance.random()
            if fate < 0.85:
                load.delete(client, message)
            elif fate < 0.92:
                load.show_again(client, message)

    return step


def clumsy_consumer(load: Load, queue: str) -> Role:
    """Receives without ever deleting, so that messages go to the dead-letter queue."""

    def step(client: Client, chance: random.Random):
        load.receive(client, queue, visibility=chance.choice([0, 1]))

    return step


def patient_consumer(load: Load, queue: str) -> Role:
    """Keeps what it received for a while, so that crashes fall between receive and delete."""

    def step(client: Client, chance: random.Random):
        messages = load.receive(client, queue)
        time.sleep(chance.uniform(0.2, 1.5))
        for message in messages:
            load.delete(client, message)

    return step
