"""Reference sections 8 and 9: links that unsubscribe and restore, and confirmations that are more than a visit."""

import http.client
import json
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from harness.behaviours import behaviour
from harness.clients import aws_client, sqs_client
from harness.endpoint import Endpoint, attributes, confirmed, retries_each_second, subscribe
from harness.lab import Lab, fresh_name, refused
from harness.topics import INVALID, Topic, Topics


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that takes everything."""
    with Endpoint() as listener:
        yield listener


def visit(url: str) -> int:
    """A GET without a signature; the status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"{parts.path}?{parts.query}")
    return connection.getresponse().status


def left(topic: Topic, endpoint: Endpoint) -> dict:
    """Follows the link of a message; the confirmation that is posted then."""
    topic.publish("last")
    assert visit(json.loads(endpoint.next()[1])["UnsubscribeURL"]) == 200
    headers, body, _ = endpoint.next()
    assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    return json.loads(body) | {"headers": headers}


def listed(topic: Topic) -> list[str]:
    found = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    return [subscription["SubscriptionArn"] for subscription in found]


@behaviour("SNS-113", "SNS-114", "SNS-199", "SNS-237", "SNS-238", "SNS-204")
def test_whoever_follows_the_link_unsubscribes_and_the_endpoint_is_told(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = confirmed(topic, endpoint)
    said = left(topic, endpoint)
    headers = said.pop("headers")
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert list(said) == [
        *("Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp"),
        *("SignatureVersion", "Signature", "SigningCertURL"),
    ]
    assert said["Message"] == (
        f"You have chosen to deactivate subscription {arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )
    assert said["SubscribeURL"].endswith(f"/?Action=ConfirmSubscription&TopicArn={topic.arn}&Token={said['Token']}")
    assert listed(topic) == []
    with refused("NotFound", "Subscription does not exist", 404):
        attributes(topic, arn)
    topic.publish("nobody hears")
    topics.sns.unsubscribe(SubscriptionArn=arn)
    assert endpoint.is_quiet()


@behaviour("SNS-114", "SNS-097")
def test_the_confirmation_restores_the_subscription(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = confirmed(topic, endpoint)
    said = left(topic, endpoint)
    for _ in range(2):
        assert visit(said["SubscribeURL"]) == 200
    assert listed(topic) == [arn]
    assert attributes(topic, arn)["PendingConfirmation"] == "false"
    topic.publish("again")
    assert json.loads(endpoint.next()[1])["Message"] == "again"
    # Every time with another token; the former one does not work any more.
    again = left(topic, endpoint)
    assert again["Token"] != said["Token"]
    with refused(INVALID, "Invalid parameter: Token"):
        topics.sns.confirm_subscription(TopicArn=topic.arn, Token=said["Token"])
    assert topics.sns.confirm_subscription(TopicArn=topic.arn, Token=again["Token"])["SubscriptionArn"] == arn


@behaviour("SNS-114")
def test_the_endpoint_may_subscribe_anew(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = confirmed(topic, endpoint)
    said = left(topic, endpoint)
    anew = confirmed(topic, endpoint)
    assert anew != arn
    with refused(INVALID, "Invalid parameter: Token"):
        topics.sns.confirm_subscription(TopicArn=topic.arn, Token=said["Token"])
    assert listed(topic) == [anew]


@behaviour("SNS-114", "SNS-094")
def test_two_days_later_nothing_is_left(clocked: Lab):
    topics = Topics(clocked)
    with Endpoint() as endpoint:
        topic = topics.topic()
        confirmed(topic, endpoint)
        said = left(topic, endpoint)
        anew = confirmed(topic, endpoint)
        clocked.advance(48 * 3600 + 1)
        with refused(INVALID, "Invalid parameter: Token"):
            topics.sns.confirm_subscription(TopicArn=topic.arn, Token=said["Token"])
        assert listed(topic) == [anew]
        assert subscribe(topic, endpoint) == anew


@behaviour("SNS-115")
def test_a_signature_needs_no_confirmation(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    topics.sns.unsubscribe(SubscriptionArn=confirmed(topic, endpoint))
    assert endpoint.is_quiet()


@behaviour("SNS-116")
def test_a_confirmation_is_no_dead_letter(topics: Topics):
    dead, topic = topics.queue(), topics.topic()
    with Endpoint(greetings=(200, 404)) as endpoint:
        policy = json.dumps({"deadLetterTargetArn": dead.arn})
        confirmed(topic, endpoint, RedrivePolicy=policy)
        left(topic, endpoint)
        assert endpoint.is_quiet()
        assert dead.receive() == []


@behaviour("SNS-117")
def test_what_is_under_way_still_comes(topics: Topics):
    topic = topics.topic()
    arrived = threading.Event()

    def judge(headers):
        if headers["x-amz-sns-message-type"] == "Notification":
            arrived.set()

    with Endpoint(delay=0.5, judge=judge) as endpoint:
        arn = confirmed(topic, endpoint)
        topic.publish("under way")
        assert arrived.wait(20)
        topics.sns.unsubscribe(SubscriptionArn=arn)
        topic.publish("too late")
        assert json.loads(endpoint.next()[1])["Message"] == "under way"
        assert endpoint.is_quiet(1)


@behaviour("SNS-104")
def test_a_subscription_may_ask_for_a_signature(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = subscribe(topic, endpoint)
    token = json.loads(endpoint.next()[1])["Token"]
    topics.sns.confirm_subscription(TopicArn=topic.arn, Token=token, AuthenticateOnUnsubscribe="true")
    topic.publish("m")
    assert visit(json.loads(endpoint.next()[1])["UnsubscribeURL"]) == 403
    stranger = aws_client("sns", topics.lab.server.url, access_key="999988887777")
    with refused("AuthorizationError", status=403):
        stranger.unsubscribe(SubscriptionArn=arn)
    assert listed(topic) == [arn]
    topics.sns.unsubscribe(SubscriptionArn=arn)
    assert listed(topic) == []


@behaviour("SNS-107")
def test_a_confirmation_is_tried_again(topics: Topics):
    topic = topics.topic()
    with Endpoint(greetings=(500, 503, 200)) as endpoint:
        subscribe(topic, endpoint, DeliveryPolicy=retries_each_second(5))
        asked = [json.loads(endpoint.next()[1]) for _ in range(3)]
        assert asked[0] == asked[1] == asked[2]
        assert endpoint.is_quiet(1.5)


@behaviour("SNS-093", "SNS-076", "SNS-106", "SNS-225")
def test_a_queue_of_another_account_is_asked(topics: Topics):
    other = sqs_client(topics.lab.server.url, access_key="999988887777")
    name = fresh_name()
    url = other.create_queue(QueueName=name, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})})["QueueUrl"]
    topic = topics.topic()
    queue_arn = f"arn:aws:sqs:us-east-1:999988887777:{name}"
    answer = topics.sns.subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=queue_arn)
    assert answer["SubscriptionArn"] == "pending confirmation"
    topic.publish("too early")
    [asked] = other.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    other.delete_message(QueueUrl=url, ReceiptHandle=asked["ReceiptHandle"])
    asked = json.loads(asked["Body"])
    assert asked["Type"] == "SubscriptionConfirmation"
    assert listed(topic) == ["PendingConfirmation"]
    arn = topics.sns.confirm_subscription(TopicArn=topic.arn, Token=asked["Token"])["SubscriptionArn"]
    assert listed(topic) == [arn]
    topic.publish("now")
    [heard] = other.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(heard["Body"])["Message"] == "now"


@behaviour("SNS-225")
def test_a_queue_of_another_region_hears(topics: Topics):
    far = sqs_client(topics.lab.server.url, region="eu-west-1")
    name = fresh_name()
    url = far.create_queue(QueueName=name)["QueueUrl"]
    topic = topics.topic()
    topic.subscribe(f"arn:aws:sqs:eu-west-1:000000000000:{name}")
    topic.publish("over there")
    [heard] = far.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(heard["Body"])["Message"] == "over there"
