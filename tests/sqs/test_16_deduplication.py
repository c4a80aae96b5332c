"""Reference section 16: what counts as a duplicate, for how long, and what its sender is told."""

import hashlib

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused

FIVE_MINUTES = 300
TEST_HASH = "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"


@behaviour("SQS-262", "SQS-263", "SQS-277")
def test_the_content_hash_is_the_deduplication_id(lab: Lab):
    queue = lab.fifo()
    queue.send("Test", group="g")
    assert queue.receive_one()["Attributes"]["MessageDeduplicationId"] == TEST_HASH
    assert hashlib.sha256(b"Test").hexdigest() == TEST_HASH


@behaviour("SQS-262")
def test_attributes_do_not_count_in_the_content_hash(lab: Lab):
    queue = lab.fifo()
    attribute = {"a": {"DataType": "String", "StringValue": "b"}}
    first = queue.send("m", group="g")
    second = queue.send("m", group="g", MessageAttributes=attribute)
    assert second["MessageId"] == first["MessageId"]
    assert queue.counts() == (1, 0, 0)


@behaviour("SQS-264", "SQS-277")
def test_an_explicit_id_wins_over_the_content(lab: Lab):
    queue = lab.fifo()
    queue.send("same", group="g", dedup="one")
    queue.send("same", group="g", dedup="two")
    found = [message["Attributes"]["MessageDeduplicationId"] for message in queue.receive()]
    assert found == ["one", "two"]


@behaviour("SQS-265")
def test_without_id_and_content_hash_a_send_is_refused(lab: Lab):
    text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    with refused("InvalidParameterValue", text):
        lab.fifo(content_based=False).send("m", group="g")


@behaviour("SQS-266")
@pytest.mark.parametrize("dedup", ["", "x" * 129, "a b", "\u00fc"])
def test_deduplication_ids_that_are_refused(lab: Lab, dedup: str):
    text = (
        f"Value {dedup} for parameter MessageDeduplicationId is invalid. "
        "Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
    )
    with refused("InvalidParameterValue", text):
        lab.fifo().send("m", group="g", dedup=dedup)


@behaviour("SQS-266")
@pytest.mark.parametrize("dedup", ["x", "x" * 128, "azAZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
def test_deduplication_ids_that_are_accepted(lab: Lab, dedup: str):
    queue = lab.fifo()
    queue.send("m", group="g", dedup=dedup)
    assert queue.receive_one()["Attributes"]["MessageDeduplicationId"] == dedup


@behaviour("SQS-267")
def test_an_explicit_id_equal_to_a_content_hash_is_a_duplicate(lab: Lab):
    queue = lab.fifo()
    first = queue.send("Test", group="g")
    assert queue.send("other", group="g", dedup=TEST_HASH)["MessageId"] == first["MessageId"]
    assert queue.bodies() == ["Test"]


@behaviour("SQS-268", "SQS-269", "SQS-278")
def test_a_duplicate_stores_nothing_and_repeats_the_answer(lab: Lab):
    queue = lab.fifo()
    first = queue.send("original", group="g", dedup="d")
    second = queue.send("another body", group="g", dedup="d")
    assert (second["MessageId"], second["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert queue.counts() == (1, 0, 0)
    assert queue.drain() == ["original"]


@behaviour("SQS-268", "SQS-270")
def test_after_five_minutes_the_id_is_new(clocked: Lab):
    queue = clocked.fifo()
    first = queue.send("m", group="g", dedup="d")
    clocked.advance(FIVE_MINUTES - 20)
    assert queue.send("m", group="g", dedup="d")["MessageId"] == first["MessageId"]
    clocked.advance(21)
    second = queue.send("m", group="g", dedup="d")
    assert second["MessageId"] != first["MessageId"]
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"])
    assert queue.counts() == (2, 0, 0)


@behaviour("SQS-270")
def test_duplicates_do_not_extend_the_interval(clocked: Lab):
    queue = clocked.fifo()
    first = queue.send("m", group="g", dedup="d")
    for _ in range(3):
        clocked.advance(90)
        assert queue.send("m", group="g", dedup="d")["MessageId"] == first["MessageId"]
    clocked.advance(31)
    assert queue.send("m", group="g", dedup="d")["MessageId"] != first["MessageId"]


@behaviour("SQS-271")
def test_the_id_outlives_its_message(lab: Lab):
    queue = lab.fifo()
    first = queue.send("m", group="g", dedup="d")
    message = queue.receive_one()
    assert queue.send("m", group="g", dedup="d")["MessageId"] == first["MessageId"]
    queue.delete(message)
    again = queue.send("m", group="g", dedup="d")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert queue.bodies() == []


@behaviour("SQS-272")
def test_in_scope_queue_an_id_counts_over_all_groups(lab: Lab):
    queue = lab.fifo()
    first = queue.send("one", group="g", dedup="d")
    assert queue.send("two", group="h", dedup="d")["MessageId"] == first["MessageId"]
    assert queue.drain() == ["one"]


@behaviour("SQS-273")
def test_in_scope_group_an_id_counts_per_group(lab: Lab):
    queue = lab.fifo(DeduplicationScope="messageGroup")
    first = queue.send("one", group="g", dedup="d")
    assert queue.send("two", group="h", dedup="d")["MessageId"] != first["MessageId"]
    assert queue.send("three", group="g", dedup="d")["MessageId"] == first["MessageId"]
    assert sorted(queue.drain()) == ["one", "two"]


@behaviour("SQS-274")
def test_in_scope_group_equal_bodies_in_two_groups_are_two_messages(lab: Lab):
    queue = lab.fifo(DeduplicationScope="messageGroup")
    queue.send("same", group="g")
    queue.send("same", group="h")
    queue.send("same", group="g")
    assert queue.drain() == ["same", "same"]


@behaviour("SQS-276", "SQS-377")
def test_a_purge_forgets_every_id(lab: Lab):
    queue = lab.fifo()
    first = queue.send("m", group="g", dedup="d")
    lab.sqs.purge_queue(QueueUrl=queue.url)
    assert queue.send("m", group="g", dedup="d")["MessageId"] != first["MessageId"]
    assert queue.drain() == ["m"]


@behaviour("SQS-279", "SQS-269")
def test_duplicates_within_a_batch_are_found(lab: Lab):
    queue = lab.fifo()
    entries = [
        {"MessageBody": "one", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
        {"MessageBody": "two", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
        {"MessageBody": "three", "MessageGroupId": "g", "MessageDeduplicationId": "e"},
    ]
    first, second, third = queue.send_batch(*entries)["Successful"]
    assert (first["MessageId"], first["SequenceNumber"]) == (second["MessageId"], second["SequenceNumber"])
    assert third["MessageId"] != first["MessageId"]
    assert queue.drain() == ["one", "three"]


@behaviour("SQS-268", "SQS-273")
def test_ids_of_two_queues_have_nothing_to_do_with_each_other(lab: Lab):
    one, two = lab.fifo(), lab.fifo()
    assert one.send("m", group="g", dedup="d")["MessageId"] != two.send("m", group="g", dedup="d")["MessageId"]


@behaviour("SQS-271")
def test_many_ids_are_remembered(lab: Lab):
    queue = lab.fifo()
    sent = {}
    for start in range(0, 2000, 10):
        entries = [{"MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": f"d{one}"} for one in range(start, start + 10)]
        for entry in queue.send_batch(*entries)["Successful"]:
            sent[start + int(entry["Id"])] = entry["MessageId"]
    for one in range(0, 2000, 97):
        assert queue.send("m", group="g", dedup=f"d{one}")["MessageId"] == sent[one]
    assert queue.counts() == (2000, 0, 0)


@behaviour("SQS-275")
def test_a_new_scope_does_not_apply_at_once(lab: Lab):
    queue = lab.fifo(DeduplicationScope="queue")
    first = queue.send("m", group="g", dedup="d")
    queue.set(DeduplicationScope="messageGroup")
    assert queue.attribute("DeduplicationScope") == "messageGroup"
    assert queue.send("m", group="h", dedup="d")["MessageId"] == first["MessageId"]
