"""Reference section 13: which handle deletes, and when."""

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused


def expired_text(handle: str) -> str:
    """The refusal of a FIFO handle whose timeout ended."""
    return f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."


@behaviour("SQS-236")
def test_a_message_id_is_no_handle(lab: Lab):
    queue = lab.queue()
    sent = queue.send("m")["MessageId"]
    queue.receive_one()
    with refused("ReceiptHandleIsInvalid", status=404):
        queue.delete({"ReceiptHandle": sent})
    assert queue.counts() == (0, 1, 0)


@behaviour("SQS-237")
def test_a_message_is_deleted_within_its_timeout(clocked: Lab):
    queue = clocked.queue()
    queue.send("m")
    queue.delete(queue.receive_one())
    assert queue.counts() == (0, 0, 0)
    clocked.advance(31)
    assert queue.bodies() == []


@behaviour("SQS-237")
def test_a_standard_message_is_deleted_after_its_timeout_too(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(11)
    assert queue.counts() == (1, 0, 0)
    queue.delete(message)
    assert queue.counts() == (0, 0, 0)
    assert queue.bodies() == []


@behaviour("SQS-238")
def test_an_older_handle_of_a_standard_queue_is_no_error(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    older = queue.receive_one()
    clocked.advance(11)
    newest = queue.receive_one()
    queue.delete(older)
    queue.delete(newest)
    clocked.advance(11)
    assert queue.bodies() == []


@behaviour("SQS-239")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_deleting_again_succeeds(lab: Lab, kind: str):
    queue, group = (lab.fifo(), "g") if kind == "fifo" else (lab.queue(), None)
    queue.send("m", group=group)
    message = queue.receive_one()
    for _ in range(3):
        queue.delete(message)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-240", "SQS-245")
def test_deleting_a_message_that_expired_by_retention_succeeds(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60", VisibilityTimeout="600")
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(61)
    queue.delete(message)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-241")
def test_a_fifo_message_cannot_be_deleted_after_its_timeout(clocked: Lab):
    queue = clocked.fifo(VisibilityTimeout="10")
    queue.send("m", group="g")
    message = queue.receive_one()
    clocked.advance(11)
    with refused("InvalidParameterValue", expired_text(message["ReceiptHandle"])):
        queue.delete(message)
    again = queue.receive_one()
    with refused("InvalidParameterValue", expired_text(message["ReceiptHandle"])):
        queue.delete(message)
    queue.delete(again)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-242")
def test_a_fifo_message_can_be_deleted_within_an_extended_timeout(clocked: Lab):
    queue = clocked.fifo(VisibilityTimeout="10")
    queue.send("m", group="g")
    message = queue.receive_one()
    queue.change(message, 100)
    clocked.advance(50)
    queue.delete(message)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-243")
def test_a_message_can_be_deleted_after_a_change_of_its_visibility(lab: Lab):
    queue = lab.queue()
    for seconds in (600, 0):
        queue.send("m")
        message = queue.receive_one()
        queue.change(message, seconds)
        queue.delete(message)
        assert queue.counts() == (0, 0, 0)


@behaviour("SQS-237")
def test_only_the_named_message_is_deleted(lab: Lab):
    queue = lab.queue()
    for body in ("a", "b", "c"):
        queue.send(body)
    messages = {message["Body"]: message for message in queue.receive(10)}
    queue.delete(messages.pop("b"))
    for message in messages.values():
        queue.change(message, 0)
    assert sorted(queue.bodies()) == ["a", "c"]
