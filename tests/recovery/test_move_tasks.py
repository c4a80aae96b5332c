"""Move tasks through crashes: every message is in exactly one queue, the task goes on by itself and counts right."""

import os
import random
import time

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, redrive_policy
from harness.server import Server
from harness.waiting import eventually

ROUNDS = 6
MESSAGES = 4_000


def fill(queue: Queue, count: int, start: int = 0):
    """Sends so many messages that are unlike each other."""
    group = {"MessageGroupId": "g"} if queue.name.endswith(".fifo") else {}
    for first in range(start, start + count, 10):
        entries = [{"MessageBody": f"{number}"} | group for number in range(first, min(first + 10, start + count))]
        assert len(queue.send_batch(*entries)["Successful"]) == len(entries)


def total(*queues: Queue) -> int:
    """Messages in all of them."""
    return sum(sum(queue.counts()) for queue in queues)


def latest(dead: Queue) -> dict:
    """The latest task of the queue."""
    return dead.lab.sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"][0]


@behaviour("SQS-343", "SQS-349", "SQS-354", "SQS-363")
@pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_task_survives_crashes(kind: str, flags: tuple[str, ...]):
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    rng = random.Random(seed)
    with Server(*flags) as server:
        lab = Lab(server)
        make = lab.fifo if kind == "fifo" else lab.queue
        dead, target = make(), make()
        make(RedrivePolicy=redrive_policy(dead, 1))
        fill(dead, MESSAGES)
        # About as many messages per second as let every crash meet the task.
        lab.sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=target.arn, MaxNumberOfMessagesPerSecond=500)
        seen = 0
        for _ in range(ROUNDS):
            time.sleep(rng.uniform(0.05, 0.6))
            server.kill9()
            server.start()
            task = latest(dead)
            assert task["Status"] == "RUNNING", task
            assert task["ApproximateNumberOfMessagesToMove"] == MESSAGES
            assert task["ApproximateNumberOfMessagesMoved"] >= seen
            seen = task["ApproximateNumberOfMessagesMoved"]
        task = eventually(lambda: latest(dead) if latest(dead)["Status"] == "COMPLETED" else None, "the end of the task", 60)
        assert task["ApproximateNumberOfMessagesMoved"] == MESSAGES
        assert dead.counts() == (0, 0, 0)
        assert target.counts() == (MESSAGES, 0, 0)
        bodies = target.drain()
        assert sorted(bodies, key=int) == [f"{number}" for number in range(MESSAGES)]
        if kind == "fifo":
            assert bodies == [f"{number}" for number in range(MESSAGES)]


@behaviour("SQS-343", "SQS-348")
def test_messages_find_their_sources_through_crashes():
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    rng = random.Random(seed)
    with Server() as server:
        lab = Lab(server)
        dead = lab.queue()
        sources = [lab.queue(RedrivePolicy=redrive_policy(dead, 1)) for _ in range(3)]
        for place, source in enumerate(sources):
            fill(source, 400, place * 400)
            while source.receive(10, VisibilityTimeout=0) or total(source):
                pass
        eventually(lambda: dead.counts()[0] == 1_200, "all dead letters")
        lab.sqs.start_message_move_task(SourceArn=dead.arn, MaxNumberOfMessagesPerSecond=300)
        for _ in range(ROUNDS):
            time.sleep(rng.uniform(0.02, 0.4))
            server.kill9()
            server.start()
        task = eventually(lambda: latest(dead) if latest(dead)["Status"] == "COMPLETED" else None, "the end of the task", 60)
        assert task["ApproximateNumberOfMessagesMoved"] == 1_200
        for place, source in enumerate(sources):
            source.set(RedrivePolicy="")
            assert sorted(source.drain(), key=int) == [f"{number}" for number in range(place * 400, place * 400 + 400)]


@behaviour("SQS-366", "SQS-367")
def test_a_cancel_survives_a_crash():
    with Server() as server:
        lab = Lab(server)
        dead, target = lab.queue(), lab.queue()
        lab.queue(RedrivePolicy=redrive_policy(dead, 1))
        fill(dead, 20)
        more = {"DestinationArn": target.arn, "MaxNumberOfMessagesPerSecond": 1}
        handle = lab.sqs.start_message_move_task(SourceArn=dead.arn, **more)["TaskHandle"]
        lab.sqs.cancel_message_move_task(TaskHandle=handle)
        server.kill9()
        server.start()
        task = eventually(lambda: latest(dead) if latest(dead)["Status"] == "CANCELLED" else None, "the end of the task")
        moved = task["ApproximateNumberOfMessagesMoved"]
        assert (target.counts()[0], dead.counts()[0]) == (moved, 20 - moved)
