"""Reference sections 22 to 24: filter policies decide who hears of a message. Their language has tests in crates/pattern."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.topics import INVALID, Topics, messages, text


@behaviour("SNS-261", "SNS-262", "SNS-286", "SNS-287", "SNS-288", "SNS-302", "SNS-356")
def test_attributes_decide(topics: Topics):
    topic = topics.topic()
    everything = topic.subscribed_queue()
    some = topic.subscribed_queue(FilterPolicy=json.dumps({"store": ["a"], "price": [{"numeric": [">", 10]}]}))
    both = {"store": text("a"), "price": text("11", "Number")}
    topic.publish("yes", MessageAttributes=both)
    topic.publish("cheap", MessageAttributes=both | {"price": text("10", "Number")})
    topic.publish("other store", MessageAttributes=both | {"store": text("b")})
    topic.publish("binary", MessageAttributes=both | {"store": {"DataType": "Binary", "BinaryValue": b"a"}})
    topic.publish("none")
    assert len(messages(everything)) == 5
    assert messages(some) == ["yes"]


@behaviour("SNS-300", "SNS-301", "SNS-290", "SNS-291", "SNS-295")
def test_presence_and_arrays(topics: Topics):
    topic = topics.topic()
    absent = topic.subscribed_queue(FilterPolicy='{"a":[{"exists":false}]}')
    listed = topic.subscribed_queue(FilterPolicy='{"list":["x",true]}')
    topic.publish("nothing")
    topic.publish("b", MessageAttributes={"b": text("v")})
    topic.publish("array", MessageAttributes={"a": text("v"), "list": text('["y","x"]', "String.Array")})
    topic.publish("broken", MessageAttributes={"a": text("v"), "list": text("[x", "String.Array")})
    topic.publish("true", MessageAttributes={"a": text("v"), "list": text("[true]", "String.Array")})
    assert messages(absent) == ["b"]
    assert messages(listed) == ["array", "true"]


@behaviour("SNS-308", "SNS-309", "SNS-311", "SNS-312", "SNS-324", "SNS-325")
def test_the_body_decides(topics: Topics):
    topic = topics.topic()
    policy = json.dumps({"order": {"lines": {"sku": ["s1"], "count": [{"numeric": [">=", 2]}]}}})
    queue = topic.subscribed_queue(FilterPolicy=policy, FilterPolicyScope="MessageBody", RawMessageDelivery="true")

    def order(*lines: tuple[str, int]) -> str:
        return json.dumps({"order": {"lines": [{"sku": sku, "count": count} for sku, count in lines]}})

    yes = order(("s2", 1), ("s1", 2))
    topic.publish(yes)
    topic.publish(order(("s1", 1), ("s2", 2)))
    topic.publish("text")
    topic.publish("[1]")
    topic.publish(json.dumps({"default": "text", "sqs": yes}), MessageStructure="json")
    assert queue.bodies() == [yes, yes]


@behaviour("SNS-277", "SNS-278")
def test_nested_policies_need_the_scope(topics: Topics):
    topic = topics.topic()
    nested = '{"a":{"b":["c"]}}'
    arn = topic.subscribe(topics.queue())
    expected = "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy"
    with refused(INVALID, expected):
        topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=nested)
    topic.subscribe(topics.queue(), FilterPolicy=nested, FilterPolicyScope="MessageBody")


@behaviour("SNS-281", "SNS-282")
@pytest.mark.parametrize(
    ("policy", "first_line"),
    [
        ('{"key":[]}', "Empty arrays are not allowed"),
        ('{"key":[{"x":true}]}', "Unrecognized match type x"),
        ('{"key":[{"cidr":"bad-filter"}]}', "Malformed CIDR, one '/' required"),
        ('{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}', "Filter policy can not have more than 5 keys"),
        (json.dumps({"key": list(range(151))}), "Filter policy is too complex"),
    ],
)
def test_bad_policies_are_explained(topics: Topics, policy: str, first_line: str):
    topic = topics.topic()
    arn = topic.subscribe(topics.queue())
    with pytest.raises(topics.sns.exceptions.InvalidParameterException) as set_later:
        topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)
    with pytest.raises(topics.sns.exceptions.InvalidParameterException) as set_at_once:
        topic.subscribe(topics.queue(), FilterPolicy=policy)
    later, at_once = (caught.value.response["Error"]["Message"].split("\n")[0] for caught in (set_later, set_at_once))
    assert later == f"Invalid parameter: FilterPolicy: {first_line}"
    assert at_once == f"Invalid parameter: Attributes Reason: FilterPolicy: {first_line}"


@behaviour("SNS-141", "SNS-081")
def test_a_changed_policy_holds_for_the_next_message(topics: Topics):
    topic, queue = topics.topic(), topics.queue()
    arn = topic.subscribe(queue, FilterPolicy='{"a":["1"]}')
    one, two = {"a": text("1")}, {"a": text("2")}

    def put(policy: str):
        topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy)

    topic.publish("first", MessageAttributes=one)
    put('{"a":["2"]}')
    topic.publish("not", MessageAttributes=one)
    topic.publish("second", MessageAttributes=two)
    put("")
    topic.publish("third", MessageAttributes=one)
    assert messages(queue) == ["first", "second", "third"]
