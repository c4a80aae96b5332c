"""Reference section 22: which filter policies can be set, and the words that refuse the others."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused
from harness.topics import INVALID, Topic, Topics

BODY = {"FilterPolicyScope": "MessageBody"}
TOO_COMPLEX = "Filter policy is too complex"


@pytest.fixture(scope="module")
def subscription(topics: Topics) -> "Subscription":
    """A subscription whose policy is set again and again."""
    return Subscription(topics.topic())


class Subscription:
    """A subscription that filters on the body, where every policy is allowed that is allowed at all."""

    def __init__(self, topic: Topic):
        self.sns = topic.sns
        self.arn = topic.subscribe(topic.topics.queue(), **BODY)

    def put(self, policy: dict | str):
        """Sets a filter policy."""
        text = policy if isinstance(policy, str) else json.dumps(policy)
        self.sns.set_subscription_attributes(
            SubscriptionArn=self.arn, AttributeName="FilterPolicy", AttributeValue=text
        )

    def policy(self) -> str:
        """The policy that is set."""
        return self.sns.get_subscription_attributes(SubscriptionArn=self.arn)["Attributes"]["FilterPolicy"]

    def fault(self, policy: dict | str) -> str:
        """What is wrong with a policy, in its first line and without what stands before it."""
        with pytest.raises(self.sns.exceptions.InvalidParameterException) as caught:
            self.put(policy)
        first_line = caught.value.response["Error"]["Message"].split("\n")[0]
        prefix = "Invalid parameter: FilterPolicy: "
        assert first_line.startswith(prefix), first_line
        return first_line.removeprefix(prefix)


def accepted(subscription: Subscription, *policies: dict):
    """All of these can be set, and are returned as they were set."""
    for policy in policies:
        subscription.put(policy)
        assert json.loads(subscription.policy()) == policy


@behaviour("SNS-263", "SNS-264", "SNS-266", "SNS-265", "SNS-283", "SNS-284", "SNS-285", "SNS-279")
def test_everything_of_the_language_is_accepted(subscription: Subscription):
    operators = [
        {"anything-but": "a"},
        {"anything-but": 7},
        {"anything-but": ["a", "b"]},
        {"anything-but": [1, 2]},
        {"anything-but": {"prefix": "a"}},
        {"anything-but": {"suffix": "a"}},
        {"anything-but": {"wildcard": "a*b"}},
        {"prefix": "a"},
        {"suffix": "a"},
        {"equals-ignore-case": "a"},
        {"wildcard": "a*b"},
        {"cidr": "10.0.0.0/24"},
        {"exists": True},
        {"exists": False},
    ]
    operators += [{"numeric": [sign, 1]} for sign in ("=", "<", "<=", ">", ">=")]
    operators += [{"numeric": [low, 1, high, 2]} for low in (">", ">=") for high in ("<", "<=")]
    accepted(
        subscription,
        {"a": ["text", 1, -1.5, True, False, None]},
        {"a": operators},
        {"a": {"b": {"c": ["x"]}}},
        {"$or": [{"a": ["x"]}, {"b": ["y"]}]},
        {"a": {"$or": [{"b": ["x"]}, {"c": {"d": ["y"]}}]}},
    )


@behaviour("SNS-263", "SNS-264", "SNS-266")
@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"a": "x"}, '"a" must be an object or an array'),
        ({"a": 7}, '"a" must be an object or an array'),
        ({"a": {"b": "x"}}, '"b" must be an object or an array'),
        ({"a": [["x"]]}, "Match value must be String, number, true, false, or null"),
        ({"a": [{"suffix": "a", "prefix": "b"}]}, "Only one key allowed in match expression"),
        ({"a": [{"near": "x"}]}, "Unrecognized match type near"),
        ({"$or": {"a": ["x"]}}, "It must be an Array followed with $or."),
        ({"$or": ["a", "b"]}, "Only JSON object is allowed in array of $or relationship."),
        ({"$or": [{"a": ["x"]}]}, "There must have at least 2 Objects in $or relationship."),
    ],
)
def test_everything_else_is_refused(subscription: Subscription, policy: dict, text: str):
    assert subscription.fault(policy) == text


@behaviour("SNS-283", "SNS-285", "SNS-281")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"suffix": 100}, "suffix match pattern must be a string"),
        ({"prefix": None}, "prefix match pattern must be a string"),
        ({"cidr": ["a"]}, "prefix match pattern must be a string"),
        ({"cidr": "bad-filter/64"}, "Nonstandard IP address: bad-filter"),
        ({"cidr": "bad-/64filter"}, "Malformed CIDR, mask bits must be an integer"),
        ({"numeric": []}, "Invalid member in numeric match: ]"),
        ({"numeric": ["op"]}, "Unrecognized numeric range operator: op"),
        ({"numeric": [1, "<="]}, "Invalid member in numeric match: 1"),
        ({"numeric": ["=", "000"]}, "Value of equals must be numeric"),
        ({"numeric": [">="]}, "Value of >= must be numeric"),
        ({"numeric": ["<", 100, ">", 10]}, "Too many elements in numeric expression"),
        ({"numeric": [">=", 1, ">", 2]}, "Bad numeric range operator: >"),
        ({"numeric": [">", 3, "<", 1]}, "Bottom must be less than top"),
        ({"numeric": [">", 20, "<="]}, "Value of <= must be numeric"),
        ({"numeric": [">", 20, 30]}, "Bad value in numeric range: 30"),
        ({"numeric": [">", 20, "test"]}, "Bad numeric range operator: test"),
        ({"numeric": [">", "20", "<", "30"]}, "Value of > must be numeric"),
        ({"numeric": [">", 20, "<", "30"]}, "Value of < must be numeric"),
        ({"numeric": [">", 20, "<", 30, "<", 50]}, "Too many terms in numeric range expression"),
        ({"exists": "no"}, "exists match pattern must be either true or false."),
        ({"exists": None}, "exists match pattern must be either true or false."),
        ({"anything-but": {"exists": False}}, "Unsupported anything-but pattern: exists"),
        ({"anything-but": {"x": None}}, "Unsupported anything-but pattern: x"),
        ({"anything-but": {"prefix": False}}, "prefix match pattern must be a string"),
    ],
)
def test_operators_are_explained(subscription: Subscription, value: dict, text: str):
    assert subscription.fault({"key": [value]}) == text


@behaviour("SNS-281", "SNS-282")
@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (
            "{invalidjson}",
            "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name",
        ),
        (
            "invalid",
            "failed to parse JSON. Unrecognized token 'invalid': was expecting"
            " (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        ("[]", "Filter is not an object"),
        ('{"a":["x"]', None),
        ('{"a":["x"]} x', None),
    ],
)
def test_what_is_no_json_is_explained(subscription: Subscription, policy: str, text: str | None):
    fault = subscription.fault(policy)
    assert fault == text or text is None


@behaviour("SNS-267", "SNS-268")
def test_a_policy_has_five_leaf_keys(subscription: Subscription):
    nested = {"a": {"b": ["1"], "c": ["1"], "d": ["1"]}, "e": {"f": {"g": ["1"]}}, "h": ["1"]}
    accepted(subscription, {key: ["1"] for key in "abcde"}, nested)
    six = "Filter policy can not have more than 5 keys"
    assert subscription.fault({key: ["1"] for key in "abcdef"}) == six
    assert subscription.fault(nested | {"i": ["1"]}) == six


def values(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@behaviour("SNS-269", "SNS-270", "SNS-271")
def test_complexity_is_a_product(subscription: Subscription):
    def nested(deep: int, flat: int) -> dict:
        return {"key_a": {"key_b": {"key_c": values(deep)}}, "key_d": {"key_e": values(flat)}}

    def either(one: int, other: int) -> dict:
        return {"k": values(2), "$or": [{"a": values(one)}, {"b": values(other)}]}

    accepted(
        subscription,
        {"a": values(3), "b": values(1), "c": values(2)},
        {"a": values(10), "b": values(15)},
        {"a": values(150)},
        nested(4, 3),
        nested(5, 5),
        either(30, 45),
    )
    for policy in (
        {"a": values(151)},
        {"a": values(10), "b": values(16)},
        nested(6, 5),
        either(30, 46),
    ):
        assert subscription.fault(policy) == TOO_COMPLEX


@behaviour("SNS-272")
def test_a_policy_has_256_kilobytes(subscription: Subscription):
    frame = len(json.dumps({"a": [""]}))
    accepted(subscription, {"a": ["x" * (256_000 - frame)]})
    assert subscription.fault({"a": ["x" * (256_000 - frame + 1)]}) == TOO_COMPLEX


@behaviour("SNS-274")
def test_numbers_have_a_range(subscription: Subscription):
    accepted(subscription, {"a": [1000000000, -1000000000, 0.00001, {"numeric": ["<", 999999999.99999]}]})
    for bad in (1000000001, -1000000001, {"numeric": [">", 1e10]}):
        assert subscription.fault({"a": [bad]}).startswith("Value must be between")


@behaviour("SNS-275", "SNS-276")
def test_wildcards_cost_points(subscription: Subscription):
    def wildcards(*texts: str) -> list[dict]:
        return [{"wildcard": text} for text in texts]

    several = [f"*{number}*" for number in range(5)]
    accepted(
        subscription,
        {"a": wildcards("*x*y*")},
        {"a": wildcards(*(f"{number}*" for number in range(10)))},  # 10 points times 10 patterns.
        {"a": wildcards(*several[:4])},  # Four times 6 points, times 4 patterns.
        {"a": wildcards(*several[:2]), "b": wildcards(*several[:3])},  # 24 and 54.
    )
    for policy in (
        {"a": wildcards("*x*y*z*")},
        {"a": wildcards(*(f"{number}*" for number in range(11)))},
        {"a": wildcards(*several)},
        {"a": wildcards(*several[:3]), "b": wildcards(*several[:3])},
    ):
        assert subscription.fault(policy) == TOO_COMPLEX


@behaviour("SNS-273", "SNS-489")
def test_a_topic_has_200_policies_and_a_fifo_topic_100_subscriptions(lab_with_limits: Lab):
    topics = Topics(lab_with_limits)
    topic = topics.topic()
    for number in range(201):
        if number % 50 == 0:
            lab_with_limits.advance(1)  # 100 subscribe in a second.
        arn = topic.subscribe(f"arn:aws:sqs:us-east-1:000000000000:q{number}", **({"FilterPolicy": '{"a":["x"]}'} if number < 200 else {}))
    lab_with_limits.advance(1)
    with refused("FilterPolicyLimitExceeded", status=403):
        topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"a":["x"]}')
    with refused("FilterPolicyLimitExceeded", status=403):
        topic.subscribe("arn:aws:sqs:us-east-1:000000000000:last", FilterPolicy='{"a":["x"]}')


@behaviour("SNS-280")
def test_policies_are_checked_for_every_protocol(topics: Topics):
    topic = topics.topic()
    endpoints = {
        "sqs": "arn:aws:sqs:us-east-1:000000000000:q",
        "sms": "+15550100",
        "email": "a@example.com",
        "http": "http://127.0.0.1:1/",
    }
    for protocol, endpoint in endpoints.items():
        with refused(INVALID):
            topic.sns.subscribe(
                TopicArn=topic.arn, Protocol=protocol, Endpoint=endpoint, Attributes={"FilterPolicy": '{"a":[]}'}
            )
