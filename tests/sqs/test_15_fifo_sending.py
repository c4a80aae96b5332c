"""Reference section 15: sending to FIFO queues, sequence numbers and delays."""

import random
import re

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused


@behaviour("SQS-251")
def test_a_send_without_a_group_is_refused(lab: Lab):
    queue = lab.fifo()
    with refused("MissingParameter", "The request must contain the parameter MessageGroupId."):
        queue.send("m")
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-252")
def test_every_group_keeps_its_order(lab: Lab):
    queue = lab.fifo()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sent: dict[str, list[str]] = {}
    for number in range(100):
        group = chance.choice("abcde")
        sent.setdefault(group, []).append(f"{group}{number}")
        queue.send(f"{group}{number}", group=group)
    received: dict[str, list[str]] = {}
    for body in queue.drain():
        received.setdefault(body[0], []).append(body)
    assert received == sent


@behaviour("SQS-253", "SQS-254", "SQS-256")
def test_sequence_numbers_have_20_digits_and_grow(lab: Lab):
    queue = lab.fifo()
    numbers = [queue.send(str(number), group=f"g{number % 3}")["SequenceNumber"] for number in range(20)]
    assert all(re.fullmatch(r"\d{20}", number) for number in numbers), numbers
    assert [int(number) for number in numbers] == sorted({int(number) for number in numbers})


@behaviour("SQS-255")
def test_a_sequence_number_stays_the_same(lab: Lab):
    queue = lab.fifo()
    sent = queue.send("m", group="g")["SequenceNumber"]
    for _ in range(2):
        assert queue.receive_one(VisibilityTimeout=0)["Attributes"]["SequenceNumber"] == sent


@behaviour("SQS-257")
@pytest.mark.parametrize("seconds", [1, 900])
def test_a_message_has_no_delay_of_its_own(lab: Lab, seconds: int):
    text = (
        f"Value {seconds} for parameter DelaySeconds is invalid. "
        "Reason: The request include parameter that is not valid for this queue type."
    )
    with refused("InvalidParameterValue", text):
        lab.fifo().send("m", group="g", DelaySeconds=seconds)


@behaviour("SQS-258")
def test_a_delay_of_0_leaves_the_delay_of_the_queue(clocked: Lab):
    queue = clocked.fifo(DelaySeconds="60")
    queue.send("m", group="g", DelaySeconds=0)
    assert queue.counts() == (0, 0, 1)
    assert queue.bodies() == []
    clocked.advance(61)
    assert queue.bodies() == ["m"]


@behaviour("SQS-259")
def test_the_delay_of_the_queue_delays_every_message(clocked: Lab):
    queue = clocked.fifo(DelaySeconds="60", VisibilityTimeout="600")
    queue.send("one", group="g")
    clocked.advance(30)
    queue.send("two", group="h")
    clocked.advance(31)
    assert queue.bodies() == ["one"]
    clocked.advance(30)
    assert queue.bodies() == ["two"]


@behaviour("SQS-259")
def test_changing_the_delay_affects_messages_already_there(clocked: Lab):
    queue = clocked.fifo(DelaySeconds="600")
    queue.send("m", group="g")
    clocked.advance(20)
    assert queue.bodies() == []
    queue.set(DelaySeconds="10")
    assert queue.bodies() == ["m"]


@behaviour("SQS-259")
def test_a_longer_delay_affects_messages_already_there(clocked: Lab):
    queue = clocked.fifo(DelaySeconds="10")
    queue.send("m", group="g")
    queue.set(DelaySeconds="600")
    clocked.advance(20)
    assert queue.bodies() == []
    clocked.advance(600)
    assert queue.bodies() == ["m"]


@behaviour("SQS-260")
def test_a_delayed_message_blocks_its_group(clocked: Lab):
    queue = clocked.fifo(DelaySeconds="60")
    queue.send("first", group="g")
    clocked.advance(40)
    queue.send("second", group="g")
    clocked.advance(21)
    assert queue.bodies() == ["first"]
    assert queue.counts() == (0, 1, 1)


@behaviour("SQS-261")
def test_there_may_be_many_groups(lab: Lab):
    queue = lab.fifo()
    for start in range(0, 500, 10):
        queue.send_batch(*[{"MessageBody": str(one), "MessageGroupId": f"group-{one}"} for one in range(start, start + 10)])
    assert sorted(map(int, queue.drain())) == list(range(500))
