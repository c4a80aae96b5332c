"""Reference sections 23 and 24: which messages pass a filter policy, seen from the queue behind it."""

import json
import uuid

import pytest

from harness.behaviours import behaviour
from harness.topics import Topic, Topics, text
from harness.waiting import eventually


class Filter:
    """A topic with one subscription behind a policy, and one without that tells when everything has arrived."""

    def __init__(self, topics: Topics, scope: str):
        self.topic: Topic = topics.topic()
        self.queue = topics.queue()
        self.witness = self.topic.subscribed_queue(RawMessageDelivery="true")
        self.scope = scope
        self.arn = self.topic.subscribe(self.queue, RawMessageDelivery="true", FilterPolicyScope=scope)

    def passing(self, policy: dict, messages: list) -> list:
        """Those of the messages that the policy lets pass: bodies, or values of the attribute `a` or all attributes."""
        self.topic.sns.set_subscription_attributes(
            SubscriptionArn=self.arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
        )
        numbers = {}
        for number, message in enumerate(messages):
            mark = uuid.uuid4().hex
            numbers[mark] = number
            self.publish(message, mark)
        arrived: list[str] = []

        def has_all() -> bool:
            arrived.extend(mark_of(body) for body in self.witness.drain())
            return len(arrived) == len(messages)

        eventually(has_all, "all messages")
        passed = [mark_of(body) for body in self.settled()]
        return [messages[number] for number in sorted(numbers[mark] for mark in passed)]

    def settled(self) -> list[str]:
        """What passed. The witness has its messages; one more publish that passes tells that this queue has its own."""
        self.topic.sns.set_subscription_attributes(SubscriptionArn=self.arn, AttributeName="FilterPolicy", AttributeValue="")
        self.topic.publish("end of messages")
        found: list[str] = []

        def has_end() -> bool:
            found.extend(self.queue.drain())
            return "end of messages" in found

        eventually(has_end, "the end of messages")
        eventually(lambda: self.witness.drain(), "the end of messages")
        self.topic.sns.set_subscription_attributes(
            SubscriptionArn=self.arn, AttributeName="FilterPolicyScope", AttributeValue=self.scope
        )
        found.remove("end of messages")
        return found

    def publish(self, message, mark: str):
        """Publishes a body with a mark, or attributes with the mark as their body."""
        if self.scope == "MessageBody":
            body = json.dumps(message | {"mark": mark}) if isinstance(message, dict) else f"{message}{mark}"
            self.topic.publish(body)
        else:
            attributes = message if isinstance(message, dict) and all(isinstance(v, dict) for v in message.values()) else {"a": message}
            self.topic.publish(mark, MessageAttributes=attributes)


def mark_of(body: str) -> str:
    """The mark of a message."""
    return json.loads(body)["mark"] if body.startswith("{") else body


@pytest.fixture(scope="module")
def by_attributes(topics: Topics) -> Filter:
    """A filter on attributes."""
    return Filter(topics, "MessageAttributes")


@pytest.fixture(scope="module")
def by_body(topics: Topics) -> Filter:
    """A filter on the body."""
    return Filter(topics, "MessageBody")


def number(value: str) -> dict:
    return text(value, "Number")


def array(*values) -> dict:
    return text(json.dumps(values), "String.Array")


def attributes(**values: str) -> dict:
    return {name: text(value) for name, value in values.items()}


ATTRIBUTE_CASES = [
    # Policy values of the attribute `a`, what passes, what does not.
    pytest.param(["Rugby"], [text("Rugby")], [text("rugby"), text("Rugby ")], marks=behaviour("SNS-289")),
    pytest.param([99], [number("99"), number("99.0"), number("9.9e1")], [number("99.00001"), number("98")], marks=behaviour("SNS-292", "SNS-160")),
    pytest.param(
        [{"numeric": [">", 0, "<=", 100]}],
        [number("99.12"), number("100"), number("0.00001")],
        [number("111"), number("0"), number("100.00001"), number("-1")],
        marks=behaviour("SNS-293", "SNS-160"),
    ),
    pytest.param(
        [{"numeric": ["=", 1000000000]}, {"numeric": ["<", -999999999.99999]}],
        [number("1000000000"), number("-1000000000")],
        [number("999999999.99999"), number("-999999999.99998")],
        marks=behaviour("SNS-160", "SNS-274"),
    ),
    pytest.param([99, "seven"], [number("99"), text("seven")], [text("99"), number("7")], marks=behaviour("SNS-294")),
    pytest.param(
        ["x", 7, True, None],
        [array("y", "x"), array(7), array(False, True), array(None)],
        [array("7"), array(False), array(), array(8)],
        marks=behaviour("SNS-159", "SNS-290", "SNS-295"),
    ),
    pytest.param([{"prefix": "bas"}], [text("baseball"), array("x", "basic")], [text("xbas"), number("7")], marks=behaviour("SNS-296")),
    pytest.param([{"suffix": "ball"}], [text("baseball"), array("ball", "x")], [text("balls")], marks=behaviour("SNS-296")),
    pytest.param([{"equals-ignore-case": "TENNIS"}], [text("tennis"), array("TenNis")], [text("tenniss")], marks=behaviour("SNS-296")),
    pytest.param(
        [{"wildcard": "a*b"}],
        [text("ab"), text("axxb"), array("x", "a-b")],
        [text("abc"), text("A-b"), number("1")],
        marks=behaviour("SNS-296", "SNS-303"),
    ),
    pytest.param([{"wildcard": "a\\*b*"}], [text("a*b"), text("a*bc")], [text("axb")], marks=behaviour("SNS-303")),
    pytest.param(
        [{"cidr": "10.0.0.0/24"}, {"cidr": "2001:db8:1234:1a00::/64"}],
        [text("10.0.0.255"), array("x", "10.0.0.0"), text("2001:0db8:1234:1a00:0000:0000:0000:0000"), text("2001:db8:1234:1a00::1")],
        [text("10.0.0.256"), text("10.0.1.0"), text("10"), text("2001:db8:1234:1a01::")],
        marks=behaviour("SNS-296", "SNS-304", "SNS-305"),
    ),
    pytest.param(
        [{"anything-but": ["rugby", "tennis"]}],
        [text("golf"), array("rugby", "baseball")],
        [text("rugby"), array("rugby"), array("tennis", "rugby"), attributes(b="golf")],
        marks=behaviour("SNS-283", "SNS-297", "SNS-298"),
    ),
    pytest.param([{"anything-but": [100, 500]}], [number("101"), text("x")], [number("100"), number("500.0")], marks=behaviour("SNS-283", "SNS-297")),
    pytest.param([{"anything-but": {"prefix": "order-"}}], [text("return-1")], [text("order-1")], marks=behaviour("SNS-283", "SNS-297")),
    pytest.param([{"anything-but": {"suffix": "-x"}}], [text("a-y")], [text("a-x")], marks=behaviour("SNS-283", "SNS-284")),
    pytest.param([{"anything-but": {"wildcard": "*.bak"}}], [text("a.txt")], [text("a.bak")], marks=behaviour("SNS-283", "SNS-284")),
    pytest.param([None, {"anything-but": "x"}], [text("y")], [text("x"), attributes(b="y")], marks=behaviour("SNS-299")),
    pytest.param([{"exists": True}], [text("x"), number("1")], [attributes(b="x"), {"a": {"DataType": "Binary", "BinaryValue": b"x"}}], marks=behaviour("SNS-300", "SNS-288")),
    pytest.param([{"exists": False}], [attributes(b="x")], [text("x"), {}], marks=behaviour("SNS-301", "SNS-302")),
    pytest.param(['a\\"b'], [text('a"b')], [text("ab")], marks=behaviour("SNS-307")),
    pytest.param(['a"b'], [], [text('a"b')], marks=behaviour("SNS-307")),
    pytest.param(["a\\\\b"], [text("a\\b")], [text("ab")], marks=behaviour("SNS-307")),
]


@pytest.mark.parametrize(("values", "yes", "no"), ATTRIBUTE_CASES)
def test_attributes_pass_or_not(by_attributes: Filter, values: list, yes: list, no: list):
    assert by_attributes.passing({"a": values}, yes + no) == yes


@behaviour("SNS-306", "SNS-262")
def test_one_part_of_or_must_match(by_attributes: Filter):
    policy = {"s": ["x"], "$or": [{"a": ["1"]}, {"b": ["2"], "c": ["3"]}]}
    yes = [attributes(s="x", a="1"), attributes(s="x", b="2", c="3")]
    no = [attributes(s="x", b="2"), attributes(a="1"), attributes(s="y", a="1")]
    assert by_attributes.passing(policy, yes + no) == yes


RECORDS = {"Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}}
OR = {
    "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}],
    "detail": {"scope": ["Service"], "$or": [{"source": ["aws.cloudwatch"]}, {"type": ["CloudWatch Alarm State Change"]}]},
}


def record(name: str, key) -> dict:
    return {"eventName": name, "s3": {"object": key}}


BODY_CASES = [
    # Policy, bodies that pass, bodies that do not.
    pytest.param({"a": ["300"]}, [{"a": "300"}], [{"a": 300}, {"a": "300 "}, {"a": None}], marks=behaviour("SNS-310")),
    pytest.param({"a": [300]}, [{"a": 300}, {"a": 300.0}], [{"a": "300"}, {"a": 301}], marks=behaviour("SNS-310")),
    pytest.param({"a": [True]}, [{"a": True}], [{"a": False}, {"a": "true"}, {"a": 1}], marks=behaviour("SNS-310")),
    pytest.param({"a": [None]}, [{"a": None}], [{"a": ""}, {}, {"a": []}], marks=behaviour("SNS-310")),
    pytest.param(
        RECORDS,
        [
            {"Records": [record("ObjectCreated:Put", {"key": "auto-x"})]},
            {"Records": [record("no", {"key": "no"}), record("ObjectCreated:Put", {"key": "auto-x"})]},
            {"Records": [record("ObjectCreated:Put", [[{"key": "auto-x"}]])]},
        ],
        [
            {"Records": [record("ObjectCreated:Put", {"key": "x"}), record("no", {"key": "auto-x"})]},
            {"Records": []},
        ],
        marks=behaviour("SNS-312", "SNS-313", "SNS-314"),
    ),
    pytest.param(
        {"a.b.c": ["x"]},
        [{"a": {"b": {"c": "x"}}}, {"a.b.c": "x"}, {"a.b": {"c": "x"}}, {"a": {"b.c": "x"}}],
        [{"a": {"b": {"c": "y"}}}, {"c": "x"}],
        marks=behaviour("SNS-315"),
    ),
    pytest.param({"a": {"b": [{"exists": True}]}}, [{"a": {"b": 1}}, {"a": {"b": ["x"]}}], [{"a": {"b": {"c": 1}}}, {"a": {}}, {"a": {"b": []}}], marks=behaviour("SNS-316")),
    pytest.param({"a": [{"exists": True}]}, [{"a": 0}, {"a": False}], [{"a": None}, {"a": ""}, {}], marks=behaviour("SNS-317")),
    pytest.param({"a": [{"exists": False}], "b": ["x"]}, [{"b": "x"}], [{"b": "y"}, {"a": 1, "b": "x"}, {}], marks=behaviour("SNS-318")),
    pytest.param({"a": [{"exists": False}]}, [{"a": []}, {}], [{"a": ["x"]}], marks=behaviour("SNS-319")),
    pytest.param({"a": [{"anything-but": "x"}]}, [{"a": "y"}], [{"a": []}, {}], marks=behaviour("SNS-319", "SNS-297")),
    pytest.param({"a": [""]}, [{"a": ""}], [{"a": " "}, {"a": None}], marks=behaviour("SNS-320")),
    pytest.param({"a": ["x"]}, [{"a": "x", "other": [[{"deep": [{"er": None}]}], {}]}], [{"b": {"a": "x"}}], marks=behaviour("SNS-321")),
    pytest.param(
        {"a": {"$or": [{"b": ["x"]}, {"c": ["y"]}], "d": ["z"]}},
        [{"a": {"b": "x", "d": "z"}}, {"a": {"c": "y", "d": "z"}}],
        [{"b": "x", "a": {"d": "z"}}, {"a": {"b": "x"}}],
        marks=behaviour("SNS-322"),
    ),
    pytest.param(
        OR,
        [
            {"metricName": "ReadLatency", "detail": {"scope": "Service", "source": "aws.cloudwatch"}},
            {"namespace": "AWS/ES", "detail": {"scope": "Service", "type": "CloudWatch Alarm State Change"}},
        ],
        [
            {"detail": {"scope": "Service", "source": "aws.cloudwatch"}},
            {"namespace": "AWS/ES", "detail": {"scope": "Service"}},
            {"namespace": "AWS/ES", "detail": {"source": "aws.cloudwatch"}},
        ],
        marks=behaviour("SNS-323"),
    ),
    pytest.param(
        {"a": [{"numeric": [">=", 0.1, "<", 5]}, {"wildcard": "a*z"}, {"cidr": "10.0.0.0/8"}, {"equals-ignore-case": "YES"}]},
        [{"a": 0.1}, {"a": 4.99999}, {"a": "a-z"}, {"a": "10.255.0.1"}, {"a": ["no", "yes"]}],
        [{"a": 5}, {"a": 0.09999}, {"a": "za"}, {"a": "11.0.0.1"}, {"a": ["no"]}],
        marks=behaviour("SNS-311", "SNS-303"),
    ),
]


@pytest.mark.parametrize(("policy", "yes", "no"), BODY_CASES)
def test_bodies_pass_or_not(by_body: Filter, policy: dict, yes: list, no: list):
    assert by_body.passing(policy, yes + no) == yes
