"""Reference section 12: visibility timeouts and receipt handles."""

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused

TWELVE_HOURS = 43_200


def gone_text(handle: str) -> str:
    """The refusal of a handle whose message is gone."""
    return f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."


@behaviour("SQS-220")
def test_a_received_message_is_hidden_until_its_timeout_ends(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="60")
    queue.send("m")
    queue.receive_one()
    assert queue.bodies() == []
    clocked.advance(50)
    assert queue.bodies() == []
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-221")
def test_a_timeout_of_0_leaves_the_message_visible(lab: Lab):
    queue = lab.queue()
    queue.send("m")
    for count in ("1", "2", "3"):
        assert queue.receive_one(VisibilityTimeout=0)["Attributes"]["ApproximateReceiveCount"] == count
    assert queue.counts() == (1, 0, 0)


@behaviour("SQS-221")
def test_a_queue_timeout_of_0_leaves_the_message_visible(lab: Lab):
    queue = lab.queue(VisibilityTimeout="0")
    queue.send("m")
    assert queue.bodies() == queue.bodies() == ["m"]


@behaviour("SQS-222")
def test_a_longer_timeout_counts_from_the_change(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="60")
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(50)
    queue.change(message, 100)
    clocked.advance(90)
    assert queue.bodies() == []
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-222")
def test_a_shorter_timeout_counts_from_the_change(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="600")
    queue.send("m")
    message = queue.receive_one()
    queue.change(message, 10)
    assert queue.bodies() == []
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-223")
def test_a_change_to_0_shows_the_message_at_once(lab: Lab):
    queue = lab.queue()
    queue.send("m")
    message = queue.receive_one()
    assert queue.bodies() == []
    queue.change(message, 0)
    assert queue.counts() == (1, 0, 0)
    assert queue.bodies() == ["m"]


@behaviour("SQS-224")
@pytest.mark.parametrize("seconds", [-1, TWELVE_HOURS + 1])
def test_a_change_is_0_to_43200(lab: Lab, seconds: int):
    queue = lab.queue()
    queue.send("m")
    message = queue.receive_one()
    with refused("InvalidParameterValue"):
        queue.change(message, seconds)
    assert queue.counts() == (0, 1, 0)


@behaviour("SQS-225", "SQS-226")
def test_twelve_hours_in_all_are_the_most(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="600")
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(100)
    with refused("InvalidParameterValue"):
        queue.change(message, TWELVE_HOURS)
    queue.change(message, TWELVE_HOURS - 200)
    clocked.advance(TWELVE_HOURS - 300)
    assert queue.bodies() == []
    clocked.advance(101)
    assert queue.bodies() == ["m"]


@behaviour("SQS-225")
def test_the_refusal_names_the_limit(clocked: Lab):
    queue = clocked.queue()
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(10)
    answer = clocked.wire.json(
        "ChangeMessageVisibility",
        {"QueueUrl": queue.url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": TWELVE_HOURS},
    )
    text = "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
    assert answer.json["message"].removesuffix(".") == text


@behaviour("SQS-227")
def test_a_change_lasts_for_one_receive(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    queue.change(queue.receive_one(), 1000)
    clocked.advance(1001)
    assert queue.bodies() == ["m"]
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-228", "SQS-232")
def test_a_standard_queue_accepts_a_handle_whose_timeout_ended(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    message = queue.receive_one()
    clocked.advance(11)
    queue.change(message, 100)
    clocked.advance(50)
    assert queue.bodies() == []
    clocked.advance(51)
    assert queue.bodies() == ["m"]


@behaviour("SQS-229")
def test_a_standard_queue_accepts_the_handle_of_an_earlier_receive(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    earlier = queue.receive_one()
    clocked.advance(11)
    queue.receive_one(VisibilityTimeout=600)
    queue.change(earlier, 0)
    assert queue.bodies() == ["m"]


@behaviour("SQS-230")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_the_visibility_of_a_deleted_message_cannot_change(lab: Lab, kind: str):
    queue, group = (lab.fifo(), "g") if kind == "fifo" else (lab.queue(), None)
    queue.send("m", group=group)
    message = queue.receive_one()
    queue.delete(message)
    with refused("InvalidParameterValue", gone_text(message["ReceiptHandle"])):
        queue.change(message, 10)


@behaviour("SQS-231")
def test_a_fifo_queue_refuses_a_handle_whose_timeout_ended(clocked: Lab):
    queue = clocked.fifo(VisibilityTimeout="10")
    queue.send("m", group="g")
    message = queue.receive_one()
    clocked.advance(11)
    with refused("InvalidParameterValue"):
        queue.change(message, 100)
    assert queue.bodies() == ["m"]


@behaviour("SQS-233")
@pytest.mark.parametrize("text", ["nonsense", "AAAA", "x" * 500, "ünicode", "{}"])
def test_text_that_is_no_handle_is_refused(lab: Lab, text: str):
    queue = lab.queue()
    wanted = f'The input receipt handle "{text}" is not a valid receipt handle.'
    with refused("ReceiptHandleIsInvalid", wanted, status=404):
        queue.delete({"ReceiptHandle": text})
    with refused("ReceiptHandleIsInvalid", wanted, status=404):
        queue.change({"ReceiptHandle": text}, 1)


@behaviour("SQS-233")
def test_a_handle_with_one_character_changed_is_refused(lab: Lab):
    queue = lab.queue()
    queue.send("m")
    handle = queue.receive_one()["ReceiptHandle"]
    for position in range(0, len(handle), max(1, len(handle) // 16)):
        other = "A" if handle[position] != "A" else "B"
        forged = handle[:position] + other + handle[position + 1 :]
        answer = lab.wire.json("DeleteMessage", {"QueueUrl": queue.url, "ReceiptHandle": forged})
        assert answer.status == 404, f"position {position}: {answer.text}"
    assert queue.counts() == (0, 1, 0)


@behaviour("SQS-234")
def test_a_handle_of_another_queue_is_refused_or_does_nothing(lab: Lab):
    queue, other = lab.queue(), lab.queue()
    queue.send("m")
    other.send("other")
    message = queue.receive_one()
    held = other.receive_one()
    answer = lab.wire.json("DeleteMessage", {"QueueUrl": other.url, "ReceiptHandle": message["ReceiptHandle"]})
    assert 400 <= answer.status < 500
    assert queue.counts() == (0, 1, 0)
    other.change(held, 0)
    assert other.bodies() == ["other"]


@behaviour("SQS-235")
def test_changing_the_timeout_of_a_queue_leaves_messages_in_flight_alone(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    queue.receive_one()
    queue.set(VisibilityTimeout="1000")
    clocked.advance(11)
    assert queue.bodies() == ["m"]


@behaviour("SQS-009", "SQS-229")
def test_every_handle_of_a_message_stays_a_handle(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("m")
    handles = []
    for _ in range(3):
        handles.append(queue.receive_one())
        clocked.advance(11)
    queue.receive_one(VisibilityTimeout=600)
    for message in handles:
        queue.change(message, 600)
    assert queue.bodies() == []
