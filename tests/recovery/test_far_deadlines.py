"""Delayed messages and messages in flight that are not due soon leave memory, and still come when they are due, once."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.server import Server
from harness.waiting import eventually

MESSAGES = 30_000
MEGABYTE = 1 << 20


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A server of its own, short of memory for its index."""
    with Server("--test-clock", "--index-memory", "1") as server:
        yield Lab(server)


def index_bytes(lab: Lab) -> int:
    """Memory that index pages take."""
    text = lab.wire.get("/metrics").text
    return int(re.search(r"^waystation_index_page_bytes (\d+)", text, re.MULTILINE).group(1))


def is_small(lab: Lab) -> bool:
    """No more than the pages that are always kept at the ends of a queue are in memory beyond the budget."""
    return index_bytes(lab) < 1.5 * MEGABYTE


def flood(queue: Queue, **more):
    """Sends numbered messages, several batches at a time."""

    def batch(start: int):
        answer = queue.send_batch(*[{"MessageBody": str(start + n)} | more for n in range(10)])
        assert "Failed" not in answer

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(batch, range(0, MESSAGES, 10)))


def take_all(queue: Queue, *, delete: bool, seconds: int) -> Counter:
    """Receives until nothing comes any more; how often each body came."""

    def consumer(_: int) -> Counter:
        came = Counter()
        while messages := queue.receive(VisibilityTimeout=seconds):
            came.update(message["Body"] for message in messages)
            if delete:
                queue.delete_batch(*messages)
        return came

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(consumer, range(8)), Counter())


ONCE_EACH = Counter(str(number) for number in range(MESSAGES))


@behaviour("SQS-141", "SQS-143", "SQS-149")
@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_delayed_messages_leave_memory_and_come_when_due(lab: Lab, ends: str):
    queue = lab.queue()
    flood(queue, DelaySeconds=900)
    eventually(lambda: is_small(lab), "delayed messages leave memory")
    if ends == "stopped":
        assert lab.server.stop() == 0
    else:
        lab.server.kill9()
    lab.server.start()
    assert queue.counts() == (0, 0, MESSAGES)
    eventually(lambda: is_small(lab), "what the restart replayed leaves memory")
    assert queue.receive() == []
    lab.advance(900)
    assert queue.receive(VisibilityTimeout=0), "a receive right after the clock moved sees what is due"
    assert queue.counts() == (MESSAGES, 0, 0)
    assert take_all(queue, delete=True, seconds=3600) == ONCE_EACH
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-220", "SQS-245", "SQS-149")
def test_messages_in_flight_leave_memory_and_come_back(lab: Lab):
    queue = lab.queue()
    flood(queue)
    assert take_all(queue, delete=False, seconds=7200) == ONCE_EACH
    eventually(lambda: is_small(lab), "messages in flight leave memory")
    assert queue.counts() == (0, MESSAGES, 0)
    lab.server.kill9()
    lab.server.start()
    lab.advance(14 * 86_400 - 60)
    assert queue.counts() == (0, 0, 0), "they outlived the retention meanwhile"
    assert index_bytes(lab) < 4 * MEGABYTE


@behaviour("SQS-259")
def test_a_new_delay_finds_messages_that_left_memory(lab: Lab):
    queue = lab.fifo(DelaySeconds="900")
    flood(queue, MessageGroupId="g")
    eventually(lambda: is_small(lab), "delayed messages leave memory")
    lab.advance(60)
    queue.set(DelaySeconds="30")
    assert queue.counts() == (MESSAGES, 0, 0)
    assert len(queue.receive()) == 10
