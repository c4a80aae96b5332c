"""Reference section 18: repeating a receive whose answer was lost."""

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused


@behaviour("SQS-300")
def test_a_standard_queue_takes_no_attempt_id(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.queue().receive(ReceiveRequestAttemptId="attempt")


@behaviour("SQS-301")
@pytest.mark.parametrize("attempt", ["x" * 129, "a b", "\u00fc"])
def test_attempt_ids_that_are_refused(lab: Lab, attempt: str):
    with refused("InvalidParameterValue"):
        lab.fifo().receive(ReceiveRequestAttemptId=attempt)


@behaviour("SQS-302")
def test_a_repetition_returns_the_same_messages_and_handles(lab: Lab):
    queue = lab.fifo()
    for number in range(3):
        queue.send(str(number), group="g")
    first = queue.receive(2, ReceiveRequestAttemptId="attempt")
    again = queue.receive(2, ReceiveRequestAttemptId="attempt")
    assert [message["Body"] for message in first] == ["0", "1"]
    assert [(one["MessageId"], one["ReceiptHandle"]) for one in again] == [(one["MessageId"], one["ReceiptHandle"]) for one in first]
    assert queue.receive(ReceiveRequestAttemptId="another") == []


@behaviour("SQS-303")
def test_a_repetition_begins_the_timeout_again(clocked: Lab):
    queue = clocked.fifo()
    queue.send("m", group="g")
    queue.receive(ReceiveRequestAttemptId="attempt")
    clocked.advance(20)
    assert len(queue.receive(ReceiveRequestAttemptId="attempt")) == 1
    clocked.advance(20)
    assert queue.receive() == []
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-304")
def test_after_a_delete_the_same_messages_do_not_come_again(lab: Lab):
    queue = lab.fifo()
    queue.send("one", group="g")
    queue.send("two", group="h")
    [message] = queue.receive(1, ReceiveRequestAttemptId="attempt")
    queue.delete(message)
    assert "one" not in queue.bodies(ReceiveRequestAttemptId="attempt")


@behaviour("SQS-305")
def test_a_repetition_does_not_count(lab: Lab):
    queue = lab.fifo()
    queue.send("m", group="g")
    counts = [queue.receive_one(ReceiveRequestAttemptId="attempt")["Attributes"]["ApproximateReceiveCount"] for _ in range(3)]
    assert counts == ["1", "1", "1"]


@behaviour("SQS-306")
def test_after_five_minutes_the_id_is_new(clocked: Lab):
    queue = clocked.fifo(VisibilityTimeout="600")
    queue.send("one", group="g")
    queue.send("two", group="h")
    assert queue.bodies(1, ReceiveRequestAttemptId="attempt") == ["one"]
    clocked.advance(301)
    assert queue.bodies(1, ReceiveRequestAttemptId="attempt") == ["two"]


@behaviour("SQS-307")
def test_without_an_id_nothing_is_repeated(lab: Lab):
    queue = lab.fifo()
    queue.send("m", group="g")
    assert queue.bodies() == ["m"]
    assert queue.bodies() == []


@behaviour("SQS-308")
def test_a_repetition_after_the_timeout_is_a_new_receive_or_none(clocked: Lab):
    queue = clocked.fifo()
    queue.send("one", group="g")
    [first] = queue.receive(VisibilityTimeout=10, ReceiveRequestAttemptId="again")
    clocked.advance(11)
    for later in queue.receive(VisibilityTimeout=10, ReceiveRequestAttemptId="again"):
        assert later["MessageId"] == first["MessageId"]
        assert later["ReceiptHandle"] != first["ReceiptHandle"]
        assert later["Attributes"]["ApproximateReceiveCount"] == "2"
    with refused("InvalidParameterValue"):
        queue.delete(first)
