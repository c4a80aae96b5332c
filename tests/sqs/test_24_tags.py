"""Reference section 24: tags of queues."""

import json
from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import sqs_client
from harness.lab import Lab, Queue, refused

# Changes that a client makes one after the other, each while many others do.
ROUNDS = 10


def tags_of(queue: Queue) -> dict[str, str]:
    """ListQueueTags."""
    return queue.lab.sqs.list_queue_tags(QueueUrl=queue.url).get("Tags", {})


def tag(queue: Queue, tags: dict[str, str]):
    """TagQueue."""
    queue.lab.sqs.tag_queue(QueueUrl=queue.url, Tags=tags)


@behaviour("SQS-392", "SQS-399")
def test_fifty_tags_are_accepted_and_one_more_refused(lab: Lab):
    queue = lab.queue()
    fifty = {f"key{number}": "v" for number in range(50)}
    tag(queue, fifty)
    assert tags_of(queue) == fifty
    with refused("InvalidParameterValue"):
        tag(queue, {"one more": "v"})
    assert tags_of(queue) == fifty
    tag(queue, {"key0": "replaced"})
    assert tags_of(queue)["key0"] == "replaced"


@behaviour("SQS-393")
@pytest.mark.parametrize(("key", "value"), [("k", ""), ("x" * 128, "y" * 256), ("häuser \u540d", "\u2603"), ("Key", "a"), ("key", "b")])
def test_tags_that_are_accepted(lab: Lab, key: str, value: str):
    queue = lab.queue(tags={key: value})
    assert tags_of(queue) == {key: value}


@behaviour("SQS-393")
@pytest.mark.parametrize(("key", "value"), [("", "v"), ("x" * 129, "v"), ("k", "y" * 257)])
def test_tags_that_are_refused(lab: Lab, key: str, value: str):
    queue = lab.queue()
    with refused("InvalidParameterValue"):
        tag(queue, {key: value})
    assert tags_of(queue) == {}


@behaviour("SQS-393")
def test_keys_are_case_sensitive(lab: Lab):
    queue = lab.queue(tags={"key": "lower", "KEY": "upper"})
    assert tags_of(queue) == {"key": "lower", "KEY": "upper"}


@behaviour("SQS-394")
def test_an_empty_value_is_returned_as_an_empty_string(lab: Lab):
    queue = lab.queue()
    tag(queue, {"empty": ""})
    assert tags_of(queue) == {"empty": ""}


@behaviour("SQS-395")
def test_an_existing_key_gets_the_new_value(lab: Lab):
    queue = lab.queue(tags={"a": "1", "b": "2"})
    tag(queue, {"b": "3", "c": "4"})
    assert tags_of(queue) == {"a": "1", "b": "3", "c": "4"}


@behaviour("SQS-396")
def test_untag_ignores_keys_that_are_not_there(lab: Lab):
    queue = lab.queue(tags={"a": "1", "b": "2"})
    lab.sqs.untag_queue(QueueUrl=queue.url, TagKeys=["b", "missing"])
    assert tags_of(queue) == {"a": "1"}
    lab.sqs.untag_queue(QueueUrl=queue.url, TagKeys=["a"])
    assert tags_of(queue) == {}


@behaviour("SQS-397")
def test_tags_may_be_given_at_creation(lab: Lab):
    assert tags_of(lab.queue(tags={"team": "blue"})) == {"team": "blue"}


@behaviour("SQS-398")
def test_reserved_keys_are_refused(lab: Lab):
    with refused("InvalidParameterValue"):
        tag(lab.queue(), {"aws:reserved": "v"})


@behaviour("SQS-392", "SQS-395", "SQS-099", "SQS-400")
def test_many_may_change_a_queue_at_once(lab: Lab):
    """Each change is written on the condition that its queue is as it was read; nobody loses that race for ever."""
    queue = lab.queue()

    def tags(client, number: int):
        for count in range(ROUNDS):
            client.tag_queue(QueueUrl=queue.url, Tags={f"tag{number}": str(count)})

    def permissions(client, number: int):
        for count in range(ROUNDS):
            label = f"{number}-{count % 2}"
            client.add_permission(QueueUrl=queue.url, Label=label, AWSAccountIds=["111122223333"], Actions=["SendMessage"])
            if count + 1 < ROUNDS:
                client.remove_permission(QueueUrl=queue.url, Label=label)

    def attributes(client, number: int):
        name = ["VisibilityTimeout", "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "MessageRetentionPeriod"][number - 28]
        for count in range(ROUNDS):
            client.set_queue_attributes(QueueUrl=queue.url, Attributes={name: str(60 + count if number == 31 else count)})

    kinds = [tags] * 16 + [permissions] * 12 + [attributes] * 4
    works = [partial(work, sqs_client(lab.server.url), number) for number, work in enumerate(kinds)]
    assert refusals(at_once(works)) == []
    last = str(ROUNDS - 1)
    assert tags_of(queue) == {f"tag{number}": last for number in range(16)}
    found = queue.attributes()
    labels = {statement["Sid"] for statement in json.loads(found["Policy"])["Statement"]}
    assert labels == {f"{number}-{(ROUNDS - 1) % 2}" for number in range(16, 28)}
    times = ("VisibilityTimeout", "DelaySeconds", "ReceiveMessageWaitTimeSeconds")
    assert {name: found[name] for name in times} == dict.fromkeys(times, last)
    assert found["MessageRetentionPeriod"] == str(60 + ROUNDS - 1)
