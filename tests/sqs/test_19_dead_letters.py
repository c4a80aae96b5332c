"""Reference section 19: messages that were received too often move to a dead-letter queue."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, redrive_policy, refused, text_attribute


def receive_until_moved(queue: Queue, receives: int):
    """Receives with timeout 0 as often as the policy allows, then once more."""
    for _ in range(receives):
        queue.receive_one(VisibilityTimeout=0)
    assert queue.receive() == []


@behaviour("SQS-309", "SQS-313")
@pytest.mark.parametrize(
    ("left_out", "named"), [("maxReceiveCount", "maxReceiveCount"), ("deadLetterTargetArn", "deadLetterTargetArn"), ("both", "maxReceiveCount")]
)
def test_both_members_are_mandatory(lab: Lab, left_out: str, named: str):
    policy = json.loads(redrive_policy(lab.queue(), 3))
    policy = {} if left_out == "both" else {name: value for name, value in policy.items() if name != left_out}
    text = json.dumps(policy)
    wanted = f"Value {text} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: {named}."
    with refused("InvalidParameterValue", wanted):
        lab.queue().set(RedrivePolicy=text)
    with refused("InvalidParameterValue", wanted):
        lab.queue(RedrivePolicy=text)


@behaviour("SQS-310")
@pytest.mark.parametrize("count", [1, 1000, "1", "1000"])
def test_a_count_is_a_number_or_its_text(lab: Lab, count: int | str):
    dead = lab.queue()
    text = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": count})
    assert lab.queue(RedrivePolicy=text).attribute("RedrivePolicy") == text


@behaviour("SQS-310", "SQS-313")
@pytest.mark.parametrize("count", [0, 1001, -1, "0", "many", 1.5, None, [], {}, True])
def test_a_count_out_of_range_is_refused(lab: Lab, count):
    text = json.dumps({"deadLetterTargetArn": lab.queue().arn, "maxReceiveCount": count})
    with refused("InvalidParameterValue"):
        lab.queue().set(RedrivePolicy=text)


@behaviour("SQS-309", "SQS-313")
@pytest.mark.parametrize("text", ["nonsense", "[]", "5", "{", "null"])
def test_a_policy_that_is_no_object_is_refused(lab: Lab, text: str):
    with refused("InvalidParameterValue"):
        lab.queue().set(RedrivePolicy=text)


@behaviour("SQS-309", "SQS-313")
def test_other_members_are_refused(lab: Lab):
    text = json.dumps(json.loads(redrive_policy(lab.queue(), 3)) | {"extra": 1})
    with refused("InvalidParameterValue"):
        lab.queue().set(RedrivePolicy=text)


@behaviour("SQS-311", "SQS-313", "SQS-314")
@pytest.mark.parametrize(
    "target",
    [
        "nonsense",
        "",
        "arn:aws:sqs:us-east-1:{account}",
        "arn:aws:sqs:us-east-1:{account}:missing",
        "arn:aws:sns:us-east-1:{account}:{name}",
        "arn:aws:sqs:eu-west-1:{account}:{name}",
        "arn:aws:sqs:us-east-1:999999999999:{name}",
    ],
)
def test_the_target_is_an_existing_queue_of_account_and_region(lab: Lab, target: str):
    dead = lab.queue()
    arn = target.format(account=dead.account, name=dead.name)
    text = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    with refused("InvalidParameterValue"):
        lab.queue().set(RedrivePolicy=text)


@behaviour("SQS-312", "SQS-313")
def test_the_target_has_the_type_of_the_source(lab: Lab):
    standard, fifo = lab.queue(), lab.fifo()
    with refused("InvalidParameterValue"):
        standard.redrive_to(fifo, 3)
    with refused("InvalidParameterValue"):
        fifo.redrive_to(standard, 3)
    fifo.redrive_to(lab.fifo(), 3)


@behaviour("SQS-315", "SQS-316")
def test_the_receive_beyond_the_count_finds_the_message_gone(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 2))
    queue.send("poison")
    receive_until_moved(queue, 2)
    assert queue.counts() == (0, 0, 0)
    assert dead.bodies(wait=5) == ["poison"]


@behaviour("SQS-315")
def test_a_message_moves_after_its_timeout_too(clocked: Lab):
    dead = clocked.queue()
    queue = clocked.queue(VisibilityTimeout="10", RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    queue.receive_one()
    clocked.advance(11)
    assert dead.counts() == (0, 0, 0)
    assert queue.receive() == []
    assert dead.bodies(wait=5) == ["poison"]


@behaviour("SQS-315")
def test_a_receive_skips_what_it_moves_and_returns_the_rest(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    queue.receive_one(VisibilityTimeout=0)
    queue.send("fresh")
    assert queue.bodies() == ["fresh"]
    assert dead.bodies(wait=5) == ["poison"]


@behaviour("SQS-317")
def test_a_move_keeps_every_message_exactly_once(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    sent = sorted(f"poison {number}" for number in range(30))
    for body in sent:
        queue.send(body)
    while queue.receive(10, VisibilityTimeout=0):
        pass
    moved = []
    while bodies := dead.bodies(wait=1):
        moved += bodies
    assert sorted(moved) == sent
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-318", "SQS-319", "SQS-191", "SQS-197", "SQS-192")
def test_a_moved_message_keeps_what_it_was(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 2))
    attributes = {"a": text_attribute("b")}
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    queue.send("poison", MessageAttributes=attributes, MessageSystemAttributes={"AWSTraceHeader": text_attribute(trace)})
    before = queue.receive_one(VisibilityTimeout=0)
    queue.receive_one(VisibilityTimeout=0)
    assert queue.receive() == []
    after = dead.receive_one(wait=5, MessageAttributeNames=["All"])
    assert (after["MessageId"], after["Body"], after["MessageAttributes"]) == (before["MessageId"], "poison", attributes)
    for name in ("SentTimestamp", "SenderId", "AWSTraceHeader", "ApproximateFirstReceiveTimestamp"):
        assert after["Attributes"][name] == before["Attributes"][name], name
    assert after["Attributes"]["ApproximateReceiveCount"] == "3"
    assert after["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn
    assert "DeadLetterQueueSourceArn" not in before["Attributes"]


@behaviour("SQS-320")
def test_the_age_of_a_standard_message_goes_on_after_a_move(clocked: Lab):
    dead = clocked.queue(MessageRetentionPeriod="120")
    queue = clocked.queue(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    clocked.advance(100)
    receive_until_moved(queue, 1)
    assert dead.bodies(wait=5, VisibilityTimeout=0) == ["poison"]
    clocked.advance(21)
    assert dead.bodies() == []


@behaviour("SQS-321")
def test_the_age_of_a_fifo_message_begins_again_with_a_move(clocked: Lab):
    dead = clocked.fifo(MessageRetentionPeriod="120")
    queue = clocked.fifo(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison", group="g")
    clocked.advance(100)
    receive_until_moved(queue, 1)
    assert dead.bodies(wait=5, VisibilityTimeout=0) == ["poison"]
    clocked.advance(100)
    assert dead.bodies(VisibilityTimeout=0) == ["poison"]
    clocked.advance(25)
    assert dead.bodies() == []


@behaviour("SQS-323", "SQS-324", "SQS-319")
def test_a_fifo_group_goes_on_after_a_move(lab: Lab):
    dead = lab.fifo()
    queue = lab.fifo(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison", group="g")
    queue.send("next", group="g")
    assert queue.bodies(1, VisibilityTimeout=0) == ["poison"]
    assert queue.bodies() == ["next"]
    moved = dead.receive_one(wait=5)
    assert moved["Body"] == "poison"
    assert moved["Attributes"]["MessageGroupId"] == "g"
    assert moved["Attributes"]["DeadLetterQueueSourceArn"] == queue.arn
    assert moved["Attributes"]["SequenceNumber"]


@behaviour("SQS-325", "SQS-327")
def test_several_sources_may_share_a_dead_letter_queue(lab: Lab):
    dead = lab.queue()
    sources = [lab.queue(RedrivePolicy=redrive_policy(dead, 1)) for _ in range(3)]
    for number, source in enumerate(sources):
        source.send(f"poison {number}")
        receive_until_moved(source, 1)
    found = {}
    while messages := dead.receive(wait=1):
        found |= {message["Body"]: message["Attributes"]["DeadLetterQueueSourceArn"] for message in messages}
    assert found == {f"poison {number}": source.arn for number, source in enumerate(sources)}
    listed = lab.sqs.list_dead_letter_source_queues(QueueUrl=dead.url)["queueUrls"]
    assert sorted(listed) == sorted(source.url for source in sources)


@behaviour("SQS-325", "SQS-008", "SQS-191")
def test_dead_letter_queues_may_form_a_chain(lab: Lab):
    last = lab.queue()
    middle = lab.queue(RedrivePolicy=redrive_policy(last, 3))
    first = lab.queue(RedrivePolicy=redrive_policy(middle, 1))
    sent = first.send("poison")["MessageId"]
    receive_until_moved(first, 1)
    message = middle.receive_one(wait=5, VisibilityTimeout=0)
    assert (message["MessageId"], message["Attributes"]["DeadLetterQueueSourceArn"]) == (sent, first.arn)
    while middle.receive(VisibilityTimeout=0):
        pass
    message = last.receive_one(wait=5)
    assert (message["MessageId"], message["Attributes"]["DeadLetterQueueSourceArn"]) == (sent, middle.arn)


@behaviour("SQS-326")
def test_a_queue_is_not_its_own_dead_letter_queue(lab: Lab):
    queue = lab.queue()
    with refused("InvalidParameterValue"):
        queue.redrive_to(queue, 3)


@behaviour("SQS-327", "SQS-085", "SQS-087")
def test_sources_are_listed_in_pages(lab: Lab):
    dead = lab.queue()
    assert lab.sqs.list_dead_letter_source_queues(QueueUrl=dead.url).get("queueUrls", []) == []
    sources = sorted(lab.queue(RedrivePolicy=redrive_policy(dead, 1)).url for _ in range(5))
    page = lab.sqs.list_dead_letter_source_queues(QueueUrl=dead.url, MaxResults=3)
    rest = lab.sqs.list_dead_letter_source_queues(QueueUrl=dead.url, MaxResults=3, NextToken=page["NextToken"])
    assert len(page["queueUrls"]) == 3 and "NextToken" not in rest
    assert sorted(page["queueUrls"] + rest["queueUrls"]) == sources


@behaviour("SQS-327", "SQS-100")
def test_a_source_without_a_policy_is_listed_no_more(lab: Lab):
    dead = lab.queue()
    source = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    source.set(RedrivePolicy="")
    assert lab.sqs.list_dead_letter_source_queues(QueueUrl=dead.url).get("queueUrls", []) == []


@behaviour("SQS-328")
def test_without_its_dead_letter_queue_a_source_keeps_its_messages(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    dead.delete_queue()
    assert "RedrivePolicy" in queue.attributes()
    queue.receive_one(VisibilityTimeout=0)
    queue.receive(VisibilityTimeout=0)
    assert sum(queue.counts()) == 1


@behaviour("SQS-315", "SQS-099")
def test_a_policy_applies_to_messages_already_there(lab: Lab):
    dead, queue = lab.queue(), lab.queue()
    queue.send("poison")
    for _ in range(3):
        queue.receive_one(VisibilityTimeout=0)
    queue.redrive_to(dead, 2)
    assert queue.receive() == []
    assert dead.bodies(wait=5) == ["poison"]


@behaviour("SQS-315")
def test_a_long_poll_is_woken_by_a_move_into_its_queue(lab: Lab):
    dead = lab.queue()
    queue = lab.queue(VisibilityTimeout="1", RedrivePolicy=redrive_policy(dead, 1))
    queue.send("poison")
    queue.receive_one()
    assert queue.receive(wait=3) == []
    assert dead.bodies(wait=5) == ["poison"]
