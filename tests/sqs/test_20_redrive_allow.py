"""Reference section 20: which queues may use a queue as their dead-letter queue."""

import json
from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import sqs_client
from harness.lab import Lab, redrive_policy, refused


def allow(permission: str, *arns: str) -> str:
    """The text of a RedriveAllowPolicy."""
    return json.dumps({"redrivePermission": permission} | ({"sourceQueueArns": list(arns)} if arns else {}))


@behaviour("SQS-330", "SQS-331", "SQS-332")
@pytest.mark.parametrize("policy", [None, "allowAll"])
def test_any_queue_may_use_one_that_allows_all(lab: Lab, policy: str | None):
    dead = lab.queue(**({"RedriveAllowPolicy": allow(policy)} if policy else {}))
    lab.queue().redrive_to(dead, 3)
    lab.queue(RedrivePolicy=redrive_policy(dead, 3))


@behaviour("SQS-333", "SQS-335", "SQS-336")
def test_no_queue_may_use_one_that_denies_all(lab: Lab):
    dead = lab.queue(RedriveAllowPolicy=allow("denyAll"))
    queue = lab.queue()
    with refused("InvalidParameterValue"):
        queue.redrive_to(dead, 3)
    assert "RedrivePolicy" not in queue.attributes()
    with refused("InvalidParameterValue"):
        lab.queue(RedrivePolicy=redrive_policy(dead, 3))


@behaviour("SQS-334", "SQS-335", "SQS-336")
def test_only_listed_queues_may_use_one_that_allows_by_queue(lab: Lab):
    listed, stranger = lab.queue(), lab.queue()
    dead = lab.queue(RedriveAllowPolicy=allow("byQueue", listed.arn))
    listed.redrive_to(dead, 3)
    with refused("InvalidParameterValue"):
        stranger.redrive_to(dead, 3)


@behaviour("SQS-334", "SQS-342")
def test_ten_sources_may_be_listed_and_need_not_exist(lab: Lab):
    queue = lab.queue()
    arns = [f"{queue.arn}-{number}" for number in range(10)]
    queue.set(RedriveAllowPolicy=allow("byQueue", *arns))
    assert queue.attribute("RedriveAllowPolicy") == allow("byQueue", *arns)


@behaviour("SQS-336")
def test_a_policy_set_later_counts_for_the_next_source(lab: Lab):
    dead, first, second = lab.queue(), lab.queue(), lab.queue()
    first.redrive_to(dead, 3)
    dead.set(RedriveAllowPolicy=allow("denyAll"))
    with refused("InvalidParameterValue"):
        second.redrive_to(dead, 3)
    assert "RedrivePolicy" in first.attributes()


REFUSED = {
    "arns without byQueue": '{"redrivePermission": "allowAll", "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:q"]}',
    "arns with denyAll": '{"redrivePermission": "denyAll", "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:q"]}',
    "byQueue without arns": '{"redrivePermission": "byQueue"}',
    "byQueue with no arn": '{"redrivePermission": "byQueue", "sourceQueueArns": []}',
    "eleven arns": allow("byQueue", *[f"arn:aws:sqs:us-east-1:000000000000:q{number}" for number in range(11)]),
    "no object": "[]",
    "no JSON": "nonsense",
    "unknown permission": '{"redrivePermission": "sometimes"}',
    "unknown member": '{"redrivePermission": "allowAll", "extra": 1}',
    "no permission": "{}",
}


@behaviour("SQS-338", "SQS-339", "SQS-340", "SQS-341")
@pytest.mark.parametrize("policy", REFUSED.values(), ids=REFUSED.keys())
def test_malformed_policies_are_refused(lab: Lab, policy: str):
    queue = lab.queue()
    with refused("InvalidParameterValue"):
        queue.set(RedriveAllowPolicy=policy)
    with refused("InvalidParameterValue"):
        lab.queue(RedriveAllowPolicy=policy)
    assert "RedriveAllowPolicy" not in queue.attributes()


@behaviour("SQS-337")
def test_a_policy_tightened_later_stops_redrive(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    queue.receive_one(VisibilityTimeout=0)
    dead.set(RedriveAllowPolicy=allow("denyAll"))
    queue.receive(VisibilityTimeout=0)
    assert dead.receive(wait=1) == []
    assert sum(queue.counts()) == 1


@behaviour("SQS-337", "SQS-099")
def test_many_may_change_a_target_and_its_sources_at_once(lab: Lab):
    """A target that changes its mind has the rows of its sources written with its own, while those change too."""
    dead = lab.queue()
    sources = [lab.queue() for _ in range(8)]
    for source in sources:
        source.redrive_to(dead, 3)
    rounds = 6

    def target(client, _number: int):
        for count in range(rounds):
            policy = allow("denyAll" if count % 2 == 0 else "allowAll")
            client.set_queue_attributes(QueueUrl=dead.url, Attributes={"RedriveAllowPolicy": policy})

    def tags(client, number: int):
        for count in range(rounds):
            client.tag_queue(QueueUrl=sources[number % 8].url, Tags={f"tag{number}": str(count)})

    works = [partial(work, sqs_client(lab.server.url), number) for number, work in enumerate([tags] * 24 + [target] * 8)]
    assert refusals(at_once(works)) == []
    assert dead.attribute("RedriveAllowPolicy") == allow("allowAll")
    for number, source in enumerate(sources):
        tagged = lab.sqs.list_queue_tags(QueueUrl=source.url)["Tags"]
        assert tagged == {f"tag{number + more}": str(rounds - 1) for more in (0, 8, 16)}
        source.send("m")
        for _ in range(3):
            source.change(source.receive_one(), 0)
        assert source.receive() == []
    assert len(dead.drain()) == len(sources)
