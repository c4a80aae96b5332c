"""Reference sections 18, 19, 25 and 26: how long deliveries are tried, how fast, and where they end."""

import json

import pytest

from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.endpoint import Endpoint, confirmed, retries, retries_each_second, subscribe
from harness.lab import Lab, fresh_name, refused
from harness.topics import INVALID, Topics, text
from harness.waiting import eventually

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:nobody"


def healthy(**policy) -> str:
    return json.dumps({"healthyRetryPolicy": policy})


@behaviour("SNS-332", "SNS-334", "SNS-330")
@pytest.mark.parametrize(
    "policy",
    [
        {"numRetries": 3, "numNoDelayRetries": 2, "numMinDelayRetries": 1, "numMaxDelayRetries": 1},
        {"numRetries": 101},
        {"minDelayTarget": 0},
        {"minDelayTarget": 9, "maxDelayTarget": 8},
        {"numRetries": 100, "minDelayTarget": 60, "maxDelayTarget": 60},
        {"backoffFunction": "square"},
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(topics: Topics, policy: dict):
    topic = topics.topic()
    with refused(INVALID):
        topic.set("DeliveryPolicy", json.dumps({"http": {"defaultHealthyRetryPolicy": policy}}))
    with Endpoint() as endpoint:
        with refused(INVALID):
            subscribe(topic, endpoint, DeliveryPolicy=healthy(**policy))


@behaviour("SNS-328")
def test_only_web_endpoints_have_a_policy(topics: Topics):
    topic = topics.topic()
    arn = topic.subscribe(topics.queue())
    with refused(INVALID):
        topics.sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="DeliveryPolicy", AttributeValue=healthy(numRetries=1)
        )
    with refused(INVALID):
        topics.sns.subscribe(
            TopicArn=topic.arn, Protocol="lambda", Endpoint=FUNCTION, Attributes={"DeliveryPolicy": healthy(numRetries=1)}
        )


@behaviour("SNS-243", "SNS-242")
def test_raw_messages_may_have_more_content_types(topics: Topics):
    topic = topics.topic()

    def policy(name: str) -> str:
        return json.dumps({"requestPolicy": {"headerContentType": name}})

    with Endpoint() as endpoint:
        for raw, name in [("false", "text/csv"), ("true", "image/png")]:
            with refused(INVALID):
                subscribe(topic, endpoint, RawMessageDelivery=raw, DeliveryPolicy=policy(name))
        arn = confirmed(topic, endpoint, DeliveryPolicy=policy("text/csv"), RawMessageDelivery="true")
        topic.publish("a,b")
        assert endpoint.next()[0]["Content-Type"] == "text/csv"
        # An envelope is no CSV.
        topics.sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="false"
        )
        topic.publish("a,b")
        assert endpoint.next()[0]["Content-Type"] == "text/plain; charset=UTF-8"


@behaviour("SNS-248", "SNS-245")
def test_no_answer_within_15_seconds_is_a_failure(topics: Topics):
    topic = topics.topic()
    with Endpoint(delay=17) as endpoint:
        confirmed(topic, endpoint, DeliveryPolicy=retries_each_second(1))
        topic.publish("slow")
        first, second = (endpoint.next(40)[2] for _ in range(2))
        # The delay begins where the attempt ended; with the default of 20 seconds the next one is due after 35.
        assert 15.9 < second - first < 17.5


@behaviour("SNS-327")
def test_delays_differ(topics: Topics):
    topic = topics.topic()
    with Endpoint(500) as endpoint:
        confirmed(topic, endpoint, DeliveryPolicy=retries_each_second(1), RawMessageDelivery="true")
        for number in range(8):
            topic.publish(str(number))
        times: dict[str, list[float]] = {}
        for _ in range(16):
            _, body, at = endpoint.next()
            times.setdefault(body, []).append(at)
        waits = [second - first for first, second in times.values()]
        assert min(waits) > 0.98
        assert max(waits) - min(waits) > 0.01


@behaviour("SNS-335", "SNS-329")
@pytest.mark.parametrize("level", ["topic", "subscription"])
def test_a_throttled_endpoint_gets_no_more_than_it_wants(topics: Topics, level: str):
    topic = topics.topic()
    throttle = {"maxReceivesPerSecond": 10}
    own = {"DeliveryPolicy": json.dumps({"throttlePolicy": throttle})} if level == "subscription" else {}
    if level == "topic":
        topic.set("DeliveryPolicy", json.dumps({"http": {"defaultThrottlePolicy": throttle}}))
    with Endpoint() as endpoint:
        confirmed(topic, endpoint, **own)
        for number in range(20):
            topic.publish(str(number))
        times = [endpoint.next()[2] for _ in range(20)]
        assert 1.7 < max(times) - min(times) < 4


def redrive(arn: str) -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn})}


@behaviour("SNS-343")
@pytest.mark.parametrize("arn", ["arn:aws:sqs:eu-west-1:000000000000:q", "arn:aws:sqs:us-east-1:999988887777:q"])
def test_dead_letters_stay_in_account_and_region(topics: Topics, arn: str):
    topic = topics.topic()
    with refused(INVALID):
        topic.subscribe(topics.queue(), **redrive(arn))


@behaviour("SNS-357", "SNS-355")
def test_an_empty_policy_is_none(topics: Topics):
    topic, dead = topics.topic(), topics.queue()
    gone = topics.queue()
    arn = topic.subscribe(gone, **redrive(dead.arn))
    gone.delete_queue()
    topic.publish("kept")
    assert json.loads(dead.receive_one(wait=10)["Body"])["Message"] == "kept"
    topics.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RedrivePolicy", AttributeValue="")
    found = topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert "RedrivePolicy" not in found
    topic.publish("lost")
    assert dead.receive(wait=1) == []


@behaviour("SNS-351", "SNS-349")
def test_a_dead_letter_says_nothing_of_the_error(topics: Topics):
    topic, dead = topics.topic(), topics.queue()
    with Endpoint(500) as endpoint:
        confirmed(topic, endpoint, **redrive(dead.arn), RawMessageDelivery="true", DeliveryPolicy=retries(1))
        topic.publish("m", MessageAttributes={"a": text("v")})
        message = dead.receive_one(wait=10, MessageAttributeNames=["All"])
        assert set(message["MessageAttributes"]) == {"a"}


@behaviour("SNS-069", "SNS-079")
def test_a_function_is_subscribed_at_once(topics: Topics):
    topic = topics.topic()
    arn = topics.sns.subscribe(TopicArn=topic.arn, Protocol="lambda", Endpoint=FUNCTION)["SubscriptionArn"]
    found = topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", "true")
    with refused(INVALID, "Invalid parameter: Lambda endpoint ARN"):
        topics.sns.subscribe(TopicArn=topic.arn, Protocol="lambda", Endpoint="nobody")
    with refused(INVALID):
        topics.sns.subscribe(
            TopicArn=topic.arn, Protocol="lambda", Endpoint=FUNCTION + "2", Attributes={"RawMessageDelivery": "true"}
        )


@behaviour("SNS-352", "SNS-350", "SNS-337")
def test_a_function_is_tried_for_weeks_and_then_its_envelope_is_a_dead_letter(clocked: Lab):
    topics = Topics(clocked)
    topic, dead = topics.topic(), topics.queue()
    topic.set("LambdaFailureFeedbackRoleArn", "arn:aws:iam::000000000000:role/log")
    topics.sns.subscribe(
        TopicArn=topic.arn, Protocol="lambda", Endpoint=FUNCTION, Attributes=redrive(dead.arn)
    )
    answer = topic.publish("m", MessageAttributes={"a": text("v")})

    def attempts() -> int:
        return clocked.server.whole_log().count(answer["MessageId"])

    eventually(lambda: attempts() >= 4, "the first attempt and three without delay")
    assert "no function can be invoked" in clocked.server.whole_log()
    clocked.advance(23 * 86_400)
    eventually(lambda: attempts() >= 5, "one more")
    assert dead.receive() == []
    clocked.advance(86_400)
    message = dead.receive_one(wait=10, MessageAttributeNames=["All"])
    assert "MessageAttributes" not in message
    envelope = json.loads(message["Body"])
    assert (envelope["Type"], envelope["Message"], envelope["MessageId"]) == ("Notification", "m", answer["MessageId"])


@behaviour("SNS-065")
def test_a_delivery_stream_needs_a_role(topics: Topics):
    topic = topics.topic()
    with refused(INVALID):
        topics.sns.subscribe(
            TopicArn=topic.arn, Protocol="firehose", Endpoint="arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
        )


@behaviour("SNS-224")
def test_a_trace_goes_along(topics: Topics):
    topic = topics.topic()
    queues = [topic.subscribed_queue(), topic.subscribed_queue(RawMessageDelivery="true")]
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    traced = aws_client("sns", topics.lab.server.url)
    traced.meta.events.register(
        "before-sign.sns.*", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace)
    )
    traced.publish(TopicArn=topic.arn, Message="m")
    for queue in queues:
        assert queue.receive_one(wait=5)["Attributes"]["AWSTraceHeader"] == trace


@behaviour("SNS-374")
def test_a_fifo_topic_has_a_hundred_subscriptions(topics: Topics):
    topic = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    for number in range(100):
        topic.subscribe(f"arn:aws:sqs:us-east-1:000000000000:q{number}.fifo")
    with refused("SubscriptionLimitExceeded", status=403):
        topic.subscribe("arn:aws:sqs:us-east-1:000000000000:q100.fifo")


@behaviour("SNS-025")
def test_another_account_is_not_let_in(topics: Topics):
    topic = topics.topic()
    stranger = aws_client("sns", topics.lab.server.url, access_key="999988887777")
    with refused(
        "AuthorizationError",
        f"User: arn:aws:iam::999988887777:root is not authorized to perform: SNS:Publish on resource: {topic.arn} because no"
        " resource-based policy allows the SNS:Publish action",
        403,
    ):
        stranger.publish(TopicArn=topic.arn, Message="m")


@behaviour("SNS-038")
def test_what_waits_goes_with_the_topic(topics: Topics):
    topic = topics.topic()
    with Endpoint(500) as endpoint:
        confirmed(topic, endpoint, DeliveryPolicy=retries_each_second(50))
        topic.publish("m")
        endpoint.next()
        topic.delete()
        assert endpoint.is_quiet(2)
