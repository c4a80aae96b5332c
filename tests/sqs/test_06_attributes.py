"""Reference section 6: queue attributes, their ranges, defaults and errors."""

import json
import time

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, fresh_name, redrive_policy, refused

STANDARD = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
FIFO = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}


@behaviour("SQS-091", "SQS-422")
def test_all_of_a_new_standard_queue(lab: Lab):
    queue = lab.queue()
    found = queue.attributes()
    now = time.time()
    assert abs(int(found.pop("CreatedTimestamp")) - now) < 30
    assert abs(int(found.pop("LastModifiedTimestamp")) - now) < 30
    assert found == STANDARD | {"QueueArn": queue.arn}


@behaviour("SQS-092")
def test_all_of_a_new_fifo_queue(lab: Lab):
    queue = lab.queue(fresh_name(".fifo"), FifoQueue="true")
    found = queue.attributes()
    assert found.pop("CreatedTimestamp") == found.pop("LastModifiedTimestamp")
    assert found == STANDARD | FIFO | {"QueueArn": queue.arn}


@behaviour("SQS-093")
def test_optional_attributes_appear_when_set(lab: Lab):
    dead = lab.queue()
    optional = {
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": []}),
        "RedrivePolicy": redrive_policy(dead, 5),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"}),
        "KmsMasterKeyId": "alias/aws/sqs",
    }
    queue = lab.queue()
    assert not set(optional) & set(queue.attributes())
    for name, value in optional.items():
        queue.set(**{name: value})
        assert queue.attribute(name) == value
    assert set(optional) < set(queue.attributes())


@behaviour("SQS-094")
def test_named_attributes_return_only_those(lab: Lab):
    queue = lab.queue()
    assert queue.attributes("VisibilityTimeout", "DelaySeconds") == {"VisibilityTimeout": "30", "DelaySeconds": "0"}
    assert queue.attributes("Policy", "VisibilityTimeout", "FifoQueue") == {"VisibilityTimeout": "30"}
    assert queue.attributes("RedrivePolicy") == {}


@behaviour("SQS-095")
@pytest.mark.parametrize("name", ["Nonsense", "visibilitytimeout", "all"])
def test_an_unknown_name_is_refused(lab: Lab, name: str):
    queue = lab.queue()
    with refused("InvalidAttributeName", f"Unknown Attribute {name}."):
        queue.attributes(name)
    with refused("InvalidAttributeName", f"Unknown Attribute {name}."):
        queue.set(**{name: "1"})
    with refused("InvalidAttributeName", f"Unknown Attribute {name}."):
        lab.queue(**{name: "1"})


@behaviour("SQS-096")
@pytest.mark.parametrize("name", RANGES)
def test_both_ends_of_a_range_are_accepted_and_nothing_beyond(lab: Lab, name: str):
    queue = lab.queue(KmsMasterKeyId="alias/aws/sqs")
    low, high = RANGES[name]
    for value in (low, high):
        queue.set(**{name: str(value)})
        assert queue.attribute(name) == str(value)
    for value in (low - 1, high + 1):
        with refused("InvalidAttributeValue"):
            queue.set(**{name: str(value)})
        with refused("InvalidAttributeValue"):
            lab.queue(**{name: str(value)})
    assert queue.attribute(name) == str(high)


@behaviour("SQS-096", "SQS-097")
@pytest.mark.parametrize("value", ["", " ", "65.2", "1e2", "abc", "0x10", "99999999999999999999", " 5"])
def test_a_number_that_is_no_plain_integer_is_refused(lab: Lab, value: str):
    with refused("InvalidAttributeValue"):
        lab.queue().set(VisibilityTimeout=value)


@behaviour("SQS-098")
@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_booleans_are_read_in_any_case_and_reported_in_lower(lab: Lab, value: str):
    queue = lab.fifo(FifoQueue=value, ContentBasedDeduplication=value)
    assert queue.attributes("FifoQueue", "ContentBasedDeduplication") == {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    queue.set(ContentBasedDeduplication="False")
    assert queue.attribute("ContentBasedDeduplication") == "false"


@behaviour("SQS-096")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContentBasedDeduplication", "yes"),
        ("DeduplicationScope", "group"),
        ("FifoThroughputLimit", "perGroup"),
        ("SqsManagedSseEnabled", "1"),
    ],
)
def test_a_word_that_is_not_among_the_choices_is_refused(lab: Lab, name: str, value: str):
    with refused("InvalidAttributeValue"):
        lab.fifo().set(**{name: value})


@behaviour("SQS-099", "SQS-110")
def test_set_changes_only_what_is_given(lab: Lab):
    queue = lab.queue(VisibilityTimeout="11", DelaySeconds="3")
    queue.set(VisibilityTimeout="12")
    assert queue.attributes("VisibilityTimeout", "DelaySeconds") == {"VisibilityTimeout": "12", "DelaySeconds": "3"}


@behaviour("SQS-099")
def test_one_bad_attribute_changes_nothing(lab: Lab):
    queue = lab.queue()
    with refused("InvalidAttributeValue"):
        queue.set(VisibilityTimeout="12", DelaySeconds="901")
    assert queue.attributes("VisibilityTimeout", "DelaySeconds") == {"VisibilityTimeout": "30", "DelaySeconds": "0"}


@behaviour("SQS-100")
@pytest.mark.parametrize("name", ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"])
def test_the_empty_string_removes_an_optional_attribute(lab: Lab, name: str):
    values = {
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": []}),
        "RedrivePolicy": redrive_policy(lab.queue(), 5),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"}),
        "KmsMasterKeyId": "alias/aws/sqs",
    }
    queue = lab.queue(**{name: values[name]})
    assert name in queue.attributes()
    queue.set(**{name: ""})
    assert name not in queue.attributes()


@behaviour("SQS-101")
@pytest.mark.parametrize("name", ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages"])
def test_a_read_only_attribute_cannot_be_set(lab: Lab, name: str):
    with refused("InvalidAttributeName"):
        lab.queue().set(**{name: "1"})


@behaviour("SQS-102")
@pytest.mark.parametrize("value", ["true", "false"])
def test_a_standard_queue_knows_no_fifo_attribute(lab: Lab, value: str):
    with refused("InvalidAttributeName", "Unknown Attribute FifoQueue."):
        lab.queue().set(FifoQueue=value)


@behaviour("SQS-103")
def test_creating_with_fifo_false_is_refused(lab: Lab):
    with refused("InvalidAttributeName", "Unknown Attribute FifoQueue."):
        lab.queue(FifoQueue="false")


@behaviour("SQS-104")
def test_a_fifo_queue_stays_one(lab: Lab):
    text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    with refused("InvalidAttributeValue", text):
        lab.fifo().set(FifoQueue="false")


@behaviour("SQS-105", "SQS-106", "SQS-107")
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ContentBasedDeduplication", "true", "Unknown Attribute ContentBasedDeduplication."),
        ("DeduplicationScope", "queue", "You can specify the DeduplicationScope only when FifoQueue is set to true."),
        ("FifoThroughputLimit", "perQueue", "You can specify the FifoThroughputLimit only when FifoQueue is set to true."),
    ],
)
def test_a_standard_queue_refuses_what_only_fifo_has(lab: Lab, name: str, value: str, text: str):
    with refused("InvalidAttributeName", text):
        lab.queue(**{name: value})
    with refused("InvalidAttributeName", text):
        lab.queue().set(**{name: value})


@behaviour("SQS-108")
def test_throughput_per_group_needs_deduplication_per_group(lab: Lab):
    answer = lab.wire.json(
        "CreateQueue",
        {"QueueName": fresh_name(".fifo"), "Attributes": {"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}},
    )
    assert answer.status == 400, answer.text
    both = lab.fifo(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    assert both.attribute("FifoThroughputLimit") == "perMessageGroupId"


@behaviour("SQS-109")
def test_deduplication_per_group_goes_with_throughput_per_queue(lab: Lab):
    for more in ({}, {"FifoThroughputLimit": "perQueue"}):
        queue = lab.fifo(DeduplicationScope="messageGroup", **more)
        assert queue.attributes("DeduplicationScope", "FifoThroughputLimit") == {
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perQueue",
        }


@behaviour("SQS-111")
def test_every_change_moves_the_time_of_the_last_change(clocked: Lab):
    queue = clocked.queue()
    created = int(queue.attribute("CreatedTimestamp"))
    assert int(queue.attribute("LastModifiedTimestamp")) == created
    clocked.advance(100)
    queue.set(VisibilityTimeout="5")
    assert 100 <= int(queue.attribute("LastModifiedTimestamp")) - created <= 130
    assert int(queue.attribute("CreatedTimestamp")) == created


@behaviour("SQS-112")
def test_json_attributes_come_back_as_the_text_that_was_set(lab: Lab):
    dead = lab.queue()
    policy = '{ "Version" : "2012-10-17",\n "Statement" : [ ] }'
    redrive = f'{{  "maxReceiveCount" : "3" , "deadLetterTargetArn":"{dead.arn}" }}'
    allow = '{"redrivePermission" :  "allowAll"}'
    queue = lab.queue(Policy=policy, RedrivePolicy=redrive, RedriveAllowPolicy=allow)
    assert queue.attributes("Policy", "RedrivePolicy", "RedriveAllowPolicy") == {
        "Policy": policy,
        "RedrivePolicy": redrive,
        "RedriveAllowPolicy": allow,
    }


@behaviour("SQS-411")
@pytest.mark.parametrize("policy", ["nonsense", "[]", "{"])
def test_a_policy_that_is_no_document_is_refused(lab: Lab, policy: str):
    with refused("InvalidAttributeValue"):
        lab.queue().set(Policy=policy)


@behaviour("SQS-113", "SQS-115")
def test_visible_in_flight_and_delayed_messages_are_counted_apart(lab: Lab):
    queue = lab.queue()
    for number in range(6):
        queue.send(str(number))
    queue.send("later", DelaySeconds=900)
    queue.send("later too", DelaySeconds=900)
    assert queue.counts() == (6, 0, 2)
    received = queue.receive(4)
    assert len(received) == 4
    assert queue.counts() == (2, 4, 2)
    queue.delete(received[0])
    queue.change(received[1], 0)
    assert queue.counts() == (3, 2, 2)


@behaviour("SQS-114", "SQS-297")
def test_blocked_messages_of_a_group_count_as_visible(lab: Lab):
    queue = lab.fifo()
    for number in range(3):
        queue.send(str(number), group="g")
    queue.receive_one()
    assert queue.counts() == (2, 1, 0)


@behaviour("SQS-072", "SQS-068")
def test_kms_period_is_reported_only_with_a_key(lab: Lab):
    queue = lab.queue(KmsMasterKeyId="alias/mine")
    assert queue.attribute("KmsDataKeyReusePeriodSeconds") == "300"
    assert "KmsDataKeyReusePeriodSeconds" not in lab.queue().attributes()
