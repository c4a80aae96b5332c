"""Reference section 11: short and long polls, and what wakes a parked one."""

import threading
import time
from contextlib import contextmanager

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, refused

# Long enough for a poll to be parked, and how soon a woken one must be back: far below its own wait.
PARKED_SECONDS = 0.4
WOKEN_SECONDS = 3


class Poll:
    """A receive in a thread of its own."""

    def __init__(self, queue: Queue, wait: int = 15, most: int = 10, **more):
        own = Queue(Lab(queue.lab.server), queue.url)
        self.messages: list[dict] | None = None
        self.thread = threading.Thread(target=lambda: self._run(own, most, wait, more))
        self.thread.start()

    def _run(self, queue: Queue, most: int, wait: int, more: dict):
        self.messages = queue.receive(most, wait, **more)

    def result(self, seconds: float = WOKEN_SECONDS) -> list[dict]:
        """What the receive returned, which must be soon."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"the poll was not woken within {seconds} s"
        assert self.messages is not None, "the poll failed"
        return self.messages


@contextmanager
def parked(queue: Queue, **more):
    """A poll that waits; the block does what should wake it."""
    poll = Poll(queue, **more)
    poll.thread.join(PARKED_SECONDS)
    assert poll.thread.is_alive(), f"the poll did not wait: {poll.messages}"
    yield poll


@behaviour("SQS-210")
@pytest.mark.parametrize("seconds", [-1, 21])
def test_a_wait_is_0_to_20(lab: Lab, seconds: int):
    text = f"Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
    with refused("InvalidParameterValue", text):
        lab.queue().receive(wait=seconds)


@behaviour("SQS-211", "SQS-215")
def test_the_wait_of_the_queue_applies_without_one(lab: Lab):
    queue = lab.queue(ReceiveMessageWaitTimeSeconds="1")
    start = time.monotonic()
    assert lab.sqs.receive_message(QueueUrl=queue.url).get("Messages", []) == []
    assert 0.9 < time.monotonic() - start < 3


@behaviour("SQS-212", "SQS-213")
def test_a_wait_of_0_is_a_short_poll_whatever_the_queue_says(lab: Lab):
    queue = lab.queue(ReceiveMessageWaitTimeSeconds="20")
    start = time.monotonic()
    assert queue.receive(wait=0) == []
    assert time.monotonic() - start < 1


@behaviour("SQS-213")
def test_a_short_poll_returns_at_once(lab: Lab):
    queue = lab.queue()
    start = time.monotonic()
    assert queue.receive() == []
    queue.send("m")
    assert queue.bodies() == ["m"]
    assert time.monotonic() - start < 1


@behaviour("SQS-215")
def test_a_long_poll_that_finds_nothing_ends_empty_after_its_wait(lab: Lab):
    queue = lab.queue()
    start = time.monotonic()
    assert queue.receive(wait=1) == []
    assert 0.9 < time.monotonic() - start < 3


@behaviour("SQS-214")
def test_a_long_poll_does_not_wait_to_be_full(lab: Lab):
    queue = lab.queue()
    queue.send("one")
    start = time.monotonic()
    assert queue.bodies(10, wait=20) == ["one"]
    assert time.monotonic() - start < 1


@behaviour("SQS-214", "SQS-216")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_long_poll_is_woken_by_a_send(lab: Lab, kind: str):
    queue, group = (lab.fifo(), "g") if kind == "fifo" else (lab.queue(), None)
    with parked(queue) as poll:
        queue.send("fresh", group=group)
        [message] = poll.result()
    assert message["Body"] == "fresh"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert queue.counts() == (0, 1, 0)


@behaviour("SQS-216")
def test_a_long_poll_is_woken_by_the_end_of_a_delay(lab: Lab):
    queue = lab.queue()
    queue.send("delayed", DelaySeconds=1)
    start = time.monotonic()
    assert queue.bodies(wait=10) == ["delayed"]
    assert 0.5 < time.monotonic() - start < 4


@behaviour("SQS-216")
def test_a_long_poll_is_woken_by_the_end_of_a_visibility_timeout(lab: Lab):
    queue = lab.queue()
    queue.send("again")
    queue.receive_one(VisibilityTimeout=1)
    start = time.monotonic()
    assert queue.bodies(wait=10) == ["again"]
    assert 0.5 < time.monotonic() - start < 4


@behaviour("SQS-216", "SQS-223")
def test_a_long_poll_is_woken_by_a_change_to_0(lab: Lab):
    queue = lab.queue()
    queue.send("again")
    held = queue.receive_one(VisibilityTimeout=600)
    with parked(queue) as poll:
        queue.change(held, 0)
        assert [message["Body"] for message in poll.result()] == ["again"]


@behaviour("SQS-217", "SQS-287")
def test_a_long_poll_is_woken_when_a_delete_unblocks_a_group(lab: Lab):
    queue = lab.fifo()
    queue.send("first", group="g")
    queue.send("second", group="g")
    held = queue.receive_one()
    with parked(queue) as poll:
        queue.delete(held)
        assert [message["Body"] for message in poll.result()] == ["second"]


@behaviour("SQS-216")
def test_the_test_clock_wakes_a_long_poll(clocked: Lab):
    queue = clocked.queue()
    queue.send("delayed", DelaySeconds=600)
    with parked(queue) as poll:
        clocked.advance(10)
    with parked(queue) as second:
        clocked.advance(600)
        assert len(second.result() + poll.result()) == 1


@behaviour("SQS-218")
def test_several_polls_receive_different_messages(lab: Lab):
    queue = lab.queue()
    polls = [Poll(queue, most=1) for _ in range(5)]
    time.sleep(PARKED_SECONDS)
    queue.send_batch(*[{"MessageBody": f"body {number}"} for number in range(5)])
    bodies = [message["Body"] for poll in polls for message in poll.result()]
    assert sorted(bodies) == [f"body {number}" for number in range(5)]


@behaviour("SQS-218")
def test_one_message_wakes_one_poll(lab: Lab):
    queue = lab.queue()
    polls = [Poll(queue, wait=3, most=1) for _ in range(3)]
    time.sleep(PARKED_SECONDS)
    queue.send("only")
    assert sorted(len(poll.result(6)) for poll in polls) == [0, 0, 1]


@behaviour("SQS-219")
def test_a_long_poll_gives_no_false_empty_answer(lab: Lab):
    queue = lab.queue()
    for number in range(20):
        queue.send(str(number))
        assert queue.bodies(1, wait=1) == [str(number)]


@behaviour("SQS-214", "SQS-221")
def test_a_long_poll_with_timeout_0_leaves_the_message(lab: Lab):
    queue = lab.queue()
    with parked(queue, VisibilityTimeout=0) as poll:
        queue.send("shared")
        assert [message["Body"] for message in poll.result()] == ["shared"]
    assert queue.bodies() == ["shared"]


@behaviour("SQS-216")
def test_a_poll_whose_client_left_takes_no_message(lab: Lab):
    queue = lab.queue()
    impatient = Lab(lab.server)
    impatient.wire.connection.timeout = PARKED_SECONDS
    with pytest.raises(TimeoutError):
        impatient.wire.json("ReceiveMessage", {"QueueUrl": queue.url, "WaitTimeSeconds": 10})
    impatient.wire.connection.close()
    time.sleep(PARKED_SECONDS)
    queue.send("for somebody who listens")
    assert queue.bodies(wait=2) == ["for somebody who listens"]
