"""What a client can observe is the same after a restart, whether the server ended in order or was killed."""

from collections.abc import Iterator

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, redrive_policy, refused, text_attribute
from harness.server import Server


def stopped(server: Server):
    """Ends in order."""
    assert server.stop() == 0


@pytest.fixture(params=["stopped", "killed"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A server of its own; `lab.end` ends it in one of the two ways."""
    with Server("--test-clock", "--test-endpoints") as server:
        lab = Lab(server)
        lab.end = (lambda: stopped(server)) if request.param == "stopped" else server.kill9
        yield lab


def again(lab: Lab):
    """Ends the server and starts it on the same data and port."""
    lab.end()
    lab.server.start()


@behaviour("SQS-148", "SQS-149")
def test_queues_attributes_and_tags_survive(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(tags={"team": "blue", "empty": ""}, VisibilityTimeout="77", RedrivePolicy=redrive_policy(dead, 3))
    queue.set(DelaySeconds="5")
    gone = lab.queue()
    gone.delete_queue()
    before = queue.attributes()
    again(lab)
    assert queue.attributes() == before
    assert lab.sqs.list_queue_tags(QueueUrl=queue.url)["Tags"] == {"team": "blue", "empty": ""}
    assert sorted(lab.sqs.list_queues()["QueueUrls"]) == sorted([queue.url, dead.url])


@behaviour("SQS-148", "SQS-149", "SQS-119", "SQS-189")
def test_messages_survive_with_everything_they_carry(lab: Lab):
    queue = lab.queue()
    sent = []
    for number, size in enumerate([1, 100, 4096, 300_000, 1_000_000]):
        body = f"{number}" + "ü" * ((size - 1) // 2)
        sent.append((queue.send(body, MessageAttributes={"n": text_attribute(str(number), "Number")})["MessageId"], body))
    stamps = {one["MessageId"]: one["Attributes"]["SentTimestamp"] for _ in range(5) for one in queue.receive(10, VisibilityTimeout=0)}
    again(lab)
    found = {}
    while messages := queue.receive(10, MessageAttributeNames=["All"]):
        found |= {message["MessageId"]: message for message in messages}
    assert {(message_id, message["Body"]) for message_id, message in found.items()} == set(sent)
    for number, (message_id, _) in enumerate(sent):
        assert found[message_id]["MessageAttributes"]["n"]["StringValue"] == str(number)
        assert found[message_id]["Attributes"]["SentTimestamp"] == stamps.get(message_id, found[message_id]["Attributes"]["SentTimestamp"])


@behaviour("SQS-149", "SQS-190", "SQS-192", "SQS-220")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_receives_survive_with_count_deadline_and_handle(lab: Lab, kind: str):
    queue, group = (lab.fifo(VisibilityTimeout="100"), "g") if kind == "fifo" else (lab.queue(VisibilityTimeout="100"), None)
    queue.send("first", group=group)
    first = queue.receive_one(VisibilityTimeout=0)
    queue.receive_one()
    settle(lab)
    again(lab)
    assert queue.bodies() == [], "the visibility timeout was forgotten"
    lab.advance(101)
    third = queue.receive_one()
    assert third["Attributes"]["ApproximateReceiveCount"] == "3"
    for name in ("ApproximateFirstReceiveTimestamp", "SentTimestamp"):
        assert third["Attributes"][name] == first["Attributes"][name]
    settle(lab)
    again(lab)
    queue.delete(third)
    lab.advance(101)
    assert queue.bodies() == []
    assert queue.counts() == (0, 0, 0)


def settle(lab: Lab):
    """A receive of a standard queue is written a few milliseconds later; a synchronous write after it waits for it."""
    other = lab.queue()
    other.send("settle")


@behaviour("SQS-149", "SQS-143")
def test_delays_survive(lab: Lab):
    queue = lab.queue()
    queue.send("later", DelaySeconds=600)
    again(lab)
    assert queue.counts() == (0, 0, 1)
    assert queue.bodies() == []
    lab.advance(601)
    assert queue.bodies() == ["later"]


@behaviour("SQS-149", "SQS-245")
def test_retention_goes_on(lab: Lab):
    queue = lab.queue(MessageRetentionPeriod="600")
    queue.send("old")
    lab.advance(500)
    again(lab)
    queue.send("young")
    lab.advance(101)
    assert queue.bodies() == ["young"]


@behaviour("SQS-149", "SQS-269", "SQS-270")
def test_deduplication_history_survives(lab: Lab):
    queue = lab.fifo()
    first = queue.send("m", group="g", dedup="d")
    queue.delete(queue.receive_one())
    lab.advance(200)
    again(lab)
    second = queue.send("m", group="g", dedup="d")
    assert (second["MessageId"], second["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    lab.advance(101)
    assert queue.send("m", group="g", dedup="d")["MessageId"] != first["MessageId"]


@behaviour("SQS-149", "SQS-281", "SQS-252")
def test_group_order_and_locks_survive(lab: Lab):
    queue = lab.fifo(VisibilityTimeout="100")
    for number in range(6):
        queue.send(str(number), group="g")
    held = queue.receive(2)
    again(lab)
    assert queue.bodies() == []
    for message in held:
        queue.delete(message)
    assert queue.bodies() == ["2", "3", "4", "5"]


@behaviour("SQS-149", "SQS-254")
def test_sequence_numbers_go_on(lab: Lab):
    queue = lab.fifo()
    before = int(queue.send("a", group="g")["SequenceNumber"])
    again(lab)
    assert int(queue.send("b", group="g")["SequenceNumber"]) > before


@behaviour("SQS-149", "SQS-317", "SQS-319")
def test_moves_to_a_dead_letter_queue_survive(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    sent = queue.send("poison")["MessageId"]
    queue.receive_one(VisibilityTimeout=0)
    assert queue.receive() == []
    again(lab)
    moved = dead.receive_one(wait=5)
    assert (moved["MessageId"], moved["Attributes"]["DeadLetterQueueSourceArn"]) == (sent, queue.arn)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-374", "SQS-149")
def test_a_purge_survives(lab: Lab):
    queue = lab.queue()
    for number in range(20):
        queue.send(str(number))
    lab.sqs.purge_queue(QueueUrl=queue.url)
    again(lab)
    assert queue.counts() == (0, 0, 0)
    assert queue.bodies() == []


@behaviour("SQS-239", "SQS-149")
def test_a_deleted_message_stays_deleted(lab: Lab):
    queue = lab.queue()
    queue.send("m")
    message = queue.receive_one()
    queue.delete(message)
    again(lab)
    queue.delete(message)
    lab.advance(31)
    assert queue.bodies() == []


def test_time_never_runs_backwards_over_a_restart(lab: Lab):
    queue = lab.queue()
    lab.advance(86_400)
    queue.send("tomorrow")
    again(lab)
    queue.send("after the restart")
    stamps = {message["Body"]: int(message["Attributes"]["SentTimestamp"]) for _ in range(2) for message in queue.receive()}
    assert stamps["tomorrow"] <= stamps["after the restart"]


def test_many_restarts_change_nothing(lab: Lab):
    queue = Queue(lab, lab.queue().url)
    for number in range(8):
        queue.send(str(number))
        again(lab)
    assert queue.counts() == (8, 0, 0)
    assert sorted(queue.drain()) == [str(number) for number in range(8)]


@behaviour("SQS-078")
def test_a_deleted_queue_stays_deleted(lab: Lab):
    queue = lab.queue()
    queue.send("lost")
    queue.delete_queue()
    again(lab)
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        queue.receive()
