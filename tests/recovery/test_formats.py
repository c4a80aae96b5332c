"""Data of every format stays readable: `tests/fixtures/format-*` is what a server of that format and those rows left behind.

How it was made says `make.py` there, why its clock stands still between its last record and the test `story.py` beside it.
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
from harness.streams import Stream, Streams
from harness.topics import Topic, Topics, text
from harness.topics import messages as texts
from harness.waiting import eventually

FIXTURES = places.ROOT / "tests/fixtures"
# Those with streams, by the version of logs, of relocated bodies and of packs; the others by those of queue rows, index pages and
# shard roots.
STREAMS = ["format-1-logs-1", "format-1-relocated-1", "format-1-packs-1"]
LATER = ["format-1-rows-4-3-2", "format-1-rows-4-4-2", *STREAMS]
# What the first one has the later ones have too.
ALL = ["format-1", *LATER]


def copied(name: str) -> Server:
    """A server, not started, on a copy of the data."""
    server = Server()
    with tarfile.open(FIXTURES / name / "fixture.tar.gz") as archive:
        archive.extractall(server.scratch.path, filter="data")
    assert (server.data_dir / "FORMAT").exists()
    return server


class OldLab(Lab):
    """A server of today on a copy of the data, and what its clients were told when it was made."""

    def __init__(self, server: Server, name: str):
        super().__init__(server)
        self.expected = json.loads((FIXTURES / name / "expected.json").read_text())


@pytest.fixture(params=ALL)
def lab(request: pytest.FixtureRequest) -> Iterator[OldLab]:
    """Each of all data."""
    with copied(request.param) as server:
        yield OldLab(server, request.param)


@pytest.fixture(params=LATER)
def later(request: pytest.FixtureRequest) -> Iterator[OldLab]:
    """Each that has move tasks, topics and what else came after the first."""
    with copied(request.param) as server:
        yield OldLab(server, request.param)


def known(lab: Lab, name: str) -> Queue:
    """A queue of the data."""
    return Queue(lab, lab.sqs.get_queue_url(QueueName=name)["QueueUrl"])


def count(message: dict) -> int:
    """How often a message was received."""
    return int(message["Attributes"]["ApproximateReceiveCount"])


def is_as_sent(lab: OldLab, message: dict, queue: str):
    """Body and id of a message are those of a send to this queue."""
    digest = hashlib.md5(message["Body"].encode()).hexdigest()
    assert lab.expected["sent"][message["MessageId"]] == {"queue": queue, "md5": digest}


@pytest.mark.parametrize("name", ALL)
def test_the_check_finds_no_damage(name: str):
    server = copied(name)
    try:
        command = [str(server.binary), "check", "--data-dir", str(server.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.remove()


@behaviour("SQS-149")
def test_queues_their_attributes_counts_and_tags_are_there(lab: OldLab):
    urls = lab.sqs.list_queues()["QueueUrls"]
    assert {url.split("/")[-1] for url in urls} == set(lab.expected["attributes"])
    for name, attributes in lab.expected["attributes"].items():
        assert known(lab, name).attributes() == attributes
    assert lab.sqs.list_queue_tags(QueueUrl=known(lab, "orders").url)["Tags"] == lab.expected["tags"]


@behaviour("SQS-149", "SQS-190", "SQS-192")
def test_messages_keep_body_attributes_and_receive_count(lab: OldLab):
    messages = known(lab, "orders").receive(MessageAttributeNames=["All"])
    assert len(messages) == 3
    for message in messages:
        is_as_sent(lab, message, "orders")
    [twice] = [message for message in messages if message["Body"] == "received twice"]
    assert count(twice) == 3
    assert twice["Attributes"] == lab.expected["received twice"] | {"ApproximateReceiveCount": "3"}
    attributes = {name: value.get("StringValue", value.get("BinaryValue")) for name, value in twice["MessageAttributes"].items()}
    assert attributes == {"text": "gr\u00fcn", "number": "1.50", "bytes": b"\0\xff"}
    assert [count(message) for message in messages if message is not twice] == [1, 1]


@behaviour("SQS-149", "SQS-237")
def test_visibility_delays_and_receipt_handles_hold(lab: OldLab):
    held = known(lab, "held")
    assert held.counts() == (0, 1, 1)
    assert held.receive() == []
    held.delete({"ReceiptHandle": lab.expected["handle"]})
    assert held.counts() == (0, 0, 1)


@behaviour("SQS-149", "SQS-268", "SQS-269", "SQS-271", "SQS-274")
def test_duplicates_are_answered_as_their_originals(lab: OldLab):
    for one in lab.expected["deduplication"]:
        queue = known(lab, one["queue"])
        before = queue.counts()
        answer = queue.send(one["body"], group=one["group"], dedup=one["dedup"])
        assert {name: answer[name] for name in one["answer"]} == one["answer"], one
        assert queue.counts() == before
    prints = known(lab, "prints.fifo")
    originals = {one["answer"]["MessageId"] for one in lab.expected["deduplication"]}
    assert prints.send("print", group="another")["MessageId"] not in originals


@behaviour("SQS-149", "SQS-252", "SQS-255")
def test_groups_keep_their_order_and_numbers(lab: OldLab):
    queue = known(lab, "orders.fifo")
    messages = queue.receive()
    for message in messages:
        is_as_sent(lab, message, "orders.fifo")
    groups = {group: [m["Body"] for m in messages if m["Attributes"]["MessageGroupId"] == group] for group in "gh"}
    assert groups == {"g": ["two", "three"], "h": ["aside"]}
    numbers = {one["body"]: one["answer"]["SequenceNumber"] for one in lab.expected["deduplication"]}
    for message in messages:
        assert message["Attributes"]["SequenceNumber"] == numbers[message["Body"]]
        assert message["Attributes"]["MessageDeduplicationId"] == f"d-{message['Body']}"
    next_one = queue.send("four", group="g", dedup="d-four")
    assert int(next_one["SequenceNumber"]) > max(int(number) for number in numbers.values())


@behaviour("SQS-149", "SQS-191", "SQS-315", "SQS-318", "SQS-319")
def test_dead_letters_lie_where_they_were_and_more_follow(lab: OldLab):
    work, dead = known(lab, "work"), known(lab, "work-dead")
    # The receive count of the one that is left is at the limit: it moves now.
    assert work.receive() == []
    messages = {message["Body"]: message for message in dead.receive()}
    assert set(messages) == {"failed", "will fail"}
    for message in messages.values():
        is_as_sent(lab, message, "work")
        assert count(message) == 2
        assert message["Attributes"]["DeadLetterQueueSourceArn"] == work.arn


@behaviour("SQS-148", "SQS-149")
def test_what_is_added_to_old_data_survives_a_crash(lab: OldLab):
    orders = known(lab, "orders")
    orders.send("new")
    lab.server.kill9()
    lab.server.start()
    assert sorted(orders.bodies())[:2] == ["last", f"long {'x' * 9_000}"]
    assert orders.counts() == (0, 4, 0)


@behaviour("SQS-149", "SQS-191")
def test_tenants_and_bodies_in_chunks_are_there(later: OldLab):
    messages = known(later, "tenants").receive()
    groups = sorted((message["Body"], message["Attributes"]["MessageGroupId"]) for message in messages)
    assert groups == [("late", "loud"), ("loud", "loud"), ("quiet", "quiet")]
    # The answer to one receive is bounded, and these are large.
    big = known(later, "big")
    for message in [*big.receive(), *big.receive()]:
        is_as_sent(later, message, "big")
    assert big.counts() == (0, 2, 0)


@behaviour("SQS-149", "SQS-302")
def test_a_receive_can_be_asked_for_again(later: OldLab):
    queue = known(later, "tries.fifo")
    for one in later.expected["attempts"]:
        again = queue.receive_one(ReceiveRequestAttemptId=one["attempt"], VisibilityTimeout=43_200)
        assert (again["Body"], again["ReceiptHandle"], count(again)) == (one["body"], one["handle"], 1)
        queue.delete(again)
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-149", "SQS-354", "SQS-355", "SQS-356")
def test_move_tasks_are_listed_and_what_they_moved_lies_there(later: OldLab):
    lost = known(later, "lost")
    tasks = later.sqs.list_message_move_tasks(SourceArn=lost.arn, MaxResults=10)["Results"]
    assert tasks == later.expected["tasks"]
    assert [task["ApproximateNumberOfMessagesMoved"] for task in tasks] == [1, 1, 1]
    [home] = known(later, "home").receive()
    found = known(later, "found").receive()
    assert (home["Body"], sorted(message["Body"] for message in found)) == ("home again", ["elsewhere", "late"])
    for message in (home, *found):
        assert message["MessageId"] not in later.expected["sent"], "they are new messages"
        assert count(message) == 1
    later.sqs.start_message_move_task(SourceArn=lost.arn)
    source = known(later, "source")
    eventually(lambda: source.counts()[0] == 1, "the next task takes the last one home")
    assert source.bodies() == ["still lost"]


@behaviour("SNS-126", "SNS-340")
def test_topics_know_their_subscribers_and_what_was_published(later: OldLab):
    published = later.expected["published"]
    topics = Topics(later)
    news, line = (Topic(topics, f"arn:aws:sns:us-east-1:000000000000:{name}") for name in ("news", "line.fifo"))
    assert news.attributes() == later.expected["topic"]
    whole, raw, ordered = (known(later, name) for name in ("news-whole", "news-raw", "line-queue.fifo"))
    assert texts(whole) == sorted(published["whole"])
    assert sorted(raw.bodies()) == sorted(published["raw"])
    assert ordered.drain() == published["line"]
    news.publish("today", MessageAttributes={"kind": text("flash")})
    news.publish("never mind", MessageAttributes={"kind": text("calm")})
    eventually(lambda: raw.counts()[0] == 2 and whole.counts()[0] == 1, "all is delivered")
    assert texts(whole) == ["today"]
    # Published a moment ago by the clock of the data: a duplicate.
    line.publish("late", MessageGroupId="g")
    line.publish("new", MessageGroupId="g")
    eventually(lambda: ordered.counts()[0] == 1, "the new one is delivered")
    assert ordered.drain() == ["new"]


@behaviour("KIN-098")
@pytest.mark.parametrize("name", STREAMS)
def test_streams_have_their_records_and_take_more(name: str):
    with copied(name) as server:
        lab = OldLab(server, name)
        clicks = Stream(Streams(lab), "clicks")
        told: dict[str, list] = {}
        for one in lab.expected["records"]:
            told.setdefault(one["shard"], []).append((one["data"], one["number"]))
        assert len(told) == 2
        for life in range(2):
            for index, (shard, records) in enumerate(sorted(told.items())):
                put = clicks.put(f"later {life}", ExplicitHashKey=str(index * 2**127))
                assert put["ShardId"] == shard
                records.append((f"later {life}", put["SequenceNumber"]))
                found = [(record["Data"].decode(), record["SequenceNumber"]) for record in clicks.records(shard)]
                assert found == records
            server.kill9()
            server.start()
