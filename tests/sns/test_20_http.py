"""Reference sections 8, 20, 25 and 26: HTTP endpoints, their confirmation, their retries."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from harness.behaviours import behaviour
from harness.endpoint import Endpoint, attributes, confirmed, retries, subscribe
from harness.lab import Lab, refused
from harness.server import Server
from harness.topics import INVALID, Topics, text


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that takes everything."""
    listener = Endpoint()
    yield listener
    listener.stop()


@behaviour("SNS-070", "SNS-092", "SNS-102", "SNS-106", "SNS-196", "SNS-197", "SNS-198", "SNS-237", "SNS-238", "SNS-241")
def test_an_endpoint_is_asked_first(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    answer = topics.sns.subscribe(TopicArn=topic.arn, Protocol="http", Endpoint=endpoint.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    headers, body, _ = endpoint.next()
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-topic-arn"] == topic.arn
    assert "x-amz-sns-subscription-arn" not in headers
    assert headers["Content-Type"] == "text/plain; charset=UTF-8"
    asked = json.loads(body)
    assert list(asked) == [
        *("Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp"),
        *("SignatureVersion", "Signature", "SigningCertURL"),
    ]
    assert headers["x-amz-sns-message-id"] == asked["MessageId"]
    assert asked["Message"] == (
        f"You have chosen to subscribe to the topic {topic.arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    assert len(asked["Token"]) == 288
    assert asked["SubscribeURL"].endswith(f"/?Action=ConfirmSubscription&TopicArn={topic.arn}&Token={asked['Token']}")
    [listed] = topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert topic.attributes()["SubscriptionsPending"] == "1"


@behaviour("SNS-091", "SNS-096", "SNS-097", "SNS-105", "SNS-079")
def test_only_confirmed_endpoints_hear(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = subscribe(topic, endpoint)
    token = json.loads(endpoint.next()[1])["Token"]
    assert attributes(topic, arn)["PendingConfirmation"] == "true"
    topic.publish("too early")
    for _ in range(2):
        assert topics.sns.confirm_subscription(TopicArn=topic.arn, Token=token)["SubscriptionArn"] == arn
    now = attributes(topic, arn)
    assert (now["PendingConfirmation"], now["ConfirmationWasAuthenticated"]) == ("false", "true")
    assert (topic.attributes()["SubscriptionsConfirmed"], topic.attributes()["SubscriptionsPending"]) == ("1", "0")
    topic.publish("now")
    assert json.loads(endpoint.next()[1])["Message"] == "now"


@behaviour("SNS-019", "SNS-103")
def test_visiting_the_url_confirms(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = subscribe(topic, endpoint)
    url = urlsplit(json.loads(endpoint.next()[1])["SubscribeURL"])
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    connection.request("GET", f"{url.path}?{url.query}")
    assert connection.getresponse().status == 200
    assert attributes(topic, arn)["ConfirmationWasAuthenticated"] == "false"


@behaviour("SNS-098", "SNS-099", "SNS-100", "SNS-101")
def test_tokens_are_checked(topics: Topics, endpoint: Endpoint):
    topic, other = topics.topic(), topics.topic()
    arn = subscribe(topic, endpoint)
    token = json.loads(endpoint.next()[1])["Token"]
    for bad in ("text", "arn:aws:sns:eu-west-1:000000000000:t"):
        with refused(INVALID, "Invalid parameter: Topic"):
            topics.sns.confirm_subscription(TopicArn=bad, Token=token)
    with refused(INVALID, "Invalid parameter: Token"):
        topics.sns.confirm_subscription(TopicArn=topic.arn, Token="0" * 288)
    with refused(INVALID, "Invalid token"):
        topics.sns.confirm_subscription(TopicArn=topic.arn, Token="x")
    assert topics.sns.confirm_subscription(TopicArn=other.arn, Token=token)["SubscriptionArn"] == arn


@behaviour("SNS-095", "SNS-075")
def test_a_pending_subscription_stays_and_is_asked_again(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = subscribe(topic, endpoint)
    first = json.loads(endpoint.next()[1])
    assert subscribe(topic, endpoint) == arn
    again = json.loads(endpoint.next()[1])
    assert again["Token"] == first["Token"] and again["MessageId"] != first["MessageId"]
    text = "Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation"
    with refused(INVALID, text):
        topics.sns.unsubscribe(SubscriptionArn=arn)


@behaviour("SNS-236", "SNS-237", "SNS-238", "SNS-240", "SNS-244", "SNS-252")
def test_a_notification_is_an_envelope(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    arn = confirmed(topic, endpoint)
    answer = topic.publish("hello", Subject="s", MessageAttributes={"a": text("v")})
    headers, body, _ = endpoint.next()
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-message-id"] == answer["MessageId"]
    assert headers["x-amz-sns-topic-arn"] == topic.arn
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert "x-amz-sns-rawdelivery" not in headers
    assert headers["User-Agent"] == "Amazon Simple Notification Service Agent"
    assert headers["Accept-Encoding"] == "gzip,deflate"
    assert headers["Connection"] == "Keep-Alive"
    assert headers["Host"] == urlsplit(endpoint.url).netloc
    envelope = json.loads(body)
    assert (envelope["Message"], envelope["Subject"], envelope["MessageId"]) == ("hello", "s", answer["MessageId"])


@behaviour("SNS-217", "SNS-239", "SNS-219")
def test_raw_delivery_is_the_bare_text(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    confirmed(topic, endpoint, RawMessageDelivery="true")
    topic.publish("bare", Subject="s", MessageAttributes={"a": text("v")})
    headers, body, _ = endpoint.next()
    assert headers["x-amz-sns-rawdelivery"] == "true"
    assert body == "bare"


@behaviour("SNS-240", "SNS-242")
def test_the_content_type_can_be_set(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    policy = {"requestPolicy": {"headerContentType": "application/json"}}
    confirmed(topic, endpoint, DeliveryPolicy=json.dumps(policy))
    topic.publish("m")
    assert endpoint.next()[0]["Content-Type"] == "application/json"


@behaviour("SNS-245", "SNS-200", "SNS-336", "SNS-330", "SNS-331")
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failure_that_may_pass_is_tried_again(topics: Topics, status: int):
    endpoint = Endpoint(status, status, 200)
    topic = topics.topic()
    confirmed(topic, endpoint, DeliveryPolicy=retries(3))
    topic.publish("m")
    attempts = [json.loads(endpoint.next()[1]) for _ in range(3)]
    assert attempts[0] == attempts[1] == attempts[2]
    assert endpoint.is_quiet()
    endpoint.stop()


@behaviour("SNS-331", "SNS-333")
def test_retries_wait(topics: Topics):
    endpoint = Endpoint(500)
    topic = topics.topic()
    policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 2, "numRetries": 2}}
    confirmed(topic, endpoint, DeliveryPolicy=json.dumps(policy))
    topic.publish("m")
    first, second, third = (endpoint.next()[2] for _ in range(3))
    # Up to a tenth longer than the policy says.
    assert 0.9 < second - first < 1.9 and 1.9 < third - second < 3.5
    assert endpoint.is_quiet(1)
    endpoint.stop()


@behaviour("SNS-246", "SNS-247", "SNS-354", "SNS-348", "SNS-349", "SNS-346")
@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_a_permanent_failure_goes_to_the_dead_letter_queue_at_once(topics: Topics, status: int):
    endpoint, dead = Endpoint(status), topics.queue()
    topic = topics.topic()
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    confirmed(topic, endpoint, RedrivePolicy=policy, RawMessageDelivery="true")
    topic.publish("m", MessageAttributes={"a": text("v")})
    endpoint.next()
    message = dead.receive_one(wait=10, MessageAttributeNames=["All"])
    assert (message["Body"], message["MessageAttributes"]) == ("m", {"a": text("v")})
    assert endpoint.is_quiet()
    endpoint.stop()


@behaviour("SNS-337", "SNS-354", "SNS-348", "SNS-350")
def test_after_the_last_retry_the_envelope_is_a_dead_letter(topics: Topics):
    endpoint, dead = Endpoint(500), topics.queue()
    topic = topics.topic()
    confirmed(topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}), DeliveryPolicy=retries(2))
    topic.publish("m", MessageAttributes={"a": text("v")})
    posted = [endpoint.next()[1] for _ in range(3)]
    message = dead.receive_one(wait=10, MessageAttributeNames=["All"])
    assert {message["Body"], *posted} == {posted[0]}
    assert "MessageAttributes" not in message
    endpoint.stop()


@behaviour("SNS-339", "SNS-338")
def test_a_dead_endpoint_delays_nobody(topics: Topics, endpoint: Endpoint):
    dead = Endpoint()
    topic = topics.topic()
    arn = confirmed(topic, dead)
    dead.stop()
    confirmed(topic, endpoint)
    queue_of_topic = topic.subscribed_queue(RawMessageDelivery="true")
    for number in range(20):
        topic.publish(str(number))
    assert {json.loads(endpoint.next()[1])["Message"] for _ in range(20)} == {str(number) for number in range(20)}
    assert len(queue_of_topic.drain()) == 20
    assert attributes(topic, arn)["PendingConfirmation"] == "false"


@behaviour("SNS-108")
def test_nothing_is_posted_after_unsubscribing(topics: Topics):
    endpoint = Endpoint(500)
    topic = topics.topic()
    policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 100}}
    arn = confirmed(topic, endpoint, DeliveryPolicy=json.dumps(policy))
    topic.publish("m")
    endpoint.next()
    topics.sns.unsubscribe(SubscriptionArn=arn)
    topic.publish("m")
    assert endpoint.is_quiet(2.5)
    endpoint.stop()


@behaviour("SNS-060", "SNS-062")
@pytest.mark.parametrize("url", ["http://", "http://a_b/", "http:// /"])
def test_endpoints_are_urls(topics: Topics, url: str):
    with refused(INVALID):
        topics.sns.subscribe(TopicArn=topics.topic().arn, Protocol="http", Endpoint=url)


@behaviour("SNS-089", "SNS-090", "SNS-088")
def test_the_effective_policy_merges_both(topics: Topics, endpoint: Endpoint):
    topic = topics.topic()
    own = {"healthyRetryPolicy": {"numRetries": 7}}
    arn = subscribe(topic, endpoint, DeliveryPolicy=json.dumps(own))
    shown = attributes(topic, arn)
    assert json.loads(shown["DeliveryPolicy"])["guaranteed"] is False
    assert json.loads(shown["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 7
    topic.set("DeliveryPolicy", json.dumps({"http": {"disableSubscriptionOverrides": True}}))
    assert json.loads(attributes(topic, arn)["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 3


@behaviour("SNS-094")
def test_a_token_is_valid_for_two_days(clocked: Lab):
    topics = Topics(clocked)
    topic = topics.topic()
    listener = Endpoint()
    arn = subscribe(topic, listener)
    token = json.loads(listener.next()[1])["Token"]
    clocked.advance(48 * 3600 + 1)
    with refused(INVALID, "Invalid parameter: Token"):
        topics.sns.confirm_subscription(TopicArn=topic.arn, Token=token)
    with refused("NotFound", "Subscription does not exist", 404):
        attributes(topic, arn)
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []
    assert subscribe(topic, listener) != arn
    listener.stop()


@behaviour("SNS-340")
def test_retries_go_on_after_kill_9():
    with Server() as running:
        topics = Topics(Lab(running))
        topic = topics.topic()
        endpoint = Endpoint(500, 500, 200)
        policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 10}}
        confirmed(topic, endpoint, DeliveryPolicy=json.dumps(policy))
        answer = topic.publish("survives")
        endpoint.next()
        running.kill9()
        running.start()
        for _ in range(2):
            assert json.loads(endpoint.next(40)[1])["MessageId"] == answer["MessageId"]
        assert endpoint.is_quiet(2)
        topic.publish("later")
        assert json.loads(endpoint.next()[1])["Message"] == "later"
        endpoint.stop()
