"""Reference sections 6, 7, 9 and 10: subscriptions and their attributes."""

import http.client
import json
import re
import threading
import urllib.parse

import pytest

from harness.behaviours import behaviour
from harness.lab import fresh_name, refused
from harness.topics import INVALID, Topics, messages
from harness.wire import FORM_TYPE, credential


@behaviour("SNS-002", "SNS-069", "SNS-059")
def test_a_subscription_has_the_arn_of_its_topic_and_an_id(topics: Topics):
    topic = topics.topic()
    arn = topic.subscribe("arn:aws:sqs:us-east-1:000000000000:nobody-made-me")
    assert re.fullmatch(re.escape(topic.arn) + r":[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", arn)


@behaviour("SNS-056")
def test_other_protocols_are_refused(topics: Topics):
    with refused(INVALID, "Invalid parameter: Amazon SNS does not support this protocol string: pigeon"):
        topics.sns.subscribe(TopicArn=topics.topic().arn, Protocol="pigeon", Endpoint="x")


@behaviour("SNS-057")
def test_a_missing_topic_cannot_be_subscribed(topics: Topics):
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.subscribe(TopicArn=topics.missing(), Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")


@behaviour("SNS-058")
@pytest.mark.parametrize("endpoint", ["http://localhost/000000000000/q", "q", "arn:aws:sns:us-east-1:000000000000:q"])
def test_an_sqs_endpoint_is_a_queue_arn(topics: Topics, endpoint: str):
    with refused(INVALID, "Invalid parameter: SQS endpoint ARN"):
        topics.topic().subscribe(endpoint)


@behaviour("SNS-060", "SNS-063", "SNS-064")
def test_endpoints_of_absent_protocols_are_still_checked(topics: Topics):
    arn = topics.topic().arn
    with refused(INVALID, "Invalid parameter: Endpoint must match the specified protocol"):
        topics.sns.subscribe(TopicArn=arn, Protocol="http", Endpoint="https://localhost/")
    for number in ("+15--551234567", "/1555", "1555."):
        with refused(INVALID, f"Invalid parameter: Invalid SMS endpoint: {number}"):
            topics.sns.subscribe(TopicArn=arn, Protocol="sms", Endpoint=number)
    with refused("NotImplemented", status=501):
        topics.sns.subscribe(
            TopicArn=arn,
            Protocol="firehose",
            Endpoint="arn:aws:firehose:us-east-1:000000000000:deliverystream/s",
            Attributes={"SubscriptionRoleArn": "arn:aws:iam::000000000000:role/r"},
        )


@behaviour("SNS-066", "SNS-067")
def test_fifo_queues_need_fifo_topics(topics: Topics):
    text = "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
    with refused(INVALID, text):
        topics.topic().subscribe("arn:aws:sqs:us-east-1:000000000000:q.fifo")
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    fifo.subscribe("arn:aws:sqs:us-east-1:000000000000:q.fifo")
    fifo.subscribe("arn:aws:sqs:us-east-1:000000000000:q")


@behaviour("SNS-068", "SNS-358")
def test_fifo_topics_deliver_to_queues_only(topics: Topics):
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    with refused(INVALID):
        topics.sns.subscribe(TopicArn=fifo.arn, Protocol="http", Endpoint="http://localhost/")


@behaviour("SNS-071", "SNS-072")
def test_subscribing_again_returns_the_subscription(topics: Topics):
    topic, queue = topics.topic(), topics.queue()
    arn = topic.subscribe(queue, RawMessageDelivery="true", FilterPolicy='{"a":["b"]}')
    assert topic.subscribe(queue) == arn
    assert topic.subscribe(queue, RawMessageDelivery="true") == arn
    assert topic.subscribe(queue, RawMessageDelivery="true", FilterPolicy='{ "a": ["b"] }') == arn
    assert len(topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]) == 1


@behaviour("SNS-073")
@pytest.mark.parametrize("attributes", [{"RawMessageDelivery": "true"}, {"FilterPolicy": '{"a":["b"]}'}])
def test_subscribing_again_with_other_attributes_is_refused(topics: Topics, attributes: dict):
    topic, queue = topics.topic(), topics.queue()
    topic.subscribe(queue)
    with refused(INVALID, "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"):
        topic.subscribe(queue, **attributes)


@behaviour("SNS-071")
def test_of_many_at_once_one_subscription_remains(topics: Topics):
    topic, queue = topics.topic(), topics.queue()
    arns = []
    threads = [threading.Thread(target=lambda: arns.append(topic.subscribe(queue))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(arns) == 12 and len(set(arns)) == 1


@behaviour("SNS-076", "SNS-077", "SNS-078", "SNS-079", "SNS-105")
def test_a_new_subscription_has_these_attributes(topics: Topics):
    topic, queue = topics.topic(), topics.queue()
    arn = topic.subscribe(queue)
    assert topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"] == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": queue.arn,
        "Owner": "000000000000",
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "TopicArn": topic.arn,
    }
    assert topic.attributes()["SubscriptionsConfirmed"] == "1"


def attributes(topics: Topics, arn: str) -> dict:
    return topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


def put(topics: Topics, arn: str, name: str, value: str):
    topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)


@behaviour("SNS-080", "SNS-081", "SNS-279")
def test_the_scope_is_shown_beside_a_policy(topics: Topics):
    arn = topics.topic().subscribe(topics.queue())
    put(topics, arn, "FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in attributes(topics, arn)
    put(topics, arn, "FilterPolicy", '{ "a": {"b": ["c"]} }')
    now = attributes(topics, arn)
    assert (now["FilterPolicyScope"], now["FilterPolicy"]) == ("MessageBody", '{ "a": {"b": ["c"]} }')
    put(topics, arn, "FilterPolicy", "")
    assert not {"FilterPolicy", "FilterPolicyScope"} & set(attributes(topics, arn))
    put(topics, arn, "FilterPolicy", '{"a":["b"]}')
    assert attributes(topics, arn)["FilterPolicyScope"] == "MessageAttributes"


@behaviour("SNS-081")
def test_a_policy_without_keys_is_none(topics: Topics):
    """Infrastructure tools send `{}` to take a policy away, and must not find it again."""
    topic, queue = topics.topic(), topics.queue()
    arn = topic.subscribe(queue, FilterPolicy='{"a":["b"]}')
    for nothing in ("{}", " { } "):
        put(topics, arn, "FilterPolicy", '{"a":["b"]}')
        put(topics, arn, "FilterPolicy", nothing)
        assert not {"FilterPolicy", "FilterPolicyScope"} & set(attributes(topics, arn))
    assert "FilterPolicy" not in attributes(topics, topic.subscribe(topics.queue(), FilterPolicy="{}"))
    topic.publish("passes")
    assert messages(queue) == ["passes"]


@behaviour("SNS-082")
def test_a_missing_subscription_has_no_attributes(topics: Topics):
    arn = f"{topics.topic().arn}:00000000-0000-4000-8000-000000000000"
    with refused("NotFound", "Subscription does not exist", 404):
        attributes(topics, arn)
    with refused("NotFound", "Subscription does not exist", 404):
        put(topics, arn, "RawMessageDelivery", "true")


@behaviour("SNS-083", "SNS-084", "SNS-085", "SNS-086", "SNS-087")
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Owner", "x", "AttributeName"),
        ("Nonsense", "x", "AttributeName"),
        ("RawMessageDelivery", "yes", "RawMessageDelivery: Invalid value [yes]. Must be true or false."),
        ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
        (
            "FilterPolicyScope",
            "x",
            "FilterPolicyScope: Invalid value [x]. Please use either MessageBody or MessageAttributes",
        ),
        ("RedrivePolicy", '{"deadLetterTargetArn":"x"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("RedrivePolicy", "x", "RedrivePolicy: failed to parse JSON. "),
    ],
)
def test_bad_attributes_are_named(topics: Topics, name: str, value: str, text: str):
    arn = topics.topic().subscribe(topics.queue())
    with pytest.raises(topics.sns.exceptions.InvalidParameterException) as caught:
        put(topics, arn, name, value)
    assert caught.value.response["Error"]["Message"].startswith(f"Invalid parameter: {text}")


@behaviour("SNS-074")
def test_attributes_of_a_new_subscription_are_checked_alike(topics: Topics):
    text = "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [x]. Must be true or false."
    with refused(INVALID, text):
        topics.topic().subscribe(topics.queue(), RawMessageDelivery="x")


@behaviour("SNS-344", "SNS-345")
def test_the_dead_letter_queue_has_the_kind_of_the_subscription(topics: Topics):
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    arn = fifo.subscribe("arn:aws:sqs:us-east-1:000000000000:q.fifo")
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}
    text = "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
    with refused(INVALID, text):
        put(topics, arn, "RedrivePolicy", json.dumps(policy))
    standard = topics.topic().subscribe(topics.queue())
    with refused(INVALID):
        put(topics, standard, "RedrivePolicy", json.dumps({"deadLetterTargetArn": policy["deadLetterTargetArn"] + ".fifo"}))
    put(topics, standard, "RedrivePolicy", json.dumps(policy))
    assert json.loads(attributes(topics, standard)["RedrivePolicy"]) == policy
    put(topics, standard, "RedrivePolicy", "")
    assert "RedrivePolicy" not in attributes(topics, standard)


@behaviour("SNS-108", "SNS-109")
def test_unsubscribing_ends_deliveries_and_can_be_repeated(topics: Topics):
    topic, queue = topics.topic(), topics.queue()
    arn = topic.subscribe(queue)
    topics.sns.unsubscribe(SubscriptionArn=arn)
    topics.sns.unsubscribe(SubscriptionArn=arn)
    topics.sns.unsubscribe(SubscriptionArn=f"{topic.arn}:00000000-0000-4000-8000-000000000000")
    topic.publish()
    assert messages(queue) == []
    assert topic.subscribe(queue) != arn


@behaviour("SNS-110", "SNS-111", "SNS-112")
def test_the_arn_to_unsubscribe_is_checked(topics: Topics):
    with refused(INVALID, "Invalid parameter: SubscriptionArn Reason: no value for required parameter"):
        topics.sns.unsubscribe()
    with refused(INVALID, "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"):
        topics.sns.unsubscribe(SubscriptionArn="text")
    with refused(INVALID, "Invalid parameter: SubscriptionId"):
        topics.sns.unsubscribe(SubscriptionArn=topics.topic().arn)


@behaviour("SNS-059")
def test_many_may_subscribe_at_once(topics: Topics):
    """Each is written on the condition that its topic is as it was read; nobody loses that race for ever."""
    topic = topics.topic()
    headers = credential(service="sns") | {"Content-Type": FORM_TYPE}
    asked = []
    for number in range(200):
        endpoint = f"arn:aws:sqs:us-east-1:000000000000:at-once-{number}"
        form = {"Action": "Subscribe", "Version": "2010-03-31", "TopicArn": topic.arn, "Protocol": "sqs", "Endpoint": endpoint}
        connection = http.client.HTTPConnection(topics.lab.server.host, timeout=60)
        connection.request("POST", "/", urllib.parse.urlencode(form), headers)
        asked.append(connection)
    answers = [connection.getresponse().status for connection in asked]
    assert answers == [200] * len(asked)
    for connection in asked:
        connection.close()


@behaviour("SNS-118", "SNS-119", "SNS-120")
def test_lists_come_in_pages_of_100(topics: Topics):
    topic = topics.topic()
    endpoints = {f"arn:aws:sqs:us-east-1:000000000000:list-{number}" for number in range(103)}
    for endpoint in endpoints:
        topic.subscribe(endpoint)
    first = topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)
    assert len(first["Subscriptions"]) == 100
    rest = topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn, NextToken=first["NextToken"])
    assert "NextToken" not in rest
    listed = first["Subscriptions"] + rest["Subscriptions"]
    assert {entry["Endpoint"] for entry in listed} == endpoints
    assert set(listed[0]) == {"SubscriptionArn", "Owner", "Protocol", "Endpoint", "TopicArn"}
    pages = topics.sns.get_paginator("list_subscriptions").paginate()
    everywhere = {entry["SubscriptionArn"] for page in pages for entry in page["Subscriptions"]}
    assert {entry["SubscriptionArn"] for entry in listed} <= everywhere


@behaviour("SNS-121")
def test_the_topic_of_a_list_is_in_the_region(topics: Topics):
    with refused(INVALID, "Invalid parameter: TopicArn"):
        topics.sns.list_subscriptions_by_topic(TopicArn="arn:aws:sns:eu-west-1:000000000000:t")
