"""Data of every released format stays readable: `tests/fixtures/format-<n>` is what a server of that format left behind.

How it was made, and why its clock stands still between its last record and the test, says `make.py` there.
"""

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator

import pytest

from harness import places
from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.server import Server

FIXTURE = places.ROOT / "tests/fixtures/format-1"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text())


def copied() -> Server:
    """A server, not started, on a copy of the data."""
    server = Server()
    with tarfile.open(FIXTURE / "fixture.tar.gz") as archive:
        archive.extractall(server.scratch.path, filter="data")
    assert (server.data_dir / "FORMAT").exists()
    return server


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A server of today on a copy of the data."""
    with copied() as server:
        yield Lab(server)


def known(lab: Lab, name: str) -> Queue:
    """A queue of the data."""
    return Queue(lab, lab.sqs.get_queue_url(QueueName=name)["QueueUrl"])


def count(message: dict) -> int:
    """How often a message was received."""
    return int(message["Attributes"]["ApproximateReceiveCount"])


def is_as_sent(message: dict, queue: str):
    """Body and id of a message are those of a send to this queue."""
    digest = hashlib.md5(message["Body"].encode()).hexdigest()
    assert EXPECTED["sent"][message["MessageId"]] == {"queue": queue, "md5": digest}


def test_the_check_finds_no_damage():
    server = copied()
    try:
        command = [str(server.binary), "check", "--data-dir", str(server.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.remove()


@behaviour("SQS-149")
def test_queues_their_attributes_counts_and_tags_are_there(lab: Lab):
    urls = lab.sqs.list_queues()["QueueUrls"]
    assert {url.split("/")[-1] for url in urls} == set(EXPECTED["attributes"])
    for name, attributes in EXPECTED["attributes"].items():
        assert known(lab, name).attributes() == attributes
    assert lab.sqs.list_queue_tags(QueueUrl=known(lab, "orders").url)["Tags"] == EXPECTED["tags"]


@behaviour("SQS-149", "SQS-190", "SQS-192")
def test_messages_keep_body_attributes_and_receive_count(lab: Lab):
    messages = known(lab, "orders").receive(MessageAttributeNames=["All"])
    assert len(messages) == 3
    for message in messages:
        is_as_sent(message, "orders")
    [twice] = [message for message in messages if message["Body"] == "received twice"]
    assert count(twice) == 3
    assert twice["Attributes"] == EXPECTED["received twice"] | {"ApproximateReceiveCount": "3"}
    attributes = {name: value.get("StringValue", value.get("BinaryValue")) for name, value in twice["MessageAttributes"].items()}
    assert attributes == {"text": "gr\u00fcn", "number": "1.50", "bytes": b"\0\xff"}
    assert [count(message) for message in messages if message is not twice] == [1, 1]


@behaviour("SQS-149", "SQS-237")
def test_visibility_delays_and_receipt_handles_hold(lab: Lab):
    held = known(lab, "held")
    assert held.counts() == (0, 1, 1)
    assert held.receive() == []
    held.delete({"ReceiptHandle": EXPECTED["handle"]})
    assert held.counts() == (0, 0, 1)


@behaviour("SQS-149", "SQS-268", "SQS-269", "SQS-271", "SQS-274")
def test_duplicates_are_answered_as_their_originals(lab: Lab):
    for one in EXPECTED["deduplication"]:
        queue = known(lab, one["queue"])
        before = queue.counts()
        answer = queue.send(one["body"], group=one["group"], dedup=one["dedup"])
        assert {name: answer[name] for name in one["answer"]} == one["answer"], one
        assert queue.counts() == before
    prints = known(lab, "prints.fifo")
    originals = {one["answer"]["MessageId"] for one in EXPECTED["deduplication"]}
    assert prints.send("print", group="another")["MessageId"] not in originals


@behaviour("SQS-149", "SQS-252", "SQS-255")
def test_groups_keep_their_order_and_numbers(lab: Lab):
    queue = known(lab, "orders.fifo")
    messages = queue.receive()
    for message in messages:
        is_as_sent(message, "orders.fifo")
    groups = {group: [m["Body"] for m in messages if m["Attributes"]["MessageGroupId"] == group] for group in "gh"}
    assert groups == {"g": ["two", "three"], "h": ["aside"]}
    numbers = {one["body"]: one["answer"]["SequenceNumber"] for one in EXPECTED["deduplication"]}
    for message in messages:
        assert message["Attributes"]["SequenceNumber"] == numbers[message["Body"]]
        assert message["Attributes"]["MessageDeduplicationId"] == f"d-{message['Body']}"
    next_one = queue.send("four", group="g", dedup="d-four")
    assert int(next_one["SequenceNumber"]) > max(int(number) for number in numbers.values())


@behaviour("SQS-149", "SQS-191", "SQS-315", "SQS-318", "SQS-319")
def test_dead_letters_lie_where_they_were_and_more_follow(lab: Lab):
    work, dead = known(lab, "work"), known(lab, "work-dead")
    # The receive count of the one that is left is at the limit: it moves now.
    assert work.receive() == []
    messages = {message["Body"]: message for message in dead.receive()}
    assert set(messages) == {"failed", "will fail"}
    for message in messages.values():
        is_as_sent(message, "work")
        assert count(message) == 2
        assert message["Attributes"]["DeadLetterQueueSourceArn"] == work.arn


@behaviour("SQS-148", "SQS-149")
def test_what_is_added_to_old_data_survives_a_crash(lab: Lab):
    orders = known(lab, "orders")
    orders.send("new")
    lab.server.kill9()
    lab.server.start()
    assert sorted(orders.bodies())[:2] == ["last", f"long {'x' * 9_000}"]
    assert orders.counts() == (0, 4, 0)
