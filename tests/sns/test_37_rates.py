"""Reference sections 29 and 37: rates and quotas, which only a server with AWS's limits keeps."""

import itertools

import pytest

from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import Lab, fresh_name, refused
from harness.topics import Topics

# More than any rate here; whoever is not refused by then is not going to be.
REQUESTS_MAX = 2_000


def until_refused(ask) -> int:
    """How many requests succeeded before one was throttled."""
    for number in range(REQUESTS_MAX):
        try:
            ask()
        except Exception as error:  # noqa: BLE001
            response = getattr(error, "response", None)
            assert response, error
            assert response["Error"]["Code"] == "Throttled", response
            assert response["Error"]["Message"] == "Rate exceeded"
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
            return number
    raise AssertionError(f"{REQUESTS_MAX} requests in a row were accepted")


@behaviour("SNS-487", "SNS-401")
def test_tagging_has_a_rate(lab_with_limits: Lab):
    topics = Topics(lab_with_limits)
    topic = topics.topic()
    tags = [{"Key": "k", "Value": "v"}]
    assert until_refused(lambda: topics.sns.tag_resource(ResourceArn=topic.arn, Tags=tags)) >= 10
    assert topics.sns.list_tags_for_resource(ResourceArn=topic.arn)["Tags"] == tags, "each operation has its own"
    lab_with_limits.advance(1)
    topics.sns.tag_resource(ResourceArn=topic.arn, Tags=tags)


@behaviour("SNS-487", "SNS-488", "SNS-185")
def test_every_message_of_a_batch_counts(lab_with_limits: Lab):
    sns = aws_client("sns", lab_with_limits.server.url, region="sa-east-1", validate=False)
    topic = sns.create_topic(Name=fresh_name())["TopicArn"]
    entries = [{"Id": str(number), "Message": "m"} for number in range(10)]
    accepted = until_refused(lambda: sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries))
    # 300 in a second, and what the clock let in meanwhile.
    assert 30 <= accepted < 300
    lab_with_limits.advance(1)
    assert sns.publish(TopicArn=topic, Message="m")["MessageId"]


@behaviour("SNS-487")
def test_a_group_of_a_fifo_topic_has_a_rate(lab_with_limits: Lab):
    topics = Topics(lab_with_limits)
    topic = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    numbers = itertools.count()

    def publish(group: str, count: int = 10):
        entries = [
            {"Id": str(place), "Message": "m", "MessageGroupId": group, "MessageDeduplicationId": str(next(numbers))}
            for place in range(count)
        ]
        topic.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries)

    assert until_refused(lambda: publish("busy")) >= 30
    publish("quiet")


@behaviour("SNS-489", "SNS-374")
def test_topics_and_subscriptions_have_quotas(lab_with_limits: Lab):
    sns = aws_client("sns", lab_with_limits.server.url, region="us-west-2", validate=False)
    fifo = {"FifoTopic": "true"}
    first = sns.create_topic(Name="t0.fifo", Attributes=fifo)["TopicArn"]
    for number in range(1, 1_000):
        if number % 300 == 0:
            lab_with_limits.advance(1)
        sns.create_topic(Name=f"t{number}.fifo", Attributes=fifo)
    with refused("TopicLimitExceeded", status=403):
        sns.create_topic(Name="last.fifo", Attributes=fifo)
    assert sns.create_topic(Name="t0.fifo", Attributes=fifo)["TopicArn"] == first
    sns.create_topic(Name="standard")
    for number in range(100):
        if number % 50 == 0:
            lab_with_limits.advance(1)
        sns.subscribe(TopicArn=first, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-west-2:000000000000:q{number}.fifo")
    lab_with_limits.advance(1)
    with refused("SubscriptionLimitExceeded", status=403):
        sns.subscribe(TopicArn=first, Protocol="sqs", Endpoint="arn:aws:sqs:us-west-2:000000000000:last.fifo")


@pytest.mark.parametrize("operation", ["tag", "publish"])
def test_without_aws_limits_nobody_is_refused(clocked_topics: Topics, operation: str):
    topic = clocked_topics.topic()
    for _ in range(400):
        if operation == "tag":
            topic.sns.tag_resource(ResourceArn=topic.arn, Tags=[{"Key": "k", "Value": "v"}])
        else:
            topic.publish()
