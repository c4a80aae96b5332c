"""Reference section 27: what CloudWatch tells of a queue, as /metrics shows it: exact, and per queue."""

import re

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, redrive_policy, text_attribute
from harness.server import Server
from harness.waiting import eventually
from harness.wire import Wire

LINE = re.compile(r"^(waystation_sqs_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


def series(lab: Lab) -> dict[tuple[str, str, str], dict[str, float]]:
    """Values by (account, region, queue) and name; of a histogram the sum and the count."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for name, labels, value in LINE.findall(Wire(lab.server.host).ask("GET", "/metrics").text):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if "le" not in pairs:
            place = (pairs["account"], pairs["region"], pairs["queue"])
            found.setdefault(place, {})[name.removeprefix("waystation_sqs_")] = float(value)
    return found


def of(queue: Queue) -> dict[str, float]:
    """The metrics of one queue."""
    return series(queue.lab)[(queue.account, "us-east-1", queue.name)]


def test_a_new_queue_shows_zeroes(clocked: Lab):
    metrics = of(clocked.queue())
    assert metrics == {
        "messages_visible": 0,
        "messages_not_visible": 0,
        "messages_delayed": 0,
        "oldest_message_age_seconds": 0,
        "messages_sent_total": 0,
        "messages_deduplicated_total": 0,
        "messages_received_total": 0,
        "messages_deleted_total": 0,
        "empty_receives_total": 0,
    }


def test_messages_are_counted_by_what_they_do(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="30")
    for number in range(3):
        queue.send(str(number))
    queue.send("later", DelaySeconds=60)
    queue.receive_one()
    metrics = of(queue)
    counts = [metrics[f"messages_{kind}"] for kind in ("visible", "not_visible", "delayed")]
    assert counts == [2, 1, 1]
    assert metrics["messages_sent_total"] == 4 and metrics["messages_received_total"] == 1
    clocked.advance(61)
    metrics = of(queue)
    counts = [metrics[f"messages_{kind}"] for kind in ("visible", "not_visible", "delayed")]
    assert counts == [4, 0, 0]


def test_batches_count_messages_and_refused_entries_do_not_count(clocked: Lab):
    queue = clocked.queue()
    queue.send_batch({"MessageBody": "a"}, {"MessageBody": "b"}, {"MessageBody": "c", "DelaySeconds": 901})
    assert of(queue)["messages_sent_total"] == 2
    messages = queue.receive(10)
    assert of(queue)["messages_received_total"] == 2
    queue.delete_batch(*messages)
    assert of(queue)["messages_deleted_total"] == 2


def test_sizes_count_body_and_attributes(clocked: Lab):
    queue = clocked.queue()
    assert "sent_message_size_bytes_sum" not in of(queue), "only after the first send"
    queue.send("x" * 100, MessageAttributes={"color": text_attribute("red")})
    queue.send("y" * 2000)
    metrics = of(queue)
    assert metrics["sent_message_size_bytes_count"] == 2
    assert metrics["sent_message_size_bytes_sum"] == 100 + len("color" + "String" + "red") + 2000


@behaviour("SQS-437")
def test_a_dead_letter_move_is_no_send(clocked: Lab):
    dead, source = clocked.queue(), clocked.queue(VisibilityTimeout="1")
    source.redrive_to(dead, 1)
    source.send("m")
    source.receive_one()
    clocked.advance(2)
    assert source.bodies() == []
    assert dead.receive_one(wait=5)["Body"] == "m"
    assert of(source)["messages_sent_total"] == 1
    metrics = of(dead)
    assert (metrics["messages_sent_total"], metrics["messages_received_total"]) == (0, 1)
    assert metrics["messages_not_visible"] == 1


@behaviour("SQS-438")
def test_every_delete_with_a_valid_handle_counts(clocked: Lab):
    queue = clocked.queue()
    queue.send("m")
    message = queue.receive_one()
    for _ in range(3):
        queue.delete(message)
    assert of(queue)["messages_deleted_total"] == 3
    fifo = clocked.fifo(VisibilityTimeout="5")
    fifo.send("m", group="g")
    message = fifo.receive_one()
    clocked.advance(6)
    answer = fifo.delete_batch(message)
    assert answer["Failed"], "the handle has expired"
    assert of(fifo)["messages_deleted_total"] == 0


@behaviour("SQS-439")
def test_receives_that_returned_nothing_count(clocked: Lab):
    queue = clocked.queue()
    for _ in range(2):
        assert queue.receive() == []
    assert queue.receive(wait=1) == []
    metrics = of(queue)
    assert (metrics["empty_receives_total"], metrics["messages_received_total"]) == (3, 0)
    queue.send("m")
    queue.receive_one()
    assert of(queue)["empty_receives_total"] == 3


def test_duplicates_are_counted_apart(clocked: Lab):
    queue = clocked.fifo()
    for _ in range(3):
        queue.send("same", group="g")
    metrics = of(queue)
    assert (metrics["messages_sent_total"], metrics["messages_deduplicated_total"]) == (1, 2)
    assert metrics["sent_message_size_bytes_count"] == 1


@behaviour("SQS-207")
def test_the_age_passes_over_messages_that_nobody_can_handle(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send("poison")
    clocked.advance(100)
    queue.send("young")
    for receive in range(3):
        assert 100 <= of(queue)["oldest_message_age_seconds"] < 200, receive
        poison, young = queue.receive(10)
        assert poison["Body"] == "poison"
        queue.change(young, 0)
        clocked.advance(11)
        if receive == 0:
            # Received too often itself, the younger one would not count either.
            queue.delete(young)
            queue.send("young")
    # The third receive of the older message: only the younger one counts now, and it was received twice.
    assert 20 <= of(queue)["oldest_message_age_seconds"] < 60
    fifo = clocked.fifo(VisibilityTimeout="10")
    fifo.send("m", group="g")
    for _ in range(4):
        fifo.receive_one()
        clocked.advance(11)
    assert 44 <= of(fifo)["oldest_message_age_seconds"] < 60, "a FIFO queue passes over nothing"


@behaviour("SQS-322")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_the_age_in_a_dead_letter_queue_counts_from_the_move(clocked: Lab, kind: str):
    make = clocked.fifo if kind == "fifo" else clocked.queue
    dead = make()
    # Received more often than a message that the age passes over, but not there.
    source = make(RedrivePolicy=redrive_policy(dead, 4), VisibilityTimeout="0")
    source.send("m", group="g" if kind == "fifo" else None)
    clocked.advance(100)
    for _ in range(4):
        source.receive_one()
    assert source.receive() == []
    eventually(lambda: of(dead)["messages_visible"] == 1, "the message is in the dead-letter queue")
    assert of(dead)["oldest_message_age_seconds"] < 50
    clocked.advance(60)
    assert 60 <= of(dead)["oldest_message_age_seconds"] < 100


def test_the_age_is_that_of_the_oldest_message_left(clocked: Lab):
    queue = clocked.queue()
    queue.send("first")
    clocked.advance(50)
    queue.send("second")
    clocked.advance(50)
    assert 100 <= of(queue)["oldest_message_age_seconds"] < 110
    queue.delete(queue.receive_one())
    assert 50 <= of(queue)["oldest_message_age_seconds"] < 60
    queue.delete(queue.receive_one())
    assert of(queue)["oldest_message_age_seconds"] == 0


def test_a_removed_queue_shows_nothing_and_a_new_one_begins_at_zero(clocked: Lab):
    queue = clocked.queue()
    queue.send("m")
    queue.delete_queue()
    assert (queue.account, "us-east-1", queue.name) not in series(clocked)
    assert of(clocked.queue(queue.name))["messages_sent_total"] == 0


def test_queues_beyond_the_limit_are_summed_up():
    with Server("--ephemeral") as server:
        lab = Lab(server)
        queues = [lab.queue() for _ in range(1003)]
        for queue in (queues[0], *queues[-3:]):
            queue.send("m")
        found = series(lab)
        assert len(found) == 1001
        assert of(queues[0])["messages_sent_total"] == 1
        others = found[("other", "other", "other")]
        assert (others["messages_sent_total"], others["messages_visible"]) == (3, 3)
        queues[1].delete_queue()
        others = series(lab)[("other", "other", "other")]
        assert others["messages_sent_total"] == 2, "the next in line has its own place now"


def test_the_server_counts_what_waits_over_all_queues():
    with Server("--ephemeral", "--test-clock", "--test-endpoints") as server:
        lab = Lab(server)
        one, other = lab.queue(), lab.queue()

        def counts() -> tuple[int, int]:
            text = Wire(server.host).ask("GET", "/metrics").text
            found = dict(re.findall(r"^waystation_messages_(visible|waiting) (\d+)$", text, re.MULTILINE))
            return int(found["visible"]), int(found["waiting"])

        one.send("now")
        one.send("later", DelaySeconds=60)
        other.send("also now")
        assert counts() == (2, 1)
        message = other.receive_one()
        assert counts() == (1, 2)
        other.delete(message)
        assert counts() == (1, 1)
        lab.advance(61)
        eventually(lambda: counts() == (2, 0), "the delay is over")


@behaviour("SQS-329")
def test_what_redrive_moves_does_not_count_as_sent(clocked: Lab):
    dead = clocked.queue()
    source = clocked.queue(RedrivePolicy=redrive_policy(dead, 1), VisibilityTimeout="0")
    source.send("poison")
    source.receive_one()
    assert source.receive(1) == []
    eventually(lambda: of(dead)["messages_visible"] == 1, "the message is in the dead-letter queue")
    assert of(dead)["messages_sent_total"] == 0
    assert of(source)["messages_sent_total"] == 1
