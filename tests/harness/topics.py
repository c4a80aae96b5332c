"""Topics and subscriptions that know how they are used: what almost every SNS test begins with."""

import json

from harness.clients import aws_client
from harness.lab import Lab, Queue, fresh_name

INVALID = "InvalidParameter"


class Topics:
    """A lab with an SNS client that validates nothing itself."""

    def __init__(self, lab: Lab):
        self.lab = lab
        self.sns = aws_client("sns", lab.server.url, validate=False)

    def topic(self, name: str | None = None, tags: dict[str, str] | None = None, **attributes: str) -> "Topic":
        """CreateTopic."""
        extra = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags is not None else {}
        arn = self.sns.create_topic(Name=fresh_name() if name is None else name, Attributes=attributes, **extra)["TopicArn"]
        return Topic(self, arn)

    def queue(self, **attributes: str) -> Queue:
        """A new standard queue."""
        return self.lab.queue(**attributes)

    def missing(self) -> str:
        """The ARN of a topic that was never made."""
        return f"arn:aws:sns:us-east-1:000000000000:{fresh_name()}"


class Topic:
    """A topic by its ARN; the verbs are those of the API with the usual arguments filled in."""

    def __init__(self, topics: Topics, arn: str):
        self.topics = topics
        self.sns = topics.sns
        self.arn = arn
        self.name = arn.split(":")[-1]

    def subscribe(self, queue: Queue | str, **attributes: str) -> str:
        """Subscribe with protocol sqs; the subscription's ARN."""
        endpoint = queue if isinstance(queue, str) else queue.arn
        answer = self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
        return answer["SubscriptionArn"]

    def subscribed_queue(self, **attributes: str) -> Queue:
        """A new queue with a subscription."""
        queue = self.topics.queue()
        self.subscribe(queue, **attributes)
        return queue

    def publish(self, message: str = "message", **more) -> dict:
        """Publish."""
        return self.sns.publish(TopicArn=self.arn, Message=message, **more)

    def attributes(self) -> dict[str, str]:
        """GetTopicAttributes."""
        return self.sns.get_topic_attributes(TopicArn=self.arn)["Attributes"]

    def set(self, name: str, value: str):
        """SetTopicAttributes."""
        self.sns.set_topic_attributes(TopicArn=self.arn, AttributeName=name, AttributeValue=value)

    def delete(self):
        """DeleteTopic."""
        self.sns.delete_topic(TopicArn=self.arn)


def envelopes(queue: Queue) -> list[dict]:
    """The envelopes that a receive returns now."""
    return [json.loads(body) for body in queue.bodies()]


def messages(queue: Queue) -> list[str]:
    """The texts in the envelopes that a receive returns now, sorted: standard topics promise no order."""
    return sorted(envelope["Message"] for envelope in envelopes(queue))


def text(value: str, data_type: str = "String") -> dict:
    """A message attribute."""
    return {"DataType": data_type, "StringValue": value}
